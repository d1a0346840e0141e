"""The wire's data streams: quotes, trades, bars and the top of the book of what a program subscribes to.

At ``/alpaca/v2/iex`` (and the other names of feeds) for shares, at ``/alpaca/v1beta3/crypto/us`` for coins. MessagePack
for a client that says so in its ``Content-Type`` (the SDK does), else JSON; every frame is an array.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

import msgpack
import orjson
from channels.generic.websocket import AsyncWebsocketConsumer

from marketdata.models import Instrument
from marketdata.queries import QuoteView
from trading.queries import KeyHolder, is_key_live
from trading.wire.assets import CRYPTO, EQUITY, class_of, find_assets, listed, symbol_of
from trading.wire.auth import holder_by, pair_of
from trading.wire.data.forms import WireBar, bar_form, book_form, quote_form, text_stamp, trade_form
from trading.wire.streams.prices import price_hub
from trading.wire.streams.threads import aside

SIGN_IN_WITHIN: Final = 10.0
CHECK_EVERY: Final = 15.0
#: Close code for whoever is sent away; the error before it says why.
CLOSED: Final = 4401
#: A list of every symbol there is fits into this.
MOST_BYTES: Final = 1024 * 1024
MOST_SYMBOLS: Final = 10_000
#: What may be subscribed to. Lists that are always empty here are taken without a word.
CHANNELS: Final = ("trades", "quotes", "bars", "updatedBars", "dailyBars", "orderbooks", "statuses", "lulds")
_ANY: Final = "*"


def _stamp(at: datetime) -> msgpack.Timestamp:
    return msgpack.Timestamp.from_datetime(at)


class MarketDataConsumer(AsyncWebsocketConsumer):
    """One socket of one program. ``kind`` is the asset class that it serves."""

    kind = EQUITY

    async def connect(self) -> None:
        """Take the connection and say so."""
        self.holder: KeyHolder | None = None
        self.wants_bars = False
        self._subscribed: dict[str, set[str]] = {name: set() for name in CHANNELS}
        self._names: dict[int, set[str]] = {}
        self._instruments: dict[int, Instrument] = {}
        self._pending: list[dict[str, Any]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        headers = dict(self.scope["headers"])
        self._packed = headers.get(b"content-type", b"").lower() == b"application/msgpack"
        self._stamp: Callable[[datetime], Any] = _stamp if self._packed else text_stamp
        await self.accept()
        await self._send([{"T": "success", "msg": "connected"}])
        self._start(self._expect_sign_in())

    async def disconnect(self, code: int) -> None:
        """Leave nothing behind."""
        for task in self._tasks:
            task.cancel()
        price_hub().watch(self, frozenset())

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Take a frame of the program."""
        raw = text_data.encode() if text_data is not None else bytes_data or b""
        frame = self._read(raw) if len(raw) <= MOST_BYTES else {}
        action = frame.get("action")
        if action == "auth":
            await self._sign_in(frame)
        elif action in {"subscribe", "unsubscribe"} and self.holder is None:
            await self._fail(401, "not authenticated")
        elif action in {"subscribe", "unsubscribe"}:
            await self._change(frame, add=action == "subscribe")
        else:
            await self._fail(400, "invalid syntax")

    # --- what the program says ---

    def _read(self, raw: bytes) -> dict[str, Any]:
        """A frame as the client writes it; empty for what is no object."""
        found: Any = None
        with suppress(ValueError, RecursionError, msgpack.exceptions.UnpackException):
            found = msgpack.unpackb(raw, raw=False) if self._packed else json.loads(raw)
        return found if isinstance(found, dict) else {}

    async def _sign_in(self, frame: dict[str, Any]) -> None:
        if self.holder is not None:
            await self._fail(403, "already authenticated")
            return
        key_id, secret = frame.get("key"), frame.get("secret")
        if key_id == "oauth" and isinstance(secret, str):
            key_id, secret = pair_of(secret)
        self.holder = await aside(holder_by, key_id, secret)
        if self.holder is None:
            await self._fail(402, "auth failed")
            await self.close(CLOSED)
            return
        await self._send([{"T": "success", "msg": "authenticated"}])
        self._start(self._watch_key(self.holder))

    async def _change(self, frame: dict[str, Any], *, add: bool) -> None:
        for channel in CHANNELS:
            symbols = frame.get(channel)
            if symbols is None:
                continue
            if not isinstance(symbols, list) or not all(isinstance(each, str) for each in symbols):
                await self._fail(400, "invalid syntax")
                return
            if add:
                self._subscribed[channel].update(symbols)
            else:
                self._subscribed[channel].difference_update(symbols)
        if sum(map(len, self._subscribed.values())) > MOST_SYMBOLS:
            await self._fail(405, "symbol limit exceeded")
            await self.close(CLOSED)
            return
        await self._watch()
        await self._send(
            [{"T": "subscription", **{name: sorted(found) for name, found in self._subscribed.items()}}]
        )

    async def _watch(self) -> None:
        """Watch what is subscribed to; what nobody knows stays silent."""
        symbols = set().union(*self._subscribed.values())
        found = await aside(_instruments, symbols, self.kind)
        self._names, self._instruments = {}, {}
        for symbol, instrument in found:
            self._names.setdefault(instrument.pk, set()).add(symbol)
            self._instruments[instrument.pk] = instrument
        self.wants_bars = any(self._subscribed[name] for name in ("bars", "dailyBars"))
        price_hub().watch(self, frozenset(self._instruments))

    # --- what it is told ---

    def take_quote(self, quote: QuoteView, *, is_trade: bool) -> None:
        """From the hub: a new quote."""
        instrument = self._instruments.get(quote.instrument_id)
        if instrument is None:
            return
        self._tell(instrument, "quotes", "q", lambda: quote_form(quote, instrument, self._stamp))
        if is_trade:
            self._tell(instrument, "trades", "t", lambda: trade_form(quote, instrument, self._stamp))
        if self.kind == CRYPTO:
            self._tell(instrument, "orderbooks", "o", lambda: {**book_form(quote, self._stamp), "r": True})

    def take_bars(self, instrument_id: int, minute: WireBar, day: WireBar | None) -> None:
        """From the hub: a minute that has ended."""
        instrument = self._instruments.get(instrument_id)
        if instrument is None:
            return
        self._tell(instrument, "bars", "b", lambda: bar_form(minute, self._stamp))
        if day is not None:
            self._tell(instrument, "dailyBars", "d", lambda: bar_form(day, self._stamp))

    def _tell(
        self, instrument: Instrument, channel: str, letter: str, form: Callable[[], dict[str, Any]]
    ) -> None:
        """Put a message into the next frame, under the name the program used."""
        wanted = self._subscribed[channel]
        names = (self._names.get(instrument.pk, set()) & wanted) - {_ANY}
        if not names and _ANY in wanted:
            names = {symbol_of(instrument)}
        for name in names:
            self._pending.append({"T": letter, "S": name, **form()})
        if names and len(self._pending) == len(names):
            self._start(self._flush())

    async def _flush(self) -> None:
        pending, self._pending = self._pending, []
        if pending:
            await self._send(pending)

    async def _watch_key(self, holder: KeyHolder) -> None:
        while True:
            await asyncio.sleep(CHECK_EVERY)
            if not await aside(is_key_live, holder.key_pk):
                await self._fail(402, "auth failed")
                await self.close(CLOSED)
                return

    async def _expect_sign_in(self) -> None:
        await asyncio.sleep(SIGN_IN_WITHIN)
        if self.holder is None:
            await self._fail(404, "auth timeout")
            await self.close(CLOSED)

    async def _fail(self, code: int, message: str) -> None:
        await self._send([{"T": "error", "code": code, "msg": message}])

    async def _send(self, messages: list[dict[str, Any]]) -> None:
        if self._packed:
            await self.send(bytes_data=msgpack.packb(messages))
        else:
            await self.send(text_data=orjson.dumps(messages).decode())

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class CoinDataConsumer(MarketDataConsumer):
    """The same for coins."""

    kind = CRYPTO


def _instruments(symbols: set[str], kind: str) -> list[tuple[str, Instrument]]:
    """What the names mean; a star is everything of the asset class."""
    found = [(symbol, row) for symbol, row in find_assets(symbols - {_ANY}).items() if class_of(row) == kind]
    if _ANY in symbols:
        found += [(_ANY, row) for row in listed().active() if class_of(row) == kind]
    return found
