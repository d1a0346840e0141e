"""More bots as people write them with `alpaca-py`, against the running site: one that saves by amounts, one that trails its own
exits, a maker and a taker, a short seller, one that loses its stream, and one that reads histories."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Any

import pytest
from alpaca.common.enums import Sort, SupportedCurrencies
from alpaca.common.exceptions import APIError
from alpaca.data.enums import Adjustment, DataFeed
from alpaca.data.requests import (
    CryptoBarsRequest,
    StockBarsRequest,
    StockLatestBarRequest,
    StockSnapshotRequest,
)
from alpaca.data.timeframe import TimeFrame, TimeFrameUnit
from alpaca.trading.enums import (
    OrderClass,
    OrderSide,
    OrderStatus,
    PositionSide,
    QueryOrderStatus,
    TimeInForce,
)
from alpaca.trading.requests import (
    ClosePositionRequest,
    GetOrderByIdRequest,
    GetOrdersRequest,
    LimitOrderRequest,
    MarketOrderRequest,
    ReplaceOrderRequest,
    StopLossRequest,
    StopOrderRequest,
    TakeProfitRequest,
)
from alpaca.trading.stream import TradingStream

from marketdata.models import CorporateAction, PriceBar
from trading.tests.support import check_books
from trading.wire.tests.support import make_bot, sdk_for
from trading.wire.tests.test_bots import market, wait_for

__all__ = ["market"]

BUY, SELL, DAY, GTC = OrderSide.BUY, OrderSide.SELL, TimeInForce.DAY, TimeInForce.GTC


class TestSavingBot:
    def test_buys_for_the_same_amount_at_every_price(self, sdk, market):
        """40 dollars at each of five prices: the average is the harmonic one, and the amounts are spent to the cent."""
        client = sdk.trading
        market.add("ACME", "99.98", "100.00", quantity_step="0.000000001")
        spent = Decimal(0)
        for price in ("100.00", "80.00", "125.00", "33.33", "64.64"):
            market.move("ACME", price, price)
            order = client.submit_order(
                MarketOrderRequest(symbol="ACME", notional=40, side=BUY, time_in_force=DAY)
            )
            assert (order.qty, order.notional, order.status) == (None, "40", OrderStatus.FILLED)
            filled = Decimal(order.filled_qty)
            assert filled == (40 / Decimal(price)).quantize(Decimal("1E-9"), ROUND_DOWN)
            spent += (filled * Decimal(order.filled_avg_price)).quantize(Decimal("0.01"))
        held = client.get_open_position("ACME")
        assert Decimal(client.get_account().cash) == 100_000 - spent == 99_800
        assert Decimal(held.cost_basis) == pytest.approx(spent, abs=Decimal("0.01"))
        sold = client.close_position("ACME", ClosePositionRequest(percentage="12.345"))
        assert Decimal(sold.qty) == (Decimal(held.qty) * Decimal("0.12345")).quantize(
            Decimal("1E-9"), ROUND_DOWN
        )
        client.close_position("ACME")
        assert client.get_all_positions() == []
        check_books()


class TestDayTrader:
    def test_trails_both_exits_by_hand(self, sdk, market):
        """An OCO whose two legs are moved up with the price, found again each time among the open orders."""
        client = sdk.trading
        market.add("ACME", "100.00", "100.02")
        client.submit_order(MarketOrderRequest(symbol="ACME", qty=10, side=BUY, time_in_force=DAY))
        client.submit_order(
            LimitOrderRequest(
                symbol="ACME", qty=10, side=SELL, time_in_force=GTC, order_class=OrderClass.OCO,
                take_profit=TakeProfitRequest(limit_price=104), stop_loss=StopLossRequest(stop_price=98),
            )
        )  # fmt: skip
        for price in (101.0, 102.0, 103.0):
            market.move("ACME", f"{price:.2f}", f"{price + 0.02:.2f}")
            (group,) = client.get_orders(GetOrdersRequest(status=QueryOrderStatus.OPEN, nested=True))
            (stop,) = group.legs
            stop = client.replace_order_by_id(stop.id, ReplaceOrderRequest(stop_price=price - 2))
            profit = client.replace_order_by_id(group.id, ReplaceOrderRequest(limit_price=price + 4))
            assert {found.id for found in client.get_orders()} == {stop.id, profit.id}
            assert client.get_open_position("ACME").qty_available == "0"
            with pytest.raises(APIError) as gone:
                client.replace_order_by_id(group.id, ReplaceOrderRequest(limit_price=price + 5))
            assert (gone.value.status_code, gone.value.code) == (422, 42210000)
        market.move("ACME", "100.90", "100.92")
        assert client.get_order_by_id(stop.id).status == OrderStatus.FILLED
        assert client.get_order_by_id(profit.id).status == OrderStatus.CANCELED
        assert client.get_all_positions() == client.get_orders() == []
        check_books()

    def test_a_bracket_is_followed_from_its_entry_to_its_exit(self, sdk, market):
        """What most bracket bots do: they keep the entry's id, and ask with `nested` what became of the rest."""
        client = sdk.trading
        market.add("ACME", "100.00", "100.02")
        entry = client.submit_order(
            LimitOrderRequest(
                symbol="ACME", qty=4, side=BUY, time_in_force=GTC, limit_price=99.5, order_class=OrderClass.BRACKET,
                take_profit=TakeProfitRequest(limit_price=105),
                stop_loss=StopLossRequest(stop_price=97, limit_price=96.5),
            )
        )  # fmt: skip
        nested = GetOrderByIdRequest(nested=True)
        assert [leg.status for leg in client.get_order_by_id(entry.id, nested).legs] == [OrderStatus.HELD] * 2
        assert len(client.get_orders(GetOrdersRequest(status=QueryOrderStatus.OPEN))) == 3
        market.move("ACME", "99.40", "99.45")
        (found,) = client.get_orders(GetOrdersRequest(status=QueryOrderStatus.OPEN, nested=True))
        assert (found.id, found.status, len(found.legs)) == (entry.id, OrderStatus.FILLED, 2)
        profit, loss = found.legs
        assert profit.status == OrderStatus.NEW
        assert loss.status in {OrderStatus.HELD, OrderStatus.NEW}
        client.cancel_order_by_id(loss.id)
        assert client.get_orders(GetOrdersRequest(status=QueryOrderStatus.OPEN, nested=True)) == []
        assert client.close_position("ACME").status == OrderStatus.FILLED
        check_books()


