"""Market data: what things cost.

Prices are kept as they were traded (never adjusted for later splits or dividends) in the instrument's
currency, which is always a major unit: a share quoted in pence carries `currency="GBP"` and
`quoted_in="GBp"`, and is divided by 100 where it comes in. Splits and dividends are facts of their own; an
adjusted series is computed when it is read.
"""

from marketdata.models.actions import ActionKind, CorporateAction
from marketdata.models.health import (
    HeldQuote,
    InstrumentTrouble,
    ProviderHealth,
    ProviderState,
    TroubleKind,
)
from marketdata.models.history import HistoryGap, HistoryJob, HistoryStatus, RestatedBar, Restatement
from marketdata.models.instruments import (
    AssetClass,
    Instrument,
    InstrumentQuerySet,
    QuoteUnit,
    validate_country,
    validate_currency_code,
    validate_isin,
    validate_mic,
)
from marketdata.models.intraday import IntradayBar
from marketdata.models.prices import FxRate, PriceBar, Quote
from marketdata.models.sources import PriceSourceChange
from marketdata.models.visibility import AUDITOR_GROUP, OfInstrumentQuerySet
from marketdata.models.watchlists import Watchlist, WatchlistItem

__all__ = [
    "AUDITOR_GROUP",
    "ActionKind",
    "AssetClass",
    "CorporateAction",
    "FxRate",
    "HeldQuote",
    "HistoryGap",
    "HistoryJob",
    "HistoryStatus",
    "Instrument",
    "InstrumentQuerySet",
    "InstrumentTrouble",
    "IntradayBar",
    "OfInstrumentQuerySet",
    "PriceBar",
    "PriceSourceChange",
    "ProviderHealth",
    "ProviderState",
    "Quote",
    "QuoteUnit",
    "RestatedBar",
    "Restatement",
    "TroubleKind",
    "Watchlist",
    "WatchlistItem",
    "validate_country",
    "validate_currency_code",
    "validate_isin",
    "validate_mic",
]
