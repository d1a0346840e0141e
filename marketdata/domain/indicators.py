"""Market data: indicators of technical analysis, as pure functions of a series of closes.

Every function takes closes oldest first and returns as many figures, NaN where there are not yet enough closes
(so that a figure stands under its own day). Give the whole series and cut the result: an average that smooths
(EMA, RSI, MACD) remembers all that was before. Figures are floats: they are drawn, never booked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bands:
    """Bollinger's bands around their middle."""

    lower: Floats
    middle: Floats
    upper: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Macd:
    """The difference of two averages, its own average, and how far apart the two are."""

    macd: Floats
    signal: Floats
    histogram: Floats


def simple_average(closes: Sequence[float] | Floats, period: int) -> Floats:
    """Return the mean of the last `period` closes (SMA)."""
    windows = _windows(closes, period)
    return _behind(len(closes), windows.mean(axis=1))


def exponential_average(closes: Sequence[float] | Floats, period: int) -> Floats:
    """Return the exponential average (EMA): each close counts `2 / (period + 1)`, what was before the rest.

    It begins with the mean of the first `period` closes, as in J. Murphy, "Technical Analysis of the Financial
    Markets" (1999), ch. 9, and in the tables that StockCharts publishes.
    """
    return _smoothed(closes, period, 2 / (_checked(period) + 1))


def bollinger_bands(closes: Sequence[float] | Floats, period: int = 20, width: float = 2.0) -> Bands:
    """Return the simple average and what lies `width` standard deviations below and above it.

    The deviation is that of the population (divided by `period`), as in J. Bollinger, "Bollinger on Bollinger
    Bands" (2001), ch. 7.
    """
    windows = _windows(closes, period)
    middle = _behind(len(closes), windows.mean(axis=1))
    spread = width * _behind(len(closes), windows.std(axis=1))
    return Bands(lower=middle - spread, middle=middle, upper=middle + spread)


def relative_strength(closes: Sequence[float] | Floats, period: int = 14) -> Floats:
    """Return the relative strength index (RSI), 0 to 100: the share of rises in all movement, smoothed.

    J. W. Wilder, "New Concepts in Technical Trading Systems" (1978), section VI: the first averages of rises
    and falls are the means of the first `period` changes, each later one is `(before * (period - 1) + change) /
    period`. A series that does not move at all stands at 50.
    """
    _checked(period)
    values = np.asarray(closes, dtype=np.float64)
    result = np.full(len(values), np.nan)
    if len(values) <= period:
        return result
    changes = np.diff(values)
    rises = _smoothed(np.maximum(changes, 0.0), period, 1 / period)[period - 1 :]
    falls = _smoothed(np.maximum(-changes, 0.0), period, 1 / period)[period - 1 :]
    total = rises + falls
    moved = total > 0
    shares = np.where(moved, 100 * rises / np.where(moved, total, 1.0), 50.0)
    result[period:] = np.minimum(shares, 100.0)
    return result


def convergence(closes: Sequence[float] | Floats, fast: int = 12, slow: int = 26, signal: int = 9) -> Macd:
    """Return the moving average convergence/divergence (MACD): the fast EMA less the slow one.

    `signal` is the EMA of that difference and `histogram` the difference of the two: G. Appel, "Technical
    Analysis: Power Tools for Active Investors" (2005), ch. 8.
    """
    if fast >= slow:
        raise ValueError("the fast average looks back less far than the slow one")
    macd = exponential_average(closes, fast) - exponential_average(closes, slow)
    line = np.full(len(macd), np.nan)
    if len(macd) >= slow:
        line[slow - 1 :] = exponential_average(macd[slow - 1 :], signal)
    return Macd(macd=macd, signal=line, histogram=macd - line)


def _checked(period: int) -> int:
    if period < 1:
        raise ValueError("a period has at least one close")
    return period


def _windows(closes: Sequence[float] | Floats, period: int) -> NDArray[np.float64]:
    """Every run of `period` closes. Sums over runs of their own do not drift as one running sum would."""
    _checked(period)
    values = np.asarray(closes, dtype=np.float64)
    if len(values) < period:
        return np.empty((0, period))
    return np.lib.stride_tricks.sliding_window_view(values, period)


def _behind(length: int, figures: Floats) -> Floats:
    """Put figures under the last days of a series of `length` days."""
    result = np.full(length, np.nan)
    if len(figures):
        result[length - len(figures) :] = figures
    return result


def _smoothed(closes: Sequence[float] | Floats, period: int, weight: float) -> Floats:
    """The mean of the first `period` values, then each new one by its weight."""
    values = np.asarray(closes, dtype=np.float64)
    result = np.full(len(values), np.nan)
    if len(values) < period:
        return result
    level = float(values[:period].mean())
    levels = [level]
    for value in values[period:].tolist():
        # A step towards the new value: a series that stands still is left where it is.
        level += weight * (value - level)
        levels.append(level)
    result[period - 1 :] = levels
    return result
