"""Market data operations: the latest quotes: fetched, checked, stored, announced; and set by hand."""

from marketdata.operations.quotes.by_hand import QuoteRefused, release_quote, set_quote
from marketdata.operations.quotes.candidates import asked_providers, is_in_use
from marketdata.operations.quotes.confirming import confirm_held_quote, dismiss_held_quote
from marketdata.operations.quotes.refreshing import Refreshed, refresh_quotes, refresh_wanted_quotes
from marketdata.operations.quotes.splitting import carry_quote_past_split
from marketdata.operations.quotes.storing import AppliedQuotes, apply_quotes

__all__ = [
    "AppliedQuotes",
    "QuoteRefused",
    "Refreshed",
    "apply_quotes",
    "asked_providers",
    "carry_quote_past_split",
    "confirm_held_quote",
    "dismiss_held_quote",
    "is_in_use",
    "refresh_quotes",
    "refresh_wanted_quotes",
    "release_quote",
    "set_quote",
]
