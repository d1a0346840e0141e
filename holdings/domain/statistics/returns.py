"""Daily log returns on valuation days: what every risk figure is computed from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

WEEKDAYS_A_YEAR, DAYS_A_YEAR = 252, 365
SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Returns:
    """Log returns between successive valuation days, and what a year of them is.

    ``days``: ordinals of the days the returns end on, float64[n] beside ``log``. ``benchmark``: the benchmark's log returns
    of the same days, or None. ``risk_free``: a rate a year.
    """

    days: NDArray[np.int64]
    log: NDArray[np.float64]
    periods: int = WEEKDAYS_A_YEAR
    risk_free: float = 0.0
    benchmark: NDArray[np.float64] | None = field(default=None)


def valuation_days(first: int, size: int, *, every_day: bool) -> NDArray[np.int64]:
    """Indices of the valuation days after the first day: Mondays to Fridays, or all days for crypto alone."""
    index = np.arange(1, size, dtype=np.int64)
    if every_day:
        return index
    # An ordinal of 1 is a Monday: (ordinal − 1) mod 7 is 0 on Mondays.
    return index[(first + index - 1) % 7 < SATURDAY]


def returns_of(
    first: int,
    index: Sequence[float],
    values: Sequence[int],
    *,
    every_day: bool,
    risk_free: float = 0.0,
    benchmark: NDArray[np.float64] | None = None,
) -> Returns:
    """Returns of a TWR index; a pair of days counts where the value is positive on both.

    ``benchmark``: its prices on every calendar day, NaN where it has none; a pair of days then needs both to count for it,
    and the days where it has none are left out of the benchmark's returns (NaN).
    """
    days = valuation_days(first, len(index), every_day=every_day)
    periods = DAYS_A_YEAR if every_day else WEEKDAYS_A_YEAR
    levels = np.array(index, dtype=np.float64)
    positive = np.fromiter((value > 0 for value in values), dtype=bool, count=len(values)) & (levels > 0)
    start, end = days[:-1], days[1:]
    both = positive[start] & positive[end]
    start, end = start[both], end[both]
    log = np.log(levels[end] / levels[start])
    other = None if benchmark is None else np.log(benchmark[end] / benchmark[start])
    return Returns(end + first, log, periods, risk_free, other)
