"""Performance of a period (from, to]: returns, risk and benchmark figures of one daily series of values and flows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from holdings.domain.numbers import EXACT, from_scaled, most_decimals
from holdings.domain.series import Series
from holdings.domain.statistics import REGISTRY, Returns
from holdings.domain.statistics.benchmark import Comparison, compare
from holdings.domain.statistics.drawdown import Drawdown, max_drawdown
from holdings.domain.statistics.extremes import Extremes, extremes
from holdings.domain.statistics.irr import NO_IRR, Irr, irr
from holdings.domain.statistics.returns import returns_of
from holdings.domain.statistics.twr import annualised, chain
from holdings.domain.valuation import Valuation


@dataclass(frozen=True, slots=True)
class BenchmarkFigures:
    """The benchmark's own return and how the portfolio compares with it."""

    id: str
    twr: float | None
    twr_annualised: float | None
    comparison: Comparison
    first_price: float | None = None
    last_price: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """Figures of a period; ``first`` and ``last`` are ordinals of ``from`` and ``to``."""

    first: int
    last: int
    values: list[int]
    scale: int
    inflows: dict[int, int]
    outflows: dict[int, int]
    index: list[float]
    idle: list[int]
    twr: float | None
    twr_annualised: float | None
    irr: Irr
    simple_return: float | None
    drawdown: Drawdown | None
    extremes: Extremes | None
    returns: Returns
    statistics: Mapping[str, float | None] = field(default_factory=dict)
    benchmark: BenchmarkFigures | None = None

    def value(self, index: int) -> Decimal:
        """Exact value at the end of a day of the period (0 is ``from``)."""
        return from_scaled(self.values[index], self.scale)

    def flow(self, index: int) -> Decimal:
        """Inflows less outflows of a day."""
        return from_scaled(self.inflows.get(index, 0) - self.outflows.get(index, 0), self.scale)


def measure(
    valuation: Valuation,
    flows: Iterable[tuple[int, Decimal]],
    *,
    leaving: Iterable[tuple[int, Decimal]] = (),
    every_day: bool = False,
    risk_free: float = 0.0,
    benchmark: tuple[str, Series] | None = None,
) -> Performance:
    """Every figure of a series of daily values and its external flows (ordinal, amount; positive comes in).

    ``leaving``: outflows by kind instead of sign (a delivery out whose fees exceed its value is still one), positive.

    The valuation starts on ``from`` and ends on ``to``; flows outside (from, to] are ignored.
    """
    first, size = valuation.first, len(valuation.values)
    dated = [(ordinal - first, amount, amount < 0) for ordinal, amount in flows]
    dated += [(ordinal - first, -amount, True) for ordinal, amount in leaving]
    dated = [item for item in dated if 0 < item[0] < size and item[1]]
    scale = max(valuation.scale, most_decimals(amount for _, amount, _ in dated))
    factor = 10 ** (scale - valuation.scale)
    values = valuation.values if factor == 1 else [value * factor for value in valuation.values]
    inflows: dict[int, int] = {}
    outflows: dict[int, int] = {}
    for day, amount, outward in dated:
        whole = int(amount.scaleb(scale, EXACT))
        if outward:
            outflows[day] = outflows.get(day, 0) - whole
        else:
            inflows[day] = inflows.get(day, 0) + whole
    chained = chain(values, inflows, outflows)
    prices = None if benchmark is None else daily_prices(benchmark[1], first, size)
    returns = returns_of(
        first, chained.index, values, every_day=every_day, risk_free=risk_free, benchmark=prices
    )
    total = chained.index[-1] - 1 if size > 1 else None
    return Performance(
        first=first,
        last=first + size - 1,
        values=values,
        scale=scale,
        inflows=inflows,
        outflows=outflows,
        index=chained.index,
        idle=chained.idle,
        twr=total,
        twr_annualised=None if total is None else annualised(total, size - 1),
        irr=_money_weighted(values, inflows, outflows),
        simple_return=_simple(values, inflows, outflows),
        drawdown=max_drawdown(chained.index),
        extremes=extremes(chained.index),
        returns=returns,
        statistics={name: statistic(returns) for name, statistic in REGISTRY.items()},
        benchmark=None if benchmark is None or prices is None else _benchmark(benchmark[0], prices, returns),
    )


def daily_prices(series: Series, first: int, size: int) -> NDArray[np.float64]:
    """A price series on every calendar day, the last one carried on; NaN before its first."""
    days = np.arange(first, first + size, dtype=np.int64)
    values, known = series.on_days(days)
    prices = values.astype(np.float64) / 10.0**series.scale
    prices[~known | (prices <= 0)] = np.nan
    return prices


def _benchmark(name: str, prices: NDArray[np.float64], returns: Returns) -> BenchmarkFigures:
    total = float(prices[-1] / prices[0] - 1)
    if not np.isfinite(total):
        return BenchmarkFigures(name, None, None, compare(returns))
    return BenchmarkFigures(
        name, total, annualised(total, len(prices) - 1), compare(returns), float(prices[0]), float(prices[-1])
    )


def _money_weighted(values: list[int], inflows: Mapping[int, int], outflows: Mapping[int, int]) -> Irr:
    if len(values) < 2:
        return NO_IRR
    # Netted per day as exact integers first, so that money in and out again on one day leaves nothing behind.
    net: dict[int, int] = {0: -values[0]}
    for day, amount in inflows.items():
        net[day] = net.get(day, 0) - amount
    for day, amount in outflows.items():
        net[day] = net.get(day, 0) + amount
    net[len(values) - 1] = net.get(len(values) - 1, 0) + values[-1]
    largest = max(map(abs, net.values()))
    return irr((day, amount / largest) for day, amount in net.items() if amount) if largest else NO_IRR


def _simple(values: list[int], inflows: Mapping[int, int], outflows: Mapping[int, int]) -> float | None:
    if len(values) < 2:
        return None
    paid_in, taken_out = sum(inflows.values()), sum(outflows.values())
    base = values[0] + paid_in
    return (values[-1] - values[0] - paid_in + taken_out) / base if base > 0 else None
