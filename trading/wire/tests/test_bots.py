"""Bots as people write them with `alpaca-py`, against the running site: nothing in them knows this site.

A bracket that follows its stream, a grid in a coin, a portfolio rebalanced by amounts, a crossover of averages on bars, and one
that gives an order up and tries again.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from alpaca.common.exceptions import APIError
from alpaca.data.requests import (
    CryptoLatestQuoteRequest,
    StockBarsRequest,
    StockLatestQuoteRequest,
    StockSnapshotRequest,
)
from alpaca.data.timeframe import TimeFrame
from alpaca.trading.enums import (
    AssetClass,
    AssetStatus,
    OrderClass,
    OrderSide,
    OrderStatus,
    OrderType,
    QueryOrderStatus,
    TimeInForce,
    TradeEvent,
)
from alpaca.trading.requests import (
    ClosePositionRequest,
    GetAssetsRequest,
    GetOrdersRequest,
    LimitOrderRequest,
    MarketOrderRequest,
    ReplaceOrderRequest,
    StopLossRequest,
    TakeProfitRequest,
    TrailingStopOrderRequest,
)
from alpaca.trading.stream import TradingStream

from marketdata.models import PriceBar
from portfolio_site.kernel import clock
from trading.operations import match_resting_orders
from trading.tests.support import check_books, make_instrument, set_quote


class Market:
    """The simulated exchange, moved by the test as an operator would."""

    def __init__(self) -> None:
        self.things: dict[str, Any] = {}

    def add(self, symbol: str, bid: str, ask: str, **fields: Any) -> None:
        self.things[symbol] = make_instrument(symbol, **fields)
        self.move(symbol, bid, ask)

    def move(self, symbol: str, bid: str, ask: str) -> None:
        thing, now = self.things[symbol], clock.now()
        set_quote(thing, bid, ask, at=now)
        match_resting_orders(instrument_ids=[thing.pk], now=now)


@pytest.fixture
def market(live_site):
    return Market()


def wait_for(check: Callable[[], Any], *, seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = check()
        if found:
            return found
        time.sleep(0.05)
    pytest.fail("nothing came")


class BracketBot:
    """Enters with a bracket and lives by its stream: keeps book of what is open, and of what it earned."""

    def __init__(self, sdk: Any) -> None:
        self.client = sdk.trading
        self.stream = TradingStream(sdk.bot.key_id, sdk.bot.secret, url_override=f"{sdk.socket_base}/stream")
        self.stream.subscribe_trade_updates(self.on_update)
        self.position = 0.0
        self.cash_flow = 0.0
        self.by_event: list[tuple[str, str]] = []
        self.thread = threading.Thread(target=self.stream.run, daemon=True)

    async def on_update(self, update: Any) -> None:
        order = update.order
        self.by_event.append((update.event, f"{order.side.value} {order.order_type.value}"))
        if update.event in {TradeEvent.FILL, TradeEvent.PARTIAL_FILL}:
            amount = update.price * update.qty
            self.cash_flow += amount if order.side == OrderSide.SELL else -amount
            self.position = update.position_qty

    def enter(self, symbol: str, qty: int) -> Any:
        quote = self.client_quote(symbol)
        return self.client.submit_order(
            MarketOrderRequest(
                symbol=symbol,
                qty=qty,
                side=OrderSide.BUY,
                time_in_force=TimeInForce.GTC,
                order_class=OrderClass.BRACKET,
                take_profit=TakeProfitRequest(limit_price=round(quote * 1.02, 2)),
                stop_loss=StopLossRequest(
                    stop_price=round(quote * 0.99, 2), limit_price=round(quote * 0.98, 2)
                ),
                client_order_id=f"bracket_{symbol}_{time.time_ns()}",
            )
        )

    def client_quote(self, symbol: str) -> float:
        return float(
            self.quotes.get_stock_latest_quote(StockLatestQuoteRequest(symbol_or_symbols=[symbol]))[
                symbol
            ].ask_price
        )

    quotes: Any = None


class TestBracketBot:
    @pytest.mark.parametrize("wins", [True, False])
    def test_follows_its_bracket_to_the_end(self, sdk, market, wins):
        market.add("ACME", "100.00", "100.02")
        bot = BracketBot(sdk)
        bot.quotes = sdk.stocks
        bot.thread.start()
        wait_for(lambda: bot.stream._running)
        time.sleep(0.5)
        start = float(bot.client.get_account().equity)
        order = bot.enter("ACME", 10)
        assert [leg.order_type for leg in order.legs] == [OrderType.LIMIT, OrderType.STOP_LIMIT]
        wait_for(lambda: bot.position == 10)
        assert float(bot.client.get_open_position("ACME").qty) == 10
        # The profit is moved up while it waits, as trailing bots do.
        profit, loss = order.legs
        moved = bot.client.replace_order_by_id(profit.id, ReplaceOrderRequest(limit_price=103))
        market.move("ACME", *(("103.10", "103.12") if wins else ("98.95", "98.97")))
        wait_for(lambda: bot.position == 0)
        wait_for(
            lambda: (
                ("canceled", "sell stop_limit" if wins else "sell limit")
                in [(getattr(event, "value", event), what) for event, what in bot.by_event]
            )
        )
        after = {leg.id: bot.client.get_order_by_id(leg.id).status for leg in (moved, loss)}
        assert set(after.values()) == {OrderStatus.FILLED, OrderStatus.CANCELED}
        assert bot.client.get_order_by_id(profit.id).status == OrderStatus.REPLACED
        assert after[(moved if wins else loss).id] == OrderStatus.FILLED
        account = bot.client.get_account()
        assert float(account.equity) - start == pytest.approx(bot.cash_flow)
        assert (bot.cash_flow > 0) is wins
        assert bot.client.get_orders() == []
        bot.stream.stop()
        bot.thread.join(timeout=15)
        check_books()


class TestGridBot:
    def test_buys_below_and_sells_above(self, sdk, market):
        """A grid around the price of a coin: each buy that fills is answered by a sell one step higher."""
        market.add("BTC-USD", "50000", "50010", asset_class="crypto", exchange="", quantity_step="0.00000001")
        client, symbol = sdk.trading, "BTC/USD"
        asset = client.get_asset(symbol)
        least = float(asset.min_order_size)
        middle = float(
            sdk.coins.get_crypto_latest_quote(CryptoLatestQuoteRequest(symbol_or_symbols=symbol))[
                symbol
            ].bid_price
        )
        step, size = 200.0, math.floor(0.005 / least) * least
        buys = [
            client.submit_order(
                LimitOrderRequest(
                    symbol=symbol, qty=size, side=OrderSide.BUY, time_in_force=TimeInForce.GTC,
                    limit_price=round(middle - step * level, 2),
                )
            )
            for level in (1, 2, 3)
        ]  # fmt: skip
        cash = float(client.get_account().non_marginable_buying_power)
        assert cash < 100_000 - 700
        market.move("BTC-USD", "49550", "49560")
        open_ids = {order.id for order in client.get_orders(GetOrdersRequest(symbols=[symbol]))}
        filled = [order for order in buys if order.id not in open_ids]
        assert len(filled) == 2
        sells = []
        for buy in filled:
            done = client.get_order_by_id(buy.id)
            assert (done.status, float(done.filled_qty)) == (OrderStatus.FILLED, pytest.approx(size))
            # The fee came out of the coins: what is there is asked for, not assumed.
            position = client.get_open_position(symbol.replace("/", ""))
            each = math.floor(float(position.qty_available) / (2 - len(sells)) * 1e8) / 1e8
            sells.append(
                client.submit_order(
                    LimitOrderRequest(
                        symbol=symbol, qty=each, side=OrderSide.SELL, time_in_force=TimeInForce.GTC,
                        limit_price=round(float(buy.limit_price) + step, 2),
                    )
                )
            )  # fmt: skip
        market.move("BTC-USD", "50100", "50110")
        assert {client.get_order_by_id(sell.id).status for sell in sells} == {OrderStatus.FILLED}
        client.cancel_orders()
        rows = client.get("/account/activities", {"activity_types": "FILL,CFEE"})
        assert len([row for row in rows if row["activity_type"] == "FILL"]) == 4
        assert len([row for row in rows if row["activity_type"] == "CFEE"]) >= 2
        assert float(client.get_account().cash) != 100_000
        check_books()


class TestRebalanceBot:
    def test_brings_weights_to_their_targets_by_amounts(self, sdk, market):
        client = sdk.trading
        market.add("AAA", "99.99", "100.01")
        market.add("BBB", "49.99", "50.01")
        market.add("CCC", "9.99", "10.01")
        tradable = {
            asset.symbol
            for asset in client.get_all_assets(
                GetAssetsRequest(status=AssetStatus.ACTIVE, asset_class=AssetClass.US_EQUITY)
            )
            if asset.tradable and asset.fractionable
        }
        assert {"AAA", "BBB", "CCC"} <= tradable

        def rebalance(targets: dict[str, float]) -> None:
            equity = float(client.get_account().equity)
            held = {position.symbol: float(position.market_value) for position in client.get_all_positions()}
            shots = sdk.stocks.get_stock_snapshot(StockSnapshotRequest(symbol_or_symbols=sorted(targets)))
            changes = {symbol: weight * equity - held.get(symbol, 0.0) for symbol, weight in targets.items()}
            for symbol in held.keys() - targets.keys():
                client.close_position(symbol)
            for symbol, change in sorted(changes.items(), key=lambda item: item[1]):
                assert shots[symbol].latest_quote.bid_price > 0
                if abs(change) < 1:
                    continue
                if change < 0 and symbol in held:
                    client.close_position(
                        symbol, ClosePositionRequest(percentage=str(round(-change / held[symbol] * 100, 9)))
                    )
                else:
                    client.submit_order(
                        MarketOrderRequest(
                            symbol=symbol,
                            notional=round(change, 2),
                            side=OrderSide.BUY,
                            time_in_force=TimeInForce.DAY,
                        )
                    )

        def weights() -> dict[str, float]:
            equity = float(client.get_account().equity)
            return {
                position.symbol: float(position.market_value) / equity
                for position in client.get_all_positions()
            }

        rebalance({"AAA": 0.5, "BBB": 0.3})
        assert weights() == {"AAA": pytest.approx(0.5, abs=0.001), "BBB": pytest.approx(0.3, abs=0.001)}
        market.move("AAA", "119.99", "120.01")
        rebalance({"AAA": 0.4, "CCC": 0.4})
        assert weights() == {"AAA": pytest.approx(0.4, abs=0.001), "CCC": pytest.approx(0.4, abs=0.001)}
        for result in client.close_all_positions(cancel_orders=True):
            assert result.status == 200
        assert client.get_all_positions() == []
        orders = client.get_orders(GetOrdersRequest(status=QueryOrderStatus.ALL, limit=500))
        bought = [order for order in orders if order.notional is not None]
        assert all(order.qty is None and float(order.filled_qty) > 0 for order in bought)
        check_books()


# pandas means the SDK's own code.
@pytest.mark.filterwarnings("ignore:The inplace keyword")
class TestCrossoverBot:
    def test_reads_a_year_of_bars_and_sizes_its_order(self, sdk, market):
        """Averages of daily closes as a data frame, a position of a tenth of the buying power, a trailing stop below it."""
        market.add("ACME", "150.00", "150.02")
        today = datetime.now(UTC).date()
        PriceBar.objects.bulk_create(
            PriceBar(
                instrument=market.things["ACME"], date=today - timedelta(days=ago), open=close, high=close + 1, low=close - 1,
                close=close, volume=1000, source="test",
            )
            for ago in range(1, 251)
            for close in [150 - Decimal(ago) / 4]
        )  # fmt: skip
        client = sdk.trading
        bars = sdk.stocks.get_stock_bars(
            StockBarsRequest(
                symbol_or_symbols="ACME", timeframe=TimeFrame.Day, start=datetime.now(UTC) - timedelta(days=365),
                end=datetime.now(UTC) - timedelta(minutes=15), limit=1000,
            )
        )  # fmt: skip
        frame = bars.df.loc["ACME"]
        assert len(frame) >= 250
        fast, slow = frame["close"].rolling(20).mean().iloc[-1], frame["close"].rolling(100).mean().iloc[-1]
        assert fast > slow
        assert client.get_clock().is_open
        with pytest.raises(APIError) as flat:
            client.get_open_position("ACME")
        assert flat.value.status_code == 404
        budget = float(client.get_account().buying_power) * 0.1
        order = client.submit_order(
            LimitOrderRequest(
                symbol="ACME", qty=int(budget // 150.02), side=OrderSide.BUY, time_in_force=TimeInForce.DAY,
                limit_price=150.05, extended_hours=False,
            )
        )  # fmt: skip
        held = client.get_open_position("ACME")
        stop = client.submit_order(
            TrailingStopOrderRequest(
                symbol="ACME",
                qty=held.qty,
                side=OrderSide.SELL,
                time_in_force=TimeInForce.GTC,
                trail_percent=5,
            )
        )
        assert float(client.get_open_position("ACME").qty_available) == 0
        with pytest.raises(APIError) as twice:
            client.close_position("ACME")
        assert twice.value.code == 40310000
        market.move("ACME", "160.00", "160.02")
        assert float(client.get_order_by_id(stop.id).hwm) >= 160
        market.move("ACME", "151.90", "151.92")
        assert client.get_order_by_id(stop.id).status == OrderStatus.FILLED
        assert client.get_order_by_id(order.id).status == OrderStatus.FILLED
        history = client.get_portfolio_history()
        assert history.equity[-1] == pytest.approx(float(client.get_account().equity), abs=0.01)
        check_books()


class TestChasingBot:
    def test_gives_up_and_tries_again(self, sdk, market):
        """A limit that is not hit is moved twice, then given up for a market order of what is left."""
        market.add("ACME", "100.00", "100.10")
        client = sdk.trading
        order = client.submit_order(
            LimitOrderRequest(
                symbol="ACME", qty=5, side=OrderSide.BUY, time_in_force=TimeInForce.DAY, limit_price=99.5
            )
        )
        for price in (99.7, 99.9):
            order = client.replace_order_by_id(str(order.id), ReplaceOrderRequest(limit_price=price))
            assert order.status in {OrderStatus.NEW, OrderStatus.ACCEPTED, OrderStatus.PENDING_NEW}
        client.cancel_order_by_id(order.id)
        gone = wait_for(lambda: (found := client.get_order_by_id(order.id)).canceled_at and found)
        left = float(gone.qty) - float(gone.filled_qty)
        done = client.submit_order(
            MarketOrderRequest(symbol="ACME", qty=left, side=OrderSide.BUY, time_in_force=TimeInForce.IOC)
        )
        done = wait_for(
            lambda: (found := client.get_order_by_client_id(done.client_order_id)).filled_at and found
        )
        assert float(done.filled_avg_price) == 100.10
        chain = client.get_orders(
            GetOrdersRequest(status=QueryOrderStatus.CLOSED, symbols=["ACME"], limit=10)
        )
        assert [found.status for found in chain] == [
            OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.REPLACED, OrderStatus.REPLACED,
        ]  # fmt: skip
        assert chain[1].replaces == chain[2].id
        assert chain[2].replaced_by == chain[1].id
