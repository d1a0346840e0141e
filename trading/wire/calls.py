"""The wire: one request on its way to a handler, and what handlers answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TypeAlias, TypeVar

from django.http import HttpRequest, QueryDict

from trading.queries import KeyHolder
from trading.wire.bodies import Fields, read_object
from trading.wire.errors import forbidden, invalid, unauthorized
from trading.wire.values import read_bool, read_date, read_instant, read_words

_WHOLE = re.compile(r"-?[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer other than 200 with a body: ``body`` None is no body at all."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


NO_CONTENT = Reply(None, 204)


@dataclass(slots=True)
class Call:
    """A request whose key pair was checked. ``now`` is read once, at the edge."""

    request: HttpRequest
    now: datetime
    maybe_holder: KeyHolder | None
    #: Query parameters that stand in the path, in place of those of the query string.
    from_path: dict[str, str] = field(default_factory=dict)

    @property
    def holder(self) -> KeyHolder:
        """Whoever asks. Raises ``WireError`` (401) when the request brought no key."""
        if self.maybe_holder is None:
            raise unauthorized()
        return self.maybe_holder

    @property
    def portfolio_id(self) -> int:
        """The account that the key is for."""
        return self.holder.portfolio_id

    @property
    def actor(self) -> Any:
        """The person in whose name operations are called."""
        return self.holder.user

    def body(self) -> Fields:
        """The JSON object that was sent."""
        return Fields(read_object(self.request))

    @property
    def query(self) -> QueryDict:
        """The query string."""
        if not self.from_path:
            return self.request.GET
        query = self.request.GET.copy()
        for name, value in self.from_path.items():
            query[name] = value
        return query

    def text(self, name: str) -> str | None:
        """A query parameter; None when it is missing or empty."""
        return self.query.get(name) or None

    def word(self, name: str, known: frozenset[str], default: str) -> str:
        """One of the known words."""
        value = self.text(name)
        if value is None:
            return default
        if value.lower() not in known:
            raise invalid(f"invalid {name}: {value[:60]!r}")
        return value.lower()

    def flag(self, name: str) -> bool:
        """A boolean; missing is false."""
        value = self.text(name)
        return value is not None and read_bool(value, name)

    def whole(self, name: str, *, default: int, least: int, most: int) -> int:
        """A whole number within bounds."""
        value = self.text(name)
        if value is None:
            return default
        if not _WHOLE.fullmatch(value):
            raise invalid(f"invalid {name}: {value[:60]!r} is not a whole number")
        number = int(value)
        if not least <= number <= most:
            raise invalid(f"invalid {name}: must be between {least} and {most}")
        return number

    def instant(self, name: str, *, end_of_day: bool = False) -> datetime | None:
        """An instant."""
        value = self.text(name)
        return None if value is None else read_instant(value, name, end_of_day=end_of_day)

    def day(self, name: str) -> date | None:
        """A day."""
        value = self.text(name)
        return None if value is None else read_date(value, name)

    def words(self, name: str) -> list[str]:
        """A comma-joined list, however often the parameter came."""
        return read_words(",".join(self.query.getlist(name)))

    def refuse_read_only(self) -> None:
        """Raise ``WireError`` (403) for a person who looks but changes nothing."""
        if self.holder.is_read_only:
            raise forbidden("this account is read-only")


Answer: TypeAlias = Any
Handler: TypeAlias = Callable[..., Answer]
H = TypeVar("H", bound=Handler)


def tells_by_lock(handler: H) -> H:
    """For a handler that changes nothing but under a portfolio's lock: who changed it is told with the lock, not before."""
    handler.tells_by_lock = True  # type: ignore[attr-defined]
    return handler


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The handlers of one path, by method. ``is_open``: answers without a key, too."""

    methods: dict[str, Handler]
    is_open: bool = False

    def __call__(self, *_args: Any, **_kwargs: Any) -> Any:
        """Django's URL table wants a callable; the gate calls the handlers itself."""
        raise NotImplementedError("the wire is answered by its gate")


def endpoint(*, is_open: bool = False, **methods: Handler) -> Endpoint:
    """``endpoint(GET=…, POST=…)``; HEAD is answered wherever GET is."""
    if "GET" in methods:
        methods.setdefault("HEAD", methods["GET"])
    return Endpoint(methods, is_open)
