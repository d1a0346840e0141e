"""Market data, pure: when exchanges trade, from exchange_calendars: holidays, half days and lunch breaks included.

A year of an exchange is read once and kept as plain instants, so that asking costs a bisection.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

#: Markets whose hours are those of another one. What exchange_calendars knows by itself is not in here.
_HOURS_OF = {
    "BATY": "XNYS", "EDGA": "XNYS", "EDGX": "XNYS", "IEXG": "XNYS", "LTSE": "XNYS", "MEMX": "XNYS", "XBOS": "XNYS",
    "XCHI": "XNYS", "XCIS": "XNYS", "XPHL": "XNYS", "OOTC": "XNYS", "OTCB": "XNYS", "OTCM": "XNYS", "OTCQ": "XNYS",
    "PINX": "XNYS", "PSGM": "XNYS", "XOTC": "XNYS",
    "AIMX": "XLON", "XLOM": "XLON",
    "XETA": "XETR", "XETB": "XETR", "FRAA": "XFRA", "XBER": "XFRA", "XGAT": "XFRA", "XMUN": "XFRA", "XHAN": "XFRA",
    "XVTX": "XSWX", "XQMH": "XSWX", "MTAA": "XMIL", "ETFP": "XMIL", "MOTX": "XMIL",
    "ALXP": "XPAR", "ALXB": "XBRU", "ALXL": "XLIS", "XMLI": "XPAR",
    "FNSE": "XSTO", "SSME": "XSTO", "FNDK": "XCSE", "FNFI": "XHEL", "MERK": "XOSL",
    "XTSX": "XTSE", "NEOE": "XTSE", "XCNQ": "XTSE", "XNSE": "XBOM", "XSHE": "XSHG", "XKOS": "XKRX", "ROCO": "XTAI",
    "BIVA": "XMEX", "XBSP": "BVMF",
}  # fmt: skip

#: What a listing of sessions can reach: later holidays are not announced.
FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2029, 12, 31)
#: So many years are read one by one, as everything else reads them.
_FEW_YEARS = 3

_NEW_YORK = ZoneInfo("America/New_York")
#: Currencies trade from Sunday to Friday, five in the afternoon in New York.
_FX_HOUR = time(17)


@dataclass(frozen=True, slots=True)
class Session:
    """A trading day: from `opens_at` up to (not including) `closes_at`, with or without a break between."""

    day: date
    opens_at: datetime
    closes_at: datetime
    break_from: datetime | None = None
    break_until: datetime | None = None

    def is_open(self, at: datetime) -> bool:
        """Whether it trades at an instant."""
        if not self.opens_at <= at < self.closes_at:
            return False
        return not (self.break_from and self.break_until and self.break_from <= at < self.break_until)


def knows(exchange: str, year: int) -> bool:
    """Whether there is a calendar of an exchange (MIC) for a year."""
    return bool(_year(exchange, year))


def session_at(exchange: str, at: datetime) -> Session | None:
    """Return the session an instant is in, or the last one before it; None without a calendar."""
    if not knows(exchange, at.year):
        return None
    for year in (at.year, at.year - 1):
        sessions = _year(exchange, year)
        place = bisect_right(sessions, at, key=_opening)
        if place:
            return sessions[place - 1]
    return None


def session_after(exchange: str, at: datetime) -> Session | None:
    """Return the first session that opens after an instant; None without a calendar."""
    if not knows(exchange, at.year):
        return None
    for year in (at.year, at.year + 1):
        sessions = _year(exchange, year)
        place = bisect_right(sessions, at, key=_opening)
        if place < len(sessions):
            return sessions[place]
    return None


def session_days(exchange: str, start: date, end: date) -> list[date]:
    """Return the trading days of start..end; of years without a calendar Monday to Friday."""
    found: list[date] = []
    for year in range(start.year, end.year + 1):
        first, last = max(start, date(year, 1, 1)), min(end, date(year, 12, 31))
        sessions = _year(exchange, year)
        if sessions:
            days = [session.day for session in sessions]
            found += days[bisect_left(days, first) : bisect_right(days, last)]
        else:
            found += weekdays(first, last)
    return found


def sessions_between(exchange: str, start: date, end: date) -> list[Session]:
    """Return the sessions of start..end, oldest first, as far as holidays are announced (`FIRST_DAY`..`LAST_DAY`).

    Empty for an exchange nobody keeps a calendar of.
    """
    if start > end or start > LAST_DAY or end < FIRST_DAY:
        return []
    if end.year - start.year < _FEW_YEARS:
        years = range(max(start, FIRST_DAY).year, min(end, LAST_DAY).year + 1)
        sessions = tuple(session for year in years for session in _year(exchange, year))
    else:
        sessions = _all_years(exchange)
    days = [session.day for session in sessions]
    return list(sessions[bisect_left(days, start) : bisect_right(days, end)])


def weekdays(start: date, end: date) -> list[date]:
    """Return the days of start..end that are no Saturday or Sunday."""
    every = (start + timedelta(days=n) for n in range((end - start).days + 1))
    return [day for day in every if day.weekday() < 5]


def currency_week(at: datetime) -> Session:
    """Return the week of currency trading an instant is in, or the next one when it falls on the weekend."""
    there = at.astimezone(_NEW_YORK)
    sunday = there.date() - timedelta(days=(there.weekday() + 1) % 7)
    this, following = _currency_week(sunday), _currency_week(sunday + timedelta(days=7))
    return this if at < this.closes_at else following


def _currency_week(sunday: date) -> Session:
    opens, closes = (
        datetime.combine(day, _FX_HOUR, tzinfo=_NEW_YORK).astimezone(UTC)
        for day in (sunday, sunday + timedelta(days=5))
    )
    return Session(day=sunday, opens_at=opens, closes_at=closes)


def _opening(session: Session) -> datetime:
    return session.opens_at


@lru_cache(maxsize=1024)
def _year(exchange: str, year: int) -> tuple[Session, ...]:
    """The sessions of a year; nothing for an exchange or a year that nobody keeps a calendar of."""
    first, last = date(year, 1, 1), date(year, 12, 31)
    return tuple(_read(_HOURS_OF.get(exchange, exchange), first, last)) if exchange else ()


@lru_cache(maxsize=4)
def _all_years(exchange: str) -> tuple[Session, ...]:
    """Read at once: a call for each of sixty years would take seconds."""
    return tuple(_read(_HOURS_OF.get(exchange, exchange), FIRST_DAY, LAST_DAY)) if exchange else ()


def _read(name: str, start: date, end: date) -> Iterator[Session]:
    # Imported here: it brings pandas, which takes longer to load than the rest of this room.
    import exchange_calendars
    from exchange_calendars.errors import CalendarError, InvalidCalendarName

    try:
        calendar = exchange_calendars.get_calendar(name, start=str(start), end=str(end))
    except InvalidCalendarName:
        return
    except (CalendarError, ValueError):
        # Some calendars end with the holidays that were announced.
        return
    table = calendar.schedule
    for day, opens, closes, pause, resume in zip(
        table.index, table["open"], table["close"], table["break_start"], table["break_end"], strict=True
    ):
        has_break = not (pause != pause or resume != resume)  # noqa: PLR0124 - NaT is not itself
        yield Session(
            day=day.date(),
            opens_at=opens.to_pydatetime().astimezone(UTC),
            closes_at=closes.to_pydatetime().astimezone(UTC),
            break_from=pause.to_pydatetime().astimezone(UTC) if has_break else None,
            break_until=resume.to_pydatetime().astimezone(UTC) if has_break else None,
        )
