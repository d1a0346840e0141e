"""Events: what kinds there are, who listens, and how an event becomes JSON and comes back."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID


class Event:
    """Base of all events: a frozen dataclass of plain values, named by the `event` decorator."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What is known of an event besides its content: its outbox id, when, in which stream, by which request."""

    id: int
    created_at: datetime
    stream: str
    request_id: str


E = TypeVar("E", bound=Event)
Handler = Callable[[Any, Envelope], None]

_names: dict[type[Event], str] = {}
_types: dict[str, type[Event]] = {}
_handlers: dict[str, dict[str, Handler]] = {}


def event(name: str) -> Callable[[type[E]], type[E]]:
    """Register an event dataclass under its stable `name` (`"trading.order_filled"`), which is what is stored."""

    def register(cls: type[E]) -> type[E]:
        existing = _types.get(name)
        if existing is not None and existing.__qualname__ != cls.__qualname__:
            raise ValueError(f"two events are called {name}")
        _types[name] = cls
        _names[cls] = name
        return cls

    return register


def subscribe(subscriber: str, kind: type[E], handler: Callable[[E, Envelope], None]) -> None:
    """Let `handler` be called with each event of `kind`, inside a transaction, once for each event.

    `subscriber` names the listener for good: receipts are kept under it. Registering it again replaces the handler
    (a second `AppConfig.ready()` does no harm).
    """
    _handlers.setdefault(name_of(kind), {})[subscriber] = handler


def name_of(kind: type[Event]) -> str:
    """Return the stored name of an event type; `KeyError` when it was never registered."""
    return _names[kind]


def handlers_of(name: str) -> dict[str, Handler]:
    """Return subscriber -> handler for an event name, in order of registration."""
    return _handlers.get(name, {})


def encode(item: Event) -> dict[str, Any]:
    """Return the JSON-able content of an event: Decimals, times and UUIDs as text."""
    return {f.name: _plain(getattr(item, f.name)) for f in dataclasses.fields(item)}  # type: ignore[arg-type]


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, Decimal | UUID):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    raise TypeError(f"an event cannot carry {type(value).__name__}")


def decode(name: str, payload: dict[str, Any]) -> Event:
    """Rebuild an event from its stored name and content; fields that no longer exist are dropped."""
    cls = _types[name]
    hints = typing.get_type_hints(cls)
    known = {f.name for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    return cls(**{key: _typed(hints[key], value) for key, value in payload.items() if key in known})


def _typed(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return _typed(next(arg for arg in typing.get_args(hint) if arg is not type(None)), value)
    if origin is list:
        return [_typed(typing.get_args(hint)[0], part) for part in value]
    if origin is tuple:
        return tuple(_typed(typing.get_args(hint)[0], part) for part in value)
    if hint is Decimal or hint is UUID:
        return hint(value)
    if hint is datetime or hint is date:
        return hint.fromisoformat(value)
    return value
