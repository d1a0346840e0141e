"""Market data queries: whether prices on this site are made up, and the market that makes them up."""

from __future__ import annotations

from typing import Any, Final

import structlog
from django.conf import settings
from django.core.cache import cache
from django.db.models import Count, Q
from redis.exceptions import RedisError

from marketdata.models import Instrument
from marketdata.providers import registry
from marketdata.providers.base import Anchor, InstrumentRef, Provider
from marketdata.providers.simulated_hours import AROUND_THE_CLOCK, EXCHANGE_HOURS

log = structlog.get_logger(__name__)

_KEY: Final = "marketdata:simulated-in-use:2"
_CACHE_SECONDS: Final = 60

ALL: Final = "all"
SOME: Final = "some"
NONE: Final = "none"


def simulated_prices_in_use() -> bool:
    """Whether any instrument in use is quoted by the simulated provider; every page then says so.

    Kept for a minute in the cache: no statement while it is there, one else.
    """
    return simulation_extent() != NONE


def simulation_extent() -> str:
    """Say how much of the shared list has made-up prices: `ALL` of it, `SOME` (the rest is from real providers), `NONE`.

    What is kept by hand is neither. Kept for a minute in the cache like the above.
    """
    try:
        known: str | None = cache.get(_KEY)
        if known is None:
            known = _ask()
            cache.set(_KEY, known, timeout=_CACHE_SECONDS)
    except RedisError as error:
        log.warning("simulation_cache_down", error=str(error))
        return _ask()
    return known


def simulated_options() -> dict[str, Any]:
    """Return what the simulated market is set up with: its seed and hours."""
    hours = EXCHANGE_HOURS if settings.SIMULATED_SESSION == "exchange" else AROUND_THE_CLOCK
    return {"seed": settings.SIMULATED_SEED, "hours": hours}


def simulated_market() -> Provider:
    """Return the simulated market of this site. Its prices are computed, so a query may ask it."""
    return registry.provider("simulated", simulated_options())


def simulated_ref(instrument: Instrument) -> InstrumentRef:
    """Describe an instrument to the simulated market."""
    anchor = None
    if instrument.anchor_date is not None and instrument.anchor_price is not None:
        anchor = Anchor(instrument.anchor_date, instrument.anchor_price)
    return InstrumentRef(
        instrument_id=instrument.pk,
        symbol=instrument.provider_symbols.get("simulated") or instrument.symbol,
        asset_class=instrument.asset_class,
        currency=instrument.currency,
        quoted_in=instrument.quoted_in,
        exchange=instrument.exchange,
        sector=instrument.sector,
        anchor=anchor,
    )


def _ask() -> str:
    names = Instrument.objects.active().filter(owner__isnull=True).exclude(provider="manual")
    found = names.aggregate(
        made_up=Count("pk", filter=Q(provider="simulated")), real=Count("pk", filter=~Q(provider="simulated"))
    )
    if not found["made_up"]:
        return NONE
    return SOME if found["real"] else ALL
