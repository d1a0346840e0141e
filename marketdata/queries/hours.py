"""Market data queries: trading hours. Crypto never closes, currencies rest at the weekend, exchanges follow their
calendar (holidays, half days and breaks included), the simulated one trades as configured."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.conf import settings

from marketdata.domain.calendars import Session, currency_week, session_after, session_at
from marketdata.models import AssetClass, Instrument

#: What the simulated market moves at any hour, also while it keeps the exchanges' hours.
_SIMULATED_ANY_HOUR = frozenset({AssetClass.CURRENCY, AssetClass.INDEX})


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """Whether a market is open, when its session ends (None: never; a break at noon does not end it) and, when
    closed, when it opens next."""

    is_open: bool
    opens_at: datetime | None
    closes_at: datetime | None


_ALWAYS = SessionView(is_open=True, opens_at=None, closes_at=None)


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


def exchange_session(exchange: str, *, simulated: bool, now: datetime) -> SessionView:
    """Return the session that shares at an exchange (MIC) are in, or the one that comes next."""
    return _session(asset_class=AssetClass.EQUITY, exchange=exchange, simulated=simulated, now=now)


def just_opened(exchange: str, now: datetime, within: timedelta = timedelta(minutes=2)) -> bool:
    """Say whether the session of an exchange began in the last moments; False where no calendar is known."""
    session = session_at(exchange, now)
    return session is not None and session.is_open(now) and now - session.opens_at <= within


def night_before(instrument: Instrument, day: date) -> datetime:
    """Return the instant at which a trading day begins for what happens to its holders overnight: splits, ex-dates.

    Eight hours before the session of an exchange opens, which lies between the late trades of the day before and the early
    ones of the day; midnight (UTC) for what trades around the clock, is simulated, or has no session that day.
    """
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    if instrument.asset_class in (AssetClass.CRYPTO, AssetClass.CURRENCY) or instrument.is_simulated:
        return midnight
    session = session_at(instrument.exchange, midnight + timedelta(hours=23, minutes=59))
    if session is None or session.day != day:
        return midnight
    return session.opens_at - timedelta(hours=8)


def last_close(instrument: Instrument, now: datetime) -> datetime | None:
    """Return when the last session of a closed market ended; None where that is not known."""
    if instrument.asset_class in (AssetClass.CRYPTO, AssetClass.CURRENCY):
        return None
    session = session_at(instrument.exchange, now)
    return session.closes_at if session is not None and session.closes_at <= now else None


def _session(*, asset_class: str, exchange: str, simulated: bool, now: datetime) -> SessionView:
    if asset_class == AssetClass.CRYPTO:
        return _ALWAYS
    if simulated and (settings.SIMULATED_SESSION == "always_open" or asset_class in _SIMULATED_ANY_HOUR):
        return _ALWAYS
    if asset_class == AssetClass.CURRENCY:
        return _within(currency_week(now), now)
    session = session_at(exchange, now)
    if session is None:
        return _weekdays(now)
    if now < session.closes_at:
        return _within(session, now)
    following = session_after(exchange, now)
    # A calendar may end before the new year's holidays are known.
    return _within(following, now) if following else _weekdays(now)


def _within(session: Session, now: datetime) -> SessionView:
    """The session as seen from a moment before or in it."""
    if session.is_open(now):
        return SessionView(is_open=True, opens_at=None, closes_at=session.closes_at)
    opens = session.opens_at if now < session.opens_at else session.break_until
    return SessionView(is_open=False, opens_at=opens, closes_at=session.closes_at)


def _weekdays(now: datetime) -> SessionView:
    """An exchange without a known calendar: Monday to Friday by UTC."""
    day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if day.weekday() < 5:
        return SessionView(is_open=True, opens_at=None, closes_at=day + timedelta(days=5 - day.weekday()))
    monday = day + timedelta(days=7 - day.weekday())
    return SessionView(is_open=False, opens_at=monday, closes_at=monday + timedelta(days=5))
