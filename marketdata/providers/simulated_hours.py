"""Market data providers: when the simulated market trades.

The walk of a price runs through every day; the hours say which part of it the ticks of a day are spread over. Either
the whole of it (`AroundTheClock`), or an exchange's session (`ExchangeHours`): the first tick of a session is the
bar's open and the last its close.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, Protocol

from marketdata.domain import calendars
from marketdata.providers.base import InstrumentRef

_MINUTES_A_DAY: Final = 24 * 60
#: What trades on every day of the year.
EVERY_DAY = frozenset({"crypto"})
#: What trades at any hour, whatever the exchanges do.
ANY_HOUR = frozenset({"crypto", "currency", "index"})


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant as the simulation sees it: the trading day, how much of it has passed (0 to 1), and the instant
    whose price it is: the one asked for, or the close before it."""

    day: date
    fraction: float
    at: datetime


class Hours(Protocol):
    """When instruments trade."""

    def moment(self, instrument: InstrumentRef, at: datetime) -> Moment:
        """Return where in which trading day an instant falls."""
        ...

    def session(self, instrument: InstrumentRef, at: datetime) -> tuple[int, tuple[float, float] | None]:
        """Return how many minutes the trading day of an instant has, and which part of it is a break."""
        ...

    def days(self, instrument: InstrumentRef, start: date, end: date) -> list[date]:
        """Return the trading days of start..end."""
        ...


class AroundTheClock:
    """Ticks at any hour of any day; a day ends at midnight UTC. Bars are made Monday to Friday (crypto: every
    day)."""

    def moment(self, instrument: InstrumentRef, at: datetime) -> Moment:
        """The day and hour in UTC."""
        return _in_whole_day(at)

    def session(self, instrument: InstrumentRef, at: datetime) -> tuple[int, tuple[float, float] | None]:
        """All of the day."""
        return _MINUTES_A_DAY, None

    def days(self, instrument: InstrumentRef, start: date, end: date) -> list[date]:
        """All days for crypto, Monday to Friday for the rest."""
        if instrument.asset_class in EVERY_DAY:
            return [start + timedelta(days=n) for n in range((end - start).days + 1)]
        return calendars.weekdays(start, end)


class ExchangeHours(AroundTheClock):
    """Ticks while the instrument's exchange is open, holidays, half days and breaks included."""

    def moment(self, instrument: InstrumentRef, at: datetime) -> Moment:
        """The session an instant is in, or the end of the last one."""
        if instrument.asset_class in ANY_HOUR:
            return _in_whole_day(at)
        session = calendars.session_at(instrument.exchange, at)
        if session is None:
            return _in_weekday(at)
        if session.break_from and session.break_until and session.break_from <= at < session.break_until:
            at = session.break_from
        instant = min(at, session.closes_at)
        passed = (instant - session.opens_at) / (session.closes_at - session.opens_at)
        return Moment(session.day, passed, instant)

    def session(self, instrument: InstrumentRef, at: datetime) -> tuple[int, tuple[float, float] | None]:
        """From the opening to the close, the break at noon included."""
        session = (
            None if instrument.asset_class in ANY_HOUR else calendars.session_at(instrument.exchange, at)
        )
        if session is None:
            return super().session(instrument, at)
        length = session.closes_at - session.opens_at
        pause = None
        if session.break_from and session.break_until:
            pause = (
                (session.break_from - session.opens_at) / length,
                (session.break_until - session.opens_at) / length,
            )
        return round(length / timedelta(minutes=1)), pause

    def days(self, instrument: InstrumentRef, start: date, end: date) -> list[date]:
        """The sessions of the exchange; without a calendar as around the clock."""
        if instrument.asset_class in ANY_HOUR:
            return super().days(instrument, start, end)
        return calendars.session_days(instrument.exchange, start, end)


def _in_whole_day(at: datetime) -> Moment:
    instant = at.astimezone(UTC)
    midnight = datetime(instant.year, instant.month, instant.day, tzinfo=UTC)
    return Moment(instant.date(), (instant - midnight) / timedelta(days=1), instant)


def _in_weekday(at: datetime) -> Moment:
    """As around the clock, but still from Friday's midnight to Monday's."""
    moment = _in_whole_day(at)
    beyond = moment.day.weekday() - 4
    if beyond <= 0:
        return moment
    friday = moment.day - timedelta(days=beyond)
    closed = datetime(friday.year, friday.month, friday.day, tzinfo=UTC) + timedelta(days=1)
    return Moment(friday, 1.0, closed)


#: One of each is enough: they keep nothing.
AROUND_THE_CLOCK: Final = AroundTheClock()
EXCHANGE_HOURS: Final = ExchangeHours()
