"""Something to compare a portfolio with: its price alone, or with its dividends put back into it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from holdings.domain.numbers import EXACT
from holdings.domain.ranges import Period
from holdings.domain.series import Series
from marketdata.models import ActionKind, Instrument
from marketdata.queries import Adjustment, FxRateMissing, bars, corporate_actions, fx_rates_between

_CARRY = timedelta(days=14)
_PLACES = Decimal(1).scaleb(-12)
_EMPTY: dict[date, Decimal] = {}


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A thing, and whether its dividends are to count (gross, put back in at the close of their ex-dates)."""

    instrument: Instrument
    wants_dividends: bool = True

    @property
    def symbol(self) -> str:
        """What it is called in a chart."""
        return str(self.instrument.symbol)


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkPrices:
    """Daily prices in the currency of a page; empty where nobody knows them.

    `counts_dividends`: dividends of the period are in them. `has_dividends`: some are known at all.
    """

    series: Series
    counts_dividends: bool = False
    has_dividends: bool = False


def benchmark_prices(benchmark: Benchmark, period: Period, currency: str) -> BenchmarkPrices:
    """Daily closes over a period (and a fortnight before it), adjusted for splits and, where wanted, for dividends."""
    instrument, start = benchmark.instrument, period.start - _CARRY
    has_dividends = any(
        action.kind == ActionKind.DIVIDEND for action in corporate_actions(instrument.pk, start, period.end)
    )
    counts = has_dividends and benchmark.wants_dividends
    adjustment = Adjustment.TOTAL_RETURN if counts else Adjustment.SPLIT
    found = bars(instrument.pk, start, period.end, adjustment=adjustment)
    closes = {bar.date: bar.close.quantize(_PLACES) for bar in found}
    if instrument.currency != currency and closes:
        closes = _converted(closes, instrument.currency, currency, start, period.end)
    return BenchmarkPrices(
        series=Series.from_pairs(closes), counts_dividends=counts, has_dividends=has_dividends
    )


def _converted(
    closes: dict[date, Decimal], source: str, target: str, start: date, end: date
) -> dict[date, Decimal]:
    pair = (source, target)
    try:
        dated = fx_rates_between([pair], start, end)[pair]
    except FxRateMissing:
        return _EMPTY
    prices, rates = Series.from_pairs(closes), Series.from_pairs(dated)
    both: dict[date, Decimal] = {}
    for day in sorted({*closes, *dated}):
        price, rate = prices.at(day.toordinal()), rates.at(day.toordinal())
        if price is not None and rate is not None:
            both[day] = EXACT.multiply(price, rate).quantize(_PLACES)
    return both
