"""The official SDK against the running site: every kind of order, positions, account and history, as its models."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from alpaca.common.exceptions import APIError
from alpaca.trading.enums import (
    OrderClass,
    OrderSide,
    OrderStatus,
    OrderType,
    PositionIntent,
    PositionSide,
    QueryOrderStatus,
    TimeInForce,
)
from alpaca.trading.requests import (
    ClosePositionRequest,
    GetOrderByIdRequest,
    GetOrdersRequest,
    GetPortfolioHistoryRequest,
    LimitOrderRequest,
    MarketOrderRequest,
    ReplaceOrderRequest,
    StopLimitOrderRequest,
    StopLossRequest,
    StopOrderRequest,
    TakeProfitRequest,
    TrailingStopOrderRequest,
)

from trading.tests.support import check_books, make_instrument, set_quote
from trading.wire.tests.support import make_bot, sdk_for


@pytest.fixture
def acme(live_site):
    share = make_instrument("ACME")
    set_quote(share, "100.00", "100.02", "100.01", at=datetime.now(UTC))
    return share


@pytest.fixture
def bitcoin(live_site):
    coin = make_instrument("BTC-USD", asset_class="crypto", exchange="", quantity_step="0.00000001")
    set_quote(coin, "50000", "50010", "50005", at=datetime.now(UTC))
    return coin


@pytest.fixture
def bought(sdk, acme):
    """The account holds 10 ACME."""
    return sdk.trading.submit_order(
        MarketOrderRequest(symbol="ACME", qty=10, side=OrderSide.BUY, time_in_force=TimeInForce.DAY)
    )


BUY = {"symbol": "ACME", "qty": 1, "side": OrderSide.BUY, "time_in_force": TimeInForce.DAY}
SELL = {**BUY, "side": OrderSide.SELL}
EXITS = {"take_profit": TakeProfitRequest(limit_price=110), "stop_loss": StopLossRequest(stop_price=90)}


class TestEveryOrder:
    @pytest.mark.parametrize(
        ("request_", "type_", "status"),
        [
            (MarketOrderRequest(**BUY), OrderType.MARKET, OrderStatus.FILLED),
            (MarketOrderRequest(**{**BUY, "qty": None, "notional": 55.5}), OrderType.MARKET, OrderStatus.FILLED),
            (MarketOrderRequest(**{**BUY, "qty": 0.123}), OrderType.MARKET, OrderStatus.FILLED),
            (LimitOrderRequest(**BUY, limit_price=100.1), OrderType.LIMIT, OrderStatus.FILLED),
            (LimitOrderRequest(**BUY, limit_price=90.1), OrderType.LIMIT, OrderStatus.NEW),
            (LimitOrderRequest(**BUY, limit_price=90, extended_hours=True), OrderType.LIMIT, OrderStatus.NEW),
            (
                LimitOrderRequest(**{**BUY, "time_in_force": TimeInForce.IOC}, limit_price=90),
                OrderType.LIMIT,
                OrderStatus.CANCELED,
            ),
            (
                LimitOrderRequest(**{**BUY, "time_in_force": TimeInForce.FOK}, limit_price=101),
                OrderType.LIMIT,
                OrderStatus.FILLED,
            ),
            (
                LimitOrderRequest(**{**BUY, "time_in_force": TimeInForce.OPG}, limit_price=101),
                OrderType.LIMIT,
                OrderStatus.ACCEPTED,
            ),
            (
                MarketOrderRequest(**{**BUY, "time_in_force": TimeInForce.CLS}),
                OrderType.MARKET,
                OrderStatus.ACCEPTED,
            ),
            (StopOrderRequest(**BUY, stop_price=110), OrderType.STOP, OrderStatus.NEW),
            (StopLimitOrderRequest(**BUY, stop_price=110, limit_price=111), OrderType.STOP_LIMIT, OrderStatus.NEW),
            (TrailingStopOrderRequest(**SELL, trail_price=2), OrderType.TRAILING_STOP, OrderStatus.NEW),
            (TrailingStopOrderRequest(**SELL, trail_percent=1.5), OrderType.TRAILING_STOP, OrderStatus.NEW),
            (MarketOrderRequest(**BUY, order_class=OrderClass.BRACKET, **EXITS), OrderType.MARKET, OrderStatus.FILLED),
            (
                LimitOrderRequest(**BUY, limit_price=95, order_class=OrderClass.BRACKET, **EXITS),
                OrderType.LIMIT,
                OrderStatus.NEW,
            ),
            (
                MarketOrderRequest(**BUY, order_class=OrderClass.OTO, stop_loss=StopLossRequest(stop_price=90, limit_price=89)),
                OrderType.MARKET,
                OrderStatus.FILLED,
            ),
            (LimitOrderRequest(**SELL, order_class=OrderClass.OCO, **EXITS), OrderType.LIMIT, OrderStatus.NEW),
        ],
    )  # fmt: skip
    def test_is_taken_and_read_back(self, sdk, bought, request_, type_, status):
        order = sdk.trading.submit_order(request_)
        assert (order.type, order.status) == (type_, status)
        again = sdk.trading.get_order_by_id(order.id, GetOrderByIdRequest(nested=True))
        assert again == order
        assert sdk.trading.get_order_by_client_id(order.client_order_id).id == order.id
        if order.order_class != OrderClass.SIMPLE:
            assert order.legs
        if type_ is OrderType.TRAILING_STOP:
            assert Decimal(order.hwm) == Decimal("100.01")
            assert isinstance(order.trail_price or order.trail_percent, str)
        everything = sdk.trading.get_orders(GetOrdersRequest(status=QueryOrderStatus.ALL, nested=True))
        assert {found.id for found in everything} == {order.id, bought.id}
        check_books()

    def test_coins_are_named_as_pairs(self, sdk, bitcoin):
        order = sdk.trading.submit_order(
            MarketOrderRequest(symbol="BTC/USD", qty=1e-03, side=OrderSide.BUY, time_in_force=TimeInForce.GTC)
        )
        assert (order.symbol, order.qty, order.status) == ("BTC/USD", "0.001", OrderStatus.FILLED)
        assert sdk.trading.get_open_position("BTC/USD").symbol == "BTCUSD"
        filtered = sdk.trading.get_orders(
            GetOrdersRequest(status=QueryOrderStatus.ALL, symbols=["BTC/USD", "ACME"])
        )
        assert [found.id for found in filtered] == [order.id]
        assert sdk.trading.close_position("BTC/USD").time_in_force == TimeInForce.GTC


class TestLife:
    def test_replace_cancel_and_what_is_refused(self, sdk, acme):
        waiting = sdk.trading.submit_order(LimitOrderRequest(**BUY, limit_price=90))
        new = sdk.trading.replace_order_by_id(waiting.id, ReplaceOrderRequest(qty=3, limit_price=91.5))
        assert (new.replaces, new.qty, new.limit_price) == (waiting.id, "3", "91.5")
        old = sdk.trading.get_order_by_id(waiting.id)
        assert (old.status, old.replaced_by) == (OrderStatus.REPLACED, new.id)
        assert sdk.trading.replace_order_by_id(new.id).replaces == new.id
        (open_,) = sdk.trading.get_orders()
        assert sdk.trading.cancel_order_by_id(open_.id) is None
        with pytest.raises(APIError) as again:
            sdk.trading.cancel_order_by_id(open_.id)
        assert (again.value.code, again.value.status_code) == (42210000, 422)
        with pytest.raises(APIError) as unknown:
            sdk.trading.get_order_by_id(uuid.uuid4())
        assert (unknown.value.code, unknown.value.status_code) == (40410000, 404)
        with pytest.raises(APIError) as poor:
            sdk.trading.submit_order(MarketOrderRequest(**{**BUY, "qty": 100_000}))
        assert (poor.value.code, poor.value.message) == (40310000, "insufficient buying power")

    def test_cancel_all_and_close_all(self, sdk, bought):
        for price in (90, 91):
            sdk.trading.submit_order(LimitOrderRequest(**BUY, limit_price=price))
        canceled = sdk.trading.cancel_orders()
        assert [row.status for row in canceled] == [200, 200]
        assert sdk.trading.cancel_orders() == []
        resting = sdk.trading.submit_order(LimitOrderRequest(**{**SELL, "qty": 10}, limit_price=120))
        (stuck,) = sdk.trading.close_all_positions()
        assert (stuck.status, stuck.body.code) == (403, 40310000)
        (closed,) = sdk.trading.close_all_positions(cancel_orders=True)
        assert (closed.status, closed.symbol, closed.body.status) == (200, "ACME", OrderStatus.FILLED)
        assert sdk.trading.get_order_by_id(resting.id).status == OrderStatus.CANCELED
        assert sdk.trading.get_all_positions() == []
        check_books()

    def test_positions(self, sdk, bought):
        (held,) = sdk.trading.get_all_positions()
        assert (held.symbol, held.qty, held.side) == ("ACME", "10", PositionSide.LONG)
        assert sdk.trading.get_open_position(held.asset_id) == sdk.trading.get_open_position("ACME") == held
        part = sdk.trading.close_position("ACME", ClosePositionRequest(percentage="25"))
        assert (part.qty, part.position_intent) == ("2.5", PositionIntent.SELL_TO_CLOSE)
        assert sdk.trading.close_position("ACME", ClosePositionRequest(qty="0.5")).qty == "0.5"
        assert sdk.trading.close_position("ACME").qty == "7"
        with pytest.raises(APIError) as flat:
            sdk.trading.get_open_position("ACME")
        assert (flat.value.status_code, flat.value.message) == (404, "position does not exist")

    def test_short(self, live_site, acme):
        sdk = sdk_for(make_bot(multiplier=2), live_site)
        sold = sdk.trading.submit_order(MarketOrderRequest(**SELL))
        assert sold.position_intent == PositionIntent.SELL_TO_OPEN
        (held,) = sdk.trading.get_all_positions()
        assert (held.side, held.qty) == (PositionSide.SHORT, "-1")
        assert sdk.trading.close_position("ACME").side == OrderSide.BUY


class TestAccount:
    def test_account_and_configuration(self, sdk, acme):
        account = sdk.trading.get_account()
        assert (account.cash, account.equity, account.multiplier) == ("100000", "100000", "1")
        raw = sdk.raw.get_account()
        assert raw["id"] == str(account.id)
        chosen = sdk.trading.get_account_configurations()
        chosen.no_shorting = True
        changed = sdk.trading.set_account_configurations(chosen)
        assert changed.no_shorting is True
        assert sdk.trading.get_account_configurations() == changed

    def test_history_and_activities(self, sdk, bought):
        for asked in (
            None,
            GetPortfolioHistoryRequest(period="1D", timeframe="5Min"),
            GetPortfolioHistoryRequest(
                period="1W", timeframe="1H", extended_hours=True, cashflow_types="ALL"
            ),
            GetPortfolioHistoryRequest(timeframe="1D", start=datetime(2026, 1, 1, tzinfo=UTC)),
        ):
            history = sdk.trading.get_portfolio_history(asked)
            size = len(history.timestamp)
            assert size >= 1
            assert size == len(history.equity) == len(history.profit_loss) == len(history.profit_loss_pct)
            assert history.base_value == 100000
        (fill,) = sdk.trading.get("/account/activities/FILL", {"page_size": 1})
        assert fill["order_id"] == str(bought.id)
        assert sdk.trading.get("/account/activities", {"page_token": fill["id"]})[0]["activity_type"] == "CSD"

    def test_a_retry_of_the_client_places_nothing_twice(self, sdk, acme):
        """The SDK repeats a POST by itself after 429 and 504: the id it carries makes the second one harmless."""
        same = MarketOrderRequest(**BUY, client_order_id="once")
        sdk.trading.submit_order(same)
        with pytest.raises(APIError) as twice:
            sdk.trading.submit_order(same)
        assert (twice.value.code, twice.value.message) == (40010001, "client_order_id must be unique")
        assert len(sdk.trading.get_orders(GetOrdersRequest(status=QueryOrderStatus.ALL))) == 1
