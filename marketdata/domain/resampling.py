"""Market data: long series in few points, as pure functions. What a chart cannot show is left out here, so
that it is not sent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Days = NDArray[np.datetime64]
Floats = NDArray[np.float64]
Places = NDArray[np.intp]

#: A chart does not get more points than this.
MOST_POINTS = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Days, longer or shorter periods, oldest first: `days` has each one's last day, or its instant where they
    are shorter. What is not known is NaN."""

    days: Days
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    def __len__(self) -> int:
        return len(self.days)

    def cut(self, start: int) -> Bars:
        """Return the bars from place `start` on."""
        return self.at(slice(start, None))

    def at(self, places: slice | Places) -> Bars:
        """Return the bars at these places."""
        return Bars(
            days=self.days[places],
            open=self.open[places],
            high=self.high[places],
            low=self.low[places],
            close=self.close[places],
            volume=self.volume[places],
        )

    def with_latest(self, day: np.datetime64, price: float, volume: float) -> Bars:
        """Return the bars with the price of now: a day of its own after the last bar's, that bar's close and
        part of its range on the same day, nothing on an earlier one. Its volume (NaN: not known) is the day's."""
        if len(self) and day < self.days[-1]:
            return self
        if not len(self) or day > self.days[-1]:
            nothing = np.array([np.nan])
            return Bars(
                days=np.append(self.days, day),
                open=np.append(self.open, nothing),
                high=np.append(self.high, nothing),
                low=np.append(self.low, nothing),
                close=np.append(self.close, price),
                volume=np.append(self.volume, volume),
            )
        changed = {"high": max(self.high[-1], price), "low": min(self.low[-1], price), "close": price}
        if not math.isnan(volume):
            changed["volume"] = volume
        columns = {"open": self.open, "high": self.high, "low": self.low, "close": self.close}
        columns["volume"] = self.volume
        for name, value in changed.items():
            columns[name] = np.append(columns[name][:-1], value)
        return Bars(days=self.days, **columns)

    def scaled(self, prices: Floats, volumes: Floats) -> Bars:
        """Return the bars with prices and volumes multiplied, day by day."""
        return Bars(
            days=self.days,
            open=self.open * prices,
            high=self.high * prices,
            low=self.low * prices,
            close=self.close * prices,
            volume=self.volume * volumes,
        )


def period_ends(days: Days, at_most: int = MOST_POINTS) -> tuple[Places, str]:
    """Return the place of the last day of each period, and what a period is: the shortest of day, week (to
    Sunday), month, quarter and year of which there are at most so many; never longer than a year."""
    months = days.astype("datetime64[M]").astype(np.int64)
    # The epoch was a Thursday: weeks from Monday on begin three days before it.
    weeks = (days.astype("datetime64[D]").astype(np.int64) + 3) // 7
    for unit, key in (("day", days), ("week", weeks), ("month", months), ("quarter", months // 3)):
        ends = _last_of_each(key)
        if len(ends) <= at_most:
            return ends, unit
    return _last_of_each(months // 12), "year"


def _last_of_each(key: NDArray[np.generic]) -> Places:
    if not len(key):
        return np.empty(0, np.intp)
    return np.flatnonzero(np.append(key[1:] != key[:-1], True))


def join_bars(bars: Bars, ends: Places) -> Bars:
    """Return one bar per period: the first open, the highest high, the lowest low, the last close, all the
    volume. A day that only has a close counts with it."""
    if len(ends) == len(bars):
        return bars
    begins = np.concatenate(([0], ends[:-1] + 1))
    highs = np.where(np.isnan(bars.high), bars.close, bars.high)
    lows = np.where(np.isnan(bars.low), bars.close, bars.low)
    opens = np.where(np.isnan(bars.open), bars.close, bars.open)
    known = ~np.isnan(bars.volume)
    volume = np.add.reduceat(np.where(known, bars.volume, 0.0), begins)
    return Bars(
        days=bars.days[ends],
        open=opens[begins],
        high=np.maximum.reduceat(highs, begins),
        low=np.minimum.reduceat(lows, begins),
        close=bars.close[ends],
        volume=np.where(np.logical_or.reduceat(known, begins), volume, np.nan),
    )


def telling_points(values: Sequence[float] | Floats, at_most: int = MOST_POINTS) -> Places:
    """Return the places of at most so many values that tell most of a line's shape, in order: its first and
    last, lowest and highest, and between them of each stretch the one that spans the largest triangle with
    what was chosen before it and the mean of the stretch after it.

    S. Steinarsson, "Downsampling Time Series for Visual Representation" (2013), "largest triangle three
    buckets".
    """
    line = np.asarray(values, dtype=np.float64)
    length = len(line)
    if length <= at_most:
        return np.arange(length, dtype=np.intp)
    if at_most < 4:
        raise ValueError("first, last, lowest and highest are four")
    # Two places are kept for the extremes, which a triangle may miss.
    chosen = {int(line.argmin()), int(line.argmax()), 0, length - 1}
    stretches = at_most - 4
    edges = np.linspace(1, length - 1, stretches + 1).astype(int).tolist()
    sums = np.concatenate(([0.0], np.cumsum(line - line[0])))
    heights, first, at = (line - line[0]).tolist(), 0, 0
    for at in range(stretches):
        begin, end = edges[at], edges[at + 1]
        after = edges[at + 2] if at + 2 < len(edges) else length
        mean_x = (end + after - 1) / 2
        mean_y = (sums[after] - sums[end]) / (after - end)
        x0, y0 = first, heights[first]
        best, place = -1.0, begin
        for x in range(begin, end):
            area = abs((x0 - mean_x) * (heights[x] - y0) - (x0 - x) * (mean_y - y0))
            if area > best:
                best, place = area, x
        chosen.add(place)
        first = place
    return np.fromiter(sorted(chosen), dtype=np.intp, count=len(chosen))
