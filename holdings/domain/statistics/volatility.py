"""Volatility: the standard deviation (n − 1) of daily log returns, times the root of the periods in a year."""

from __future__ import annotations

import math

import numpy as np

from holdings.domain.statistics.returns import Returns


def volatility(returns: Returns) -> float | None:
    """Annualised volatility; None with fewer than two returns."""
    if len(returns.log) < 2:
        return None
    return float(np.std(returns.log, ddof=1)) * math.sqrt(returns.periods)
