"""Statistics, one file each. A new one of daily returns is a new file and one line in ``REGISTRY``."""

from __future__ import annotations

from collections.abc import Callable

from holdings.domain.statistics.downside_deviation import downside_deviation
from holdings.domain.statistics.returns import Returns
from holdings.domain.statistics.sharpe import sharpe
from holdings.domain.statistics.sortino import sortino
from holdings.domain.statistics.value_at_risk import conditional_value_at_risk, value_at_risk
from holdings.domain.statistics.volatility import volatility

Statistic = Callable[[Returns], float | None]

REGISTRY: dict[str, Statistic] = {
    "volatility": volatility,
    "downside_deviation": downside_deviation,
    "sharpe": sharpe,
    "sortino": sortino,
    "value_at_risk": value_at_risk,
    "conditional_value_at_risk": conditional_value_at_risk,
}

__all__ = ["REGISTRY", "Returns", "Statistic"]
