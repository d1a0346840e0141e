"""Market data on the wire: how a bar, a quote and a trade are written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from marketdata.models import Instrument
from marketdata.queries import QuoteView
from trading.wire.assets import is_crypto
from trading.wire.values import NEW_YORK, number_of

#: How an instant is written: text over HTTP, a timestamp on the streams.
Stamp = Callable[[datetime], Any]
#: The tape by primary exchange: A New York, B regional, C Nasdaq.
_TAPES = {"XNYS": "A", "ARCX": "B", "XASE": "B", "BATS": "B", "BATY": "B"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WireBar:
    """One bar from ``at`` on. Prices and volume are Decimal or float."""

    at: datetime
    open: Any
    high: Any
    low: Any
    close: Any
    volume: Any


def text_stamp(at: datetime) -> str:
    """RFC 3339 in UTC; whole seconds without a fraction."""
    plain = at.astimezone(UTC).replace(tzinfo=None)
    return plain.isoformat(timespec="microseconds" if plain.microsecond else "seconds") + "Z"


def day_starts(day: date) -> datetime:
    """The instant with which a day begins on the wire: New York midnight."""
    return datetime.combine(day, time.min, tzinfo=NEW_YORK).astimezone(UTC)


def bar_form(bar: WireBar, stamp: Stamp = text_stamp) -> dict[str, Any]:
    """A bar; ``n`` and ``vw`` are not kept."""
    return {
        "t": stamp(bar.at),
        "o": number_of(bar.open),
        "h": number_of(bar.high),
        "l": number_of(bar.low),
        "c": number_of(bar.close),
        "v": number_of(bar.volume or 0),
        "n": None,
        "vw": None,
    }


def quote_form(quote: QuoteView, instrument: Instrument, stamp: Stamp = text_stamp) -> dict[str, Any]:
    """Bid and ask; a side that nobody makes is 0."""
    facts: dict[str, Any] = {
        "t": stamp(quote.quoted_at),
        "bp": number_of(quote.bid or Decimal(0)),
        "bs": number_of(quote.bid_size or Decimal(0)),
        "ap": number_of(quote.ask or Decimal(0)),
        "as": number_of(quote.ask_size or Decimal(0)),
    }
    if not is_crypto(instrument):
        facts |= {"bx": "V", "ax": "V", "c": ["R"], "z": _TAPES.get(instrument.exchange, "C")}
    return facts


def trade_form(quote: QuoteView, instrument: Instrument, stamp: Stamp = text_stamp) -> dict[str, Any]:
    """The last trade; its size is not known."""
    facts: dict[str, Any] = {"t": stamp(quote.quoted_at), "p": number_of(quote.last), "s": 0}
    if not is_crypto(instrument):
        facts |= {"x": "V", "c": ["@"], "z": _TAPES.get(instrument.exchange, "C")}
    return facts


def book_form(quote: QuoteView, stamp: Stamp = text_stamp) -> dict[str, Any]:
    """The top of the book, best first."""
    bids = [] if quote.bid is None else [{"p": number_of(quote.bid), "s": number_of(quote.bid_size or 0)}]
    asks = [] if quote.ask is None else [{"p": number_of(quote.ask), "s": number_of(quote.ask_size or 0)}]
    return {"t": stamp(quote.quoted_at), "b": bids, "a": asks}
