"""Downside deviation: √(Σ min(r, 0)² / (n − 1)), annualised like volatility (Sortino, van der Meer 1991, target 0)."""

from __future__ import annotations

import math

import numpy as np

from holdings.domain.statistics.returns import Returns


def downside_deviation(returns: Returns) -> float | None:
    """Annualised downside deviation; None with fewer than two returns."""
    count = len(returns.log)
    if count < 2:
        return None
    losses = np.minimum(returns.log, 0.0)
    return math.sqrt(float(losses @ losses) / (count - 1)) * math.sqrt(returns.periods)
