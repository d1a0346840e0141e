"""Every read of the books that is more than a `get`. Other rooms import from here."""

from __future__ import annotations

from holdings.queries.balances import (
    cash_balance,
    cash_balances,
    last_entry_at,
    position_quantities,
    position_quantity,
)
from holdings.queries.exports import ghostfolio_export, portfolio_export
from holdings.queries.combined import CombinedSeries, Desk, combined_series, desk_of
from holdings.queries.history import RANGES, DailyHistory, ValueSeries, daily_history, range_start, value_series
from holdings.queries.lots import LotRow, RealisedRow, open_lots, realised_trades
from holdings.queries.portfolios import (
    PortfolioCard,
    cards,
    portfolio_value,
    portfolios_for,
    visible_portfolio,
)
from holdings.queries.pricing import PriceNow
from holdings.queries.transactions import (
    EntryFilter,
    EntryPage,
    EntryVersion,
    cash_effect,
    drafts_of,
    entry_history,
    filtered_transactions,
    tags_of,
    transactions_for,
    visible_entry,
)
from holdings.queries.valuing import CashRow, HoldingRow, Snapshot, snapshot, snapshots, unit_of
from holdings.queries.whole import whole_portfolio

__all__ = [
    "CombinedSeries",
    "Desk",
    "combined_series",
    "desk_of",
    "RANGES",
    "DailyHistory",
    "EntryFilter",
    "EntryPage",
    "EntryVersion",
    "ValueSeries",
    "cash_effect",
    "daily_history",
    "drafts_of",
    "entry_history",
    "filtered_transactions",
    "ghostfolio_export",
    "portfolio_export",
    "LotRow",
    "RealisedRow",
    "open_lots",
    "realised_trades",
    "range_start",
    "tags_of",
    "transactions_for",
    "unit_of",
    "value_series",
    "visible_entry",
    "whole_portfolio",
    "CashRow",
    "HoldingRow",
    "PortfolioCard",
    "PriceNow",
    "Snapshot",
    "cards",
    "cash_balance",
    "cash_balances",
    "last_entry_at",
    "portfolio_value",
    "portfolios_for",
    "position_quantities",
    "position_quantity",
    "snapshot",
    "snapshots",
    "visible_portfolio",
]
