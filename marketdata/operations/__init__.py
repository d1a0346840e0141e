"""Market data: every change of state, one verb-first function per use case."""

from marketdata.operations.history import backfill_history
from marketdata.operations.instruments import (
    InstrumentRefused,
    create_instrument,
    get_or_create_instrument,
    load_starter_instruments,
)
from marketdata.operations.intraday import record_minutes
from marketdata.operations.loading import LoadOptions, LoadSummary, load_prices
from marketdata.operations.partitions import PartitionsPrepared, prepare_partitions
from marketdata.operations.prices import PriceRefused, record_price
from marketdata.operations.quotes import (
    AppliedQuotes,
    apply_quotes,
    refresh_quotes,
    release_quote,
    set_quote,
)
from marketdata.operations.watchlists import (
    MOST_ITEMS,
    MOST_WATCHLISTS,
    WatchlistRefused,
    add_to_watchlist,
    create_watchlist,
    delete_watchlist,
    order_watchlists,
    remove_from_watchlist,
    rename_watchlist,
    reorder_watchlist,
    replace_watchlist,
)

__all__ = [
    "MOST_ITEMS",
    "MOST_WATCHLISTS",
    "AppliedQuotes",
    "InstrumentRefused",
    "LoadOptions",
    "LoadSummary",
    "PartitionsPrepared",
    "PriceRefused",
    "WatchlistRefused",
    "add_to_watchlist",
    "apply_quotes",
    "backfill_history",
    "create_instrument",
    "create_watchlist",
    "delete_watchlist",
    "get_or_create_instrument",
    "load_prices",
    "load_starter_instruments",
    "order_watchlists",
    "prepare_partitions",
    "record_minutes",
    "record_price",
    "refresh_quotes",
    "release_quote",
    "remove_from_watchlist",
    "rename_watchlist",
    "reorder_watchlist",
    "replace_watchlist",
    "set_quote",
]