class TestMakerAndTaker:
    def test_pay_what_their_liquidity_costs(self, sdk, market):
        """15 hundredths of a percent for who rests, 25 for who takes; of coins when buying, of money when selling."""
        market.add(
            "BTC-USD", "50000", "50010", asset_class="crypto", exchange="", quantity_step="0.000000001"
        )
        client, pair = sdk.trading, {"symbol": "BTC/USD", "qty": 0.1}
        taker = client.submit_order(MarketOrderRequest(**pair, side=BUY, time_in_force=TimeInForce.IOC))
        assert Decimal(client.get_open_position("BTCUSD").qty) == Decimal("0.09975")
        maker = client.submit_order(LimitOrderRequest(**pair, side=BUY, time_in_force=GTC, limit_price=49000))
        market.move("BTC-USD", "48980", "48990")
        assert client.get_order_by_id(maker.id).filled_avg_price in {"49000", "48990"}
        held = Decimal(client.get_open_position("BTC/USD").qty)
        assert held == Decimal("0.09975") + Decimal("0.09985")
        asking = client.submit_order(
            LimitOrderRequest(
                symbol="BTCUSD", qty=float(held), side=SELL, time_in_force=GTC, limit_price=52000
            )
        )
        assert asking.qty == "0.1996"
        market.move("BTC-USD", "52000", "52010")
        fees = client.get("/account/activities/CFEE", {"direction": "asc"})
        assert [row["symbol"] for row in fees] == ["BTCUSD"] * 3
        assert [Decimal(row["qty"]) for row in fees[:2]] == [Decimal("-0.00025"), Decimal("-0.00015")]
        worth = held * 52000
        assert Decimal(fees[2]["net_amount"]) == -(worth * Decimal("0.0015")).quantize(Decimal("0.01"))
        assert taker.status == OrderStatus.FILLED
        assert client.get_all_positions() == []
        cash = Decimal(client.get_account().cash)
        paid = sum(
            Decimal(row["qty"]) * Decimal(row["price"]) * (1 if row["side"] == "sell" else -1)
            for row in client.get("/account/activities/FILL")
        )
        assert cash == 100_000 + paid.quantize(Decimal("0.01")) + Decimal(fees[2]["net_amount"])
        history = client.get("/account/portfolio/history", {"period": "1D", "cashflow_types": "ALL"})
        assert sum(history["cashflow"]["CFEE"]) == float(fees[2]["net_amount"])
        assert "FEE" not in history["cashflow"]
        check_books()


