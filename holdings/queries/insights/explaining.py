"""Explain this number: the rows, prices and rates that a figure was computed from, with its formula and its definition.

Money is explained by the domain, row by row, and the rows add up to it. Returns and risk are explained by what their
formula takes: the values and flows of the days, the daily returns, the roots.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from holdings.domain.analysis import Analysis
from holdings.domain.definitions import DEFINITIONS, Definition
from holdings.domain.explain import REGISTRY as MONEY
from holdings.domain.explain import Row, explain
from holdings.domain.numbers import exact
from holdings.domain.performance import Performance
from holdings.domain.ranges import Period
from holdings.domain.statistics.value_at_risk import conditional_value_at_risk, value_at_risk
from holdings.domain.types import ZERO
from holdings.models import Account
from holdings.queries.insights.lens import Lens
from holdings.queries.insights.performance import measured
from holdings.queries.insights.ratios import RATIOS, Table
from marketdata.models import Instrument

MOST_ROWS = 400
STATEMENT = "statement-"
#: Figures that the rows of one instrument add up to.
BY_INSTRUMENT = frozenset(
    {
        "market_value",
        "cost_basis",
        "unrealised_gain",
        "realised_gain",
        "dividends",
        "interest",
        "fees",
        "taxes",
    }
)
_AT_99 = {"value_at_risk_99": value_at_risk, "conditional_value_at_risk_99": conditional_value_at_risk}


class FigureUnknown(LookupError):
    """There is no figure of that name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyRow:
    """One line of a sum. `amount` is in the currency of the explanation; the rest says where it comes from."""

    label: str
    amount: Decimal
    day: date | None
    transaction_id: int | None
    instrument_id: int | None
    quantity: Decimal | None
    price: Decimal | None
    price_day: date | None
    currency: str
    rate: Decimal | None
    rate_pairs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A figure with its definition and what it comes from: `money` rows that add up to `total`, or a `table`.

    `left_out` rows are not shown; the total counts them.
    """

    figure: str
    definition: Definition
    currency: str
    period: Period | None
    total: Decimal | None = None
    value: float | None = None
    unit: str = "percent"
    money: tuple[MoneyRow, ...] = ()
    table: Table = field(default_factory=Table)
    left_out: int = 0
    subject: str = ""


def is_figure(figure: str) -> bool:
    """Whether there is an explanation of that name."""
    return _money_name(figure) in MONEY or figure in RATIOS


def definition_of(figure: str) -> Definition:
    """The label, sentence and formula of a figure. Raises `FigureUnknown`."""
    if not is_figure(figure):
        raise FigureUnknown(figure)
    name = figure.removesuffix("_99")
    if figure.startswith(STATEMENT):
        name = figure.removeprefix(STATEMENT)
        name = f"statement_{name}" if f"statement_{name}" in DEFINITIONS else name
    found = DEFINITIONS[name]
    if figure in _AT_99:
        return Definition(
            found.label.replace("95", "99"),
            found.sentence.replace("95", "99").replace("5 %", "1 %") if "worst 5" in found.sentence
            else found.sentence.replace("95", "99"),
            found.formula.replace("5 %", "1 %"),
        )  # fmt: skip
    return found


def explained(
    lens: Lens,
    figure: str,
    period: Period | None,
    *,
    instrument: Instrument | None = None,
    benchmark: Instrument | None = None,
) -> Explained:
    """What a figure was computed from. Raises `FigureUnknown`; the domain's `PortfolioError` where a rate is missing.

    `instrument` narrows a sum to its rows. A figure of `totals` runs from the first entry; one of the statement
    (`statement-…`) or of performance covers the period.
    """
    definition = definition_of(figure)
    if figure in RATIOS:
        return _ratio(lens, figure, definition, period, benchmark)
    narrowed = (
        instrument if instrument is not None and figure.removeprefix(STATEMENT) in BY_INSTRUMENT else None
    )
    of_period = figure.startswith(STATEMENT)
    analysis = lens.analysis(period if of_period else None)
    rows = explain(analysis, _money_name(figure)).rows
    if narrowed is not None:
        rows = tuple(row for row in rows if row.instrument == str(narrowed.pk))
    names = _Names(lens, analysis)
    with exact():
        total = sum((row.amount for row in rows), ZERO)
    return Explained(
        figure=figure,
        definition=definition,
        currency=lens.currency,
        period=period if of_period else None,
        total=total,
        money=tuple(names.row(row) for row in rows[:MOST_ROWS]),
        left_out=max(0, len(rows) - MOST_ROWS),
        subject=narrowed.symbol if narrowed is not None else "",
    )


def value_of(performance: Performance, figure: str) -> float | None:
    """A figure of performance by its name."""
    return RATIOS[figure].value(performance)


def _ratio(
    lens: Lens, figure: str, definition: Definition, period: Period | None, benchmark: Instrument | None
) -> Explained:
    basis = lens.basis
    if not basis.values or period is None:
        return Explained(figure=figure, definition=definition, currency=lens.currency, period=period)
    performance = measured(lens, basis, period, benchmark=benchmark)
    ratio = RATIOS[figure]
    table = ratio.table(performance)
    return Explained(
        figure=figure,
        definition=definition,
        currency=lens.currency,
        period=period,
        value=ratio.value(performance),
        unit=ratio.unit,
        table=Table(table.columns, table.rows[:MOST_ROWS], table.facts),
        left_out=max(0, len(table.rows) - MOST_ROWS),
        subject=f"against {benchmark.symbol}" if benchmark is not None and ratio.needs_benchmark else "",
    )


def _money_name(figure: str) -> str:
    return f"statement.{figure.removeprefix(STATEMENT)}" if figure.startswith(STATEMENT) else figure


class _Names:
    """Symbols and account names in the place of ids."""

    def __init__(self, lens: Lens, analysis: Analysis) -> None:
        self.symbols = {pk: thing.symbol or thing.name for pk, thing in analysis.setup.instruments.items()}
        self.accounts = {str(row.pk): row.name for row in Account.objects.filter(portfolio=lens.portfolio)}

    def row(self, row: Row) -> MoneyRow:
        parts = [self._part(part, row) for part in self._split(row)]
        return MoneyRow(
            label=" · ".join(
                part[:1].upper() + part[1:] if index == 0 else part for index, part in enumerate(parts)
            ),
            amount=row.amount,
            day=row.day,
            transaction_id=_number(row.transaction),
            instrument_id=_number(row.instrument),
            quantity=row.quantity,
            price=row.price,
            price_day=row.price_day,
            currency=row.currency or "",
            rate=row.rate,
            rate_pairs=row.rate_pairs,
        )

    def _split(self, row: Row) -> Sequence[tuple[str, str]]:
        """The parts of a label, each with what it names: an instrument's id comes before an account's."""
        found: list[tuple[str, str]] = []
        instrument_seen = False
        for part in row.label.split(" · "):
            if part == row.instrument and not instrument_seen:
                found.append(("instrument", part))
                instrument_seen = True
            elif part == row.account:
                found.append(("account", part))
            else:
                found.append(("", part))
        return found

    def _part(self, part: tuple[str, str], row: Row) -> str:
        kind, text = part
        if kind == "instrument":
            return self.symbols.get(text, text)
        if kind == "account":
            return self.accounts.get(text, text)
        return text.replace("lot ", "lot #") if text.startswith("lot ") and text != "lot pool" else text


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None
