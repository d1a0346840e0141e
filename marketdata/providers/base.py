"""Market data providers: the port. Pure: no Django, no database, no clock.

A provider is asked from outside any transaction and answers with plain values; what it says is checked before
it is stored (`marketdata.operations.apply_quotes`). A new one is one file with a class of this shape and a
line in `registry`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Protocol


class Capability(Enum):
    """What a provider can be asked for."""

    QUOTES = "quotes"
    HISTORY = "history"
    RATES = "rates"
    SEARCH = "search"


class ProviderError(Exception):
    """A provider could not answer. The last good price stays."""


class ProviderUnavailable(ProviderError):
    """It cannot be reached, timed out, or answers with an error of its own."""


class RateLimited(ProviderError):
    """It wants to be left alone, for `retry_after` seconds where it says so."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class UnknownSymbol(ProviderError):
    """It does not know the instrument."""


class BadAnswer(ProviderError):
    """It answered, but not with what was asked for: wrong shape, wrong currency, no number."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """The last close as traded that is known from elsewhere: a simulation goes on from there."""

    day: date
    price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentRef:
    """An instrument as a provider needs to know it. `symbol` is the provider's own name for it."""

    instrument_id: int
    symbol: str
    asset_class: str
    currency: str
    quoted_in: str = ""
    exchange: str = ""
    anchor: Anchor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteData:
    """A price at an instant, in the instrument's currency (pence already divided). `last` alone is
    required.

    `bid_size` and `ask_size` are the units on offer at bid and ask; None where the source does not say.
    """

    instrument_id: int
    last: Decimal
    bid: Decimal | None = None
    ask: Decimal | None = None
    bid_size: Decimal | None = None
    ask_size: Decimal | None = None
    previous_close: Decimal | None = None
    volume: Decimal | None = None
    quoted_at: datetime
    source: str
    is_simulated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BarData:
    """One day as traded: never adjusted for what came later."""

    date: date
    open: Decimal | None
    high: Decimal | None
    low: Decimal | None
    close: Decimal
    volume: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionData:
    """A split (`value` = new shares per old share) or a dividend (`value` = cash per share as paid then)."""

    ex_date: date
    kind: str
    value: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class RateData:
    """1 `base` = `rate` `quote` on a day."""

    base: str
    quote: str
    date: date
    rate: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolData:
    """What a provider's search found."""

    symbol: str
    name: str
    asset_class: str
    currency: str
    exchange: str = ""


class Provider(Protocol):
    """What every provider can be asked; `capabilities` says which of it makes sense."""

    name: str
    is_simulated: bool
    capabilities: frozenset[Capability]

    def quotes(self, instruments: Sequence[InstrumentRef], at: datetime) -> list[QuoteData]:
        """Return the latest quotes, as of `at`, of those instruments it has one for."""
        ...

    def bars(self, instrument: InstrumentRef, start: date, end: date) -> list[BarData]:
        """Return the daily bars of start..end, oldest first."""
        ...

    def actions(self, instrument: InstrumentRef, start: date, end: date) -> list[ActionData]:
        """Return splits and dividends with an ex-date in start..end, oldest first."""
        ...

    def rates(self, currencies: Iterable[str], start: date, end: date) -> list[RateData]:
        """Return daily exchange rates of start..end for the currencies it knows."""
        ...

    def search(self, text: str) -> list[SymbolData]:
        """Return instruments that match what a person typed."""
        ...