class TestShortSeller:
    def test_sells_first_and_buys_back_by_a_stop(self, live_site, market):
        market.add("ACME", "100.00", "100.02")
        client = sdk_for(make_bot(multiplier=2, cash="10000"), live_site).trading
        assert client.get_asset("ACME").easy_to_borrow
        before = client.get_account()
        assert before.shorting_enabled
        sold = client.submit_order(MarketOrderRequest(symbol="ACME", qty=50, side=SELL, time_in_force=DAY))
        assert sold.status == OrderStatus.FILLED
        short = client.get_open_position("ACME")
        assert (short.side, short.qty, short.market_value[0], short.cost_basis) == (
            PositionSide.SHORT,
            "-50",
            "-",
            "-5000",
        )
        account = client.get_account()
        assert (account.cash, account.short_market_value) == ("15000", f"{short.market_value}")
        assert Decimal(account.equity) == Decimal(account.cash) + Decimal(account.short_market_value)
        for bad, code in (
            (MarketOrderRequest(symbol="ACME", qty=0.5, side=SELL, time_in_force=DAY), 42210000),
            (MarketOrderRequest(symbol="ACME", notional=50, side=SELL, time_in_force=DAY), 42210000),
            (MarketOrderRequest(symbol="ACME", qty=51, side=BUY, time_in_force=DAY), 40310000),
            (MarketOrderRequest(symbol="ACME", qty=1000, side=SELL, time_in_force=DAY), 40310000),
        ):
            with pytest.raises(APIError) as refused:
                client.submit_order(bad)
            assert refused.value.code == code, refused.value
        cover = client.submit_order(
            StopOrderRequest(symbol="ACME", qty=50, side=BUY, time_in_force=GTC, stop_price=103)
        )
        assert client.get_open_position("ACME").qty_available == "0"
        market.move("ACME", "103.00", "103.05")
        assert client.get_order_by_id(cover.id).status == OrderStatus.FILLED
        assert Decimal(client.get_account().cash) == 10000 + 50 * (Decimal(100) - Decimal("103.05"))
        check_books()


class TestLostStream:
    def test_comes_back_by_itself_and_reconciles_over_rest(self, sdk, market):
        """Its socket is cut while orders go on; the SDK connects anew, and the bot asks what it missed."""
        market.add("ACME", "100.00", "100.02")
        client = sdk.trading
        told: list[Any] = []

        async def on_update(update: Any) -> None:
            told.append((update.event, update.order.id))

        stream: Any = TradingStream(sdk.bot.key_id, sdk.bot.secret, url_override=f"{sdk.socket_base}/stream")
        stream._reconnect_min_backoff = 0.2
        stream.subscribe_trade_updates(on_update)
        thread = threading.Thread(target=stream.run, daemon=True)
        thread.start()
        wait_for(lambda: stream._running)
        request = MarketOrderRequest(symbol="ACME", qty=1, side=BUY, time_in_force=DAY)

        def listens() -> None:
            sent = set()

            def heard() -> bool:
                sent.add(client.submit_order(request).id)
                return any(order_id in sent for _, order_id in told)

            wait_for(heard)

        listens()
        everything = GetOrdersRequest(status=QueryOrderStatus.ALL, limit=500)
        seen = max(order.submitted_at for order in client.get_orders(everything))
        lost = stream._ws
        stream._loop.call_soon_threadsafe(lost.transport.abort)
        missed = [client.submit_order(request) for _ in range(3)]
        wait_for(lambda: stream._running and stream._ws not in {None, lost})
        later = GetOrdersRequest(status=QueryOrderStatus.ALL, after=seen, direction=Sort.ASC)
        assert [order.id for order in client.get_orders(later)] == [order.id for order in missed]
        listens()
        assert len(told) == len(set(told))
        stream.stop()
        thread.join(timeout=15)
        assert not thread.is_alive()
        check_books()


