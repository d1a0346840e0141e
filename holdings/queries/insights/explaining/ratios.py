"""What the formulas of returns and risk take: one function for each kind of figure, as a table that can be redone on paper."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np

from holdings.domain.numbers import from_scaled
from holdings.domain.performance import Performance
from holdings.domain.statistics.irr import AMBIGUOUS, NONE, UNIQUE
from holdings.domain.statistics.value_at_risk import LEVEL, conditional_value_at_risk, value_at_risk
from holdings.queries.insights.explaining.working import Fact, Table, fraction

LEVEL_99 = 0.99


@dataclass(frozen=True, slots=True)
class Ratio:
    """How to read a figure of performance and what it was computed from."""

    value: Callable[[Performance], float | None]
    table: Callable[[Performance], Table]
    unit: str = "percent"
    needs_benchmark: bool = False


def _day(performance: Performance, index: int) -> date:
    return date.fromordinal(performance.first + index)


def _linking(performance: Performance) -> Table:
    """Stretches between flows: within one, the factors multiply to the quotient of its values."""
    flow_days = sorted({*performance.inflows, *performance.outflows})
    last = len(performance.values) - 1
    rows: list[tuple[Any, ...]] = []

    def add(start: int, end: int, paid_in: int, paid_out: int) -> None:
        base, value = performance.values[start] + paid_in, performance.values[end] + paid_out
        counts = base > 0
        rows.append(
            (
                _day(performance, start),
                _day(performance, end),
                from_scaled(base, performance.scale),
                from_scaled(value, performance.scale),
                fraction(value / base) if counts else Decimal(1),
                fraction(performance.index[end]),
            )
        )

    at = 0
    for day in flow_days:
        if day - 1 > at:
            add(at, day - 1, 0, 0)
        add(day - 1, day, performance.inflows.get(day, 0), performance.outflows.get(day, 0))
        at = day
    if at < last:
        add(at, last, 0, 0)
    columns = (
        ("From the end of", "day"),
        ("To the end of", "day"),
        ("Value + money in", "money"),
        ("Value + money out", "money"),
        ("Factor", "number"),
        ("Index", "number"),
    )
    return Table(
        columns, tuple(rows), (Fact("Product of the factors − 1", "percent", fraction(performance.twr)),)
    )


def _yearly(performance: Performance) -> Table:
    days = performance.last - performance.first
    facts = (
        Fact("Time-weighted return of the period", "percent", fraction(performance.twr)),
        Fact("Days", "number", Decimal(days)),
        Fact("Exponent 365 / days", "number", fraction(365 / days) if days else None),
    )
    return Table(facts=facts)


def _flows(performance: Performance) -> Table:
    rate = performance.irr.rate
    last = len(performance.values) - 1
    net: dict[int, int] = {0: -performance.values[0]}
    for day, amount in performance.inflows.items():
        net[day] = net.get(day, 0) - amount
    for day, amount in performance.outflows.items():
        net[day] = net.get(day, 0) + amount
    net[last] = net.get(last, 0) + performance.values[last]
    rows = []
    for day, amount in sorted(net.items()):
        if not amount:
            continue
        flow = from_scaled(amount, performance.scale)
        worth = None if rate is None else fraction(float(flow) / (1 + rate) ** (day / 365))
        rows.append((_day(performance, day), flow, Decimal(day), None if worth is None else round(worth, 2)))
    columns = (("Day", "day"), ("Flow", "money"), ("Days since the start", "number"), ("Discounted", "money"))
    roots = performance.irr.roots
    facts: list[Fact] = [Fact("Status", "text", IRR_WORDS[performance.irr.status])]
    facts += [Fact(f"Root {number}", "percent", fraction(root)) for number, root in enumerate(roots, 1)]
    return Table(columns, tuple(rows), tuple(facts))


IRR_WORDS = {
    UNIQUE: "unique: one rate balances the flows",
    AMBIGUOUS: "ambiguous: several rates balance the flows; the one nearest zero is shown",
    NONE: "none: no rate balances the flows",
}


def _simple(performance: Performance) -> Table:
    paid_in = from_scaled(sum(performance.inflows.values()), performance.scale)
    taken_out = from_scaled(sum(performance.outflows.values()), performance.scale)
    opening, closing = performance.value(0), performance.value(-1)
    facts = (
        Fact("Opening value", "money", opening),
        Fact("Contributions", "money", paid_in),
        Fact("Withdrawals", "money", taken_out),
        Fact("Closing value", "money", closing),
        Fact(
            "Gain = closing + withdrawals − opening − contributions",
            "money",
            closing + taken_out - opening - paid_in,
        ),
        Fact("Opening value + contributions", "money", opening + paid_in),
    )
    return Table(facts=facts)


def _returns(performance: Performance) -> Table:
    """Daily log returns, the latest first, with the sums that the formulas take."""
    returns = performance.returns
    rows = tuple(
        (date.fromordinal(int(day)), fraction(float(np.expm1(log))), fraction(float(log)))
        for day, log in zip(returns.days[::-1], returns.log[::-1], strict=True)
    )
    count = len(returns.log)
    facts: tuple[Fact, ...] = (Fact("Returns (n)", "number", Decimal(count)),)
    if count:
        mean = float(np.mean(returns.log))
        facts += (
            Fact("Mean log return", "number", fraction(mean)),
            Fact("Σ (r − mean)²", "number", fraction(float(np.sum((returns.log - mean) ** 2)))),
            Fact("Σ min(r, 0)²", "number", fraction(float(np.sum(np.minimum(returns.log, 0) ** 2)))),
            Fact("Returns in a year", "number", Decimal(returns.periods)),
            Fact("Risk-free rate", "percent", fraction(returns.risk_free)),
        )
    return Table((("Day", "day"), ("Return", "percent"), ("Log return r", "number")), rows, facts)


def _pairs(performance: Performance) -> Table:
    """The days on which the portfolio and the benchmark both have a return, the latest first."""
    returns = performance.returns
    if returns.benchmark is None:
        return Table()
    both = np.isfinite(returns.benchmark)
    own, other, days = returns.log[both], returns.benchmark[both], returns.days[both]
    rows = tuple(
        (date.fromordinal(int(day)), fraction(float(a)), fraction(float(b)), fraction(float(a - b)))
        for day, a, b in zip(days[::-1], own[::-1], other[::-1], strict=True)
    )
    facts: tuple[Fact, ...] = (Fact("Common returns (n)", "number", Decimal(len(own))),)
    if len(own) >= 2:
        facts += (
            Fact("Covariance", "number", fraction(float(np.cov(own, other, ddof=1)[0, 1]))),
            Fact("Variance of the benchmark", "number", fraction(float(np.var(other, ddof=1)))),
            Fact("Mean log return", "number", fraction(float(np.mean(own)))),
            Fact("Mean log return of the benchmark", "number", fraction(float(np.mean(other)))),
            Fact("Returns in a year", "number", Decimal(returns.periods)),
            Fact("Risk-free rate", "percent", fraction(returns.risk_free)),
            Fact("Deviation of the difference", "number", fraction(float(np.std(own - other, ddof=1)))),
        )
    columns = (("Day", "day"), ("Log return", "number"), ("Benchmark", "number"), ("Difference", "number"))
    return Table(columns, rows, facts)


def _benchmark(performance: Performance) -> Table:
    """The benchmark at both ends of the period, and its return between."""
    found = performance.benchmark
    if found is None or found.twr is None:
        return Table()
    facts = (
        Fact("Price at the start", "number", fraction(found.first_price)),
        Fact("Price at the end", "number", fraction(found.last_price)),
        Fact("Return of the period", "percent", fraction(found.twr)),
        Fact("Days", "number", Decimal(performance.last - performance.first)),
    )
    return Table(facts=facts)


def _drawdown(performance: Performance) -> Table:
    found = performance.drawdown
    if found is None or found.peak is None or found.trough is None:
        return Table()
    rows = [
        ("Peak", _day(performance, found.peak), fraction(performance.index[found.peak])),
        ("Trough", _day(performance, found.trough), fraction(performance.index[found.trough])),
    ]
    if found.recovered is not None:
        rows.append(
            ("Recovered", _day(performance, found.recovered), fraction(performance.index[found.recovered]))
        )
    return Table((("", "text"), ("Day", "day"), ("Index", "number")), tuple(rows))


def _days(performance: Performance, *, best: bool) -> Table:
    index = performance.index
    moves = [(index[day] / index[day - 1] - 1, day) for day in range(1, len(index)) if index[day - 1]]
    moves.sort(reverse=best)
    rows = tuple(
        (_day(performance, day), fraction(index[day - 1]), fraction(index[day]), fraction(move))
        for move, day in moves[:10]
    )
    return Table(
        (("Day", "day"), ("Index before", "number"), ("Index", "number"), ("Return", "percent")), rows
    )


def _tail(performance: Performance, level: float) -> Table:
    returns = performance.returns
    pairs = sorted(zip(np.expm1(returns.log).tolist(), returns.days.tolist(), strict=True))
    count = max(1, math.floor(len(pairs) * (1 - level) + 1e-9))
    rows = tuple((date.fromordinal(int(day)), fraction(move)) for move, day in pairs[:count])
    facts = (
        Fact("Days measured (n)", "number", Decimal(len(pairs))),
        Fact("Days in the worst part", "number", Decimal(count)),
    )
    return Table((("Day", "day"), ("Return", "percent")), rows if pairs else (), facts)


def _statistic(name: str) -> Callable[[Performance], float | None]:
    return lambda performance: performance.statistics.get(name)


def _compared(name: str) -> Callable[[Performance], float | None]:
    def value(performance: Performance) -> float | None:
        if performance.benchmark is None:
            return None
        found: float | None = getattr(performance.benchmark.comparison, name)
        return found

    return value


RATIOS: dict[str, Ratio] = {
    "twr": Ratio(lambda p: p.twr, _linking),
    "twr_annualised": Ratio(lambda p: p.twr_annualised, _yearly),
    "irr": Ratio(lambda p: p.irr.rate, _flows),
    "simple_return": Ratio(lambda p: p.simple_return, _simple),
    "volatility": Ratio(_statistic("volatility"), _returns),
    "downside_deviation": Ratio(_statistic("downside_deviation"), _returns),
    "sharpe": Ratio(_statistic("sharpe"), _returns, "number"),
    "sortino": Ratio(_statistic("sortino"), _returns, "number"),
    "max_drawdown": Ratio(lambda p: p.drawdown.depth if p.drawdown else None, _drawdown),
    "best_day": Ratio(lambda p: p.extremes.best if p.extremes else None, lambda p: _days(p, best=True)),
    "worst_day": Ratio(lambda p: p.extremes.worst if p.extremes else None, lambda p: _days(p, best=False)),
    "value_at_risk": Ratio(_statistic("value_at_risk"), lambda p: _tail(p, LEVEL)),
    "conditional_value_at_risk": Ratio(_statistic("conditional_value_at_risk"), lambda p: _tail(p, LEVEL)),
    "value_at_risk_99": Ratio(lambda p: value_at_risk(p.returns, LEVEL_99), lambda p: _tail(p, LEVEL_99)),
    "conditional_value_at_risk_99": Ratio(
        lambda p: conditional_value_at_risk(p.returns, LEVEL_99), lambda p: _tail(p, LEVEL_99)
    ),
    "beta": Ratio(_compared("beta"), _pairs, "number", needs_benchmark=True),
    "alpha": Ratio(_compared("alpha"), _pairs, needs_benchmark=True),
    "correlation": Ratio(_compared("correlation"), _pairs, "number", needs_benchmark=True),
    "tracking_error": Ratio(_compared("tracking_error"), _pairs, needs_benchmark=True),
    "benchmark_twr": Ratio(
        lambda p: p.benchmark.twr if p.benchmark else None, _benchmark, needs_benchmark=True
    ),
    "benchmark_twr_annualised": Ratio(
        lambda p: p.benchmark.twr_annualised if p.benchmark else None, _benchmark, needs_benchmark=True
    ),
    "information_ratio": Ratio(_compared("information_ratio"), _pairs, "number", needs_benchmark=True),
}
