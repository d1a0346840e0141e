"""Every read of the books that is more than a `get`. Other rooms import from here."""

from __future__ import annotations

from holdings.queries.assets import (
    AssetNotFound,
    AssetSummary,
    asset_of,
    asset_summary,
    assets_of,
    chosen_portfolio,
    main_portfolio,
    require_asset,
    total_of,
)
from holdings.queries.balances import (
    cash_balance,
    cash_balances,
    last_entry_at,
    position_quantities,
    position_quantity,
)
from holdings.queries.combined import (
    CombinedSeries,
    Desk,
    DeskTotals,
    combined_series,
    desk_of,
    desk_totals,
    sampled_rows,
)
from holdings.queries.exports import ghostfolio_export, portfolio_export
from holdings.queries.history import (
    RANGES,
    DailyHistory,
    ValueSeries,
    daily_history,
    range_start,
    value_series,
)
from holdings.queries.lots import LotRow, RealisedRow, open_lots, realised_trades
from holdings.queries.movements import Movement, movements_of
from holdings.queries.paper import (
    PaperEntry,
    entries_beside_trades,
    journal_begins_at,
    position_costs,
    splits_of,
)
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
    "RANGES",
    "AssetNotFound",
    "AssetSummary",
    "CashRow",
    "CombinedSeries",
    "DailyHistory",
    "Desk",
    "DeskTotals",
    "EntryFilter",
    "EntryPage",
    "EntryVersion",
    "HoldingRow",
    "LotRow",
    "Movement",
    "PaperEntry",
    "PortfolioCard",
    "PriceNow",
    "RealisedRow",
    "Snapshot",
    "ValueSeries",
    "asset_of",
    "asset_summary",
    "assets_of",
    "cards",
    "cash_balance",
    "cash_balances",
    "cash_effect",
    "chosen_portfolio",
    "combined_series",
    "daily_history",
    "desk_of",
    "desk_totals",
    "drafts_of",
    "entries_beside_trades",
    "entry_history",
    "filtered_transactions",
    "ghostfolio_export",
    "journal_begins_at",
    "last_entry_at",
    "main_portfolio",
    "movements_of",
    "open_lots",
    "portfolio_export",
    "portfolio_value",
    "portfolios_for",
    "position_costs",
    "position_quantities",
    "position_quantity",
    "range_start",
    "realised_trades",
    "require_asset",
    "sampled_rows",
    "snapshot",
    "snapshots",
    "splits_of",
    "tags_of",
    "total_of",
    "transactions_for",
    "unit_of",
    "value_series",
    "visible_entry",
    "visible_portfolio",
    "whole_portfolio",
]