# pandas means the SDK's own code.
@pytest.mark.filterwarnings("ignore:The inplace keyword")
class TestResearcher:
    @pytest.fixture
    def history(self, market):
        """A hundred days of three shares and a coin; a split of two to one on the 30th day of the first."""
        today = datetime.now(UTC).date()
        for symbol in ("AAA", "BBB", "CCC"):
            market.add(symbol, "99.99", "100.01")
        market.add("BTC-USD", "50000", "50010", asset_class="crypto", exchange="")
        for thing in market.things.values():
            PriceBar.objects.bulk_create(
                PriceBar(
                    instrument=thing, date=today - timedelta(days=ago), open=100, high=101, low=99,
                    close=100 + Decimal(ago) / 100, volume=1000, source="test",
                )
                for ago in range(1, 101)
            )  # fmt: skip
        CorporateAction.objects.create(
            instrument=market.things["AAA"],
            ex_date=today - timedelta(days=30),
            kind="split",
            value=2,
            source="test",
        )
        return today

    def test_reads_every_time_frame_adjustment_and_page(self, sdk, history):
        data, end = sdk.stocks, datetime.now(UTC) - timedelta(minutes=15)
        asked = {
            "symbol_or_symbols": ["CCC", "AAA", "BBB", "NOSUCH"],
            "start": end - timedelta(days=120),
            "end": end,
        }
        found = data.get_stock_bars(
            StockBarsRequest(
                **asked,
                timeframe=TimeFrame.Day,
                feed=DataFeed.SIP,
                asof="2026-01-01",
                currency=SupportedCurrencies.USD,
            )
        )
        assert {symbol: len(bars) for symbol, bars in found.data.items()} == dict.fromkeys(
            ("AAA", "BBB", "CCC"), 100
        )
        paged = data.get_stock_bars(
            StockBarsRequest(**asked, timeframe=TimeFrame.Day, limit=250, sort=Sort.DESC)
        )
        assert {symbol: len(bars) for symbol, bars in paged.data.items()} == {
            "AAA": 100,
            "BBB": 100,
            "CCC": 50,
        }
        assert paged["BBB"][0].timestamp > paged["BBB"][-1].timestamp
        for amount, unit, least in (
            (1, TimeFrameUnit.Week, 14), (1, TimeFrameUnit.Month, 3), (3, TimeFrameUnit.Month, 1),
            (1, TimeFrameUnit.Day, 100),
        ):  # fmt: skip
            bars = data.get_stock_bars(StockBarsRequest(**asked, timeframe=TimeFrame(amount, unit)))["AAA"]
            assert len(bars) >= least
            assert all(
                bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in bars
            )
        split = data.get_stock_bars(
            StockBarsRequest(**asked, timeframe=TimeFrame.Day, adjustment=Adjustment.SPLIT)
        )
        raw = data.get_stock_bars(
            StockBarsRequest(**asked, timeframe=TimeFrame.Day, adjustment=Adjustment.RAW)
        )
        assert (split["AAA"][0].close * 2, split["AAA"][0].volume) == (
            raw["AAA"][0].close,
            2 * raw["AAA"][0].volume,
        )
        assert split["AAA"][-1] == raw["AAA"][-1]
        assert split["BBB"] == raw["BBB"]
        for minutes in (TimeFrame.Minute, TimeFrame(5, TimeFrameUnit.Minute), TimeFrame.Hour):
            data.get_stock_bars(
                StockBarsRequest(
                    symbol_or_symbols="AAA",
                    timeframe=minutes,
                    start=datetime.now(UTC) - timedelta(hours=3),
                    limit=50,
                )
            )
        coin = sdk.coins.get_crypto_bars(
            CryptoBarsRequest(
                symbol_or_symbols=["BTC/USD"], timeframe=TimeFrame.Day, start=asked["start"], end=end
            )
        )
        assert len(coin.df) == 100
        shots = data.get_stock_snapshot(
            StockSnapshotRequest(symbol_or_symbols=["AAA", "NOSUCH"], feed=DataFeed.IEX)
        )
        assert shots["AAA"].previous_daily_bar is not None
        assert "NOSUCH" not in shots
        assert data.get_stock_latest_bar(StockLatestBarRequest(symbol_or_symbols="NOSUCH")) == {}
