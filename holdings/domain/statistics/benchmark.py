"""Figures against a benchmark, on the same valuation days: beta, alpha, correlation, tracking error, information ratio."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdings.domain.statistics.returns import Returns


@dataclass(frozen=True, slots=True)
class Comparison:
    """Each is None where it cannot be computed (fewer than two common returns, or no variation to divide by)."""

    volatility: float | None = None
    beta: float | None = None
    alpha: float | None = None
    correlation: float | None = None
    tracking_error: float | None = None
    information_ratio: float | None = None


def compare(returns: Returns) -> Comparison:
    """Beta = cov / var of the benchmark; alpha is Jensen's, a year; tracking error is the deviation of the difference."""
    if returns.benchmark is None:
        return Comparison()
    both = np.isfinite(returns.benchmark)
    own, other = returns.log[both], returns.benchmark[both]
    if len(own) < 2:
        return Comparison()
    year = returns.periods
    own_spread, other_spread = _spread(own), _spread(other)
    covariance = float(np.cov(own, other, ddof=1)[0, 1])
    beta = covariance / other_spread**2 if other_spread else None
    excess_own = float(np.mean(own)) * year - returns.risk_free
    excess_other = float(np.mean(other)) * year - returns.risk_free
    tracking_error = _spread(own - other) * math.sqrt(year)
    return Comparison(
        volatility=other_spread * math.sqrt(year),
        beta=beta,
        alpha=None if beta is None else excess_own - beta * excess_other,
        correlation=_bounded(covariance / (own_spread * other_spread))
        if own_spread and other_spread
        else None,
        tracking_error=tracking_error,
        information_ratio=float(np.mean(own - other)) * year / tracking_error if tracking_error else None,
    )


def _spread(values: NDArray[np.float64]) -> float:
    spread = float(np.std(values, ddof=1))
    # What is left of equal numbers after rounding is no variation.
    return spread if spread > 1e-15 * max(1.0, float(np.abs(values).max())) else 0.0


def _bounded(value: float) -> float:
    return max(-1.0, min(1.0, value))
