"""Sortino ratio: annualised mean log return above the risk-free rate, per unit of downside deviation."""

from __future__ import annotations

from holdings.domain.statistics.downside_deviation import downside_deviation
from holdings.domain.statistics.returns import Returns
from holdings.domain.statistics.sharpe import annual_excess


def sortino(returns: Returns) -> float | None:
    """Annual excess return / downside deviation; None without a losing day."""
    risk = downside_deviation(returns)
    return annual_excess(returns) / risk if risk else None
