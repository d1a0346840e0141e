"""Market data: every read that is more than a `get`.

Prices come as they were traded, in the instrument's currency; `bars` adjusts for splits when asked. Nothing
here calls a provider: what is not in the database is not known.
"""

from marketdata.queries.assets import CRYPTO, STOCK, PriceAnswer, find_assets, kind_of, price_answers
from marketdata.queries.bars import (
    BarView,
    DatedPrice,
    PriceRange,
    bars,
    close_arrays,
    close_on,
    closes,
    closes_on,
    corporate_actions,
    splits,
    year_range,
)
from marketdata.queries.day_ranges import day_ranges, simulated_days
from marketdata.queries.fx import FxRateMissing, FxRateView, fx_rate, fx_rate_view, fx_rates_between
from marketdata.queries.history import (
    GapView,
    HistoryJobView,
    RestatedDay,
    RestatementView,
    gaps_for,
    history_job,
    history_trouble,
    restated_days,
    restatements_for,
    visible_restatement,
)
from marketdata.queries.hours import SessionView, is_market_open, market_session, night_before
from marketdata.queries.instruments import (
    CLASS_ORDER,
    InstrumentNotFound,
    SeveralInstruments,
    class_totals,
    find_by_symbol,
    ids_by_symbol,
    instruments_called,
    instruments_of_class,
    the_instrument_called,
    visible_instrument,
)
from marketdata.queries.intraday import IntradayBarView, intraday_bars, latest_minutes, minutes_as_one
from marketdata.queries.minutes import MinuteSeries, minute_series
from marketdata.queries.overview import ExchangeView, MarketRow, exchanges, market_rows, rates_into
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
from marketdata.queries.real_prices import RealPrices, real_prices
from marketdata.queries.searching import search_instruments
from marketdata.queries.series import ActionView, Adjustment, DailySeries, daily_series, empty_series
from marketdata.queries.sessions import (
    exchange_session_at,
    exchange_sessions,
    next_exchange_session,
)
from marketdata.queries.simulation import simulated_prices_in_use, simulation_extent
from marketdata.queries.trends import TrendView, forget_trends, trends
from marketdata.queries.watchlists import (
    WatchlistNotFound,
    WatchlistView,
    visible_watchlist,
    watched_by,
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
    "DailySeries",
    "DatedPrice",
    "ExchangeView",
    "FxRateMissing",
    "FxRateView",
    "GapView",
    "HeldView",
    "HistoryJobView",
    "InstrumentNotFound",
    "IntradayBarView",
    "MarketRow",
    "MinuteSeries",
    "PriceAnswer",
    "PriceRange",
    "QuoteView",
    "RealPrices",
    "RestatedDay",
    "RestatementView",
    "SessionView",
    "SeveralInstruments",
    "TradeView",
    "TrendView",
    "WatchlistNotFound",
    "WatchlistView",
    "bars",
    "cached_quotes",
    "class_totals",
    "close_arrays",
    "close_on",
    "closes",
    "closes_on",
    "corporate_actions",
    "daily_series",
    "day_ranges",
    "empty_series",
    "exchange_session_at",
    "exchange_sessions",
    "exchanges",
    "find_assets",
    "find_by_symbol",
    "forget_trends",
    "fx_rate",
    "fx_rate_view",
    "fx_rates_between",
    "gaps_for",
    "held_by",
    "held_of",
    "history_job",
    "history_trouble",
    "ids_by_symbol",
    "instruments_called",
    "instruments_of_class",
    "intraday_bars",
    "is_market_open",
    "kind_of",
    "latest_minutes",
    "latest_quote",
    "latest_quotes",
    "market_rows",
    "market_session",
    "minute_series",
    "minutes_as_one",
    "next_exchange_session",
    "night_before",
    "price_answers",
    "price_of_day",
    "prices_of",
    "rates_into",
    "real_prices",
    "register_books",
    "restated_days",
    "restatements_for",
    "search_instruments",
    "simulated_days",
    "simulated_prices_in_use",
    "simulation_extent",
    "splits",
    "the_instrument_called",
    "trades_of",
    "trends",
    "visible_instrument",
    "visible_restatement",
    "visible_watchlist",
    "watched_by",
    "watchlist_instruments",
    "watchlist_views",
    "watchlists_of",
    "year_range",
]
