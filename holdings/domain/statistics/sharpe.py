"""Sharpe ratio: annualised mean log return above the risk-free rate, per unit of volatility (Sharpe 1994)."""

from __future__ import annotations

import numpy as np

from holdings.domain.statistics.returns import Returns
from holdings.domain.statistics.volatility import volatility


def annual_excess(returns: Returns) -> float:
    """Mean daily log return × periods in a year − risk-free rate."""
    return float(np.mean(returns.log)) * returns.periods - returns.risk_free


def sharpe(returns: Returns) -> float | None:
    """Annual excess return / volatility; None without volatility."""
    risk = volatility(returns)
    return annual_excess(returns) / risk if risk else None
