"""The validation list: what is refused for its combination, with the documented code and text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from marketdata.models import Instrument
from trading.tests.support import make_instrument, set_quote
from trading.wire.tests.support import make_bot

pytestmark = pytest.mark.django_db

#: A Friday of November: New York is at UTC-5.
FRIDAY = datetime(2026, 11, 20, tzinfo=UTC)


def order(**fields):
    return {"symbol": "ACME", "qty": 1, "side": "buy", "type": "market", "time_in_force": "day", **fields}


def at(hours, minutes=0):
    """That time in New York on the Friday."""
    return FRIDAY + timedelta(hours=hours + 5, minutes=minutes)


@pytest.fixture
def held(bot, share, coin):
    """The bot holds 10 ACME and one coin."""
    assert bot.send("POST", "/v2/orders", order(qty=10)).json()["status"] == "filled"
    coins = order(symbol="BTC/USD", qty="0.5", time_in_force="gtc")
    assert bot.send("POST", "/v2/orders", coins).json()["status"] == "filled"
    return bot


BRACKET = {
    "order_class": "bracket",
    "take_profit": {"limit_price": 110},
    "stop_loss": {"stop_price": 90},
}
OCO = {
    "order_class": "oco",
    "type": "limit",
    "side": "sell",
    "take_profit": {"limit_price": 110},
    "stop_loss": {"stop_price": 90},
}


class TestRefused:
    @pytest.mark.parametrize(
        ("body", "status", "code", "text"),
        [
            # time in force by type
            (order(type="stop", stop_price=110, time_in_force="ioc"), 422, 42210000, ""),
            (order(type="stop_limit", stop_price=110, limit_price=111, time_in_force="opg"), 422, 42210000, ""),
            (order(type="trailing_stop", side="sell", trail_price=1, time_in_force="cls"), 422, 42210000, ""),
            (order(type="trailing_stop", side="sell", trail_price=1, time_in_force="fok"), 422, 42210000, ""),
            # fractions and amounts
            (order(qty="0.5", time_in_force="gtc"), 422, 42210000, "fractional orders must be DAY orders"),
            (order(qty=None, notional=50, time_in_force="ioc"), 422, 42210000, "fractional orders must be DAY orders"),
            (order(qty="0.5", **BRACKET), 422, 42210000, "fractional orders must be simple orders"),
            (order(qty="0.5", type="trailing_stop", side="sell", trail_price=1), 422, 42210000, ""),
            (order(symbol="WHOLE", qty="1.5"), 403, 40310000, 'asset "WHOLE" is not fractionable'),
            # crypto
            (order(symbol="BTC/USD", type="stop", stop_price=60000, time_in_force="gtc"), 422, 42210000, ""),
            (order(symbol="BTC/USD", qty="0.01", time_in_force="day"), 422, 42210000, ""),
            (order(symbol="BTC/USD", qty="0.01", time_in_force="fok"), 422, 42210000, ""),
            (order(symbol="BTC/USD", qty="0.0001", time_in_force="gtc"), 403, 40310000, "minimal amount of order 10"),
            (order(symbol="BTC/USD", qty="0.01", time_in_force="gtc", **BRACKET), 422, 42210000, "simple orders"),
            (
                order(symbol="BTC/USD", qty=2, side="sell", time_in_force="gtc"), 403, 40310000,
                "insufficient balance for BTC (requested: 2, available: 0.49875)",
            ),
            # extended hours
            (order(extended_hours=True), 422, 42210000, "extended hours order must be DAY or GTC limit orders"),
            (order(type="limit", limit_price=90, extended_hours=True, time_in_force="ioc"), 422, 42210000, "extended"),
            (order(type="limit", limit_price=99, extended_hours=True, **BRACKET), 422, 42210000, "extended hours"),
            # prices
            (order(type="stop", stop_price="110.005"), 422, 42210000, "invalid stop_price. sub-penny"),
            (order(type="limit", limit_price=100.10000000000001), 422, 42210000, "invalid limit_price. sub-penny"),
            (
                order(**{**BRACKET, "take_profit": {"limit_price": 110.00000000000001}}), 422, 42210000,
                "invalid take_profit.limit_price. sub-penny",
            ),
            (
                order(symbol="BTC/USD", qty=1000, type="limit", limit_price=0.12345678901234567, time_in_force="gtc"),
                422, 42210000, "limit price can have at most 12 decimals",
            ),
            (order(type="stop", stop_price=None), 422, 40010001, "stop price is required"),
            (order(type="stop", stop_price=90), 422, 42210000, "stop price must be greater than current price"),
            (order(type="stop", side="sell", stop_price=110), 422, 42210000, "stop price must be less than current price"),
            (order(type="trailing_stop", side="sell"), 422, 40010001, "either trail_price or trail_percent"),
            (order(type="trailing_stop", side="sell", trail_price=1, trail_percent=1), 422, 40010001, ""),
            (order(type="trailing_stop", side="sell", trail_percent=100), 422, 40010001, ""),
            (order(trail_price=1), 422, 40010001, "trail"),
            # groups
            (order(take_profit={"limit_price": 110}), 422, 40010001, "simple orders require no take_profit"),
            (order(**{**BRACKET, "take_profit": None}), 422, 40010001, "bracket orders require take_profit.limit_price"),
            (order(**{**BRACKET, "take_profit": {}}), 422, 40010001, "bracket orders require take_profit.limit_price"),
            (order(**{**BRACKET, "stop_loss": None}), 422, 40010001, "bracket orders require stop_loss.stop_price"),
            (
                order(type="stop", stop_price=105, **BRACKET), 422, 40010001,
                "bracket orders must be market or limit orders",
            ),
            (order(time_in_force="ioc", **BRACKET), 422, 42210000, "bracket orders must be DAY or GTC orders"),
            (order(side="sell", **{**BRACKET, "take_profit": {"limit_price": 90}, "stop_loss": {"stop_price": 110}}),
             422, 42210000, "bracket orders must be entry orders"),
            (order(**{**BRACKET, "take_profit": {"limit_price": 80}}), 422, 42210000, "take-profit"),
            (
                order(**{**BRACKET, "stop_loss": {"stop_price": "100.01"}}), 422, 42210000,
                "stop_loss.stop_price must be <= base_price - 0.01",
            ),
            (order(**{**BRACKET, "stop_loss": {"stop_price": 90, "limit_price": 91}}), 422, 42210000, ""),
            (
                order(order_class="oto"), 422, 40010001,
                "oto orders require either take_profit or stop_loss",
            ),
            (order(**{**OCO, "type": "market"}), 422, 40010001, "oco orders must be limit orders"),
            (order(**{**OCO, "side": "buy", "take_profit": {"limit_price": 90}, "stop_loss": {"stop_price": 110}}),
             422, 42210000, "oco orders must be exit orders"),
            (order(qty=11, **OCO), 403, 40310000, "insufficient qty available for order (requested: 11, available: 10)"),
            # position and intent
            (order(position_intent="buy_to_close"), 422, 42210000, ""),
            (order(side="sell", qty=11), 403, 40310000, "insufficient qty available"),
        ],
    )  # fmt: skip
    def test_with_its_code_and_text(self, held, body, status, code, text):
        whole = make_instrument("WHOLE", quantity_step="1")
        set_quote(whole, "10", "10.02", at=datetime.now(UTC))
        answer = held.send("POST", "/v2/orders", body)
        found = answer.json()
        assert (answer.status_code, found["code"]) == (status, code), found
        assert text in found["message"], found

    def test_stop_loss_names_its_base(self, held):
        body = order(type="limit", limit_price=99, **{**BRACKET, "stop_loss": {"stop_price": 99}})
        assert held.send("POST", "/v2/orders", body).json()["base_price"] == "99"

    def test_wash_trade_names_the_order_in_the_way(self, held):
        resting = held.send("POST", "/v2/orders", order(type="limit", limit_price=90)).json()
        crossing = held.send("POST", "/v2/orders", order(type="limit", side="sell", limit_price=85)).json()
        assert (crossing["code"], crossing["message"]) == (
            40310000,
            "potential wash trade detected. use complex orders",
        )
        assert crossing["existing_order_id"] == resting["id"]
        beside = order(type="limit", side="sell", limit_price=120)
        assert held.send("POST", "/v2/orders", beside).status_code == 200

    def test_short_selling_needs_a_margin_account(self, bot, share):
        answer = bot.send("POST", "/v2/orders", order(side="sell"))
        assert (answer.status_code, answer.json()["code"]) == (403, 40310000)
        with_margin = make_bot(multiplier=2)
        sold = with_margin.send("POST", "/v2/orders", order(side="sell", qty=3))
        assert (sold.status_code, sold.json()["position_intent"]) == (200, "sell_to_open")
        part = with_margin.send("POST", "/v2/orders", order(side="sell", qty="0.5")).json()
        assert part["code"] == 42210000
        flip = with_margin.send("POST", "/v2/orders", order(side="buy", qty=5))
        assert (flip.status_code, flip.json()["code"]) == (403, 40310000)


class TestTaken:
    @pytest.mark.parametrize(
        "body",
        [
            *(order(type="limit", limit_price=90, time_in_force=tif) for tif in ("day", "gtc", "ioc", "fok")),
            *(order(time_in_force=tif) for tif in ("day", "gtc", "ioc", "fok")),
            *(order(type="stop", stop_price=110, time_in_force=tif) for tif in ("day", "gtc")),
            *(order(type="stop_limit", stop_price=110, limit_price=111, time_in_force=tif) for tif in ("day", "gtc")),
            order(type="trailing_stop", side="sell", trail_price="1.5", time_in_force="gtc"),
            order(type="trailing_stop", side="sell", trail_percent=2),
            *(order(qty="0.5", type=kind, **more) for kind, more in (
                ("market", {}), ("limit", {"limit_price": 90}), ("stop", {"stop_price": 110}),
                ("stop_limit", {"stop_price": 110, "limit_price": 111}))),
            order(qty=None, notional="99.50"),
            order(type="limit", limit_price=90, extended_hours=True),
            order(type="limit", limit_price="0.5432", qty=1000),
            order(**BRACKET), order(type="limit", limit_price=99, time_in_force="gtc", **BRACKET),
            order(order_class="oto", take_profit={"limit_price": 110}),
            order(order_class="oto", stop_loss={"stop_price": 90}),
            order(order_class="oto", take_profit={"limit_price": 110}, stop_loss={"stop_price": 90}),
            order(**OCO), order(limit_price=110, **{**OCO, "take_profit": None}),
            order(order_class="simple"), order(order_class=""),
            order(symbol="BTC/USD", qty="0.01", time_in_force="gtc"),
            order(symbol="BTCUSD", qty="0.01", type="limit", limit_price=40000, time_in_force="ioc"),
            order(symbol="BTC/USD", qty="0.01", type="stop_limit", stop_price=60000, limit_price=61000,
                  time_in_force="gtc"),
            order(symbol="BTC/USD", qty=None, notional=100, time_in_force="gtc"),
        ],
    )  # fmt: skip
    def test_what_the_rules_allow(self, held, body):
        answer = held.send("POST", "/v2/orders", body)
        assert answer.status_code == 200, answer.content


class TestHours:
    @pytest.fixture
    def on_the_exchange(self, settings):
        settings.SIMULATED_SESSION = "exchange"

    def placed(self, hour, minute=0, *, day=timedelta(0), **fields):
        moment = at(hour, minute) + day
        with time_machine.travel(moment, tick=False):
            bot = make_bot()
            share = Instrument.objects.filter(symbol="ACME").first() or make_instrument("ACME")
            set_quote(share, "100.00", "100.02", "100.01", at=moment)
            answer = bot.send("POST", "/v2/orders", order(**fields))
            return answer.status_code, answer.json(), bot

    def test_after_a_half_day_the_auctions_evening_begins_at_the_same_hour(self, on_the_exchange):
        half_day = timedelta(days=7)  # the day after Thanksgiving closes at 13:00
        for hour, taken in ((12, False), (14, False), (17, False), (18, False), (20, True)):
            for time_in_force in ("opg", "cls"):
                status, body, _ = self.placed(hour, 55, time_in_force=time_in_force, day=half_day)
                assert (status == 200) is taken, (hour, time_in_force, body)

    def test_a_day_order_after_the_close_waits_accepted(self, on_the_exchange):
        status, body, _ = self.placed(17)
        assert (status, body["status"]) == (200, "accepted")
        assert body["expires_at"].startswith("2026-11-23T21:00")

    def test_opening_orders_have_their_hours(self, on_the_exchange):
        for hour, minute, taken in (
            (9, 27, True),
            (9, 29, False),
            (12, 0, False),
            (18, 59, False),
            (19, 1, True),
        ):
            status, body, _ = self.placed(hour, minute, time_in_force="opg")
            assert (status == 200) is taken, (hour, minute, body)
            if not taken:
                assert (status, body["code"]) == (422, 42210000)

    def test_closing_orders_have_their_hours(self, on_the_exchange):
        for hour, minute, taken in (
            (9, 0, True),
            (15, 49, True),
            (15, 51, False),
            (18, 59, False),
            (19, 1, True),
        ):
            status, body, _ = self.placed(hour, minute, time_in_force="cls")
            assert (status == 200) is taken, (hour, minute, body)

    def test_an_accepted_order_cannot_be_replaced(self, on_the_exchange):
        status, body, bot = self.placed(17, type="limit", limit_price=90)
        assert status == 200
        with time_machine.travel(at(17, 1), tick=False):
            answer = bot.send("PATCH", f"/v2/orders/{body['id']}", {"limit_price": 91})
        assert (answer.status_code, answer.json()["code"]) == (422, 42210000)

    def test_clock_follows_the_exchange(self, on_the_exchange, bot, share):
        with time_machine.travel(at(12), tick=False):
            clock = bot.get("/v2/clock")
        assert clock == {
            "timestamp": "2026-11-20T12:00:00-05:00",
            "is_open": True,
            "next_open": "2026-11-23T09:30:00-05:00",
            "next_close": "2026-11-20T16:00:00-05:00",
        }
        with time_machine.travel(at(17), tick=False):
            clock = bot.get("/v2/clock")
        assert (clock["is_open"], clock["next_close"]) == (False, "2026-11-23T16:00:00-05:00")
