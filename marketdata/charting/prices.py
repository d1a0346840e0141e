"""Charts of prices: one instrument over a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from marketdata.charting.choice import ChartChoice
from marketdata.charting.marks import action_marks, cost_line, trade_marks
from marketdata.charting.ranges import INTRADAY, span_words, start_of
from marketdata.charting.sessions import last_sessions
from marketdata.charting.studies import overlays, panes
from marketdata.charting.writing import labels_of, places_for, texts
from marketdata.domain.resampling import Bars, join_bars, period_ends, telling_points
from marketdata.models import ActionKind, Instrument
from marketdata.queries import (
    ActionView,
    Adjustment,
    DailySeries,
    HeldView,
    PriceRange,
    QuoteView,
    TradeView,
    daily_series,
    empty_series,
)

#: The last rows of the series that a page shows to who runs no scripts.
TABLE_ROWS = 30
#: Times that a holding's growth is told of, in days.
RETURNS = (("Return, 1 month", 30), ("Return, 1 year", 365), ("Return, 5 years", 1826))
EMPTY = "No prices in this time. Choose a longer range."


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceChart:
    """The daily series of an instrument up to now, and what a person chose to see: the days of a range, or the
    minutes of the last ones. `bars` begin before the range, for what looks back."""

    instrument: Instrument
    choice: ChartChoice
    series: DailySeries
    bars: Bars
    first: int
    period: str
    simulated_from: date | None
    now: datetime

    @property
    def shown(self) -> Bars:
        """The days of the range, adjusted as chosen."""
        return self.bars.cut(self.first)

    @property
    def actions(self) -> tuple[ActionView, ...]:
        """Every split and dividend on record, oldest first."""
        return self.series.actions

    @property
    def year_range(self) -> PriceRange | None:
        """The range of the last 52 weeks in today's shares; None without a bar in them."""
        bars = self.series.adjusted(Adjustment.SPLIT)
        year = bars.cut(_place(bars.days, self.now.date() - timedelta(days=364)))
        if not len(year):
            return None
        lows, highs = np.fmin(year.low, year.close), np.fmax(year.high, year.close)
        (low,), (high,) = (texts(np.array([found]), places_for(highs)) for found in (lows.min(), highs.max()))
        return PriceRange(low=Decimal(low or 0), high=Decimal(high or 0))

    @property
    def yearly_dividend(self) -> Decimal | None:
        """What a share of today was paid in the last twelve months; None when nothing."""
        since = self.now.date() - timedelta(days=365)
        total = Decimal(0)
        for action in self.actions:
            if action.kind == ActionKind.DIVIDEND and since < action.ex_date <= self.now.date():
                ratio = Decimal(1)
                for later in self.actions:
                    if later.kind == ActionKind.SPLIT and later.ex_date > action.ex_date:
                        ratio *= later.value
                total += action.value / ratio
        return total or None

    def past_returns(self) -> list[tuple[str, Decimal]]:
        """Return what a holding grew by over some times up to now, dividends reinvested, as fractions; times that
        the series does not reach back to are left out."""
        bars = self.series.adjusted(Adjustment.TOTAL_RETURN)
        found = []
        for label, days in RETURNS:
            place = _place(bars.days, self.now.date() - timedelta(days=days - 1)) - 1
            if 0 <= place < len(bars) - 1 and bars.close[place] > 0:
                growth = float(bars.close[-1] / bars.close[place]) - 1
                found.append((label, Decimal(f"{growth:.6f}")))
        return found

    def table(self) -> list[tuple[date, Decimal]]:
        """The last days (or minutes, as instants) of the range with their closes, newest first."""
        tail = self.shown.cut(-TABLE_ROWS)
        written = (Decimal(text) for text in texts(tail.close, places_for(tail.close)) if text is not None)
        when: list[date] = tail.days.astype(object).tolist()
        if self.is_intraday:
            when = [datetime.fromtimestamp(second, UTC) for second in tail.days.astype(np.int64).tolist()]
        return list(zip(when, written, strict=True))[::-1]

    @property
    def is_intraday(self) -> bool:
        """Whether it is drawn from minutes."""
        return self.period != "day"

    def body(self, *, trades: Sequence[TradeView] = (), held: Sequence[HeldView] = ()) -> dict[str, Any]:
        """Return the JSON of the chart, never more than some 600 points of it.

        Indicators are those of every day, worked out before days are joined or left out.
        """
        if self.first >= len(self.bars):
            return {"labels": [], "empty": EMPTY}
        choice, closes = self.choice, self.bars.close
        period = self.period
        if choice.kind == "candles" and not self.is_intraday:
            ends, period = period_ends(self.shown.days)
            drawn = join_bars(self.shown, ends)
        else:
            ends = telling_points(self.shown.close)
            drawn = self._line(ends)
        labels, decimals = labels_of(drawn.days), places_for(drawn.close)
        places = ends + self.first
        body: dict[str, Any] = {
            "kind": "price",
            "form": choice.kind,
            **_unit(self.instrument),
            "period": period,
            "scale": choice.scale,
            "summary": self.summary(),
            "overlays": [line.at(places, decimals) for line in overlays(closes, choice.shown)],
            "panes": [pane.at(places) for pane in panes(closes, choice.shown)],
            "markers": [],
            "live": {"instrument": self.instrument.pk},
        }
        if "events" in choice.shown:
            body["markers"] += action_marks(self.actions, drawn.days, labels)
        if "trades" in choice.shown:
            body["markers"] += trade_marks(trades, drawn.days, labels)
            if choice.adjustment != Adjustment.TOTAL_RETURN:
                body["lines"] = cost_line(held)
        if choice.kind == "candles":
            body["bars"] = _candles(drawn, labels, decimals, with_volume="volume" in choice.shown)
            return body
        body["labels"] = labels
        body["series"] = [
            {"key": "close", "label": "Close", "values": texts(drawn.close, decimals), "style": "area"}
        ]
        if "volume" in choice.shown and not np.isnan(drawn.volume).all():
            body["volume"] = {
                "label": "Volume" if len(drawn) == len(self.shown) else "Volume, average",
                "values": texts(drawn.volume, 2),
            }
        return body

    def _line(self, places: Any) -> Bars:
        """The days at these places; where days between were left out, with the mean volume of a day since."""
        shown = self.shown
        drawn = shown.at(places)
        if len(drawn) == len(shown):
            return drawn
        known = ~np.isnan(shown.volume)
        begins = np.concatenate(([0], places[:-1] + 1))
        total = np.add.reduceat(np.where(known, shown.volume, 0.0), begins)
        count = np.add.reduceat(known.astype(float), begins)
        volume = np.where(count > 0, total / np.maximum(count, 1), np.nan)
        return Bars(
            days=drawn.days,
            open=drawn.open,
            high=drawn.high,
            low=drawn.low,
            close=drawn.close,
            volume=volume,
        )

    def summary(self) -> str:
        """Say in a sentence or two what the chart shows, what was done to its prices, and from when on they are
        made up."""
        shown = self.shown
        first: date = shown.days[0].astype("datetime64[D]").astype(object)
        begin, end = float(shown.close[0]), float(shown.close[-1])
        if len(shown) < 2 or begin <= 0:
            words = "One price in this time."
        else:
            change = end / begin - 1
            moved = f"{'Up' if change > 0 else 'Down'} {abs(change * 100):,.2f}%" if change else "Unchanged"
            words = f"{moved} {span_words(self.choice.range, first, self.now)}{self._adjusted(first)}."
        since = self.simulated_from
        if since is None:
            return words
        if since <= first:
            return f"{words} Simulated prices."
        return f"{words} Simulated after {(self.instrument.anchor_date or since).isoformat()}."

    def _adjusted(self, first: date) -> str:
        if self.choice.adjustment == Adjustment.TOTAL_RETURN:
            return " with dividends reinvested"
        later = [a for a in self.actions if a.kind == ActionKind.SPLIT and a.ex_date > first]
        if not later:
            return ""
        return ", as traded" if self.choice.adjustment == Adjustment.RAW else ", adjusted for splits"


