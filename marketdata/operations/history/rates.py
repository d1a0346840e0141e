"""Market data operations: exchange rates of the simulated market, for currencies nobody gave real ones for."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from django.conf import settings
from django.db.models import Q

from marketdata.models import FxRate
from marketdata.operations.history.storing import SIMULATED
from marketdata.operations.providing import provider_named
from marketdata.providers.starter import simulated_currencies


def fill_simulated_rates(first: date, end: date) -> int:
    """Simulate euro rates of the currencies nobody gave real ones for; return how many were added. None are, with
    `MARKET_DATA=real`."""
    if settings.MARKET_DATA == "real":
        return 0
    real = set(
        FxRate.objects.filter(Q(base__in=["EUR", "USD"]) | Q(quote__in=["EUR", "USD"]))
        .exclude(source=SIMULATED)
        .values_list("base", "quote")
        .distinct()
    )
    with_real = simulated_currencies_replaced(real)
    newest = FxRate.objects.filter(source=SIMULATED).order_by("-date").values_list("date", flat=True).first()
    start = newest + timedelta(days=1) if newest else first
    if start > end:
        return 0
    codes = [code for code in simulated_currencies() if code not in with_real]
    rates = provider_named(SIMULATED).rates(codes, start, end)
    FxRate.objects.bulk_create(
        (
            FxRate(base=rate.base, quote=rate.quote, date=rate.date, rate=rate.rate, source=SIMULATED)
            for rate in rates
        ),
        batch_size=5000,
        ignore_conflicts=True,
    )
    return len(rates)


def simulated_currencies_replaced(pairs: Iterable[tuple[str, str]]) -> set[str]:
    """Return the currencies whose simulated euro rate real rates of these pairs make needless.

    A pair with the euro replaces it outright; a pair with the dollar replaces the other currency's, the cross
    being better.
    """
    replaced: set[str] = set()
    for pair in pairs:
        if "EUR" in pair:
            replaced |= set(pair) - {"EUR"}
        elif "USD" in pair:
            replaced |= set(pair) - {"USD"}
    return replaced
