"""The wire's clock and calendar: those of the New York exchanges, or of the simulated one that never closes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from django.conf import settings

from marketdata.queries import (
    exchange_session_at,
    exchange_sessions,
    next_exchange_session,
    simulation_extent,
)
from trading.wire.calls import Call
from trading.wire.values import NEW_YORK, new_york

#: Whose hours they are.
EXCHANGE: Final = "XNYS"
_FIRST, _LAST = date(1970, 1, 1), date(2029, 12, 31)
#: Hours before and after the session, as the calendar tells them.
_EARLY, _LATE = "0400", "2000"
#: Longer than any run of holidays, in days.
_MARGIN: Final = 10


def is_always_open() -> bool:
    """Whether the market that the clock speaks of is the simulated one and set never to close."""
    return bool(settings.SIMULATED_SESSION == "always_open" and simulation_extent() == "all")


def get_clock(call: Call) -> Any:
    """``GET /clock``"""
    now = call.now
    is_open, opens, closes = market_hours(now)
    return {
        "timestamp": new_york(now),
        "is_open": is_open,
        "next_open": new_york(opens),
        "next_close": new_york(closes),
    }


def market_hours(now: datetime) -> tuple[bool, datetime, datetime]:
    """Whether the market is open, when it opens next and when it closes next.

    A market that never closes turns its day at midnight UTC: there day orders end, and the next day begins.
    """
    if is_always_open():
        midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        turn = midnight + timedelta(days=1)
        return True, turn, turn
    current, ahead = exchange_session_at(EXCHANGE, now), next_exchange_session(EXCHANGE, now)
    opens = now + timedelta(days=3650) if ahead is None else ahead.opens_at
    if current is not None:
        return True, opens, current.closes_at
    return False, opens, opens if ahead is None else ahead.closes_at


def get_calendar(call: Call) -> Any:
    """``GET /calendar``: both bounds included."""
    start, end = call.day("start") or _FIRST, call.day("end") or _LAST
    kind = call.word("date_type", frozenset({"trading", "settlement"}), "trading")
    if (start, end, kind) == (_FIRST, _LAST, "trading"):
        return _every_day()
    return _calendar(start, end, kind)


@lru_cache(maxsize=1)
def _every_day() -> list[dict[str, str]]:
    """The calendar that many programs ask for without bounds: 15 000 rows that never change."""
    return _calendar(_FIRST, _LAST, "trading")


def _calendar(start: date, end: date, kind: str) -> list[dict[str, str]]:
    # A few days around the span, for the trades that settle in it and the day after the last.
    around = exchange_sessions(EXCHANGE, _days(start, -_MARGIN), _days(end, _MARGIN))
    rows = [
        (session, following.day)
        for session, following in zip(around, [*around[1:], *around[-1:]], strict=True)
    ]
    return [
        {
            "date": session.day.isoformat(),
            "open": f"{session.opens_at.astimezone(NEW_YORK):%H:%M}",
            "close": f"{session.closes_at.astimezone(NEW_YORK):%H:%M}",
            "session_open": _EARLY,
            "session_close": _LATE,
            "settlement_date": settles.isoformat(),
        }
        for session, settles in rows
        if start <= (settles if kind == "settlement" else session.day) <= end
    ]


def _days(day: date, by: int) -> date:
    """A day moved by some days, within what a date can be."""
    ordinal = min(max(day.toordinal() + by, date.min.toordinal()), date.max.toordinal())
    return date.fromordinal(ordinal)