def price_chart(
    instrument: Instrument, quote: QuoteView | None, *, choice: ChartChoice, now: datetime
) -> PriceChart:
    """Read the series of an instrument with its latest price, and find what a choice shows of it. Two statements,
    up to four where minutes are drawn."""
    found = daily_series([instrument.pk]).get(instrument.pk) or empty_series(instrument.pk)
    series = found.with_quote(quote)
    if choice.range in INTRADAY:
        sessions = last_sessions(instrument, quote, code=choice.range, now=now)
        if sessions is not None:
            return PriceChart(
                instrument=instrument,
                choice=choice,
                series=series,
                bars=sessions.bars,
                first=sessions.first,
                period=sessions.period,
                simulated_from=date.min if sessions.is_simulated else None,
                now=now,
            )
    bars = series.adjusted(choice.adjustment)
    first = _place(bars.days, start_of(choice.range, now))
    if len(bars) - first == 1 and first:
        # A single price is no line: the one before it belongs to it.
        first -= 1
    return PriceChart(
        instrument=instrument,
        choice=choice,
        series=series,
        bars=bars,
        first=first,
        period="day",
        simulated_from=series.simulated_from,
        now=now,
    )


def _place(days: Any, day: date) -> int:
    return int(np.searchsorted(days, np.datetime64(day)))


def _unit(instrument: Instrument) -> dict[str, str]:
    if instrument.quote_unit == "percent":
        return {"unit": "number"}
    return {"unit": "price", "currency": instrument.currency}


def _candles(
    bars: Bars, labels: Sequence[str], decimals: int, *, with_volume: bool
) -> list[dict[str, str | None]]:
    """What is known of a day; where only its close is, the day began and ended there."""

    def column(values: Any) -> list[str | None]:
        return texts(np.where(np.isnan(values), bars.close, values), decimals)

    volumes = texts(bars.volume, 2) if with_volume else [None] * len(bars)
    columns = (column(bars.open), column(bars.high), column(bars.low), column(bars.close), volumes)
    return [
        {"at": at, "open": o, "high": h, "low": low, "close": c, "volume": v}
        for at, o, h, low, c, v in zip(labels, *columns, strict=True)
    ]
