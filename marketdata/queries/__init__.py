"""Market data: every read that is more than a `get`.

Prices come as they were traded, in the instrument's currency; `bars` adjusts for splits when asked. Nothing
here calls a provider: what is not in the database is not known.
"""

from marketdata.queries.assets import CRYPTO, STOCK, PriceAnswer, find_assets, kind_of, price_answers
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
    SeveralInstruments,
    find_by_symbol,
    ids_by_symbol,
    instruments_called,
    instruments_of_class,
    instruments_overview,
    the_instrument_called,
    visible_instrument,
)
from marketdata.queries.intraday import IntradayBarView, intraday_bars
from marketdata.queries.own import price_of_day, prices_of
from marketdata.queries.personal import (
    Books,
    HeldView,
    TradeView,
    held_by,
    held_of,
    register_books,
    trades_of,
)
from marketdata.queries.quotes import QuoteView, cached_quotes, latest_quote, latest_quotes
from marketdata.queries.searching import search_instruments
from marketdata.queries.series import ActionView, Adjustment, DailySeries, daily_series, empty_series
from marketdata.queries.sessions import (
    exchange_session_at,
    exchange_sessions,
    next_exchange_session,
)
from marketdata.queries.simulation import simulated_prices_in_use
from marketdata.queries.trends import TrendView, trends
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
    "CRYPTO",
    "STOCK",
    "ActionView",
    "Adjustment",
    "BarView",
    "Books",
    "ClassView",
    "DailySeries",
    "DatedPrice",
    "FxRateMissing",
    "FxRateView",
    "HeldView",
    "InstrumentNotFound",
    "IntradayBarView",
    "PriceAnswer",
    "QuoteView",
    "SessionView",
    "SeveralInstruments",
    "TradeView",
    "TrendView",
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
    "daily_series",
    "empty_series",
    "exchange_session_at",
    "exchange_sessions",
    "find_assets",
    "find_by_symbol",
    "fx_rate",
    "fx_rate_view",
    "fx_rates_between",
    "held_by",
    "held_of",
    "ids_by_symbol",
    "instruments_called",
    "instruments_of_class",
    "instruments_overview",
    "intraday_bars",
    "is_market_open",
    "kind_of",
    "latest_quote",
    "latest_quotes",
    "market_session",
    "next_exchange_session",
    "price_answers",
    "price_of_day",
    "prices_of",
    "register_books",
    "search_instruments",
    "simulated_prices_in_use",
    "splits",
    "the_instrument_called",
    "trades_of",
    "trends",
    "visible_instrument",
    "visible_watchlist",
    "watched_by",
    "watched_instruments",
    "watchlist_instruments",
    "watchlist_views",
    "watchlists_of",
    "year_range",
]
