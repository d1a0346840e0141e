"""Market data: every read that is more than a `get`.

Prices come as they were traded, in the instrument's currency; `bars` adjusts for splits when asked. Nothing
here calls a provider: what is not in the database is not known.
"""

from marketdata.queries.bars import (
    BarView,
    DatedPrice,
    YearRange,
    bars,
    close_arrays,
    close_on,
    closes,
    closes_on,
    corporate_actions,
    splits,
    year_range,
)
from marketdata.queries.fx import FxRateMissing, FxRateView, fx_rate, fx_rate_view, fx_rates_between
from marketdata.queries.hours import SessionView, is_market_open, market_session
from marketdata.queries.instruments import (
    CLASS_ORDER,
    ClassView,
    InstrumentNotFound,
    find_by_symbol,
    ids_by_symbol,
    instruments_of_class,
    instruments_overview,
    search_instruments,
    visible_instrument,
)
from marketdata.queries.quotes import QuoteView, cached_quotes, latest_quote, latest_quotes
from marketdata.queries.simulation import simulated_prices_in_use
from marketdata.queries.watchlists import (
    WatchlistNotFound,
    WatchlistView,
    visible_watchlist,
    watched_by,
    watched_instruments,
    watchlist_instruments,
    watchlist_views,
    watchlists_of,
)

__all__ = [
    "CLASS_ORDER",
    "BarView",
    "ClassView",
    "DatedPrice",
    "FxRateMissing",
    "FxRateView",
    "InstrumentNotFound",
    "QuoteView",
    "SessionView",
    "WatchlistNotFound",
    "WatchlistView",
    "YearRange",
    "bars",
    "cached_quotes",
    "close_arrays",
    "close_on",
    "closes",
    "closes_on",
    "corporate_actions",
    "find_by_symbol",
    "fx_rate",
    "fx_rate_view",
    "fx_rates_between",
    "ids_by_symbol",
    "instruments_of_class",
    "instruments_overview",
    "is_market_open",
    "latest_quote",
    "latest_quotes",
    "market_session",
    "search_instruments",
    "simulated_prices_in_use",
    "splits",
    "visible_instrument",
    "visible_watchlist",
    "watched_by",
    "watched_instruments",
    "watchlist_instruments",
    "watchlist_views",
    "watchlists_of",
    "year_range",
]
