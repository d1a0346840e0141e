"""Sums of the books: totals since the first entry, and the lines of a statement, row by row from the domain."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from holdings.domain.definitions import DEFINITIONS
from holdings.domain.explain import REGISTRY as MONEY
from holdings.domain.explain import Row, explain
from holdings.queries.insights.explaining.naming import added_up
from holdings.queries.insights.explaining.registry import Figure
from holdings.queries.insights.explaining.working import Asked, Fact, Working, computed
from holdings.queries.insights.lens import Lens
from holdings.queries.insights.performance import figures_of

STATEMENT = "statement-"
SINCE = "Since the first entry."
#: Figures that the rows of one instrument add up to.
BY_INSTRUMENT = frozenset(
    {
        "market_value",
        "cost_basis",
        "unrealised_gain",
        "realised_gain",
        "dividends",
        "interest",
        "income",
        "fees",
        "taxes",
    }
)
#: What a figure consists of, where it is more than one sum of the domain.
_TOGETHER = {"income": ("dividends", "interest"), "assets": ("market_value", "cash")}


def _total(name: str, lens: Lens, asked: Asked) -> Working:
    """A total since the first entry; by another cost-basis method, of one holding, or of one balance where that is asked."""
    analysis = lens.analysis(method=asked.method)
    rows = [row for part in _TOGETHER.get(name, (name,)) for row in explain(analysis, part).rows]
    return added_up(lens, analysis, _narrowed(name, rows, asked), subject=_subject(name, asked), note=SINCE)


def _line(name: str, lens: Lens, asked: Asked) -> Working:
    """A line of the statement of the period."""
    analysis = lens.analysis(asked.period)
    rows = _narrowed(name, explain(analysis, f"statement.{name}").rows, asked)
    return added_up(lens, analysis, rows, subject=_subject(name, asked), period=asked.period)


def _subject(name: str, asked: Asked) -> str:
    return asked.instrument.symbol if asked.instrument is not None and name in BY_INSTRUMENT else ""


def _narrowed(name: str, rows: Sequence[Row], asked: Asked) -> list[Row]:
    if asked.instrument is not None and name in BY_INSTRUMENT:
        return [row for row in rows if row.instrument == str(asked.instrument.pk)]
    if name == "cash" and asked.account is not None:
        return [row for row in rows if row.account == str(asked.account) and row.currency == asked.held]
    if name == "liabilities" and asked.held:
        return [row for row in rows if row.currency == asked.held]
    return list(rows)


def _gain(lens: Lens, asked: Asked) -> Working:
    if asked.period is None:
        return Working(unit="money")
    found = figures_of(lens, asked.period)
    lines = ("closing_value", "withdrawals", "opening_value", "contributions")
    facts = [
        Fact(DEFINITIONS[name].label, "money", getattr(found.statement, name), f"{STATEMENT}{name}")
        for name in lines
        if found.statement is not None
    ]
    return computed(found.gain, *facts, unit="money", period=asked.period)


def _definition(name: str) -> str:
    return f"statement_{name}" if f"statement_{name}" in DEFINITIONS else name


FIGURES = {
    **{
        name: Figure(DEFINITIONS[name], partial(_total, name))
        for name in (*MONEY, *_TOGETHER)
        if not name.startswith("statement.")
    },
    **{
        name.replace("statement.", STATEMENT): Figure(
            DEFINITIONS[_definition(name.removeprefix("statement."))],
            partial(_line, name.removeprefix("statement.")),
        )
        for name in MONEY
        if name.startswith("statement.")
    },
    "gain": Figure(DEFINITIONS["gain"], _gain),
}
