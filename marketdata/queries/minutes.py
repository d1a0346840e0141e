"""Market data queries: the minutes of the last days as arrays, for charts (floats: to be drawn, never booked).

Real prices have the minutes that came in over the live feed. The simulated market's are a function of the instant: they
are worked out when somebody looks, the same whoever does, and those that have passed are kept in the cache.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np
from django.conf import settings
from django.core.cache import cache

from marketdata.domain.resampling import Bars, join_bars
from marketdata.models import Instrument
from marketdata.queries.intraday import Minutes, intraday_bars
from marketdata.queries.simulation import simulated_market, simulated_ref

_DAY = timedelta(days=1)
_KEPT_SECONDS = 26 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class MinuteSeries:
    """Bars of some minutes each, oldest first; `bars.days` has the instants at which they begin (UTC)."""

    bars: Bars
    minutes: int
    is_simulated: bool


def minute_series(
    instrument: Instrument, *, start: datetime, end: datetime, minutes: Minutes
) -> MinuteSeries:
    """Return the bars of `minutes` that begin in start..end. At most one statement."""
    if instrument.is_simulated and settings.SIMULATED_TICKS:
        # What lies before `start` is worked out for nobody.
        blocks = [(begin, until) for begin, until in _blocks(start, end) if until > start or until == end]
        parts = [_simulated(instrument, begin, until) for begin, until in blocks]
        bars = _rolled_up(_joined(parts), minutes)
        return MinuteSeries(bars=bars, minutes=minutes, is_simulated=True)
    found = intraday_bars(instrument.pk, start=start, end=end, minutes=minutes)
    return MinuteSeries(
        bars=_arrays(found), minutes=minutes, is_simulated=any(bar.is_simulated for bar in found)
    )


def _blocks(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Whole days, then what has passed of today up to the last whole hour, then the rest: all but the last stay
    as they are."""
    first, last = start.astimezone(UTC).date(), end.astimezone(UTC).date()
    day = first
    while day < last:
        yield _midnight(day), _midnight(day + _DAY)
        day += _DAY
    hour = end.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    if hour > _midnight(last):
        yield _midnight(last), hour
    yield hour, end


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


def _simulated(instrument: Instrument, start: datetime, end: datetime) -> Bars:
    has_passed = end == end.replace(minute=0, second=0, microsecond=0)
    anchor = f"{instrument.anchor_date}:{instrument.anchor_price}"
    key = (
        f"marketdata:minutes:1:{settings.SIMULATED_SEED}:{settings.SIMULATED_SESSION}:{instrument.pk}:{anchor}"
        f":{start.timestamp():.0f}:{end.timestamp():.0f}"
    )
    if has_passed:
        known: Bars | None = cache.get(key)
        if known is not None:
            return known
    bars = _arrays(simulated_market().intraday(simulated_ref(instrument), start, end))
    if has_passed:
        cache.set(key, bars, timeout=_KEPT_SECONDS)
    return bars


def _arrays(found: Sequence[Any]) -> Bars:
    """Bars as they come from the table or from a provider, as arrays."""

    def column(name: str) -> Any:
        values = (getattr(bar, name) for bar in found)
        return np.fromiter(
            (np.nan if value is None else float(value) for value in values), np.float64, len(found)
        )

    at = np.fromiter((int(bar.at.timestamp()) for bar in found), np.int64, len(found))
    return Bars(
        days=at.astype("datetime64[s]"),
        open=column("open"),
        high=column("high"),
        low=column("low"),
        close=column("close"),
        volume=column("volume"),
    )


def _joined(parts: Sequence[Bars]) -> Bars:
    def column(name: str) -> Any:
        return np.concatenate([getattr(part, name) for part in parts])

    return Bars(**{name: column(name) for name in ("days", "open", "high", "low", "close", "volume")})


def _rolled_up(bars: Bars, minutes: int) -> Bars:
    """Join minutes to steps of the clock; a step carries the instant at which it begins."""
    if minutes == 1 or not len(bars):
        return bars
    steps = bars.days.astype(np.int64) // (60 * minutes)
    ends = np.flatnonzero(np.append(steps[1:] != steps[:-1], True))
    joined = join_bars(bars, ends)
    return Bars(
        days=(steps[ends] * 60 * minutes).astype("datetime64[s]"),
        open=joined.open,
        high=joined.high,
        low=joined.low,
        close=joined.close,
        volume=joined.volume,
    )
