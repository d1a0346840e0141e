"""The streams: driven by the official SDK against the running site, and frame by frame."""

from __future__ import annotations

import asyncio
import json
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Self

import msgpack
import pytest
from alpaca.data.enums import DataFeed
from alpaca.data.live import CryptoDataStream, StockDataStream
from alpaca.trading.enums import OrderStatus, TradeEvent
from alpaca.trading.models import TradeUpdate
from alpaca.trading.stream import TradingStream
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from marketdata.operations import set_quote as hold_quote
from portfolio_site.kernel import clock
from portfolio_site.kernel.events import dispatch_pending
from trading.operations import cancel_order, match_resting_orders, revoke_api_key
from trading.tests.support import make_instrument, order, set_quote
from trading.wire.tests.support import make_bot


@pytest.fixture
def acme(live_site):
    share = make_instrument("ACME")
    set_quote(share, "100.00", "100.02", "100.01", at=datetime.now(UTC))
    return share


def wait_for(check: Callable[[], Any], *, seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = check()
        if found:
            return found
        time.sleep(0.05)
    pytest.fail("nothing came")


@contextmanager
def running(stream: Any) -> Iterator[None]:
    """Run a stream of the SDK in a thread of its own, and end it."""
    thread = threading.Thread(target=stream.run, daemon=True)
    thread.start()
    wait_for(lambda: stream._running)
    yield
    stream.stop()
    thread.join(timeout=15)
    assert not thread.is_alive()


def follow(sdk, *, raw: bool = False) -> tuple[TradingStream, list[Any]]:
    stream = TradingStream(
        sdk.bot.key_id, sdk.bot.secret, url_override=f"{sdk.socket_base}/stream", raw_data=raw
    )
    seen: list[Any] = []

    async def on_update(update: Any) -> None:
        seen.append(update)

    stream.subscribe_trade_updates(on_update)
    return stream, seen


def place(bot, share, **terms):
    terms = {"now": clock.now(), **terms}
    return order(bot.portfolio_id, bot.user, share, **terms)


class TestTradeUpdates:
    def test_the_sdk_sees_each_event_once_in_order_and_never_before_rest_shows_it(self, sdk, acme):
        stream, seen = follow(sdk)
        shown = []

        async def on_update(update: TradeUpdate) -> None:
            # At the moment of the event REST must know it.
            shown.append((await asyncio.to_thread(sdk.trading.get_order_by_id, update.order.id)).status)
            seen.append(update)

        stream.subscribe_trade_updates(on_update)
        with running(stream):
            time.sleep(0.5)
            filled = place(sdk.bot, acme, quantity=5)
            resting = place(sdk.bot, acme, limit_price="90")
            cancel_order(order_id=resting.id, actor=sdk.bot.user, now=clock.now())
            wait_for(lambda: len(seen) == 4)
            time.sleep(0.3)
        assert [(update.event, update.order.id, update.order.status) for update in seen] == [
            (TradeEvent.NEW, filled.id, OrderStatus.NEW),
            (TradeEvent.FILL, filled.id, OrderStatus.FILLED),
            (TradeEvent.NEW, resting.id, OrderStatus.NEW),
            (TradeEvent.CANCELED, resting.id, OrderStatus.CANCELED),
        ]
        fill = seen[1]
        assert (fill.price, fill.qty, fill.position_qty) == (100.02, 5, 5)
        assert fill.execution_id is not None
        assert shown[1] == OrderStatus.FILLED
        assert shown[3] == OrderStatus.CANCELED

    def test_raw_updates_have_strings_and_rising_ids(self, sdk, acme):
        stream, seen = follow(sdk, raw=True)
        with running(stream):
            time.sleep(0.5)
            for _ in range(3):
                place(sdk.bot, acme)
            wait_for(lambda: len(seen) == 6)
        data = [message["data"] for message in seen]
        assert {message["stream"] for message in seen} == {"trade_updates"}
        assert [update["event_id"] for update in data] == [1, 2, 3, 4, 5, 6]
        assert (data[1]["price"], data[1]["qty"], data[1]["position_qty"]) == ("100.02", "1", "1")
        assert data[1]["timestamp"] == data[1]["at"]
        assert data[0]["order"]["status"] == "new"

    def test_an_order_of_another_process_comes_too(self, sdk, acme):
        """A tick that is matched by a worker, not by the server that holds the socket."""
        stream, seen = follow(sdk)
        with running(stream):
            time.sleep(0.5)
            place(sdk.bot, acme, limit_price="95", time_in_force="gtc")
            set_quote(acme, "94.00", "94.50", at=clock.now())
            match_resting_orders(instrument_ids=[acme.pk], now=clock.now())
            wait_for(lambda: len(seen) == 2)
        assert seen[-1].event == TradeEvent.FILL
        assert seen[-1].price == 94.5

    def test_others_hear_nothing(self, sdk, acme):
        stranger = make_bot()
        stream, seen = follow(sdk)
        with running(stream):
            time.sleep(0.5)
            place(stranger, acme)
            place(sdk.bot, acme, limit_price="90")
            wait_for(lambda: seen)
            time.sleep(0.3)
        assert [update.order.limit_price for update in seen] == ["90"]


class Socket:
    """A program that speaks the protocol by hand."""

    def __init__(self, url: str, **headers: str) -> None:
        self.url, self.headers = url, headers
        self._inbox: queue.Queue[Any] = queue.Queue()
        self._outbox: asyncio.Queue[Any]
        self._ready = threading.Event()
        self.closed: int | None = None
        self.refused: int | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        if self.refused is None:
            self._loop.call_soon_threadsafe(self._outbox.put_nowait, None)
        self._thread.join(timeout=10)

    async def _run(self) -> None:
        self._loop, self._outbox = asyncio.get_running_loop(), asyncio.Queue()
        try:
            async with connect(self.url, additional_headers=self.headers) as socket:
                self._ready.set()
                reader = asyncio.create_task(self._read(socket))
                while (frame := await self._outbox.get()) is not None:
                    await socket.send(frame)
                reader.cancel()
        except InvalidStatus as error:
            self.refused = error.response.status_code
            self._ready.set()

    async def _read(self, socket: Any) -> None:
        try:
            while True:
                self._inbox.put(await socket.recv())
        except ConnectionClosed as error:
            self.closed = error.rcvd.code if error.rcvd else 0
            self._inbox.put(None)

    def send(self, frame: Any) -> None:
        raw = frame if isinstance(frame, str | bytes) else json.dumps(frame)
        self._loop.call_soon_threadsafe(self._outbox.put_nowait, raw)

    def raw(self, *, seconds: float = 15) -> Any:
        return self._inbox.get(timeout=seconds)

    def next(self, *, seconds: float = 15) -> Any:
        return json.loads(self.raw(seconds=seconds))

    def is_silent(self, seconds: float = 0.5) -> bool:
        try:
            self._inbox.get(timeout=seconds)
        except queue.Empty:
            return True
        return False


def sign_in(bot) -> dict[str, Any]:
    return {"action": "authenticate", "data": {"key_id": bot.key_id, "secret_key": bot.secret}}


def listen(**more: Any) -> dict[str, Any]:
    return {"action": "listen", "data": {"streams": ["trade_updates"], **more}}


AUTHORIZED = {"stream": "authorization", "data": {"status": "authorized", "action": "authenticate"}}
LISTENING = {"stream": "listening", "data": {"streams": ["trade_updates"]}}


class TestOrderProtocol:
    def test_says_nothing_before_it_is_spoken_to_and_answers_in_binary_frames(self, sdk, acme):
        with Socket(f"{sdk.socket_base}/stream") as socket:
            assert socket.is_silent()
            socket.send(sign_in(sdk.bot))
            raw = socket.raw()
            assert isinstance(raw, bytes)
            assert json.loads(raw) == AUTHORIZED
            socket.send(listen())
            assert socket.next() == LISTENING
            socket.send({"action": "listen", "data": {"streams": ["trade_updates", "account_updates"]}})
            assert socket.next() == LISTENING
            socket.send({"action": "listen", "data": {"streams": []}})
            assert socket.next() == {"stream": "listening", "data": {"streams": []}}
            place(sdk.bot, acme)
            assert socket.is_silent(1.5)

    def test_every_spelling_of_signing_in(self, sdk):
        bot = sdk.bot
        for frame in (
            {"action": "auth", "key": bot.key_id, "secret": bot.secret},
            {"action": "authenticate", "data": {"oauth_token": f"{bot.key_id}:{bot.secret}"}},
            msgpack.packb(sign_in(bot)),
        ):
            with Socket(f"{sdk.socket_base}/stream") as socket:
                socket.send(frame)
                assert socket.next() == AUTHORIZED

    def test_messagepack_for_who_asks_for_it(self, sdk, acme):
        with Socket(f"{sdk.socket_base}/stream", **{"Content-Type": "application/msgpack"}) as socket:
            socket.send(msgpack.packb(sign_in(sdk.bot)))
            assert msgpack.unpackb(socket.raw()) == AUTHORIZED

    def test_refuses_bad_keys_and_listening_before(self, sdk):
        wrong = {"stream": "authorization", "data": {"status": "unauthorized", "action": "authenticate"}}
        for frame in (
            {"action": "authenticate", "data": {"key_id": "PKNOBODY", "secret_key": "x"}},
            {"action": "authenticate", "data": {"key_id": 7, "secret_key": None}},
            {"action": "authenticate"},
        ):
            with Socket(f"{sdk.socket_base}/stream") as socket:
                socket.send(frame)
                assert socket.next() == wrong
                assert socket.raw() is None
        with Socket(f"{sdk.socket_base}/stream") as socket:
            socket.send(listen())
            assert socket.next()["data"] == {"status": "unauthorized", "action": "listen"}
            socket.send(sign_in(sdk.bot))
            assert socket.next() == AUTHORIZED

    @pytest.mark.parametrize(
        "frame",
        [
            "{",
            "[]",
            "7",
            "null",
            '"x"',
            b"\xc1",
            '{"action": "dance"}',
            "[" * 5000,
            '{"action":"listen","data":7}',
        ],
    )
    def test_answers_nonsense_with_an_error_and_ends(self, sdk, frame):
        with Socket(f"{sdk.socket_base}/stream") as socket:
            socket.send(sign_in(sdk.bot))
            socket.next()
            socket.send(frame)
            assert socket.next()["action"] == "error"
            assert socket.raw() is None

    def test_who_comes_back_gets_what_was_missed_each_once(self, sdk, acme):
        for _ in range(3):
            place(sdk.bot, acme)
        with Socket(f"{sdk.socket_base}/stream") as socket:
            socket.send(sign_in(sdk.bot))
            socket.next()
            socket.send(listen(since_id=2))
            assert socket.next() == LISTENING
            assert [socket.next()["data"]["event_id"] for _ in range(4)] == [3, 4, 5, 6]
            place(sdk.bot, acme)
            assert [socket.next()["data"]["event_id"] for _ in range(2)] == [7, 8]
            assert socket.is_silent()
        with Socket(f"{sdk.socket_base}/stream?since_id=6") as socket:
            socket.send(sign_in(sdk.bot))
            socket.next()
            socket.send(listen())
            socket.next()
            assert [socket.next()["data"]["event_id"] for _ in range(2)] == [7, 8]

    def test_a_storm_arrives_whole(self, sdk, acme):
        with Socket(f"{sdk.socket_base}/stream") as socket:
            socket.send(sign_in(sdk.bot))
            socket.next()
            socket.send(listen())
            socket.next()
            for _ in range(40):
                place(sdk.bot, acme, quantity="0.1")
            assert [socket.next()["data"]["event_id"] for _ in range(80)] == list(range(1, 81))

    def test_a_revoked_key_hears_nothing_more(self, sdk, acme):
        with Socket(f"{sdk.socket_base}/stream") as socket:
            socket.send(sign_in(sdk.bot))
            socket.next()
            socket.send(listen())
            socket.next()
            revoke_api_key(key_pk=sdk.bot.key_pk, actor=sdk.bot.user, now=clock.now())
            place(sdk.bot, acme)
            assert socket.next()["data"] == {"status": "unauthorized", "action": "listen"}
            assert socket.raw() is None
            assert socket.closed == 4401

    def test_there_are_no_other_sockets(self, sdk):
        for path in ("/streams", "/v2/orders", "/v2/iex/x", "/"):
            with Socket(f"{sdk.socket_base}{path}") as socket:
                assert socket.refused == 403


class TestMarketData:
    def tick(self, share, bid, ask):
        hold_quote(instrument_id=share.pk, bid=bid, ask=ask, now=clock.now())
        dispatch_pending()

    def test_the_sdk_gets_quotes_and_trades(self, sdk, acme):
        stream = StockDataStream(
            sdk.bot.key_id,
            sdk.bot.secret,
            feed=DataFeed.IEX,
            url_override=f"{sdk.socket_base}/v2/iex",
        )
        quotes, trades = [], []

        async def on_quote(quote: Any) -> None:
            quotes.append(quote)

        async def on_trade(trade: Any) -> None:
            trades.append(trade)

        stream.subscribe_quotes(on_quote, "ACME")
        stream.subscribe_trades(on_trade, "*")
        with running(stream):
            time.sleep(1)
            self.tick(acme, Decimal("101.00"), Decimal("101.10"))
            wait_for(lambda: quotes and trades)
        assert (quotes[-1].symbol, quotes[-1].bid_price, quotes[-1].ask_price) == ("ACME", 101, 101.1)
        assert (trades[-1].symbol, trades[-1].price) == ("ACME", 101.05)
        assert quotes[-1].timestamp.tzinfo is not None

    def test_the_sdk_gets_coins(self, sdk):
        coin = make_instrument("BTC-USD", asset_class="crypto", exchange="", quantity_step="0.00000001")
        set_quote(coin, "50000", "50010", at=clock.now())
        stream = CryptoDataStream(
            sdk.bot.key_id, sdk.bot.secret, url_override=f"{sdk.socket_base}/v1beta3/crypto/us"
        )
        books = []

        async def on_book(book: Any) -> None:
            books.append(book)

        stream.subscribe_orderbooks(on_book, "BTC/USD")
        with running(stream):
            time.sleep(1)
            self.tick(coin, Decimal(51000), Decimal(51010))
            wait_for(lambda: books)
        assert (books[-1].symbol, books[-1].bids[0].price) == ("BTC/USD", 51000)

    def test_protocol_of_subscriptions(self, sdk, acme):
        url = f"{sdk.socket_base}/v2/sip"
        with Socket(url, **{"Content-Type": "application/msgpack"}) as socket:
            assert msgpack.unpackb(socket.raw()) == [{"T": "success", "msg": "connected"}]
            socket.send(msgpack.packb({"action": "subscribe", "quotes": ["ACME"]}))
            assert msgpack.unpackb(socket.raw())[0]["code"] == 401
            socket.send(msgpack.packb({"action": "auth", "key": sdk.bot.key_id, "secret": sdk.bot.secret}))
            assert msgpack.unpackb(socket.raw()) == [{"T": "success", "msg": "authenticated"}]
            socket.send(msgpack.packb({"action": "subscribe", "quotes": ["ACME", "NOSUCH"], "bars": ["*"]}))
            (subscribed,) = msgpack.unpackb(socket.raw())
            assert (subscribed["T"], subscribed["quotes"], subscribed["bars"]) == (
                "subscription",
                ["ACME", "NOSUCH"],
                ["*"],
            )
            socket.send(msgpack.packb({"action": "unsubscribe", "quotes": ["NOSUCH"], "bars": ["*"]}))
            (left,) = msgpack.unpackb(socket.raw())
            assert (left["quotes"], left["bars"]) == (["ACME"], [])
            socket.send(msgpack.packb({"action": "auth", "key": "again", "secret": "x"}))
            assert msgpack.unpackb(socket.raw())[0]["code"] == 403
            socket.send(b"\xc1")
            assert msgpack.unpackb(socket.raw())[0]["code"] == 400

    def test_json_for_who_does_not_ask_for_messagepack(self, sdk, acme):
        with Socket(f"{sdk.socket_base}/v2/iex") as socket:
            assert socket.next() == [{"T": "success", "msg": "connected"}]
            socket.send({"action": "auth", "key": sdk.bot.key_id, "secret": sdk.bot.secret})
            socket.next()
            socket.send({"action": "subscribe", "quotes": ["ACME"]})
            socket.next()
            time.sleep(0.5)
            self.tick(acme, Decimal(102), Decimal("102.5"))
            (quote,) = socket.next()
            assert (quote["T"], quote["S"], quote["bp"], quote["ap"]) == ("q", "ACME", 102, 102.5)
            assert quote["t"].endswith("Z")

    def test_bad_keys_are_told_and_shut_out(self, sdk):
        with Socket(f"{sdk.socket_base}/v2/iex") as socket:
            socket.next()
            socket.send({"action": "auth", "key": "PKNOBODY", "secret": "x"})
            assert socket.next() == [{"T": "error", "code": 402, "msg": "auth failed"}]
            assert socket.raw() is None
