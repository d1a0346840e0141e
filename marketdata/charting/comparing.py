"""Charts of prices: several instruments beside each other, each 100 on the first day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np

from marketdata.charting.ranges import start_of
from marketdata.charting.writing import labels_of, texts
from marketdata.domain.comparing import Figures, Line, common_start, correlation, figures_of, rebased
from marketdata.domain.resampling import period_ends
from marketdata.models import Instrument
from marketdata.queries import (
    Adjustment,
    FxRateMissing,
    QuoteView,
    cached_quotes,
    daily_series,
    fx_rates_between,
)

#: More lines than these cannot be told apart.
MOST = 8
TABLE_ROWS = 30
EMPTY = "No prices in this time. Choose a longer range or other instruments."


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """An instrument, its line since the common first day and what it did."""

    instrument: Instrument
    line: Line
    figures: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Instruments over a time, from the first day on which all of them have a price; `days` are those drawn.

    `left_out` have no price in the time, or no exchange rate into the currency asked for.
    """

    items: list[Compared]
    left_out: list[Instrument]
    days: Any
    start: date | None
    code: str
    now: datetime
    simulated: bool

    def correlations(self) -> list[list[Decimal | None]]:
        """Return the matrix of correlations, in the order of the items."""
        return [[_exact(correlation(a.line, b.line)) for b in self.items] for a in self.items]

    def body(self) -> dict[str, Any]:
        """Return the JSON of the chart."""
        if not self.items or len(self.days) < 2:
            return {"labels": [], "empty": EMPTY}
        lines = rebased([item.line for item in self.items], self.days)
        return {
            "kind": "line",
            "unit": "number",
            "labels": labels_of(self.days),
            "series": [
                {"key": str(item.instrument.pk), "label": item.instrument.symbol, "values": texts(values, 2)}
                for item, values in zip(self.items, lines, strict=True)
            ],
            "summary": self.summary(),
        }

    def summary(self) -> str:
        """Say from when on they are compared and who did best."""
        known = [item for item in self.items if item.figures.growth is not None]
        words = f"100 on {self.start.isoformat()}." if self.start else ""
        if len(known) > 1:
            best = max(known, key=lambda item: item.figures.growth or 0.0)
            worst = min(known, key=lambda item: item.figures.growth or 0.0)
            words += f" Most: {_said(best)}; least: {_said(worst)}."
        return f"{words} With simulated prices." if self.simulated else words

    def table(self) -> list[tuple[Any, ...]]:
        """The last days of the chart, newest first, for who runs no scripts."""
        if not self.items or not len(self.days):
            return []
        lines = [values[-TABLE_ROWS:] for values in rebased([item.line for item in self.items], self.days)]
        columns = [[None if text is None else Decimal(text) for text in texts(values, 2)] for values in lines]
        return list(zip(self.days[-TABLE_ROWS:].astype(object), *columns, strict=True))[::-1]


def compare(
    instruments: Sequence[Instrument],
    *,
    code: str,
    adjustment: Adjustment,
    currency: str,
    now: datetime,
) -> Comparison:
    """Put instruments beside each other over a range; in `currency`, or each in its own where that is empty. Up to
    four statements."""
    quotes = cached_quotes([instrument.pk for instrument in instruments], now=now)
    lines, simulated = _lines(instruments, quotes, adjustment)
    if currency:
        lines = _converted(instruments, lines, currency, now)
    start = np.datetime64(start_of(code, now))
    inside = {pk: line for pk, line in lines.items() if len(line.days) and line.days[-1] >= start}
    shown = [instrument for instrument in instruments if instrument.pk in inside]
    first = common_start(list(inside.values()), start) if inside else start
    items = [
        Compared(instrument=instrument, line=line, figures=figures_of(line))
        for instrument in shown
        for line in [inside[instrument.pk].since(first)]
    ]
    days = (
        np.unique(np.concatenate([item.line.days for item in items]))
        if items
        else np.empty(0, dtype="datetime64[D]")
    )
    ends, _ = period_ends(days)
    # The first day is where all are 100: it stays, whatever period it falls into.
    drawn = days[np.union1d(ends, [0])] if len(days) else days
    return Comparison(
        items=items,
        left_out=[instrument for instrument in instruments if instrument.pk not in inside],
        days=drawn,
        start=first.astype(object) if items else None,
        code=code,
        now=now,
        simulated=simulated,
    )


def _lines(
    instruments: Sequence[Instrument], quotes: Mapping[int, QuoteView], adjustment: Adjustment
) -> tuple[dict[int, Line], bool]:
    lines, simulated = {}, False
    for pk, series in daily_series([instrument.pk for instrument in instruments]).items():
        latest = series.with_quote(quotes.get(pk))
        bars = latest.adjusted(adjustment)
        lines[pk] = Line(days=bars.days, closes=bars.close)
        simulated = simulated or latest.simulated_from is not None
    return lines, simulated


def _converted(
    instruments: Sequence[Instrument], lines: Mapping[int, Line], currency: str, now: datetime
) -> dict[int, Line]:
    """The lines at each day's exchange rate; those whose currency has no rate are left out."""
    found: dict[int, Line] = {}
    rates: dict[str, Line | None] = {}
    known = [line.days[0] for line in lines.values() if len(line.days)]
    begin: date = min(known).astype(object) if known else now.date()
    for instrument in instruments:
        code = instrument.currency
        if instrument.pk not in lines:
            continue
        if code == currency:
            found[instrument.pk] = lines[instrument.pk]
            continue
        if code not in rates:
            rates[code] = _rates(code, currency, begin, now)
        rate = rates[code]
        if rate is None:
            continue
        line = lines[instrument.pk]
        values = line.closes * rate.on(line.days)
        from_rate = ~np.isnan(values)
        found[instrument.pk] = Line(days=line.days[from_rate], closes=values[from_rate])
    return found


def _rates(base: str, quote: str, begin: date, now: datetime) -> Line | None:
    try:
        series = fx_rates_between([(base, quote)], begin, now.astimezone(UTC).date())[base, quote]
    except FxRateMissing:
        return None
    days = np.array(list(series), dtype="datetime64[D]")
    return Line(days=days, closes=np.array([float(rate) for rate in series.values()]))


def _exact(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(f"{value:.4f}")


def _said(item: Compared) -> str:
    return f"{item.instrument.symbol} {(item.figures.growth or 0.0) * 100:+.2f}%"
