"""The print shop: the portfolio summary. What is held, what it is worth, how that came about."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from holdings.domain.analysis import Analysis
from holdings.domain.positions import Position
from reports.kinds.base import Order, Progress, ReportKind
from reports.kinds.books import Books, books_of
from reports.kinds.heads import head_of
from reports.renderers.data import (
    Breakdown,
    CashLine,
    Figure,
    FigureKind,
    HoldingLine,
    PortfolioSummary,
    SeriesPoint,
    Slice,
)
from reports.renderers.numbers import day_text
from reports.renderers.pdf import html_to_pdf
from reports.renderers.summary_html import summary_html
from reports.renderers.summary_xlsx import summary_xlsx

ZERO: Final = Decimal(0)
#: A price older than this on the report's day is pointed out.
OLD_PRICE: Final = timedelta(days=7)
METHODS: Final = {
    "fifo": "first in, first out",
    "lifo": "last in, first out",
    "hifo": "highest cost first",
    "average": "average cost",
    "section104": "the UK Section 104 pool",
}
CLASSES: Final = {
    "etf": "ETF",
    "real_estate": "Real estate",
    "private": "Private equity",
}


def collect(order: Order) -> PortfolioSummary:
    """Read the books into what the summary shows."""
    books = books_of(order)
    analysis = books.analysis
    held = _by_instrument(analysis)
    total = analysis.totals.market_value + analysis.totals.cash
    holdings = [_holding(name, positions, books, total) for name, positions in held.items()]
    holdings.sort(key=lambda line: (-(line.market_value_base or ZERO), line.symbol))
    cash = [
        CashLine(
            account=analysis.portfolio.accounts[row.account].name or row.account,
            currency=row.currency,
            balance=row.balance,
            balance_base=row.balance_base,
        )
        for row in analysis.cash
        if row.balance
    ]
    head = head_of(
        order,
        title="Portfolio summary",
        first_day=analysis.start + timedelta(days=1) if analysis.journal else None,
        currencies=[*(line.currency for line in holdings), *(row.currency for row in cash)],
        is_simulated=any(line.price_is_simulated for line in holdings),
        notices=_notices(holdings, order.period_to),
    )

    def written(day: date) -> str:
        return day_text(day, head.locale)

    return PortfolioSummary(
        head=head,
        figures=_figures(analysis, written),
        statement=_statement(analysis, written) if analysis.journal else (),
        value_series=_series(analysis),
        breakdowns=_breakdowns(holdings, cash, total),
        holdings=tuple(holdings),
        cash=tuple(cash),
        method=METHODS.get(analysis.method.value, analysis.method.value),
    )


def _pdf(report: PortfolioSummary, progress: Progress) -> bytes:
    progress(10, "Drawing charts")
    html, pictures = summary_html(report)
    progress(20, "Setting pages")
    return html_to_pdf(html, pictures=pictures).content


def _xlsx(report: PortfolioSummary, progress: Progress) -> bytes:
    progress(10, "Writing sheets")
    return summary_xlsx(report)


KIND: Final = ReportKind(
    code="portfolio_summary",
    title="Portfolio summary",
    description=(
        "What is held on the last day and what it is worth, the key figures of the period, how the value came about, and how"
        " it is spread."
    ),
    collect=collect,
    renderers={"pdf": _pdf, "xlsx": _xlsx},
)


def _by_instrument(analysis: Analysis) -> dict[str, list[Position]]:
    held: dict[str, list[Position]] = defaultdict(list)
    for position in analysis.positions:
        if position.quantity:
            held[position.instrument].append(position)
    return held


def _holding(name: str, positions: list[Position], books: Books, total: Decimal) -> HoldingLine:
    instrument = books.analysis.portfolio.instruments[name]
    price = positions[0].price
    fact = books.prices.get(name)
    is_priced = price is not None
    value = _sum(p.market_value_base for p in positions)
    return HoldingLine(
        symbol=instrument.symbol or name,
        name=instrument.name,
        asset_class=CLASSES.get(instrument.asset_class.value, instrument.asset_class.value.capitalize()),
        currency=instrument.currency,
        quantity=_sum(p.quantity for p in positions),
        price=price,
        price_date=positions[0].price_date,
        price_is_simulated=is_priced and fact is not None and fact.is_simulated,
        cost_basis_base=_sum(p.cost_basis_base for p in positions),
        market_value=_sum(p.market_value for p in positions) if is_priced else None,
        market_value_base=value if is_priced else None,
        unrealised_gain_base=_sum(p.unrealised_gain_base for p in positions) if is_priced else None,
        weight=value / total if is_priced and total > 0 else None,
    )


def _notices(holdings: list[HoldingLine], last_day: date) -> list[str]:
    found = []
    missing = [line.symbol for line in holdings if line.price is None]
    if missing:
        found.append(f"No price is known of {_named(missing)}: these holdings are not in the totals.")
    old = [line.symbol for line in holdings if line.price_date and last_day - line.price_date > OLD_PRICE]
    if old:
        found.append(
            f"The latest price of {_named(old)} is more than a week older than this report's last day."
        )
    return found


def _named(symbols: list[str]) -> str:
    """ "A, B and 3 more"."""
    if len(symbols) <= 4:
        return symbols[0] if len(symbols) == 1 else ", ".join(symbols[:-1]) + f" and {symbols[-1]}"
    return ", ".join(symbols[:3]) + f" and {len(symbols) - 3} more"


def _figures(analysis: Analysis, written: Callable[[date], str]) -> tuple[Figure, ...]:
    totals, statement, performance = analysis.totals, analysis.statement, analysis.performance
    debts = "after debts" if totals.liabilities else ""
    fall = performance.drawdown
    fall_days = ""
    if fall is not None and fall.peak is not None and fall.trough is not None:
        fall_days = f"{written(_day(analysis, fall.peak))} – {written(_day(analysis, fall.trough))}"
    irr_note = {"unique": "a year (IRR)", "ambiguous": "a year (IRR); ambiguous"}.get(
        performance.irr.status, "no IRR exists"
    )
    return (
        Figure(label="Net worth", value=totals.net_worth, kind="money", note=debts),
        Figure(
            label="Total gain", value=totals.total_gain, kind="signed_money", note="since the first entry"
        ),
        Figure(
            label="Time-weighted return",
            value=_exact(performance.twr),
            kind="signed_percent",
            note="in the period",
        ),
        Figure(
            label="Money-weighted return",
            value=_exact(performance.irr.rate),
            kind="signed_percent",
            note=irr_note,
        ),
        Figure(label="Cash", value=totals.cash, kind="money"),
        Figure(
            label="Dividends and interest",
            value=statement.dividends + statement.interest,
            kind="money",
            note="in the period",
        ),
        Figure(
            label="Fees and taxes", value=statement.fees + statement.taxes, kind="money", note="in the period"
        ),
        Figure(
            label="Largest fall", value=_exact(fall.depth if fall else None), kind="percent", note=fall_days
        ),
    )


def _statement(analysis: Analysis, written: Callable[[date], str]) -> tuple[Figure, ...]:
    """Lines that add up from the first to the last; those that are zero are left out."""
    s = analysis.statement
    between: list[tuple[str, Decimal]] = [
        ("Contributions", s.contributions),
        ("Withdrawals", -s.withdrawals),
        ("Realised gains", s.realised_gain),
        ("Unrealised gains", s.unrealised_gain),
        ("Dividends", s.dividends),
        ("Interest", s.interest),
        ("Fees", -s.fees),
        ("Taxes", -s.taxes),
        ("Currency gains on cash", s.currency_gain),
    ]
    signed: FigureKind = "signed_money"
    return (
        Figure(label=f"Value at the end of {written(s.start)}", value=s.opening_value, kind="money"),
        *(Figure(label=label, value=value, kind=signed) for label, value in between if value),
        Figure(label=f"Value at the end of {written(s.end)}", value=s.closing_value, kind="money"),
    )


def _series(analysis: Analysis) -> tuple[SeriesPoint, ...]:
    performance = analysis.performance
    return tuple(
        SeriesPoint(day=_day(analysis, index), value=performance.value(index))
        for index in range(len(performance.values))
    )


def _day(analysis: Analysis, index: int) -> date:
    return date.fromordinal(analysis.performance.first + index)


def _breakdowns(holdings: list[HoldingLine], cash: list[CashLine], total: Decimal) -> tuple[Breakdown, ...]:
    if total <= 0:
        return ()
    priced = [line for line in holdings if line.market_value_base is not None]
    cash_total = _sum(row.balance_base or ZERO for row in cash)
    by_class = [(line.asset_class, line.market_value_base or ZERO) for line in priced]
    by_currency = [(line.currency, line.market_value_base or ZERO) for line in priced]
    by_holding = [(line.symbol, line.market_value_base or ZERO) for line in priced]
    if cash_total:
        by_class.append(("Cash", cash_total))
        by_holding.append(("Cash", cash_total))
    by_currency += [(row.currency, row.balance_base or ZERO) for row in cash]
    return (
        Breakdown(title="By asset class", slices=_slices(by_class, total)),
        Breakdown(title="By currency", slices=_slices(by_currency, total)),
        Breakdown(title="By holding", slices=_slices(by_holding, total)),
    )


def _slices(parts: Iterable[tuple[str, Decimal]], total: Decimal) -> tuple[Slice, ...]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for label, value in parts:
        sums[label] += value
    ordered = sorted(sums.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Slice(label=label, value=value, weight=value / total) for label, value in ordered if value)


def _sum(values: Iterable[Decimal]) -> Decimal:
    return sum(values, ZERO)


def _exact(value: float | None) -> Decimal | None:
    """A statistic for the eye: ten decimals are more than it means."""
    return None if value is None else Decimal(f"{value:.10f}")
