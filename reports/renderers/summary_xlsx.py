"""The print shop: the portfolio summary as a workbook: Summary, Holdings, Cash, Allocation, Value by day, Notes."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from .data import Figure, HoldingLine, PortfolioSummary, ReportHead
from .parts_html import DISCLAIMER, SIMULATED, period_text
from .xlsx import Cell, SheetColumn, Workbook


def summary_xlsx(report: PortfolioSummary) -> bytes:
    """The workbook."""
    head = report.head
    book = Workbook(
        title=f"{head.title}: {head.portfolio_name}",
        author=head.owner_name,
        subject=f"{head.title}, {period_text(head)}",
        made_at=head.generated_at,
    )
    book.sheet(
        "Summary",
        columns=[
            SheetColumn(heading="Figure", width=34),
            SheetColumn(heading=f"Value ({head.currency})", width=24, numeric=True),
            SheetColumn(heading="Note", width=48),
        ],
        rows=_summary_rows(report),
        landscape=False,
    )
    book.sheet(
        "Holdings", columns=_holding_columns(head), rows=_holding_rows(report), count=len(report.holdings)
    )
    book.sheet(
        "Cash",
        columns=[
            SheetColumn(heading="Account", width=30),
            SheetColumn(heading="Currency", width=10),
            SheetColumn(heading="Balance", width=20, numeric=True),
            SheetColumn(heading=f"Balance in {head.currency}", width=22, numeric=True),
        ],
        rows=(
            [
                Cell(value=line.account),
                Cell(value=line.currency),
                Cell(value=line.balance, kind="money", digits=head.digits(line.currency)),
                _base(line.balance_base, head),
            ]
            for line in report.cash
        ),
        count=len(report.cash),
    )
    slices = [(b.title, s) for b in report.breakdowns for s in b.slices]
    book.sheet(
        "Allocation",
        columns=[
            SheetColumn(heading="Division", width=22),
            SheetColumn(heading="Part", width=30),
            SheetColumn(heading=f"Value ({head.currency})", width=20, numeric=True),
            SheetColumn(heading="Weight", width=12, numeric=True),
        ],
        rows=(
            [Cell(value=t), Cell(value=s.label), _base(s.value, head), Cell(value=s.weight, kind="percent")]
            for t, s in slices
        ),
        count=len(slices),
    )
    book.sheet(
        "Value by day",
        columns=[
            SheetColumn(heading="Day", width=14),
            SheetColumn(heading=f"Value ({head.currency})", width=20, numeric=True),
        ],
        rows=([Cell(value=p.day, kind="day"), _base(p.value, head)] for p in report.value_series),
        count=len(report.value_series),
        landscape=False,
    )
    book.sheet("Notes", columns=[SheetColumn(heading="Notes", width=120)], rows=_notes(report))
    return book.finish()


def _base(value: Decimal | None, head: ReportHead, *, bold: bool = False) -> Cell:
    return Cell(
        value=value, kind="money", digits=head.digits(head.currency), currency=head.currency, bold=bold
    )


def figure_cell(figure: Figure, head: ReportHead, *, bold: bool = False) -> Cell:
    """The value of a key figure as a typed cell."""
    if isinstance(figure.value, str) or figure.value is None:
        return Cell(value=figure.value, bold=bold)
    if figure.kind in ("percent", "signed_percent"):
        return Cell(value=figure.value, kind="percent", bold=bold)
    if figure.kind == "count":
        return Cell(value=figure.value, kind="count", bold=bold)
    return _base(figure.value, head, bold=bold)


def head_rows(head: ReportHead) -> Iterator[list[Cell]]:
    """What the report is, as rows of two cells."""
    yield [Cell(value=head.title, bold=True)]
    yield [Cell(value="Portfolio"), Cell(value=head.portfolio_name)]
    yield [Cell(value="For"), Cell(value=head.owner_name)]
    if head.period_from is not None:
        yield [Cell(value="From"), Cell(value=head.period_from, kind="day")]
    yield [Cell(value="To"), Cell(value=head.period_to, kind="day")]
    yield [Cell(value="Currency"), Cell(value=head.currency)]
    yield [
        Cell(value=f"Made at ({head.locale.time_zone})"),
        Cell(value=head.generated_at, kind="instant", zone=head.locale.time_zone),
    ]
    if head.is_simulated:
        yield [Cell(value="Prices"), Cell(value="Contains simulated prices", bold=True)]
    yield []


def _summary_rows(report: PortfolioSummary) -> Iterator[list[Cell]]:
    yield from head_rows(report.head)
    for figure in report.figures:
        yield [Cell(value=figure.label), figure_cell(figure, report.head), Cell(value=figure.note or None)]
    if report.statement:
        yield []
        yield [Cell(value="How the value came about", bold=True)]
        last = len(report.statement) - 1
        for index, line in enumerate(report.statement):
            edge = index in (0, last)
            yield [Cell(value=line.label, bold=edge), figure_cell(line, report.head, bold=edge)]


def _holding_columns(head: ReportHead) -> list[SheetColumn]:
    return [
        SheetColumn(heading="Symbol", width=14),
        SheetColumn(heading="Name", width=38),
        SheetColumn(heading="Class", width=14),
        SheetColumn(heading="Currency", width=10),
        SheetColumn(heading="Quantity", width=18, numeric=True),
        SheetColumn(heading="Price", width=16, numeric=True),
        SheetColumn(heading="Price of", width=12, numeric=True),
        SheetColumn(heading="Simulated price", width=11),
        SheetColumn(heading="Value", width=18, numeric=True),
        SheetColumn(heading=f"Cost basis ({head.currency})", width=20, numeric=True),
        SheetColumn(heading=f"Value ({head.currency})", width=20, numeric=True),
        SheetColumn(heading=f"Unrealised gain ({head.currency})", width=20, numeric=True),
        SheetColumn(heading="Weight", width=10, numeric=True),
    ]


def _holding_rows(report: PortfolioSummary) -> Iterator[list[Cell]]:
    for holding in report.holdings:
        yield _holding(holding, report.head)


def _holding(h: HoldingLine, head: ReportHead) -> list[Cell]:
    return [
        Cell(value=h.symbol),
        Cell(value=h.name),
        Cell(value=h.asset_class),
        Cell(value=h.currency),
        Cell(value=h.quantity, kind="quantity"),
        Cell(value=h.price, kind="fact"),
        Cell(value=h.price_date, kind="day"),
        Cell(value="yes" if h.price_is_simulated else "no"),
        Cell(value=h.market_value, kind="money", digits=head.digits(h.currency)),
        _base(h.cost_basis_base, head),
        _base(h.market_value_base, head),
        _base(h.unrealised_gain_base, head),
        Cell(value=h.weight, kind="percent"),
    ]


def note_rows(head: ReportHead, *more: str) -> Iterator[list[Cell]]:
    """The notes sheet: notices, how numbers were written, the disclaimer."""
    if head.is_simulated:
        yield [Cell(value=SIMULATED.replace("marked with an asterisk (*)", "marked as simulated"))]
    for sentence in (*head.notices, *more):
        yield [Cell(value=sentence)]
    yield [
        Cell(
            value="A spreadsheet keeps 15 significant digits. Quantities, prices and booked amounts with more digits are"
            " written as text, exactly; computed figures are rounded to 15 digits."
        )
    ]
    yield [Cell(value=DISCLAIMER)]


def _notes(report: PortfolioSummary) -> Iterator[list[Cell]]:
    yield from note_rows(
        report.head,
        f"Cost basis by {report.method}. Unrealised gain = value − cost basis. Weight = share of all holdings and cash.",
    )
