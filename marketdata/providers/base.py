"""Market data providers: the port. Pure: no Django, no database, no clock.

A provider does one thing: it asks its vendor and translates the answer. It does no retrying, caching or limiting
and keeps no record: whoever calls it does (`marketdata.operations`). It is asked from outside any transaction
and answers with plain values; what it says is checked again before it is stored. A new one is one file with a
class of this shape and a line in `registry`.

What every adapter holds to:

- Numbers are taken from the text of the answer into `Decimal`. What is no finite number, negative or of the wrong
  sign is a fault of that one symbol or bar, never a price.
- Prices are in the instrument's currency (pence and the like divided) and as traded: a vendor's split-adjusted
  history is multiplied back. An answer in another currency than expected is a `WrongCurrency`.
- Instants are aware and in UTC; days are those of the exchange.
- A symbol at fault does not lose the others: `QuoteBatch.faults`, `History.faults`.
- Every failure is a `ProviderError`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Protocol


class Capability(Enum):
    """What a provider can be asked for, and the methods that belong to it."""

    QUOTES = "quotes"  # quotes()
    HISTORY = "history"  # history(), bars()
    ACTIONS = "actions"  # history() has them too, actions()
    INTRADAY = "intraday"  # intraday()
    SEARCH = "search"  # search()
    FX = "fx"  # rates()
    STREAM = "stream"  # open_stream()


class ProviderError(Exception):
    """A provider could not answer. The last good price stays."""


class ProviderUnavailable(ProviderError):
    """It cannot be reached, timed out, or answers with an error of its own (5xx)."""


class RateLimited(ProviderError):
    """It wants to be left alone, for `retry_after` seconds where it says so."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class SymbolUnknown(ProviderError):
    """It does not know the instrument, or has nothing to say about it (delisted)."""


class BadAnswer(ProviderError):
    """It answered, but not with what was asked for: no JSON, another shape, no number, an absurd one."""


class WrongCurrency(BadAnswer):
    """It quotes in another currency than the instrument is kept in."""

    def __init__(self, *, expected: str, got: str) -> None:
        super().__init__(f"quotes in {got or 'no currency'}, expected {expected}")
        self.expected, self.got = expected, got


class NotAuthorised(ProviderError):
    """A key is missing or refused, or the question needs a better plan. Asking again does not help."""


