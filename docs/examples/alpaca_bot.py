"""A bot for the Alpaca-compatible API: it trades every kind of order and ends flat, to the cent.

It knows nothing but the official client (`pip install alpaca-py`) and the address and keys of an account. As it wants
to see stops, trailing stops and exits work, it moves the market itself, with the operator's command `set_quote`.

    SIMULATED_SESSION=always_open script/server
    script/manage create_paper_account --email bot@example.com --cash 100000 --margin 2 --json > account.json
    .venv/bin/python docs/examples/alpaca_bot.py account.json --set-quote "script/manage set_quote"

At the end it holds nothing, has seen every event of every order once and in order, and its cash is what it began with
plus its fills and fees. Anything else is an error (exit status 1).
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import threading
import time
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderClass, OrderSide, TimeInForce
from alpaca.trading.models import Order
from alpaca.trading.requests import (
    LimitOrderRequest,
    MarketOrderRequest,
    OrderRequest,
    ReplaceOrderRequest,
    StopLimitOrderRequest,
    StopLossRequest,
    StopOrderRequest,
    TakeProfitRequest,
    TrailingStopOrderRequest,
)
from alpaca.trading.stream import TradingStream

BUY, SELL = OrderSide.BUY, OrderSide.SELL
DAY, GTC = TimeInForce.DAY, TimeInForce.GTC
CENT = Decimal("0.01")
PATIENCE = 30.0
"""Seconds to wait for an event."""


class Market:
    """The operator's command, which sets a quote and returns when the matching engine has taken it."""

    def __init__(self, command: str) -> None:
        self.command = shlex.split(command)

    def quote(self, symbol: str, bid: str, ask: str) -> None:
        """Hold a symbol at this bid and ask."""
        self._run(symbol, "--bid", bid, "--ask", ask)

    def release(self, symbol: str) -> None:
        """Let the symbol move again."""
        self._run(symbol, "--release")

    def _run(self, *arguments: str) -> None:
        subprocess.run([*self.command, *arguments], check=True, stdout=subprocess.DEVNULL)


class Events:
    """What the account's stream tells, in the order in which it came."""

    def __init__(self, key: str, secret: str, url: str) -> None:
        self.all: list[dict[str, Any]] = []
        self._news = threading.Condition()
        self._stream = TradingStream(key, secret, url_override=url, raw_data=True)
        self._stream.subscribe_trade_updates(self._take)
        self._thread = threading.Thread(target=self._stream.run, daemon=True)

    async def _take(self, message: dict[str, Any]) -> None:
        with self._news:
            self.all.append(message["data"])
            self._news.notify_all()

    def start(self) -> None:
        """Connect, and wait until the stream listens."""
        self._thread.start()
        deadline = time.monotonic() + PATIENCE
        while not self._stream._running:
            if time.monotonic() > deadline:
                raise SystemExit("the stream did not come up")
            time.sleep(0.05)
        time.sleep(0.5)

    def stop(self) -> None:
        """Disconnect."""
        self._stream.stop()
        self._thread.join(timeout=PATIENCE)

    def of(self, order_id: Any) -> list[str]:
        """The events of one order so far."""
        return [event["event"] for event in self.all if event["order"]["id"] == str(order_id)]

    def wait(self, order_id: Any, *wanted: str) -> None:
        """Wait until exactly these events of an order have come, in this order."""
        with self._news:
            self._news.wait_for(lambda: len(self.of(order_id)) >= len(wanted), timeout=PATIENCE)
        if self.of(order_id) != list(wanted):
            raise SystemExit(f"order {order_id}: expected {list(wanted)}, saw {self.of(order_id)}")

    def fills(self, wanted: int) -> int:
        """How many fills were told. An order says that it is filled before the stream does: the last ones are waited for."""
        with self._news:
            self._news.wait_for(lambda: self._fills() >= wanted, timeout=PATIENCE)
            return self._fills()

    def _fills(self) -> int:
        return sum(event["event"] in {"fill", "partial_fill"} for event in self.all)


