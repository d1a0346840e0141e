"""Returns and risk: the values and flows of the days, the daily returns, the roots that their formulas take."""

from __future__ import annotations

from functools import partial

from holdings.domain.definitions import DEFINITIONS, Definition
from holdings.domain.numbers import EXACT
from holdings.domain.performance import Performance
from holdings.queries.insights.explaining.ratios import RATIOS
from holdings.queries.insights.explaining.registry import Figure, figure
from holdings.queries.insights.explaining.working import (
    MOST_ROWS,
    Asked,
    Fact,
    Table,
    Working,
    computed,
    fraction,
)
from holdings.queries.insights.lens import Lens
from holdings.queries.insights.performance import measured
from holdings.queries.insights.risk import pair_of

AT_99 = ("value_at_risk_99", "conditional_value_at_risk_99")
TAILS = ("value_at_risk", "conditional_value_at_risk", *AT_99)
_AMOUNT = "_amount"


def value_of(performance: Performance, name: str) -> float | None:
    """A figure of performance by its name."""
    return RATIOS[name].value(performance)


def shown(performance: Performance, name: str, **fields: object) -> Working:
    """The working of a ratio of a performance, the whole portfolio's or a part's."""
    ratio = RATIOS[name]
    table = ratio.table(performance)
    return Working(
        value=ratio.value(performance),
        unit=ratio.unit,
        table=Table(table.columns, table.rows[:MOST_ROWS], table.facts),
        left_out=max(0, len(table.rows) - MOST_ROWS),
        **fields,  # type: ignore[arg-type]
    )


def _ratio(name: str, lens: Lens, asked: Asked) -> Working:
    basis = lens.basis
    if not basis.values or asked.period is None:
        return Working(period=asked.period)
    performance = measured(lens, basis, asked.period, benchmark=asked.benchmark)
    against = asked.benchmark if RATIOS[name].needs_benchmark else None
    subject = "" if against is None else f"against {against.symbol}"
    return shown(performance, name, subject=subject, period=asked.period)


def _amount(name: str, lens: Lens, asked: Asked) -> Working:
    """A loss of risk applied to what there is at the end of the period."""
    basis = lens.basis
    if not basis.values or asked.period is None:
        return Working(period=asked.period)
    performance = measured(lens, basis, asked.period)
    loss, worth = fraction(value_of(performance, name)), performance.value(-1)
    return computed(
        None if loss is None else EXACT.multiply(loss, worth),
        Fact(definition_at(name).label, "percent", loss, name),
        Fact("Value at the end of the period", "money", worth, "statement-closing_value"),
        unit="money",
        period=asked.period,
    )


def _pair(lens: Lens, asked: Asked) -> Working:
    """Two holdings that may move together: their daily returns side by side."""
    first, second = asked.instrument, asked.other
    if asked.period is None or first is None or second is None:
        return Working(period=asked.period, unit="number")
    found = pair_of(lens, asked.period, first.pk, second.pk)
    rows = tuple(
        (day, fraction(one), fraction(other)) for day, one, other in zip(*found.returns, strict=True)
    )[::-1]
    facts = (
        Fact("Common returns (n)", "number", found.count),
        Fact("Covariance", "number", fraction(found.covariance)),
        Fact(f"Deviation of {first.symbol}", "number", fraction(found.deviations[0])),
        Fact(f"Deviation of {second.symbol}", "number", fraction(found.deviations[1])),
    )
    columns = (("Day", "day"), (first.symbol, "number"), (second.symbol, "number"))
    return Working(
        value=found.correlation,
        unit="number",
        table=Table(columns, rows[:MOST_ROWS], facts),
        left_out=max(0, len(rows) - MOST_ROWS),
        subject=f"{first.symbol} and {second.symbol}",
        period=asked.period,
    )


def definition_at(name: str) -> Definition:
    """The definition of a ratio; those at 99 % say so."""
    found = DEFINITIONS[name.removesuffix("_99")]
    if name not in AT_99:
        return found
    return Definition(
        found.label.replace("95", "99"),
        found.sentence.replace("95", "99").replace("worst 5 %", "worst 1 %"),
        found.formula.replace("5 %", "1 %"),
    )


FIGURES = {
    **{name: Figure(definition_at(name), partial(_ratio, name)) for name in RATIOS},
    **{f"{name}{_AMOUNT}": figure("amount_at_risk", partial(_amount, name)) for name in TAILS},
    "pair_correlation": figure("pair_correlation", _pair),
}
