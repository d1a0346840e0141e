"""The print shop: the transaction history as a workbook: Transactions, Totals, Notes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from zoneinfo import ZoneInfo

from .data import ReportHead, TransactionHistory, TransactionLine
from .parts_html import period_text
from .summary_xlsx import figure_cell, head_rows, note_rows
from .xlsx import Cell, SheetColumn, Workbook

Progress = Callable[[int, str], None]


def transactions_xlsx(
    report: TransactionHistory, progress: Progress = lambda _percent, _stage: None
) -> bytes:
    """The workbook. ``progress`` hears a percentage of this work and what is being done."""
    head = report.head
    book = Workbook(
        title=f"{head.title}: {head.portfolio_name}",
        author=head.owner_name,
        subject=f"{head.title}, {period_text(head)}",
        made_at=head.generated_at,
    )
    book.sheet(
        "Transactions",
        columns=[
            SheetColumn(heading="Day", width=12),
            SheetColumn(heading=f"Time ({head.locale.time_zone})", width=20),
            SheetColumn(heading="Type", width=18),
            SheetColumn(heading="Account", width=22),
            SheetColumn(heading="Symbol", width=14),
            SheetColumn(heading="Name", width=34),
            SheetColumn(heading="Quantity", width=18, numeric=True),
            SheetColumn(heading="Price", width=18, numeric=True),
            SheetColumn(heading="Amount", width=18, numeric=True),
            SheetColumn(heading="Fees", width=14, numeric=True),
            SheetColumn(heading="Taxes", width=14, numeric=True),
            SheetColumn(heading="Cash", width=18, numeric=True),
            SheetColumn(heading="Currency", width=10),
            SheetColumn(heading="Note", width=50),
            SheetColumn(heading="Reference", width=24),
        ],
        rows=_rows(report, progress),
        count=len(report.rows),
    )
    progress(90, "Adding totals")
    book.sheet(
        "Totals",
        columns=[
            SheetColumn(heading="Type", width=34),
            SheetColumn(heading="Currency", width=24),
            SheetColumn(heading="Entries", width=10, numeric=True),
            SheetColumn(heading="Amount", width=20, numeric=True),
            SheetColumn(heading="Fees", width=16, numeric=True),
            SheetColumn(heading="Taxes", width=16, numeric=True),
            SheetColumn(heading="Cash", width=20, numeric=True),
        ],
        rows=_totals(report),
        count=len(report.totals),
    )
    book.sheet(
        "About",
        columns=[
            SheetColumn(heading="Figure", width=34),
            SheetColumn(heading="Value", width=40, numeric=True),
        ],
        rows=_about(report),
        landscape=False,
    )
    book.sheet(
        "Notes",
        columns=[SheetColumn(heading="Notes", width=120)],
        rows=note_rows(
            head,
            "Cash is what an entry did to the cash balance in its currency, after fees and taxes. Entries that were"
            " corrected or deleted are not listed.",
        ),
    )
    return book.finish()


def _rows(report: TransactionHistory, progress: Progress) -> Iterator[list[Cell]]:
    zone = ZoneInfo(report.head.locale.time_zone)
    count = max(len(report.rows), 1)
    for number, line in enumerate(report.rows, start=1):
        yield _row(line, report.head, zone)
        if number % 1000 == 0:
            progress(85 * number // count, "Writing entries")


def _row(line: TransactionLine, head: ReportHead, zone: ZoneInfo) -> list[Cell]:
    digits = head.digits(line.currency)

    def booked(value: Decimal | None) -> Cell:
        # Shown in the currency's decimals unless it has more: then every digit.
        fits_currency = value is not None and value == round(value, digits)
        return Cell(value=value, kind="money" if fits_currency else "fact", digits=digits)

    return [
        Cell(
            value=line.occurred_date if line.is_date_only else line.occurred_at.astimezone(zone).date(),
            kind="day",
        ),
        Cell(
            value=None if line.is_date_only else line.occurred_at, kind="instant", zone=head.locale.time_zone
        ),
        Cell(value=line.type_label),
        Cell(value=line.account),
        Cell(value=line.symbol),
        Cell(value=line.instrument_name),
        Cell(value=line.quantity, kind="quantity"),
        Cell(value=line.price, kind="fact"),
        booked(line.amount),
        booked(line.fees),
        booked(line.taxes),
        booked(line.cash_effect),
        Cell(value=line.currency),
        Cell(value=line.note or None),
        Cell(value=line.external_id or None),
    ]


def _totals(report: TransactionHistory) -> Iterator[list[Cell]]:
    for total in report.totals:
        digits = report.head.digits(total.currency)
        yield [
            Cell(value=total.type_label),
            Cell(value=total.currency),
            Cell(value=total.count, kind="count"),
            *(
                Cell(value=value, kind="money", digits=digits)
                for value in (total.amount, total.fees, total.taxes, total.cash_effect)
            ),
        ]


def _about(report: TransactionHistory) -> Iterator[list[Cell]]:
    yield from head_rows(report.head)
    for figure in report.figures:
        yield [Cell(value=figure.label), figure_cell(figure, report.head)]
