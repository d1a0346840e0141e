"""The print shop: long listings as PDF, drawn row by row by reportlab.

A designed page costs WeasyPrint about 5 ms a row; this costs about a fiftieth and no memory per row. The look is that of
``print.css``: same paper, margins, fonts, colours, running texts.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from .markup import clean
from .pdf import FONT_FILES, FONTS, Rendered

MM: Final = 72 / 25.4
WIDTH, HEIGHT = 297 * MM, 210 * MM  # A4 on its side
LEFT, RIGHT, TOP, BOTTOM = 14 * MM, 14 * MM, 24 * MM, 18 * MM
ROW, SECOND_LINE, HEAD = 13.5, 9.0, 15.0
SIZE, SMALL, TINY = 7.6, 6.6, 7.2
Colour = tuple[float, float, float]


def _rgb(code: str) -> Colour:
    return int(code[1:3], 16) / 255, int(code[3:5], 16) / 255, int(code[5:7], 16) / 255


INK, MUTED, HAIRLINE, ACCENT, LOSS = map(_rgb, ("#16202c", "#5b6673", "#dfe4ea", "#0f4c5c", "#a61b1b"))
REGULAR, BOLD = "HoldfastSans", "HoldfastSans-SemiBold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column: heading, width in mm, whether its cells stand at the right."""

    heading: str
    width: float
    numeric: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Texts of one row and an optional second, smaller line that runs across it."""

    cells: Sequence[str]
    note: str = ""


def draw_listing(
    *,
    columns: Sequence[Column],
    rows: Iterable[Row],
    running: str,
    footing: str,
    heading: str,
    first_page: int = 1,
    on_progress: Callable[[int], None] = lambda _drawn: None,
) -> Rendered:
    """Draw ``rows`` on as many landscape pages as they need; the head repeats on each.

    The pages are numbered from ``first_page`` on, and "of" how many is the last one's number. Text that does not fit is
    cut with an ellipsis (the Excel file has it whole). ``on_progress`` hears the number of rows drawn, now and then.
    """
    from reportlab.pdfgen.canvas import Canvas

    _register_fonts()
    out = io.BytesIO()
    canvas = _NumberedCanvas.make(Canvas, out, first_page)
    edges = _edges(columns)
    y = _begin_page(canvas, columns, edges, running, footing, heading)
    for number, row in enumerate(rows, start=1):
        height = ROW + (SECOND_LINE if row.note else 0)
        if y - height < BOTTOM:
            canvas.showPage()
            y = _begin_page(canvas, columns, edges, running, footing, heading)
        _draw_row(canvas, columns, edges, row, y, height)
        y -= height
        if number % 500 == 0:
            on_progress(number)
    canvas.showPage()
    pages = len(canvas.kept)
    canvas.save()
    return Rendered(content=out.getvalue(), pages=pages)


class _NumberedCanvas:
    """A canvas that keeps its pages until the number of the last one is known."""

    @staticmethod
    def make(base: type, out: io.BytesIO, first_page: int) -> Any:
        class Numbered(base):
            kept: list[dict[str, Any]]

            def showPage(self) -> None:  # noqa: N802 - the library's name
                self.kept.append(dict(self.__dict__))
                self._startPage()

            def save(self) -> None:
                total = first_page - 1 + len(self.kept)
                for index, state in enumerate(self.kept):
                    self.__dict__.update(state)
                    _text(
                        self,
                        WIDTH - RIGHT,
                        BOTTOM - 12 * MM + 10,
                        f"Page {first_page + index} of {total}",
                        size=TINY,
                        colour=MUTED,
                        right=True,
                    )
                    base.showPage(self)  # type: ignore[attr-defined]
                base.save(self)  # type: ignore[attr-defined]

        canvas = Numbered(out, pagesize=(WIDTH, HEIGHT), pageCompression=1, invariant=1)
        canvas.kept = []
        return canvas


def _register_fonts() -> None:
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    for name, key in ((REGULAR, "regular"), (BOLD, "semibold")):
        if name not in pdfmetrics.getRegisteredFontNames():
            pdfmetrics.registerFont(TTFont(name, str(FONTS / FONT_FILES[key])))


def _edges(columns: Sequence[Column]) -> list[tuple[float, float]]:
    """Left and right edge of each column in points; widths are stretched to fill the page."""
    stretch = (WIDTH - LEFT - RIGHT) / (sum(c.width for c in columns) * MM)
    edges, x = [], LEFT
    for column in columns:
        edges.append((x, x + column.width * MM * stretch))
        x = edges[-1][1]
    return edges


def _begin_page(
    canvas: Any,
    columns: Sequence[Column],
    edges: Sequence[tuple[float, float]],
    running: str,
    footing: str,
    heading: str,
) -> float:
    _text(canvas, LEFT, HEIGHT - TOP + 9 * MM, "Holdfast", size=8.5, colour=ACCENT, bold=True)
    _text(
        canvas,
        WIDTH - RIGHT,
        HEIGHT - TOP + 9 * MM,
        _fitted(running, 170 * MM, TINY),
        size=TINY,
        colour=MUTED,
        right=True,
    )
    _text(canvas, LEFT, BOTTOM - 12 * MM + 10, footing, size=TINY, colour=MUTED)
    y = HEIGHT - TOP
    _text(canvas, LEFT, y - 2, heading, size=11, bold=True)
    y -= 11
    for column, (x1, x2) in zip(columns, edges, strict=True):
        _text(canvas, *_anchor(column, x1, x2), y - 10, column.heading, size=SMALL, colour=MUTED, bold=True)
    canvas.setStrokeColorRGB(*INK)
    canvas.setLineWidth(0.8)
    canvas.line(LEFT, y - HEAD, WIDTH - RIGHT, y - HEAD)
    # The rows' hairline, set once for the page.
    canvas.setStrokeColorRGB(*HAIRLINE)
    canvas.setLineWidth(0.5)
    return y - HEAD


def _draw_row(
    canvas: Any,
    columns: Sequence[Column],
    edges: Sequence[tuple[float, float]],
    row: Row,
    y: float,
    height: float,
) -> None:
    for column, (x1, x2), content in zip(columns, edges, row.cells, strict=True):
        if content:
            is_loss = column.numeric and content.startswith("\N{MINUS SIGN}")
            _text(
                canvas,
                *_anchor(column, x1, x2),
                y - 9.3,
                _fitted(content, x2 - x1 - 5, SIZE),
                size=SIZE,
                colour=LOSS if is_loss else INK,
            )
    if row.note:
        start = edges[1][0] if len(edges) > 1 else LEFT
        _text(
            canvas,
            start,
            y - ROW - 4.5,
            _fitted(row.note, WIDTH - RIGHT - start, SMALL),
            size=SMALL,
            colour=MUTED,
        )
    canvas.line(LEFT, y - height, WIDTH - RIGHT, y - height)


def _anchor(column: Column, x1: float, x2: float) -> tuple[float, bool]:
    return (x2 - 2.5, True) if column.numeric else (x1, False)


def _text(
    canvas: Any,
    x: float,
    *rest: Any,
    size: float,
    colour: Colour = INK,
    bold: bool = False,
    right: bool = False,
) -> None:
    """Draw text at (x, y); called as (x, y, text) or (x, is_right, y, text)."""
    if len(rest) == 3:
        right, y, content = rest
    else:
        y, content = rest
    canvas.setFont(BOLD if bold else REGULAR, size)
    canvas.setFillColorRGB(*colour)
    (canvas.drawRightString if right else canvas.drawString)(x, y, content)


def _fitted(content: str, width: float, size: float) -> str:
    """``content`` on one line, cut with an ellipsis where it is wider than ``width`` points."""
    from reportlab.pdfbase.pdfmetrics import stringWidth

    content = " ".join(clean(content).split())
    # No letter is wider than its size: most cells fit without being measured.
    if len(content) * size <= width or stringWidth(content, REGULAR, size) <= width:
        return content
    # A first cut by the average letter, then letter by letter.
    content = content[: int(width / (size * 0.3))]
    while content and stringWidth(content + "…", REGULAR, size) > width:
        content = content[:-1]
    return content.rstrip() + "…"
