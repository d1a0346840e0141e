"""Market data: several series beside each other, as pure functions. Floats: statistics of returns, never booked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Days = NDArray[np.datetime64]
Floats = NDArray[np.float64]

DAYS_A_YEAR = 365.25
#: Growth over less than this is not told per year: it would be the same figure twice, or a guess.
LEAST_YEARS = 1.1
#: Fewer returns than these say nothing about how things move.
FEWEST_RETURNS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Closes by day, oldest first."""

    days: Days
    closes: Floats

    def since(self, day: np.datetime64) -> Line:
        """Return the line from a day on; it begins with the last close before, if that day has none."""
        place = int(np.searchsorted(self.days, day, side="right")) - 1
        if place < 0:
            return self
        days = self.days[place:].copy()
        days[0] = max(days[0], day)
        return Line(days=days, closes=self.closes[place:])

    def on(self, days: Days) -> Floats:
        """Return the last close on or before each day, NaN before the first."""
        places = np.searchsorted(self.days, days, side="right") - 1
        return np.where(places >= 0, self.closes[np.maximum(places, 0)], np.nan)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a line did, as fractions; None where it is too short to say.

    `growth`: from its first close to its last. `yearly`: the same per year, where it is clearly more than one. `volatility`:
    the standard deviation of its returns from close to close, scaled to a year by how many there were in one.
    `drawdown`: the deepest fall from a high before it, zero or negative.
    """

    growth: float | None
    yearly: float | None
    volatility: float | None
    drawdown: float | None


def common_start(lines: Sequence[Line], start: np.datetime64) -> np.datetime64:
    """Return the first day from `start` on at which all lines have begun."""
    return max([start, *(line.days[0] for line in lines if len(line.days))])


def rebased(lines: Sequence[Line], days: Days) -> list[Floats]:
    """Return each line on the days, 100 on the first of them: NaN throughout where it has no positive close there."""
    found = []
    for line in lines:
        values = line.on(days)
        first = values[0] if len(values) else math.nan
        found.append(values / first * 100 if first > 0 else np.full(len(days), np.nan))
    return found


def figures_of(line: Line) -> Figures:
    """Return what a line did from its first day to its last."""
    closes = line.closes
    if len(closes) < 2 or (closes <= 0).any():
        return Figures(growth=None, yearly=None, volatility=None, drawdown=None)
    years = float((line.days[-1] - line.days[0]) / np.timedelta64(1, "D")) / DAYS_A_YEAR
    growth = float(closes[-1] / closes[0])
    returns = closes[1:] / closes[:-1] - 1
    enough = len(returns) >= FEWEST_RETURNS and years > 0
    return Figures(
        growth=growth - 1,
        yearly=growth ** (1 / years) - 1 if years > LEAST_YEARS else None,
        volatility=float(returns.std(ddof=1)) * math.sqrt(len(returns) / years) if enough else None,
        drawdown=float((closes / np.maximum.accumulate(closes)).min()) - 1,
    )


def correlation(one: Line, other: Line) -> float | None:
    """Return Pearson's correlation of the returns between days on which both have a close; None when there are too
    few, or one of them does not move."""
    days, left, right = np.intersect1d(one.days, other.days, assume_unique=True, return_indices=True)
    if len(days) <= FEWEST_RETURNS:
        return None
    a, b = one.closes[left], other.closes[right]
    if (a <= 0).any() or (b <= 0).any():
        return None
    x, y = a[1:] / a[:-1] - 1, b[1:] / b[:-1] - 1
    spread = float(x.std() * y.std())
    if spread < 1e-18:
        return None
    product = float(((x - x.mean()) * (y - y.mean())).mean()) / spread
    return max(-1.0, min(1.0, product))