class Bot:
    """Trades, and says what it does."""

    def __init__(self, account: dict[str, Any], market: Market, *, symbol: str, coin: str) -> None:
        key, secret, base = account["key_id"], account["secret_key"], account["base_url"]
        client: Any = TradingClient(key, secret, url_override=base)
        self.client = client
        self.events = Events(key, secret, base.replace("http", "ws", 1) + "/stream")
        self.market, self.symbol, self.coin = market, symbol, coin
        self.starting_cash = Decimal(str(self.client.get_account().cash))

    def run(self) -> None:
        """Everything, from the first order to the last cent."""
        self.events.start()
        try:
            self.at_the_market()
            self.limits()
            self.stops()
            self.trailing_stops()
            self.groups()
            self.auctions_and_hours()
            self.coins()
            self.short()
            self.refused()
            self.go_flat()
            self.check()
        finally:
            self.events.stop()
            self.market.release(self.symbol)
            self.market.release(self.coin)

    # --- every kind of order ---

    def at_the_market(self) -> None:
        """Market orders by quantity, by a part of a share, and by amount."""
        self.market.quote(self.symbol, "100.00", "100.02")
        for request in (
            MarketOrderRequest(symbol=self.symbol, qty=20, side=BUY, time_in_force=DAY),
            MarketOrderRequest(symbol=self.symbol, qty=0.5, side=BUY, time_in_force=DAY),
            MarketOrderRequest(symbol=self.symbol, notional=250, side=BUY, time_in_force=DAY),
        ):
            self.expect(request, "new", "fill")

    def limits(self) -> None:
        """Limits that fill, that rest and are replaced, that are taken back, and that fill at once or never."""
        limit = {"symbol": self.symbol, "qty": 5, "side": BUY}
        for time_in_force, price, end in (
            (TimeInForce.IOC, 100.10, "fill"),
            (TimeInForce.IOC, 99, "canceled"),
            (TimeInForce.FOK, 100.10, "fill"),
        ):
            self.expect(
                LimitOrderRequest(**limit, time_in_force=time_in_force, limit_price=price), "new", end
            )
        taken_back = self.expect(LimitOrderRequest(**limit, time_in_force=GTC, limit_price=90), "new")
        self.client.cancel_order_by_id(taken_back.id)
        self.events.wait(taken_back.id, "new", "canceled")
        resting = self.expect(LimitOrderRequest(**limit, time_in_force=DAY, limit_price=99), "new")
        better = self.client.replace_order_by_id(resting.id, ReplaceOrderRequest(qty=6, limit_price=99.50))
        self.events.wait(resting.id, "new", "replaced")
        self.market.quote(self.symbol, "99.40", "99.45")
        self.events.wait(better.id, "new", "fill")

    def stops(self) -> None:
        """A stop and a stop-limit on either side of the market."""
        buy = self.expect(
            StopOrderRequest(symbol=self.symbol, qty=5, side=BUY, time_in_force=DAY, stop_price=101), "new"
        )
        self.market.quote(self.symbol, "101.10", "101.12")
        self.events.wait(buy.id, "new", "fill")
        sell = self.expect(
            StopLimitOrderRequest(
                symbol=self.symbol, qty=5, side=SELL, time_in_force=GTC, stop_price=100, limit_price=99.50
            ),
            "new",
        )
        self.market.quote(self.symbol, "99.80", "99.82")
        self.events.wait(sell.id, "new", "fill")

    def trailing_stops(self) -> None:
        """Stops that follow the market up and sell when it turns."""
        by_price = self.expect(
            TrailingStopOrderRequest(symbol=self.symbol, qty=3, side=SELL, time_in_force=GTC, trail_price=1),
            "new",
        )
        by_percent = self.expect(
            TrailingStopOrderRequest(
                symbol=self.symbol, qty=3, side=SELL, time_in_force=DAY, trail_percent=2
            ),
            "new",
        )
        self.market.quote(self.symbol, "105.00", "105.02")
        self.market.quote(self.symbol, "103.90", "103.92")
        self.events.wait(by_price.id, "new", "fill")
        self.market.quote(self.symbol, "102.80", "102.82")
        self.events.wait(by_percent.id, "new", "fill")

    def groups(self) -> None:
        """A bracket that takes its profit, an OTO that stops its loss, an OCO for what is held."""
        bracket = self.client.submit_order(
            MarketOrderRequest(
                symbol=self.symbol, qty=4, side=BUY, time_in_force=GTC, order_class=OrderClass.BRACKET,
                take_profit=TakeProfitRequest(limit_price=106), stop_loss=StopLossRequest(stop_price=98),
            )
        )  # fmt: skip
        profit, loss = self.legs(bracket)
        self.events.wait(profit.id, "new")
        self.market.quote(self.symbol, "106.05", "106.07")
        self.events.wait(profit.id, "new", "fill")
        self.events.wait(loss.id, "canceled")
        oto = self.client.submit_order(
            MarketOrderRequest(
                symbol=self.symbol, qty=4, side=BUY, time_in_force=GTC, order_class=OrderClass.OTO,
                stop_loss=StopLossRequest(stop_price=104, limit_price=103),
            )
        )  # fmt: skip
        (stop,) = self.legs(oto)
        oco = self.client.submit_order(
            LimitOrderRequest(
                symbol=self.symbol, qty=6, side=SELL, time_in_force=GTC, order_class=OrderClass.OCO,
                take_profit=TakeProfitRequest(limit_price=110), stop_loss=StopLossRequest(stop_price=103.50),
            )
        )  # fmt: skip
        (oco_stop,) = self.legs(oco)
        self.market.quote(self.symbol, "103.40", "103.42")
        for exit_ in (stop, oco_stop):
            self.until(exit_, "filled")
        self.until(oco, "canceled")

    def auctions_and_hours(self) -> None:
        """Orders for the auctions wait for them; a limit may ask for the hours around the session."""
        for time_in_force in (TimeInForce.OPG, TimeInForce.CLS):
            waiting = self.expect(
                LimitOrderRequest(
                    symbol=self.symbol, qty=1, side=BUY, time_in_force=time_in_force, limit_price=90
                ),
                "accepted",
            )
            self.client.cancel_order_by_id(waiting.id)
            self.events.wait(waiting.id, "accepted", "canceled")
        self.expect(
            LimitOrderRequest(
                symbol=self.symbol, qty=1, side=BUY, time_in_force=DAY, limit_price=104, extended_hours=True
            ),
            "new",
            "fill",
        )

    def coins(self) -> None:
        """Coins: by the market, by a limit, by a stop-limit."""
        self.market.quote(self.coin, "50000", "50010")
        coin = {"symbol": self.coin, "qty": 0.02, "time_in_force": GTC}
        self.expect(MarketOrderRequest(**coin, side=BUY), "new", "fill")
        self.expect(LimitOrderRequest(**coin, side=BUY, limit_price=50020), "new", "fill")
        stop = self.expect(
            StopLimitOrderRequest(**{**coin, "qty": 0.01}, side=SELL, stop_price=49000, limit_price=48000),
            "new",
        )
        self.market.quote(self.coin, "48900", "48910")
        self.events.wait(stop.id, "new", "fill")

    def short(self) -> None:
        """Sell all shares, then what is not there, where the account may; and buy it back."""
        self.client.close_position(self.symbol)
        if not self.client.get_account().shorting_enabled:
            print("   (this account may not sell short)")
            return
        self.expect(
            MarketOrderRequest(symbol=self.symbol, qty=3, side=SELL, time_in_force=DAY), "new", "fill"
        )
        held = self.client.get_open_position(self.symbol)
        if Decimal(str(held.qty)) != -3:
            raise SystemExit(f"short of 3, the position says {held.qty}")
        self.expect(MarketOrderRequest(symbol=self.symbol, qty=3, side=BUY, time_in_force=DAY), "new", "fill")

    def refused(self) -> None:
        """What cannot be is refused with a code, and leaves nothing behind."""
        for request, code in (
            (MarketOrderRequest(symbol=self.symbol, qty=10_000_000, side=BUY, time_in_force=DAY), 40310000),
            (
                LimitOrderRequest(symbol=self.symbol, qty=1, side=BUY, time_in_force=DAY, limit_price=99.999),
                42210000,
            ),
            (MarketOrderRequest(symbol="NOSUCHTHING", qty=1, side=BUY, time_in_force=DAY), 40410000),
        ):
            try:
                self.client.submit_order(request)
            except APIError as error:
                if error.code != code:
                    raise SystemExit(f"expected {code}, got {error}") from error
            else:
                raise SystemExit(f"{request} was taken")

    def go_flat(self) -> None:
        """Take back what is open and close what is held."""
        for result in self.client.close_all_positions(cancel_orders=True):
            if result.status != 200 or not isinstance(result.body, Order):
                raise SystemExit(f"{result.symbol} was not closed: {result.body}")
            self.until(result.body, "filled")

    # --- to the cent ---

    def check(self) -> None:
        """Compare what the account says with what happened in it."""
        if self.client.get_all_positions() or self.client.get_orders():
            raise SystemExit("not flat")
        cash = Decimal(str(self.client.get_account().cash))
        expected, fills, fees = self.starting_cash, 0, Decimal(0)
        for row in self.activities():
            if row["activity_type"] == "FILL":
                amount = (Decimal(row["qty"]) * Decimal(row["price"])).quantize(CENT, ROUND_HALF_EVEN)
                expected += amount if row["side"] == "sell" else -amount
                fills += 1
            elif row["activity_type"] in {"FEE", "CFEE"}:
                fees += Decimal(row["net_amount"])
        expected += fees
        told = self.events.fills(fills)
        ids = [event["event_id"] for event in self.events.all]
        if ids != list(range(ids[0], ids[0] + len(ids))):
            raise SystemExit(f"events are missing or out of order: {ids}")
        print(f"{fills} fills, {len(ids)} events, fees {fees}, cash {self.starting_cash} -> {cash}")
        if told != fills:
            raise SystemExit(f"{fills} fills, and the stream told {told}")
        if cash != expected:
            raise SystemExit(f"cash is {cash}; the fills and fees make {expected}")
        print("flat, and every cent accounted for")

    def activities(self) -> list[dict[str, Any]]:
        """Every activity of the account, page by page."""
        rows: list[dict[str, Any]] = []
        while True:
            token = {"page_token": rows[-1]["id"]} if rows else {}
            page: Any = self.client.get("/account/activities", {"page_size": 100, **token})
            if not page:
                return rows
            rows += page

    # --- small things ---

    def expect(self, request: OrderRequest, *events: str) -> Any:
        """Send an order and wait for its events."""
        order = self.client.submit_order(request)
        print(f"   {order.side.value} {order.type.value} {order.time_in_force.value}: {', '.join(events)}")
        self.events.wait(order.id, *events)
        return order

    def legs(self, order: Any) -> list[Any]:
        """The exits of a group."""
        if not order.legs:
            raise SystemExit(f"order {order.id} has no legs")
        print(f"   {order.order_class.value} with {len(order.legs)} exit(s)")
        return list(order.legs)

    def until(self, order: Any, status: str) -> None:
        """Wait until an order has come to this end."""
        deadline = time.monotonic() + PATIENCE
        found = ""
        while time.monotonic() < deadline:
            found = self.client.get_order_by_id(order.id).status.value
            if found == status:
                return
            time.sleep(0.1)
        raise SystemExit(f"order {order.id} should be {status}, it is {found}")


def main() -> int:
    """Read the account and trade."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("account", type=Path, help="what create_paper_account --json printed")
    parser.add_argument("--set-quote", required=True, help="the operator's command: script/manage set_quote")
    parser.add_argument("--symbol", default="AAPL")
    parser.add_argument("--coin", default="BTC/USD")
    options = parser.parse_args()
    account = json.loads(options.account.read_text())
    Bot(account, Market(options.set_quote), symbol=options.symbol, coin=options.coin).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
