"""Market data queries: how far a site has got from simulated to real prices, and what keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.core.cache import cache
from django.db.models import Count, Q

from marketdata.models import Instrument

_LOOKED: Final = "marketdata:real-prices:looked:1"
_REMEMBERED: Final = 7 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class RealPrices:
    """How many shared instruments have real prices and how many simulated ones, and what came of the last look for real
    ones: when it was (None: not lately), and who could not be asked, with the reason. `is_meant` says that this site
    is meant to be simulated."""

    real: int
    simulated: int
    looked_at: datetime | None
    unreachable: tuple[tuple[str, str], ...]
    is_meant: bool


def note_look(*, unreachable: Mapping[str, str], now: datetime) -> None:
    """Remember what came of a look for real prices."""
    cache.set(_LOOKED, (now, tuple(sorted(unreachable.items()))), timeout=_REMEMBERED)


def real_prices() -> RealPrices:
    """Return how far this site has got. One statement."""
    found = (
        Instrument.objects.shared()
        .active()
        .aggregate(
            simulated=Count("pk", filter=Q(provider="simulated")),
            real=Count("pk", filter=~Q(provider__in=["simulated", "manual"])),
        )
    )
    looked: Any = cache.get(_LOOKED)
    looked_at, unreachable = looked or (None, ())
    return RealPrices(
        real=found["real"],
        simulated=found["simulated"],
        looked_at=looked_at,
        unreachable=unreachable,
        is_meant=settings.MARKET_DATA == "simulated",
    )
