"""Charts of prices: indicators as the lines over the price and the strips under it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from marketdata.charting.writing import places_for, texts
from marketdata.domain.indicators import (
    bollinger_bands,
    convergence,
    exponential_average,
    relative_strength,
    simple_average,
)

_AVERAGES = {
    "sma20": ("SMA 20", simple_average, 20),
    "sma50": ("SMA 50", simple_average, 50),
    "sma200": ("SMA 200", simple_average, 200),
    "ema20": ("EMA 20", exponential_average, 20),
    "ema50": ("EMA 50", exponential_average, 50),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of a chart: one figure for each day of the whole series. `style` is `line`, `band` or `bar`."""

    key: str
    label: str
    values: Any
    style: str = "line"
    legend: str = ""

    def at(self, places: Any, decimals: int) -> dict[str, Any]:
        """Write the line at these places of the series."""
        body = {"key": self.key, "label": self.label, "values": texts(self.values[places], decimals)}
        told = {"style": "" if self.style == "line" else self.style, "legend": self.legend}
        return body | {name: text for name, text in told.items() if text}


def overlays(closes: Any, shown: Iterable[str]) -> list[Line]:
    """Return the chosen lines that share the price's axis, over the whole series."""
    wanted = set(shown)
    found = [
        Line(key=code, label=label, values=average(closes, period))
        for code, (label, average, period) in _AVERAGES.items()
        if code in wanted
    ]
    if "bollinger" in wanted:
        bands = bollinger_bands(closes)
        found += [
            Line(key="bollinger-upper", label="Bollinger, upper", values=bands.upper, style="band"),
            Line(
                key="bollinger-middle",
                label="Bollinger, middle",
                values=bands.middle,
                legend="Bollinger bands",
            ),
            Line(key="bollinger-lower", label="Bollinger, lower", values=bands.lower, style="band"),
        ]
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Pane:
    """A strip under the price with an axis of its own; `levels` are lines across it."""

    key: str
    label: str
    lines: tuple[Line, ...]
    levels: tuple[str, ...] = ()
    span: tuple[str, str] | None = None

    def at(self, places: Any) -> dict[str, Any]:
        """Write the strip at these places of the series."""
        decimals = 2 if self.span else places_for(np.concatenate([line.values for line in self.lines]))
        body: dict[str, Any] = {
            "key": self.key,
            "label": self.label,
            "series": [line.at(places, decimals) for line in self.lines],
            "levels": list(self.levels),
        }
        if self.span:
            body["min"], body["max"] = self.span
        return body


def panes(closes: Any, shown: Iterable[str]) -> list[Pane]:
    """Return the chosen strips, over the whole series."""
    wanted, found = set(shown), []
    if "rsi" in wanted:
        line = Line(key="rsi", label="RSI", values=relative_strength(closes))
        found.append(Pane(key="rsi", label="RSI 14", lines=(line,), levels=("30", "70"), span=("0", "100")))
    if "macd" in wanted:
        result = convergence(closes)
        lines = (
            Line(key="histogram", label="MACD less signal", values=result.histogram, style="bar"),
            Line(key="macd", label="MACD", values=result.macd),
            Line(key="signal", label="Signal", values=result.signal),
        )
        found.append(Pane(key="macd", label="MACD 12 26 9", lines=lines, levels=("0",)))
    return found
