"""Market data queries: what people look at. It is refreshed often for a while, and at once where its price is old.

Noted in Valkey, at most every half minute for an instrument and process. Nothing depends on it: without Valkey what
is held, watched and ordered is still refreshed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from marketdata.domain.staleness import wants_refresh
from marketdata.queries.hours import is_open
from portfolio_site.kernel import valkey
from portfolio_site.kernel.valkey import Outage

if TYPE_CHECKING:
    from marketdata.queries.quotes import QuoteFacts, QuoteView

#: How long what was looked at is refreshed like what is held.
LOOKED_AT_SECONDS: Final = 900
#: An old price is asked for once in this time, however many people look at it.
ASK_AGAIN_SECONDS: Final = 20
_NOTE_EVERY_SECONDS: Final = 30
_MOST_REMEMBERED: Final = 20_000

_LOOKED_AT: Final = "hf:quotes:looked-at"
_WANTED: Final = "hf:quotes:wanted"
_ASKED: Final = "hf:quotes:asked:"

#: Providers whose prices nobody can ask for: made up when they are read, or entered by people.
_NOT_ASKED: Final = frozenset({"manual", "simulated"})

_outage = Outage("attention")
_noted: dict[int, float] = {}
_when_wanted: set[Callable[[], None]] = set()
_lock = Lock()


def looked_at(views: Iterable[QuoteView | QuoteFacts], *, now: datetime) -> None:
    """Note that somebody sees these quotes, and have those refreshed soon that are old. Costs a page one round trip
    at most."""
    seen = list(views)
    note_ids(view.instrument_id for view in seen)
    old = [view.instrument_id for view in seen if _is_wanted(view, now)]
    if old:
        want(old)


def note_ids(ids: Iterable[int]) -> None:
    """Note that somebody has these instruments in view."""
    instant = time.time()
    with _lock:
        if len(_noted) > _MOST_REMEMBERED:
            _noted.clear()
        news = [pk for pk in ids if instant - _noted.get(pk, 0.0) > _NOTE_EVERY_SECONDS]
        _noted.update(dict.fromkeys(news, instant))
    if not news or _outage.is_on():
        return
    try:
        with valkey.client().pipeline(transaction=False) as pipe:
            pipe.zadd(_LOOKED_AT, {str(pk): instant for pk in news})
            pipe.zremrangebyscore(_LOOKED_AT, "-inf", instant - LOOKED_AT_SECONDS)
            pipe.execute()
    except valkey.UNREACHABLE as error:
        _outage.note(error)


def want(ids: Iterable[int]) -> None:
    """Have the quotes of these instruments refreshed soon: each is asked for once, whoever else wants it."""
    if _outage.is_on():
        return
    wanted = list(ids)
    try:
        with valkey.client().pipeline(transaction=False) as pipe:
            for pk in wanted:
                pipe.set(f"{_ASKED}{pk}", 1, nx=True, ex=ASK_AGAIN_SECONDS)
            first = [pk for pk, is_first in zip(wanted, pipe.execute(), strict=True) if is_first]
        if not first:
            return
        valkey.client().sadd(_WANTED, *first)
    except valkey.UNREACHABLE as error:
        _outage.note(error)
        return
    for tell in _when_wanted:
        tell()


def when_wanted(tell: Callable[[], None]) -> None:
    """Call `tell` whenever something is wanted that was not: who can refresh it sits above this layer."""
    _when_wanted.add(tell)


def take_wanted(most: int = 1000) -> list[int]:
    """Return, and cross off, what is wanted."""
    try:
        found: Any = valkey.client().spop(_WANTED, most)
    except valkey.UNREACHABLE as error:
        _outage.note(error)
        return []
    return [int(pk) for pk in found or ()]


def recently_looked_at() -> set[int]:
    """Return the instruments that somebody has looked at lately."""
    if _outage.is_on():
        return set()
    try:
        found: Any = valkey.client().zrangebyscore(_LOOKED_AT, time.time() - LOOKED_AT_SECONDS, "+inf")
    except valkey.UNREACHABLE as error:
        _outage.note(error)
        return set()
    return {int(pk) for pk in found}


def forget() -> None:
    """Begin anew, as in a new process."""
    with _lock:
        _noted.clear()


def _is_wanted(view: QuoteView | QuoteFacts, now: datetime) -> bool:
    if view.provider in _NOT_ASKED or view.is_held:
        return False
    open_now = is_open(
        asset_class=view.asset_class, exchange=view.exchange, simulated=view.is_simulated, now=now
    )
    return wants_refresh(quoted_at=view.quoted_at, now=now, is_open=open_now)
