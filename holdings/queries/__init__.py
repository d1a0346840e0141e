"""Every read of the books that is more than a `get`. Other rooms import from here."""

from __future__ import annotations

from holdings.queries.balances import cash_balance, cash_balances, position_quantities, position_quantity
from holdings.queries.portfolios import (
    PortfolioCard,
    cards,
    portfolio_value,
    portfolios_for,
    visible_portfolio,
)
from holdings.queries.pricing import PriceNow
from holdings.queries.valuing import CashRow, HoldingRow, Snapshot, snapshot, snapshots

__all__ = [
    "CashRow",
    "HoldingRow",
    "PortfolioCard",
    "PriceNow",
    "Snapshot",
    "cards",
    "cash_balance",
    "cash_balances",
    "portfolio_value",
    "portfolios_for",
    "position_quantities",
    "position_quantity",
    "snapshot",
    "snapshots",
    "visible_portfolio",
]
