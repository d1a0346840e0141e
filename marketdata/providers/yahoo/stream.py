"""Market data providers: Yahoo's live stream, through yfinance's WebSocket client: base64 of protobuf in JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import ExitStack
from decimal import Decimal
from typing import Any

from websockets.sync.client import connect

from marketdata.providers import parsing
from marketdata.providers.base import (
    BadAnswer,
    InstrumentRef,
    ProviderError,
    ProviderUnavailable,
    QuoteBatch,
    QuoteData,
)

STREAM = "wss://streamer.finance.yahoo.com/?version=2"
SOURCE = "yahoo stream"
#: Yahoo forgets who does not say again now and then what it wants to see.
REPEAT_SECONDS = 15.0
#: So many ticks are handed on at once at most.
MOST_AT_ONCE = 2000
#: Yahoo's number for trading in regular hours; what is traded before and after them is no price of the day.
_REGULAR = 1
_WITHOUT_VOLUME = frozenset({"crypto", "currency"})
#: Of these a tick may leave the currency out: it is part of the symbol. Of a share it would be a guess, a hundredfold
#: wrong one in London.
_NAMED_BY_CURRENCY = frozenset({"crypto", "currency", "index"})


class YahooStream:
    """One connection. What it says before and after regular hours is left out, what is at fault told by
    instrument."""

    def __init__(self, url: str = STREAM, *, timeout: float = 10.0) -> None:
        # Imported when first needed, like all of yfinance.
        from yfinance.live import WebSocket

        self._url = url
        self._timeout = timeout
        self._open = ExitStack()
        self._socket = WebSocket(url, verbose=False)
        self._watched: dict[str, InstrumentRef] = {}
        self._said_at = 0.0

    def watch(self, instruments: Sequence[InstrumentRef]) -> None:
        """Watch exactly these. Raises `ProviderUnavailable`."""
        wanted = {ref.symbol.upper(): ref for ref in instruments if ref.symbol}
        gone = sorted(self._watched.keys() - wanted.keys())
        self._watched = wanted
        try:
            if self._socket._ws is None and wanted:
                # Connected here: yfinance would wait as long as it takes, and in a way websockets is giving up.
                self._socket._ws = self._open.enter_context(connect(self._url, open_timeout=self._timeout))
            if gone:
                self._socket.unsubscribe(gone)
            if wanted:
                self._socket.subscribe(sorted(wanted))
        except Exception as error:
            raise self._lost(error) from error
        self._said_at = time.monotonic()

    def receive(self, timeout: float) -> QuoteBatch:
        """Wait up to `timeout` seconds for a first tick, then take what has come with it."""
        quotes: list[QuoteData] = []
        faults: dict[int, ProviderError] = {}
        if not self._watched:
            time.sleep(timeout)
            return QuoteBatch(calls=0)
        if time.monotonic() - self._said_at > REPEAT_SECONDS:
            self.watch(list(self._watched.values()))
        patience = timeout
        for _ in range(MOST_AT_ONCE):
            message = self._next(patience)
            if message is None:
                break
            patience = 0.0
            self._take(message, quotes, faults)
        return QuoteBatch(quotes=quotes, faults=faults, calls=0)

    def close(self) -> None:
        """Hang up."""
        self._open.close()
        self._socket._ws = None

    def _next(self, patience: float) -> str | bytes | None:
        try:
            message: str | bytes = self._socket._ws.recv(timeout=patience)
        except TimeoutError:
            return None
        except Exception as error:
            raise self._lost(error) from error
        return message

    def _lost(self, error: Exception) -> ProviderUnavailable:
        return ProviderUnavailable(f"the stream broke off ({type(error).__name__})")

    def _take(self, message: str | bytes, quotes: list[QuoteData], faults: dict[int, ProviderError]) -> None:
        tick = self._decoded(message)
        ref = self._watched.get(parsing.text_of(tick.get("id")).upper())
        if ref is None or tick.get("market_hours") != _REGULAR:
            return
        try:
            quotes.append(quote_of(ref, tick))
        except ProviderError as error:
            faults[ref.instrument_id] = error

    def _decoded(self, message: str | bytes) -> dict[str, Any]:
        """The fields of a tick; none for what is no tick."""
        try:
            outer = json.loads(message)
        except ValueError:
            return {}
        body = outer.get("message") if isinstance(outer, dict) else None
        if not isinstance(body, str) or not body:
            return {}
        decoded: dict[str, Any] = self._socket._decode_message(body)
        return {} if "error" in decoded else decoded


def quote_of(ref: InstrumentRef, tick: dict[str, Any]) -> QuoteData:
    """Return a tick as a quote in the instrument's currency; raises `WrongCurrency` and `BadAnswer`."""
    last = parsing.price(_exact(tick.get("price")), "the price")
    if last is None:
        raise BadAnswer("a tick without a price")
    quoted_in = parsing.text_of(tick.get("currency"))
    if not quoted_in and ref.asset_class in _NAMED_BY_CURRENCY:
        quoted_in = ref.currency
    units = parsing.units_of(quoted_in, expected=ref.currency)
    bid, ask = (parsing.optional_price(_exact(tick.get(name))) for name in ("bid", "ask"))
    if bid is None or ask is None or bid > ask:
        bid = ask = None
    previous, low, high = (
        parsing.optional_price(_exact(tick.get(name))) for name in ("previous_close", "day_low", "day_high")
    )
    return QuoteData(
        instrument_id=ref.instrument_id,
        last=parsing.in_major(last, units),
        bid=None if bid is None else parsing.in_major(bid, units),
        ask=None if ask is None else parsing.in_major(ask, units),
        previous_close=None if previous is None else parsing.in_major(previous, units),
        day_low=None if low is None else parsing.in_major(low, units),
        day_high=None if high is None else parsing.in_major(high, units),
        volume=None if ref.asset_class in _WITHOUT_VOLUME else parsing.volume(tick.get("day_volume")),
        quoted_at=parsing.instant(tick.get("time"), "the time of a tick", unit=1000),
        source=SOURCE,
    )


def _exact(value: Any) -> Any:
    """A float that came as 32 bits is the shortest number that becomes it."""
    return Decimal(repr(value)) if isinstance(value, float) else value
