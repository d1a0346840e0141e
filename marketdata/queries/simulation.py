"""Market data queries: whether prices on this site are made up."""

from __future__ import annotations

from typing import Final

import structlog
from django.core.cache import cache
from redis.exceptions import RedisError

from marketdata.models import Instrument

log = structlog.get_logger(__name__)

_KEY: Final = "marketdata:simulated-in-use:1"
_CACHE_SECONDS: Final = 60


def simulated_prices_in_use() -> bool:
    """Whether any instrument in use is quoted by the simulated provider; every page then says so.

    Kept for a minute in the cache: no statement while it is there, one else.
    """
    try:
        known: bool | None = cache.get(_KEY)
        if known is None:
            known = _ask()
            cache.set(_KEY, known, timeout=_CACHE_SECONDS)
    except RedisError as error:
        log.warning("simulation_cache_down", error=str(error))
        return _ask()
    return known


def _ask() -> bool:
    return bool(Instrument.objects.filter(provider="simulated", is_active=True).exists())
