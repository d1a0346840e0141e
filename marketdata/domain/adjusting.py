"""Market data: from prices as they were traded to series without cliffs, as pure functions of days and facts.

A price of a past day times its factor is that price in terms of the series' last day. Floats: for drawing and
comparing; the books multiply what was traded with what was held.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

Days = NDArray[np.datetime64]
Floats = NDArray[np.float64]
Fact = tuple[date, Any]


def split_factors(days: Days, splits: Sequence[Fact]) -> Floats:
    """Return what prices of each day are multiplied by to be in the shares of the last day: one over the
    ratios (new shares per old one) of all splits with a later ex-date."""
    factors = np.ones(len(days))
    for ex_date, ratio in splits:
        if len(days) and np.datetime64(ex_date) <= days[-1]:
            factors[days < np.datetime64(ex_date)] /= float(ratio)
    return factors


def total_return_factors(
    days: Days, closes: Floats, *, splits: Sequence[Fact], dividends: Sequence[Fact]
) -> Floats:
    """Return the factors of a series whose growth is that of a holding in which every dividend buys more.

    `closes` and dividends (cash per share) are as of their own days. From one day to the next such a holding
    grows by `(close + dividend) * ratio / close before`; a dividend whose ex-date is no trading day counts
    on the next one, one before the first day not at all. With the last day's factor 1 the factor of a day is
    the product of `close / (close + dividend)` and one over the ratio over all later ex-dates.
    """
    factors = split_factors(days, splits)
    if not len(days):
        return factors
    steps = np.ones(len(days))
    for ex_date, cash in dividends:
        at = int(np.searchsorted(days, np.datetime64(ex_date)))
        if 0 < at < len(days) and closes[at] > 0:
            # Several on one day add up: what is multiplied is the whole of them.
            so_far = closes[at] * (1 / steps[at] - 1)
            steps[at] = closes[at] / (closes[at] + so_far + float(cash))
    after = np.cumprod(steps[::-1])[::-1]
    factors[:-1] *= after[1:]
    return factors
