"""Market data queries: trading hours. Crypto never closes, exchanges by their calendar, the simulated one as
configured."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from django.conf import settings

from marketdata.models import AssetClass, Instrument


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """Whether a market is open, when it closes (None: never) and, when closed, when it opens next."""

    is_open: bool
    opens_at: datetime | None
    closes_at: datetime | None


def is_market_open(instrument: Instrument, now: datetime) -> bool:
    """Say whether the instrument can be traded now."""
    return is_open(
        asset_class=instrument.asset_class,
        exchange=instrument.exchange,
        simulated=instrument.provider == "simulated",
        now=now,
    )


def is_open(*, asset_class: str, exchange: str, simulated: bool, now: datetime) -> bool:
    """The same by its parts, for those who have no model at hand."""
    return _session(asset_class=asset_class, exchange=exchange, simulated=simulated, now=now).is_open


def market_session(instrument: Instrument, now: datetime) -> SessionView:
    """Return the session the market is in, or the one that comes next.

    For the simulated exchange that is always open, and for crypto, there is neither an opening nor an end.
    """
    return _session(
        asset_class=instrument.asset_class,
        exchange=instrument.exchange,
        simulated=instrument.provider == "simulated",
        now=now,
    )


def _session(*, asset_class: str, exchange: str, simulated: bool, now: datetime) -> SessionView:
    if asset_class == AssetClass.CRYPTO or (simulated and settings.SIMULATED_SESSION == "always_open"):
        return SessionView(is_open=True, opens_at=None, closes_at=None)
    calendar = _calendar(exchange, now.astimezone(UTC).year)
    if calendar is None:
        return _weekdays(now)
    return _by_calendar(calendar, now)


def _weekdays(now: datetime) -> SessionView:
    """An exchange without a known calendar: Monday to Friday by UTC."""
    day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if day.weekday() < 5:
        return SessionView(is_open=True, opens_at=None, closes_at=day + timedelta(days=5 - day.weekday()))
    monday = day + timedelta(days=7 - day.weekday())
    return SessionView(is_open=False, opens_at=monday, closes_at=monday + timedelta(days=5))


def _by_calendar(calendar: Any, now: datetime) -> SessionView:
    minute = now.astimezone(UTC).replace(second=0, microsecond=0)
    if calendar.is_open_on_minute(minute):
        return SessionView(is_open=True, opens_at=None, closes_at=_python(calendar.next_close(minute)))
    opens = calendar.next_open(minute)
    return SessionView(is_open=False, opens_at=_python(opens), closes_at=_python(calendar.next_close(opens)))


def _python(stamp: Any) -> datetime:
    result: datetime = stamp.to_pydatetime()
    return result.astimezone(UTC)


@lru_cache(maxsize=64)
def _calendar(exchange: str, year: int) -> Any:
    """The calendar around a year (short ones load ten times faster); None for an exchange nobody keeps one
    of."""
    if not exchange:
        return None
    # Imported here: it brings pandas, which takes longer to load than the rest of this room.
    import exchange_calendars
    from exchange_calendars.errors import InvalidCalendarName

    try:
        return exchange_calendars.get_calendar(exchange, start=f"{year - 1}-12-01", end=f"{year + 1}-01-31")
    except InvalidCalendarName:
        return None
