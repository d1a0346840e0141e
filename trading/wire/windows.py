"""The wire's portfolio history: which windows a request means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from marketdata.queries import exchange_sessions
from trading.wire.calls import Call
from trading.wire.clock import EXCHANGE, is_always_open
from trading.wire.data.forms import day_starts
from trading.wire.errors import invalid
from trading.wire.values import NEW_YORK

FRAMES: Final = {"1Min": 1, "5Min": 5, "15Min": 15, "1H": 60, "1D": 0}
REPORTING: Final = frozenset({"market_hours", "extended_hours", "continuous"})
_PERIOD = re.compile(r"(\d{1,4})([DWMA])")
_EARLY, _LATE = time(4), time(20)
_INTRADAY_DAYS: Final = 30
#: The longest month, begun at its day's midnight: ``1M`` goes with every time frame.
_LONGEST_INTRADAY: Final = timedelta(days=32)
_FIRST: Final = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Window:
    """One element: it begins at ``begins`` and is told as of ``ends``; ``day`` is its day in New York."""

    begins: datetime
    ends: datetime
    day: date


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request means: from ``start`` to ``end``, in windows of ``frame``."""

    start: datetime
    end: datetime
    frame: str
    reporting: str

    @property
    def is_daily(self) -> bool:
        """Whether its windows are days."""
        return self.frame == "1D"


def read_asked(call: Call) -> Asked:
    """The span, time frame and hours of a request. Raises ``WireError`` (422)."""
    period, start, end = call.text("period"), call.instant("start"), call.instant("end", end_of_day=True)
    if end is None and (last := call.day("date_end")) is not None:
        end = day_starts(last + timedelta(days=1)) - timedelta(microseconds=1)
    if period and start is not None and end is not None:
        raise invalid("only two of start, end and period can be specified")
    length = _PERIOD.fullmatch(period or "1M")
    if length is None or int(length[1]) == 0:
        raise invalid(f"invalid period: {(period or '')[:20]!r}")
    if start is not None and end is None and period:
        end = day_starts(_moved(_ny_day(start), int(length[1]), length[2]))
    until = call.now if end is None else min(end, call.now)
    if start is None:
        start = _period_start(until, int(length[1]), length[2])
    if start > until:
        raise invalid("start must be before end")
    frame = call.text("timeframe") or _default_frame(until - start)
    if frame not in FRAMES:
        raise invalid(f"invalid timeframe: {frame[:20]!r}")
    if frame != "1D" and until - start > _LONGEST_INTRADAY:
        raise invalid("timeframes below 1D reach back at most a month")
    reporting = call.word("intraday_reporting", REPORTING, "market_hours")
    if call.text("intraday_reporting") is None and call.flag("extended_hours"):
        reporting = "extended_hours"
    return Asked(start, until, frame, reporting)


def windows_of(asked: Asked, *, now: datetime) -> list[Window]:
    """The windows of a request, oldest first; the last one ends now at the latest."""
    days = _days(asked)
    if asked.is_daily:
        return [Window(day_starts(day), min(day_starts(_next(day)), now), day) for day in days]
    step = timedelta(minutes=FRAMES[asked.frame])
    found = []
    for day in days:
        opens, closes = _hours(day, asked.reporting)
        begins = opens
        while begins < closes and begins <= asked.end:
            if begins + step > asked.start and begins <= now:
                found.append(Window(begins, min(begins + step, closes, now), day))
            begins += step
    return found


def _days(asked: Asked) -> list[date]:
    """The days with windows: trading days, or every day where the market never closes."""
    first, last = _ny_day(asked.start), _ny_day(asked.end)
    if asked.reporting == "continuous" or is_always_open():
        return [first + timedelta(days=place) for place in range((last - first).days + 1)]
    return [session.day for session in exchange_sessions(EXCHANGE, first, last)]


def _hours(day: date, reporting: str) -> tuple[datetime, datetime]:
    if reporting == "continuous" or is_always_open():
        return day_starts(day), day_starts(_next(day))
    if reporting == "extended_hours":
        return _at(day, _EARLY), _at(day, _LATE)
    (session,) = exchange_sessions(EXCHANGE, day, day)
    return session.opens_at, session.closes_at


def _period_start(until: datetime, amount: int, unit: str) -> datetime:
    """Where a period begins that ends then: ``1D`` is the day itself (the last one with a session)."""
    day = _ny_day(until)
    if unit == "D":
        if is_always_open():
            return day_starts(_moved(day, 1 - amount, "D"))
        sessions = exchange_sessions(EXCHANGE, _moved(day, -(amount * 2 + 15), "D"), day)
        begun = [session.day for session in sessions if session.opens_at <= until]
        return day_starts(begun[-amount] if len(begun) >= amount else _moved(day, 1 - amount, "D"))
    return day_starts(_moved(day, -amount, unit))


def _default_frame(span: timedelta) -> str:
    if span < timedelta(days=7):
        return "1Min"
    return "15Min" if span < timedelta(days=_INTRADAY_DAYS) else "1D"


def _moved(day: date, amount: int, unit: str) -> date:
    """A day moved by days, weeks, months or years, within what calendars know."""
    if unit in {"D", "W"}:
        ordinal = day.toordinal() + amount * (7 if unit == "W" else 1)
        return date.fromordinal(max(ordinal, _FIRST.toordinal()))
    months = day.year * 12 + day.month - 1 + amount * (12 if unit == "A" else 1)
    year, month = divmod(months, 12)
    if year < _FIRST.year:
        return _FIRST
    for last in (day.day, 30, 29, 28):
        try:
            return date(min(year, 9000), month + 1, last)
        except ValueError:
            continue
    raise AssertionError("every month has a 28th day")


def _ny_day(at: datetime) -> date:
    return at.astimezone(NEW_YORK).date()


def _next(day: date) -> date:
    return day + timedelta(days=1)


def _at(day: date, clock: time) -> datetime:
    return datetime.combine(day, clock, tzinfo=NEW_YORK).astimezone(UTC)