class NotOffered(ProviderError):
    """It was asked for something that is not among its capabilities."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """The last close as traded that is known from elsewhere: a simulation goes on from there."""

    day: date
    price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentRef:
    """An instrument as a provider needs to know it. `symbol` is the provider's own name for it; empty where
    nobody knows that name, and the answer is then `SymbolUnknown`."""

    instrument_id: int
    symbol: str
    asset_class: str
    currency: str
    quoted_in: str = ""
    exchange: str = ""
    sector: str = ""
    anchor: Anchor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteData:
    """A price at an instant, in the instrument's currency (pence already divided). `last` alone is
    required.

    `bid_size` and `ask_size` are the units on offer at bid and ask; None where the source does not say.
    `previous_close` is the last close before today; of what trades around the clock the price 24 hours ago.
    `day_low` and `day_high` are the range of the session that the price is of, where the source tells it.
    """

    instrument_id: int
    last: Decimal
    bid: Decimal | None = None
    ask: Decimal | None = None
    bid_size: Decimal | None = None
    ask_size: Decimal | None = None
    previous_close: Decimal | None = None
    day_low: Decimal | None = None
    day_high: Decimal | None = None
    volume: Decimal | None = None
    market_cap: Decimal | None = None
    quoted_at: datetime
    source: str
    is_simulated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteBatch:
    """Quotes of those instruments that have one, and for the others why not, by instrument. `calls` is how
    many requests to the vendor it took."""

    quotes: list[QuoteData] = field(default_factory=list)
    faults: Mapping[int, ProviderError] = field(default_factory=dict)
    calls: int = 1


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
class IntradayBarData:
    """A minute (or several) from `at` on, as traded."""

    at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionData:
    """A split (`value` = new shares per old share) or a dividend (`value` = cash per share as paid then)."""

    ex_date: date
    kind: str
    value: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Daily bars and actions of one span of days, oldest first, a day once. `faults` says in words what was
    left out of the answer, and why."""

    bars: list[BarData] = field(default_factory=list)
    actions: list[ActionData] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    calls: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RateData:
    """1 `base` = `rate` `quote` on a day."""

    base: str
    quote: str
    date: date
    rate: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchHit:
    """What a provider's search found. `symbol` is our way to write it, `provider_symbol` the provider's own;
    `exchange` is a MIC; what the provider does not tell is empty. `quoted_in` as on instruments (`GBp`)."""

    symbol: str
    name: str
    asset_class: str
    currency: str
    provider: str
    provider_symbol: str
    exchange: str = ""
    isin: str = ""
    quoted_in: str = ""
    country: str = ""
    sector: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the vendor allows, as far as it says so: what limiting starts from unless settings say otherwise.

    `quotes_per_call`: how many instruments one request to the vendor can price. Ask `quotes()` for at most so
    many at a time and one call is one request.
    """

    calls_per_minute: int | None = None
    calls_per_day: int | None = None
    quotes_per_call: int = 1


class QuoteStream(Protocol):
    """An open stream of live prices. Not shared between threads."""

    def watch(self, instruments: Sequence[InstrumentRef]) -> None:
        """Have prices of exactly these sent from now on."""
        ...

    def receive(self, timeout: float) -> QuoteBatch:
        """Return what has come in, waiting up to `timeout` seconds for the first; empty where nothing came.

        Raises `ProviderUnavailable` when the connection is gone: close it and open another.
        """
        ...

    def close(self) -> None:
        """Hang up. May be called twice."""
        ...


class Provider(Protocol):
    """What every provider can be asked; `capabilities` says which of it makes sense."""

    name: str
    is_simulated: bool
    capabilities: frozenset[Capability]
    limits: Limits

    def symbol_for(self, *, symbol: str, exchange: str, asset_class: str, currency: str) -> str:
        """Return its own name for an instrument that nobody has mapped; empty where that cannot be told."""
        ...

    def quotes(self, instruments: Sequence[InstrumentRef], at: datetime) -> QuoteBatch:
        """Return the latest quotes, as of `at`, of those instruments it has one for."""
        ...

    def history(self, instrument: InstrumentRef, start: date, end: date) -> History:
        """Return daily bars and, with `ACTIONS`, splits and dividends of start..end in as few requests as it
        takes."""
        ...

    def bars(self, instrument: InstrumentRef, start: date, end: date) -> list[BarData]:
        """Return the daily bars of start..end, oldest first."""
        ...

    def actions(self, instrument: InstrumentRef, start: date, end: date) -> list[ActionData]:
        """Return splits and dividends with an ex-date in start..end, oldest first."""
        ...

    def intraday(self, instrument: InstrumentRef, start: datetime, end: datetime) -> list[IntradayBarData]:
        """Return the minute bars that begin in start..end, oldest first, as far back as the vendor keeps
        them."""
        ...

    def rates(self, currencies: Iterable[str], start: date, end: date) -> list[RateData]:
        """Return daily exchange rates of start..end for the currencies it knows."""
        ...

    def search(self, text: str) -> list[SearchHit]:
        """Return instruments that match what a person typed, best first."""
        ...

    def open_stream(self, instruments: Sequence[InstrumentRef]) -> QuoteStream:
        """Open a live stream of these instruments' prices."""
        ...


class BaseProvider:
    """What adapters start from: everything refused that they do not offer, `history` made of its two parts."""

    name = ""
    is_simulated = False
    capabilities: frozenset[Capability] = frozenset()
    limits = Limits()

    def symbol_for(self, *, symbol: str, exchange: str, asset_class: str, currency: str) -> str:
        """The same name as here."""
        return symbol

    def quotes(self, instruments: Sequence[InstrumentRef], at: datetime) -> QuoteBatch:
        """No quotes."""
        raise self._not_offered(Capability.QUOTES)

    def history(self, instrument: InstrumentRef, start: date, end: date) -> History:
        """Bars and, where it has them, actions."""
        if Capability.ACTIONS not in self.capabilities:
            return History(bars=self.bars(instrument, start, end))
        return History(
            bars=self.bars(instrument, start, end), actions=self.actions(instrument, start, end), calls=2
        )

    def bars(self, instrument: InstrumentRef, start: date, end: date) -> list[BarData]:
        """No history."""
        raise self._not_offered(Capability.HISTORY)

    def actions(self, instrument: InstrumentRef, start: date, end: date) -> list[ActionData]:
        """No splits or dividends."""
        raise self._not_offered(Capability.ACTIONS)

    def intraday(self, instrument: InstrumentRef, start: datetime, end: datetime) -> list[IntradayBarData]:
        """No minutes."""
        raise self._not_offered(Capability.INTRADAY)

    def rates(self, currencies: Iterable[str], start: date, end: date) -> list[RateData]:
        """No exchange rates."""
        raise self._not_offered(Capability.FX)

    def search(self, text: str) -> list[SearchHit]:
        """No search."""
        raise self._not_offered(Capability.SEARCH)

    def open_stream(self, instruments: Sequence[InstrumentRef]) -> QuoteStream:
        """No stream."""
        raise self._not_offered(Capability.STREAM)

    def _not_offered(self, capability: Capability) -> NotOffered:
        return NotOffered(f"{self.name} does not offer {capability.value}")
