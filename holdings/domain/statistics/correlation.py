"""Correlation matrix of holdings: Pearson correlation of their daily log price returns in base currency."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def correlation_matrix(prices: NDArray[np.float64]) -> NDArray[np.float64]:
    """``prices``: float64[days, holdings] on valuation days, NaN where there is none. Returns float64[holdings, holdings].

    Each pair uses the days both have; NaN where fewer than two common returns or no variation leaves it undefined.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        log = np.log(prices[1:] / prices[:-1])
    size = prices.shape[1]
    matrix = np.full((size, size), np.nan)
    for row in range(size):
        for column in range(row, size):
            both = np.isfinite(log[:, row]) & np.isfinite(log[:, column])
            a, b = log[both, row], log[both, column]
            if len(a) < 2 or not a.std() or not b.std():
                continue
            matrix[row, column] = matrix[column, row] = np.clip(np.corrcoef(a, b)[0, 1], -1, 1)
    return matrix
