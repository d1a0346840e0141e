"""Historical value at risk and its conditional (expected shortfall), as positive fractions of the value for one day."""

from __future__ import annotations

import math

import numpy as np

from holdings.domain.statistics.returns import Returns

LEVEL = 0.95


def _tail(returns: Returns, level: float) -> np.typing.NDArray[np.float64]:
    simple = np.sort(np.expm1(returns.log))
    # The worst (1 − level) of all days, at least one: no interpolation, each figure is a loss that happened.
    count = max(1, math.floor(len(simple) * (1 - level) + 1e-9))
    return simple[:count]


def value_at_risk(returns: Returns, level: float = LEVEL) -> float | None:
    """The loss that ``level`` of the days did not exceed, at least 0; None with fewer than two returns."""
    if len(returns.log) < 2:
        return None
    return max(0.0, -float(_tail(returns, level)[-1]))


def conditional_value_at_risk(returns: Returns, level: float = LEVEL) -> float | None:
    """The mean loss of the days at or beyond the value at risk (Acerbi, Tasche 2002)."""
    if len(returns.log) < 2:
        return None
    return max(0.0, -float(np.mean(_tail(returns, level))))
