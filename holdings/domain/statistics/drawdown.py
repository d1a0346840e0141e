"""Maximum drawdown of a TWR index over all calendar days, with its dates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# Two levels closer than this are the same: rounding of chained divisions is no new peak and no loss.
_SAME = 1e-12


@dataclass(frozen=True, slots=True)
class Drawdown:
    """``depth`` is positive; the rest are indices of days: last at the peak, first at the trough, first recovered."""

    depth: float
    peak: int | None
    trough: int | None
    recovered: int | None


def max_drawdown(index: Sequence[float]) -> Drawdown | None:
    """The deepest fall from a peak; depth 0 without dates where the index never falls, None without two days."""
    if len(index) < 2:
        return None
    depth, best_peak, trough = 0.0, 0, 0
    level, peak = index[0], 0
    for day, value in enumerate(index):
        if value >= level * (1 - _SAME):
            level, peak = max(level, value), day
            continue
        fall = 1 - value / level
        if fall > depth + _SAME:
            depth, best_peak, trough = fall, peak, day
    if not depth:
        return Drawdown(0.0, None, None, None)
    target = index[best_peak] * (1 - _SAME)
    recovered = next((day for day in range(trough + 1, len(index)) if index[day] >= target), None)
    return Drawdown(depth, best_peak, trough, recovered)
