"""Best and worst day: the largest and smallest simple return of one calendar day of the TWR index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Extremes:
    """Returns and the indices of the days they happened on (the first of equals)."""

    best: float
    best_day: int
    worst: float
    worst_day: int


def extremes(index: Sequence[float]) -> Extremes | None:
    """The best and the worst day; None without two days."""
    levels = np.array(index, dtype=np.float64)
    if len(levels) < 2 or (levels[:-1] <= 0).any():
        return None
    change = levels[1:] / levels[:-1] - 1
    best, worst = int(np.argmax(change)), int(np.argmin(change))
    return Extremes(float(change[best]), best + 1, float(change[worst]), worst + 1)
