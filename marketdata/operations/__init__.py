"""Market data: every change of state, one verb-first function per use case."""

from marketdata.operations.gateway import reset_provider
from marketdata.operations.history import backfill_history
from marketdata.operations.instruments import (
    InstrumentRefused,
    create_instrument,
    get_or_create_instrument,
    load_starter_instruments,
)
from marketdata.operations.interest import instruments_that_matter, register_interest
from marketdata.operations.intraday import record_minutes
from marketdata.operations.loading import LoadOptions, LoadSummary, load_prices
from marketdata.operations.own_instruments import (
    InstrumentInUse,
    delete_instrument,
    register_use,
    update_instrument,
    uses_of,
)
from marketdata.operations.partitions import PartitionsPrepared, prepare_partitions
from marketdata.operations.prices import (
    OwnPricesLoaded,
    PriceRefused,
    delete_price,
    load_own_prices,
    record_price,
)
from marketdata.operations.quotes import (
    AppliedQuotes,
    Refreshed,
    apply_quotes,
    asked_providers,
    confirm_held_quote,
    dismiss_held_quote,
    is_in_use,
    refresh_quotes,
    refresh_wanted_quotes,
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
    "InstrumentInUse",
    "InstrumentRefused",
    "LoadOptions",
    "LoadSummary",
    "OwnPricesLoaded",
    "PartitionsPrepared",
    "PriceRefused",
    "Refreshed",
    "WatchlistRefused",
    "add_to_watchlist",
    "apply_quotes",
    "asked_providers",
    "backfill_history",
    "confirm_held_quote",
    "create_instrument",
    "create_watchlist",
    "delete_instrument",
    "delete_price",
    "delete_watchlist",
    "dismiss_held_quote",
    "get_or_create_instrument",
    "instruments_that_matter",
    "is_in_use",
    "load_own_prices",
    "load_prices",
    "load_starter_instruments",
    "order_watchlists",
    "prepare_partitions",
    "record_minutes",
    "record_price",
    "refresh_quotes",
    "refresh_wanted_quotes",
    "register_interest",
    "register_use",
    "release_quote",
    "remove_from_watchlist",
    "rename_watchlist",
    "reorder_watchlist",
    "replace_watchlist",
    "reset_provider",
    "set_quote",
    "update_instrument",
    "uses_of",
]
