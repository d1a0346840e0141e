"""The print shop: workbooks. Typed cells, no formula ever, exact to what a spreadsheet can hold.

Numbers. A spreadsheet keeps 15 significant digits. A *fact* (quantity, price, booked amount) that has more is written as
text, exactly, so that nothing is silently changed; a *derived* figure (value, gain, weight) is rounded half even to 15.

Text. Whatever a person wrote is a string cell with the quote mark set, so that ``=1+1`` stays these four characters even
after somebody edits the cell. Control characters, which the format cannot hold, are dropped.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from .markup import clean

DIGITS: Final = 15
LONGEST_TEXT: Final = 32_767
#: The calendar of spreadsheets counts a 29 February 1900; before it there are no days that all programs agree on.
FIRST_DAY: Final = date(1900, 3, 1)
_ROUND: Final = Context(prec=DIGITS, rounding=ROUND_HALF_EVEN)
_NEWLINES: Final = re.compile(r"\r\n?")

Kind = Literal["text", "fact", "quantity", "money", "percent", "count", "day", "instant"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A typed cell. ``digits``: decimals shown for money; ``currency``: code shown beside the number; ``zone`` for instants."""

    value: Decimal | str | date | datetime | int | None
    kind: Kind = "text"
    digits: int = 2
    currency: str = ""
    zone: str = "UTC"
    bold: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetColumn:
    """Heading and width (in characters) of a column; ``numeric`` puts the heading at the right."""

    heading: str
    width: float
    numeric: bool = False


def number_format(cell: Cell) -> str:
    """The number format of a cell, as spreadsheets write it (they put in the reader's own separators)."""
    if cell.kind == "day":
        return "yyyy-mm-dd"
    if cell.kind == "instant":
        return "yyyy-mm-dd hh:mm:ss"
    if cell.kind == "percent":
        return "0.00%"
    if cell.kind == "count":
        return "#,##0"
    if cell.kind == "quantity":
        return "#,##0.############"
    if cell.kind == "fact":
        return "#,##0.00##########"
    places = "." + "0" * cell.digits if cell.digits else ""
    code = f'\\ [$"{cell.currency}"]'.replace('"', "") if cell.currency else ""
    return f"#,##0{places}{code};[Red]-#,##0{places}{code}"


def fits(value: Decimal) -> bool:
    """Whether a spreadsheet holds this number exactly as it is written."""
    return len(value.normalize(Context(prec=60)).as_tuple().digits) <= DIGITS


class Workbook:
    """A workbook written sheet by sheet and row by row, without keeping rows in memory."""

    def __init__(self, *, title: str, author: str, subject: str, made_at: datetime) -> None:
        from openpyxl import Workbook as Book

        self._book = Book(write_only=True)
        properties = self._book.properties
        properties.title, properties.creator, properties.subject = clean(title), clean(author), clean(subject)
        properties.created = properties.modified = made_at.replace(tzinfo=None)
        properties.language = "en"

    def sheet(
        self,
        name: str,
        *,
        columns: Sequence[SheetColumn],
        rows: Iterable[Sequence[Cell]],
        count: int | None = None,
        landscape: bool = True,
    ) -> None:
        """Add a sheet with a frozen head. ``count``, the number of rows, puts a filter on the head."""
        from openpyxl.utils import get_column_letter

        sheet = self._book.create_sheet(name)
        sheet.freeze_panes = "A2"
        for index, column in enumerate(columns, start=1):
            sheet.column_dimensions[get_column_letter(index)].width = column.width
        if count is not None:
            sheet.auto_filter.ref = f"A1:{get_column_letter(len(columns))}{count + 1}"
        sheet.print_title_rows = "1:1"
        sheet.page_setup.orientation = "landscape" if landscape else "portrait"
        sheet.page_setup.paperSize = 9  # A4
        sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
        sheet.sheet_properties.pageSetUpPr.fitToPage = True
        sheet.oddFooter.left.text, sheet.oddFooter.right.text = "Holdfast", "Page &P of &N"
        sheet.append([self._heading(sheet, c) for c in columns])
        for row in rows:
            sheet.append([self._cell(sheet, c) for c in row])

    def finish(self) -> bytes:
        """The file."""
        out = io.BytesIO()
        self._book.save(out)
        return out.getvalue()

    def _heading(self, sheet: Any, column: SheetColumn) -> Any:
        from openpyxl.styles import Alignment, Border, Font, PatternFill, Side

        cell = self._text(sheet, column.heading)
        cell.font = Font(bold=True, color="FFFFFF")
        cell.fill = PatternFill("solid", fgColor="0F4C5C")
        cell.alignment = Alignment(
            horizontal="right" if column.numeric else "left", vertical="center", wrap_text=True
        )
        cell.border = Border(bottom=Side(style="thin", color="0F4C5C"))
        return cell

    def _cell(self, sheet: Any, cell: Cell) -> Any:
        from openpyxl.cell import WriteOnlyCell
        from openpyxl.styles import Font

        value: Any = cell.value
        if value is None:
            return None
        if isinstance(value, str):
            made = self._text(sheet, value)
        elif isinstance(value, datetime):
            local = value.astimezone(ZoneInfo(cell.zone)).replace(tzinfo=None, microsecond=0)
            made = self._dated(sheet, local, local.date(), cell)
        elif isinstance(value, date):
            made = self._dated(sheet, value, value, cell)
        else:
            number = Decimal(value)
            if not fits(number) and cell.kind in ("fact", "quantity"):
                made = self._text(sheet, f"{number:f}", right=True)
            else:
                exact: Any = number if fits(number) else _ROUND.plus(number)
                made = WriteOnlyCell(sheet, exact)
                made.number_format = number_format(cell)
        if cell.bold:
            made.font = Font(bold=True)
        return made

    def _dated(self, sheet: Any, value: date | datetime, day: date, cell: Cell) -> Any:
        from openpyxl.cell import WriteOnlyCell

        if day < FIRST_DAY:
            return self._text(
                sheet, value.isoformat(sep=" ") if isinstance(value, datetime) else value.isoformat()
            )
        stored: Any = value
        made = WriteOnlyCell(sheet, stored)
        made.number_format = number_format(cell)
        return made

    @staticmethod
    def _text(sheet: Any, value: str, *, right: bool = False) -> Any:
        from openpyxl.cell import WriteOnlyCell
        from openpyxl.styles import Alignment

        made: Any = WriteOnlyCell(sheet, "")
        # Set past the setter, which would read "=…" as a formula and "#N/A" as an error.
        made._value = _NEWLINES.sub("\n", clean(value))[:LONGEST_TEXT]
        made.data_type = "s"
        made.quotePrefix = True
        if right:
            made.alignment = Alignment(horizontal="right")
        return made
