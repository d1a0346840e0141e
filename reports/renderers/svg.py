"""The print shop: charts as SVG text. Coordinates are floats, as drawings are; no figure is computed here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from .data import Locale, SeriesPoint, Slice
from .markup import Markup, el
from .numbers import decimal_text

# Distinguishable in grey print and for the colour-blind (neighbours differ in lightness).
PALETTE: Final = ("#0f4c5c", "#4fa3a5", "#e09f3e", "#9e2a2b", "#8f9fb3", "#5f7d3a", "#c98bb9", "#3b3355")
OTHER: Final = "#c9d0d8"
INK: Final = "#16202c"
MUTED: Final = "#5b6673"
HAIRLINE: Final = "#dfe4ea"
ACCENT: Final = "#0f4c5c"
FONT: Final = "Holdfast Sans"


def colour(index: int, slices: int) -> str:
    """The colour of slice ``index``; whatever is beyond the palette shares one grey."""
    return PALETTE[index] if index < len(PALETTE) and index < slices else OTHER


def grouped(slices: Sequence[Slice], *, most: int = 7, other: str = "Other") -> list[Slice]:
    """At most ``most`` slices: the smallest are put together under ``other``."""
    if len(slices) <= most:
        return list(slices)
    rest = slices[most - 1 :]
    return [
        *slices[: most - 1],
        Slice(
            label=other,
            value=sum((s.value for s in rest), Decimal()),
            weight=sum((s.weight for s in rest), Decimal()),
        ),
    ]


def doughnut(slices: Sequence[Slice], *, size: int = 150, centre: str = "", caption: str = "") -> Markup:
    """A ring of ``slices`` clockwise from the top; slices that are zero or negative have no arc."""
    middle, outer, inner = size / 2, size / 2 - 1, size * 0.31
    shown = [(i, s) for i, s in enumerate(slices) if s.weight > 0]
    total = float(sum((s.weight for _, s in shown), Decimal()))
    shapes: list[str] = []
    angle = -math.pi / 2
    for index, part in shown:
        share = float(part.weight) / total
        fill = colour(index, len(slices))
        if share > 0.9999:
            radius = (outer + inner) / 2
            shapes.append(
                el(
                    "circle",
                    cx=middle,
                    cy=middle,
                    r=_n(radius),
                    fill="none",
                    stroke=fill,
                    stroke_width=_n(outer - inner),
                )
            )
            break
        shapes.append(
            el(
                "path",
                d=_arc(middle, outer, inner, angle, angle + share * 2 * math.pi),
                fill=fill,
                stroke="#ffffff",
                stroke_width=1,
            )
        )
        angle += share * 2 * math.pi
    if not shapes:
        shapes.append(
            el(
                "circle",
                cx=middle,
                cy=middle,
                r=_n((outer + inner) / 2),
                fill="none",
                stroke=HAIRLINE,
                stroke_width=_n(outer - inner),
            )
        )
    if centre:
        shapes.append(
            _label(middle, middle + (1 if caption else 4), centre, size=13, anchor="middle", weight=600)
        )
    if caption:
        shapes.append(_label(middle, middle + 14, caption, size=8, anchor="middle", fill=MUTED))
    return _svg(size, size, shapes)


def swatch(index: int) -> Markup:
    """A small square in the colour of slice ``index``, for a legend."""
    return _svg(10, 10, [el("rect", x=0, y=0, width=10, height=10, rx=2, fill=colour(index, index + 1))])


def value_chart(
    points: Sequence[SeriesPoint], *, locale: Locale, width: int = 700, height: int = 190
) -> Markup:
    """A line with an area under it: value by day, with a few round grid values and at most seven dates.

    At most 400 points are drawn (evenly taken, the last one always).
    """
    left, right, top, bottom = 66, 8, 8, 24
    points = _thinned(points, 400)
    values = [float(p.value) for p in points]
    low, high, step = _scale(min(values), max(values))
    first_day, last_day = points[0].day.toordinal(), points[-1].day.toordinal()
    span = max(last_day - first_day, 1)

    def x(ordinal: int) -> float:
        return left + (ordinal - first_day) / span * (width - left - right)

    def y(value: float) -> float:
        return top + (high - value) / (high - low) * (height - top - bottom)

    shapes: list[str] = []
    places = max(0, -math.floor(math.log10(step))) if step < 1 else 0
    grid = low
    while grid <= high + step / 1000:
        shapes.append(
            el(
                "line",
                x1=left,
                x2=width - right,
                y1=_n(y(grid)),
                y2=_n(y(grid)),
                stroke=HAIRLINE,
                stroke_width=0.75,
            )
        )
        label = decimal_text(Decimal(repr(round(grid, 10))), places=places, locale=locale)
        shapes.append(_label(left - 6, y(grid) + 3, label, size=10, anchor="end", fill=MUTED))
        grid += step
    line = " ".join(f"{_n(x(p.day.toordinal()))},{_n(y(v))}" for p, v in zip(points, values, strict=True))
    floor = _n(y(max(low, 0) if low >= 0 else 0))
    if len(points) > 1:
        shapes.append(
            el(
                "polygon",
                points=f"{_n(left)},{floor} {line} {_n(x(last_day))},{floor}",
                fill=ACCENT,
                fill_opacity=0.10,
            )
        )
        shapes.append(
            el("polyline", points=line, fill="none", stroke=ACCENT, stroke_width=1.6, stroke_linejoin="round")
        )
    shapes.append(el("circle", cx=_n(x(last_day)), cy=_n(y(values[-1])), r=2.6, fill=ACCENT))
    pattern = "%b %Y" if span > 200 else "%d %b"
    ticks = min(6, span) if len(points) > 1 else 0
    for number in range(ticks + 1):
        ordinal = first_day + round(span * number / max(ticks, 1))
        if ordinal > last_day:
            break
        anchor = "start" if number == 0 else "end" if number == ticks else "middle"
        label = points[0].day.fromordinal(ordinal).strftime(pattern)
        shapes.append(_label(x(ordinal), height - 6, label, size=10, anchor=anchor, fill=MUTED))
    return _svg(width, height, shapes)


def _svg(width: float, height: float, shapes: Sequence[str]) -> Markup:
    return el(
        "svg",
        *shapes,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width} {height}",
        width=width,
        height=height,
    )


def _label(
    x: float, y: float, content: str, *, size: int, anchor: str = "start", fill: str = INK, weight: int = 400
) -> Markup:
    return el(
        "text",
        content,
        x=_n(x),
        y=_n(y),
        font_size=size,
        text_anchor=anchor,
        fill=fill,
        font_weight=weight,
        font_family=FONT,
    )


def _arc(middle: float, outer: float, inner: float, start: float, end: float) -> str:
    large = 1 if end - start > math.pi else 0
    a, b = (
        (middle + outer * math.cos(start), middle + outer * math.sin(start)),
        (middle + outer * math.cos(end), middle + outer * math.sin(end)),
    )
    c, d = (
        (middle + inner * math.cos(end), middle + inner * math.sin(end)),
        (middle + inner * math.cos(start), middle + inner * math.sin(start)),
    )
    return (
        f"M{_n(a[0])} {_n(a[1])}A{_n(outer)} {_n(outer)} 0 {large} 1 {_n(b[0])} {_n(b[1])}"
        f"L{_n(c[0])} {_n(c[1])}A{_n(inner)} {_n(inner)} 0 {large} 0 {_n(d[0])} {_n(d[1])}Z"
    )


def _scale(low: float, high: float) -> tuple[float, float, float]:
    """Round bounds and step for about four grid lines; zero is included when it is near."""
    if low > 0 and low < high * 0.6:
        low = 0.0
    if high == low:
        low, high = (low - abs(low) * 0.05 - 1, high + abs(high) * 0.05 + 1)
    raw = (high - low) / 4
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = next(m * magnitude for m in (1, 2, 2.5, 5, 10) if m * magnitude >= raw)
    return math.floor(low / step) * step, math.ceil(high / step) * step, step


def _thinned(points: Sequence[SeriesPoint], most: int) -> Sequence[SeriesPoint]:
    if len(points) <= most:
        return points
    stride = (len(points) - 1) / (most - 1)
    return [points[round(i * stride)] for i in range(most)]


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
