"""Market data: every change of state, one verb-first function per use case."""

from marketdata.operations.history import backfill_history
from marketdata.operations.instruments import (
    InstrumentRefused,
    create_instrument,
    get_or_create_instrument,
    load_starter_instruments,
)
from marketdata.operations.loading import LoadOptions, LoadSummary, load_prices
from marketdata.operations.prices import PriceRefused, record_price
from marketdata.operations.quotes import (
    AppliedQuotes,
    apply_quotes,
    refresh_quotes,
    release_quote,
    set_quote,
)

__all__ = [
    "AppliedQuotes",
    "InstrumentRefused",
    "LoadOptions",
    "LoadSummary",
    "PriceRefused",
    "apply_quotes",
    "backfill_history",
    "create_instrument",
    "get_or_create_instrument",
    "load_prices",
    "load_starter_instruments",
    "record_price",
    "refresh_quotes",
    "release_quote",
    "set_quote",
]
