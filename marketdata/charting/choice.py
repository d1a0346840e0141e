"""Charts of prices: what a person chose to see. It lives in the address, so that it can be kept and sent on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlencode

from marketdata.charting.ranges import DEFAULT_RANGE, range_code
from marketdata.queries import Adjustment


class _Query(Protocol):
    """Parameters of an address (a `QueryDict`)."""

    def get(self, key: str) -> str | None:
        """The last value of a parameter."""

    def getlist(self, key: str) -> list[str]:
        """All of them."""

    def __contains__(self, key: object) -> bool: ...


@dataclass(frozen=True, slots=True)
class Option:
    """Something that can be chosen: its code in the address, its name and what it is."""

    code: str
    label: str
    hint: str = ""


KINDS = (Option("line", "Line"), Option("candles", "Candles"))
ADJUSTMENTS = (
    Option(Adjustment.SPLIT, "Split-adjusted", "Past prices in today's shares"),
    Option(Adjustment.TOTAL_RETURN, "Total return", "Every dividend buys more of it on its ex-date"),
    Option(Adjustment.RAW, "As traded", "What was paid on the day"),
)
SCALES = (Option("linear", "Linear"), Option("log", "Logarithmic", "Equal steps are equal percentages"))
#: What can lie over or under the price, and what marks it.
STUDIES = (
    Option("volume", "Volume"),
    Option("sma20", "SMA 20", "Mean of the last 20 closes"),
    Option("sma50", "SMA 50", "Mean of the last 50 closes"),
    Option("sma200", "SMA 200", "Mean of the last 200 closes"),
    Option("ema20", "EMA 20", "Exponential average of 20 closes"),
    Option("ema50", "EMA 50", "Exponential average of 50 closes"),
    Option("bollinger", "Bollinger bands", "Mean of 20 closes and two standard deviations around it"),
    Option("rsi", "RSI 14", "Relative strength: share of rises in all movement (Wilder)"),
    Option("macd", "MACD 12 26 9", "Difference of two averages, and its own average"),
)
MARKS = (
    Option("events", "Dividends and splits"),
    Option("trades", "My trades"),
)
DEFAULT_SHOWN = frozenset({"volume", "events", "trades"})
_KNOWN = frozenset(option.code for option in (*STUDIES, *MARKS))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartChoice:
    """A range, how it is drawn, what past prices are made comparable for, and what is shown with it."""

    range: str = DEFAULT_RANGE
    kind: str = "line"
    adjustment: Adjustment = Adjustment.SPLIT
    scale: str = "linear"
    shown: frozenset[str] = DEFAULT_SHOWN

    @classmethod
    def read(cls, query: _Query) -> ChartChoice:
        """Take the choice from an address; what is not known there is the usual one. `show` may come several
        times, and empty for nothing at all."""
        adjustment = query.get("adjust") or ""
        return cls(
            range=range_code(query.get("range")),
            kind="candles" if query.get("kind") == "candles" else "line",
            adjustment=Adjustment(adjustment) if adjustment in set(Adjustment) else Adjustment.SPLIT,
            scale="log" if query.get("scale") == "log" else "linear",
            shown=_KNOWN.intersection(query.getlist("show")) if "show" in query else DEFAULT_SHOWN,
        )

    def query(self) -> str:
        """Write the choice as the query of an address, whole and always in the same order."""
        pairs = [("range", self.range), ("kind", self.kind), ("adjust", str(self.adjustment))]
        if self.scale != "linear":
            pairs.append(("scale", self.scale))
        if self.shown != DEFAULT_SHOWN:
            pairs += [("show", code) for code in sorted(self.shown)] or [("show", "")]
        return urlencode(pairs)
