"""Events: what kinds there are, who listens in which lane, and how an event becomes JSON and comes back."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import IntEnum
from functools import cache
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An event on its way to a subscriber."""

    item: Any
    envelope: Envelope


class Lane(IntEnum):
    """In what turn a subscriber hears of an event. Each lane is delivered for itself: what is slow in a later one does not
    hold up an earlier one; an event comes to a later lane when all subscribers of the earlier ones have handled it."""

    #: What a person or the market waits for: open pages, orders to be matched or sent. Quick, and never waits for a lock
    #: that is held for long.
    PROMPT = 0
    #: Everything else.
    LATER = 1


E = TypeVar("E", bound=Event)
Handler = Callable[[Any, Envelope], None]
BatchHandler = Callable[[Sequence[Delivery]], None]
Alone = Callable[[Any], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """How a subscriber wants one kind of event: one by one (``each``) or many at once (``batch``), in which lane.

    ``alone``: says of an event whether it has to be delivered in a transaction of its own, for a handler that takes locks
    which nothing else is to wait for.
    """

    each: Handler | None = None
    batch: BatchHandler | None = None
    lane: Lane = Lane.LATER
    alone: Alone | None = None


_names: dict[type[Event], str] = {}
_types: dict[str, type[Event]] = {}
_handlers: dict[str, dict[str, Subscription]] = {}


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


def subscribe(
    subscriber: str,
    kind: type[E],
    handler: Callable[[E, Envelope], None],
    *,
    lane: Lane = Lane.LATER,
    alone: Alone | None = None,
) -> None:
    """Let `handler` be called with each event of `kind`, inside a transaction, once for each event.

    `subscriber` names the listener for good: receipts are kept under it. Registering it again replaces the handler
    (a second `AppConfig.ready()` does no harm).
    """
    subscription = Subscription(each=handler, lane=lane, alone=alone)
    _handlers.setdefault(name_of(kind), {})[subscriber] = subscription


def subscribe_batch(
    subscriber: str,
    kinds: Sequence[type[Event]],
    handler: BatchHandler,
    *,
    lane: Lane = Lane.LATER,
    alone: Alone | None = None,
) -> None:
    """Like `subscribe` for several kinds at once: `handler` is called with all of their events that wait, in the order
    of their publication, each event once.

    When it raises, what it wrote is taken back and it is called again with each event by itself, so that only those that cannot
    be handled stay.
    """
    subscription = Subscription(batch=handler, lane=lane, alone=alone)
    for kind in kinds:
        _handlers.setdefault(name_of(kind), {})[subscriber] = subscription


def name_of(kind: type[Event]) -> str:
    """Return the stored name of an event type; `KeyError` when it was never registered."""
    return _names[kind]


def handlers_of(name: str, lane: Lane) -> dict[str, Subscription]:
    """Return subscriber -> subscription of an event name in a lane, in order of registration."""
    return {
        subscriber: subscription
        for subscriber, subscription in _handlers.get(name, {}).items()
        if subscription.lane == lane
    }


def all_handlers(lane: Lane) -> dict[str, dict[str, Subscription]]:
    """The same of every event name that somebody listens to in a lane."""
    found = {name: handlers_of(name, lane) for name in _handlers}
    return {name: handlers for name, handlers in found.items() if handlers}


def names_after(lane: Lane) -> list[str]:
    """The names of events that somebody in a later lane listens to."""
    return [
        name
        for name, subscriptions in _handlers.items()
        if any(subscription.lane > lane for subscription in subscriptions.values())
    ]


def encode(item: Event) -> dict[str, Any]:
    """Return the JSON-able content of an event: Decimals, times and UUIDs as text."""
    names = _fields(type(item))  # type: ignore[arg-type]  # mypy: a class is no Hashable
    return {name: _plain(getattr(item, name)) for name in names}


def content_of(item: Event) -> dict[str, Any]:
    """The content of an event as it is in memory, for somebody who writes the JSON himself (`kernel.writing.document` writes what
    `encode` does)."""
    return {name: getattr(item, name) for name in _fields(type(item))}  # type: ignore[arg-type]


@cache
def _fields(kind: type[Event]) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))  # type: ignore[arg-type]


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
    hints = _hints_of(cls)  # type: ignore[arg-type]  # mypy: a class is no Hashable
    return cls(**{key: _typed(hints[key], value) for key, value in payload.items() if key in hints})


@cache
def _hints_of(cls: type[Event]) -> dict[str, Any]:
    """The fields of an event type, each with its type."""
    hints = typing.get_type_hints(cls)
    return {f.name: hints[f.name] for f in dataclasses.fields(cls)}  # type: ignore[arg-type]


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
