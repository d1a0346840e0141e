"""Market data queries: between which prices something traded today.

Real sources tell it with their quotes. The simulated market is asked, minute by minute as its charts show it: what was
looked at before is kept in the cache, so that only the minutes since then are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.cache import cache

from marketdata.models import Instrument
from marketdata.providers.simulated import DayRange as SimulatedRange
from marketdata.providers.simulated import SimulatedProvider
from marketdata.queries.bars import PriceRange
from marketdata.queries.quotes import QuoteView
from marketdata.queries.simulation import simulated_market, simulated_ref

_KEPT_SECONDS = 24 * 3600


def day_ranges(instruments: Iterable[Instrument], quotes: Mapping[int, QuoteView]) -> dict[int, PriceRange]:
    """Return the range of each one's trading day, the price of its quote included; instruments whose source does not
    tell it are left out. No statement."""
    wanted = [instrument for instrument in instruments if instrument.pk in quotes]
    found: dict[int, PriceRange] = {}
    for instrument in wanted:
        quote = quotes[instrument.pk]
        if quote.day_low is not None and quote.day_high is not None:
            found[instrument.pk] = _with(quote.last, quote.day_low, quote.day_high)
    simulated = [i for i in wanted if i.pk not in found and i.is_simulated and not quotes[i.pk].is_held]
    for pk, day in _simulated(simulated, quotes).items():
        found[pk] = _with(quotes[pk].last, day.low, day.high)
    return found


def simulated_days(
    instruments: Iterable[Instrument], quotes: Mapping[int, QuoteView]
) -> dict[int, SimulatedRange]:
    """Return the trading day of each simulated instrument up to the last whole minute before its quote; those that
    are held at a price, and those that do not tick, are left out. No statement."""
    if not settings.SIMULATED_TICKS:
        return {}
    wanted = [i for i in instruments if i.is_simulated and i.pk in quotes and not quotes[i.pk].is_held]
    return _simulated(wanted, quotes)


def _simulated(instruments: list[Instrument], quotes: Mapping[int, QuoteView]) -> dict[int, SimulatedRange]:
    market = simulated_market()
    if not instruments or not isinstance(market, SimulatedProvider):
        return {}
    keys = {instrument.pk: _key(instrument, market.seed) for instrument in instruments}
    known: dict[str, SimulatedRange] = cache.get_many(keys.values())
    fresh: dict[str, Any] = {}
    found: dict[int, SimulatedRange] = {}
    for instrument in instruments:
        key = keys[instrument.pk]
        day = market.day_range(
            simulated_ref(instrument), quotes[instrument.pk].quoted_at, known=known.get(key)
        )
        if day is not None:
            found[instrument.pk] = day
            if day != known.get(key):
                fresh[key] = day
    if fresh:
        cache.set_many(fresh, timeout=_KEPT_SECONDS)
    return found


def _key(instrument: Instrument, seed: int) -> str:
    return (
        f"marketdata:day-range:2:{seed}:{settings.SIMULATED_SESSION}:{instrument.pk}:{instrument.anchor_date}"
    )


def _with(last: Decimal, low: Decimal, high: Decimal) -> PriceRange:
    return PriceRange(low=min(low, last), high=max(high, last))
