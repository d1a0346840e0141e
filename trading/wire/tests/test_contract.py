"""What the wire's contract says beyond shapes: lives of orders and groups, reservations, margins, ids, times."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
import time_machine

from marketdata.models import Quote
from portfolio_site.kernel import clock
from trading.operations import expire_orders, match_resting_orders
from trading.tests.support import check_books, make_instrument, set_quote
from trading.wire.tests.support import make_bot
from trading.wire.tests.test_orders import market, place, refused
from trading.wire.values import NEW_YORK

pytestmark = pytest.mark.django_db

EXITS = {"take_profit": {"limit_price": 110}, "stop_loss": {"stop_price": 90}}


def move(share, bid, ask, *, ask_size=None):
    """Make the market and match what rests."""
    now = clock.now()
    set_quote(share, bid, ask, at=now)
    if ask_size is not None:
        Quote.objects.filter(instrument=share).update(ask_size=ask_size, bid_size=ask_size)
    match_resting_orders(instrument_ids=[share.pk], now=now)


def statuses(bot, *orders):
    return [bot.get(f"/v2/orders/{order['id']}")["status"] for order in orders]


class TestTimes:
    def test_gtc_ends_after_90_days_and_day_with_its_session(self, bot, share, settings):
        settings.SIMULATED_SESSION = "exchange"
        with time_machine.travel(datetime(2026, 11, 20, 17, tzinfo=UTC), tick=False):
            set_quote(share, "100.00", "100.02", at=clock.now())
            kept = place(bot, limit_price=50, time_in_force="gtc")
            today = place(bot, limit_price=50)
        assert kept["expires_at"] == "2027-02-18T21:15:00.000000Z"
        assert today["expires_at"] == "2026-11-20T21:00:00.000000Z"

    def test_ids_of_activities_begin_with_new_yorks_clock(self, bot, share):
        place(bot)
        (fill,) = bot.get("/v2/account/activities/FILL")
        stamp, _, rest = fill["id"].partition("::")
        assert re.fullmatch(r"\d{17}", stamp)
        assert str(UUID(rest)) == rest
        at = datetime.fromisoformat(fill["transaction_time"]).astimezone(NEW_YORK)
        assert stamp == f"{at:%Y%m%d%H%M%S}{at.microsecond // 1000:03d}"


class TestGroups:
    def test_exits_wait_held_and_work_when_the_entry_is_filled(self, bot, share):
        head = place(bot, qty=4, limit_price=95, time_in_force="gtc", order_class="bracket", **EXITS)
        profit, loss = head["legs"]
        assert (head["status"], profit["status"], loss["status"]) == ("new", "held", "held")
        assert {order["id"] for order in bot.get("/v2/orders")} == {head["id"], profit["id"], loss["id"]}
        move(share, "94.90", "94.95")
        assert statuses(bot, head, profit) == ["filled", "new"]
        assert statuses(bot, loss)[0] in {"held", "new"}
        # Both exits share one hold of the position.
        assert bot.get("/v2/positions/ACME")["qty_available"] == "0"
        short = bot.send("POST", "/v2/orders", {
            "symbol": "ACME", "qty": 1, "side": "sell", "type": "market", "time_in_force": "day"})  # fmt: skip
        assert set(refused(short, 403, 40310000)["related_orders"]) <= {profit["id"], loss["id"]}
        move(share, "110.10", "110.12")
        assert statuses(bot, profit, loss) == ["filled", "canceled"]
        assert bot.send("GET", "/v2/positions/ACME").status_code == 404
        check_books()

    @pytest.mark.parametrize("member", [0, 1, 2])
    def test_canceling_any_member_cancels_the_rest(self, bot, share, member):
        head = place(bot, qty=4, limit_price=95, time_in_force="gtc", order_class="bracket", **EXITS)
        group = [head, *head["legs"]]
        assert bot.send("DELETE", f"/v2/orders/{group[member]['id']}").status_code == 204
        found = statuses(bot, *group)
        assert found[1:] == ["canceled", "canceled"]
        # An entry may still be wanted without its exits; without the entry there is nothing to leave.
        assert found[0] == "canceled" or member != 0
        if found[0] == "canceled":
            assert Decimal(bot.get("/v2/account")["buying_power"]) == 100_000

    def test_a_take_profit_filled_in_part_shrinks_its_stop(self, bot, share):
        place(bot, qty=10)
        parent = place(
            bot, qty=10, side="sell", limit_price=110, time_in_force="gtc", order_class="oco", **EXITS
        )
        (stop,) = parent["legs"]
        assert (parent["type"], stop["type"], parent["order_class"]) == ("limit", "stop", "oco")
        move(share, "110.10", "110.12", ask_size=4)
        profit = bot.get(f"/v2/orders/{parent['id']}")
        assert (profit["status"], profit["filled_qty"]) == ("partially_filled", "4")
        assert bot.get(f"/v2/orders/{stop['id']}")["qty"] == "6"
        assert bot.get("/v2/positions/ACME")["qty"] == "6"
        move(share, "110.10", "110.12", ask_size=100)
        assert statuses(bot, parent, stop) == ["filled", "canceled"]
        check_books()

    def test_a_stop_that_fires_cancels_its_profit(self, bot, share):
        place(bot, qty=10)
        parent = place(
            bot, qty=10, side="sell", limit_price=110, time_in_force="gtc", order_class="oco", **EXITS
        )
        move(share, "89.90", "89.92")
        assert statuses(bot, parent, parent["legs"][0]) == ["canceled", "filled"]
        check_books()

    def test_open_exits_of_a_filled_entry_stand_under_it(self, bot, share):
        group = {
            "order_class": "bracket",
            "take_profit": {"limit_price": 110},
            "stop_loss": {"stop_price": 90},
        }
        filled, resting = place(bot, **group), place(bot, limit_price=80)
        simple = place(bot, limit_price=70)
        (found, first, entry) = bot.get("/v2/orders", nested="True", status="open")
        assert [found["id"], first["id"], entry["id"]] == [simple["id"], resting["id"], filled["id"]]
        assert (entry["status"], [leg["status"] for leg in entry["legs"]]) == ("filled", ["new", "held"])
        exits = bot.get("/v2/orders", nested="True", status="open", side="sell")
        assert [row["id"] for row in exits] == [filled["id"]]
        entries = bot.get("/v2/orders", nested="True", status="closed", side="buy")
        assert [row["id"] for row in entries] == [filled["id"]]
        assert bot.get("/v2/orders", nested="True", status="closed", side="sell") == []
        moved = bot.send("PATCH", f"/v2/orders/{entry['legs'][0]['id']}", {"limit_price": 111}).json()
        (entry,) = bot.get("/v2/orders", nested="True", status="open", side="sell")
        assert moved["id"] in {leg["id"] for leg in entry["legs"]}
        assert bot.get("/v2/orders", nested="True", status="closed", side="sell") == []
        assert bot.send("DELETE", f"/v2/orders/{moved['id']}").status_code == 204
        assert len(bot.get("/v2/orders", nested="True", status="open")) == 2
        assert len(bot.get("/v2/orders", nested="True", status="all")) == 3


class TestWashTrades:
    @pytest.mark.parametrize(
        ("resting", "coming", "is_taken"),
        [
            ({"limit_price": 90}, {"type": "market"}, False),
            ({"limit_price": 90}, {"type": "stop", "stop_price": 80}, False),
            ({"limit_price": 90}, {"limit_price": 90}, False),
            ({"limit_price": 90}, {"limit_price": 89.99}, False),
            ({"limit_price": 90}, {"limit_price": 120}, True),
            ({"type": "stop", "stop_price": 110}, {"limit_price": 150}, False),
            ({"limit_price": 90}, {"type": "trailing_stop", "trail_percent": 5}, True),
            ({"limit_price": 90}, {"order_class": "oco", "limit_price": 110, **EXITS}, True),
        ],
    )
    def test_an_order_against_ones_own_is_refused(self, bot, share, resting, coming, is_taken):
        place(bot, qty=5)
        waiting = place(bot, qty=1, **resting)
        body = {"symbol": "ACME", "qty": 1, "side": "sell", "time_in_force": "day", "type": "limit", **coming}
        answer = bot.send("POST", "/v2/orders", body)
        if is_taken:
            assert answer.status_code == 200, answer.content
        else:
            error = refused(answer, 403, 40310000, "potential wash trade detected. use complex orders")
            assert error["existing_order_id"] == waiting["id"]


class TestTinyOrders:
    def test_the_cost_basis_of_next_to_nothing_is_told(self, bot):
        share = make_instrument("NANO", quantity_step="0.000000001")
        set_quote(share, "100.00", "100.02", at=datetime.now(UTC))
        tiny = bot.send("POST", "/v2/orders", market(symbol="NANO", qty="0.000000001"))
        body = refused(tiny, 403, 40310000, "cost basis must be >= minimal amount of order 1")
        assert body["cost_basis"] == "0.00000010002"
        cents = bot.send("POST", "/v2/orders", market(symbol="NANO", qty=None, notional="0.5"))
        assert refused(cents, 403, 40310000)["cost_basis"] == "0.5"


class TestAuctions:
    def test_buys_at_the_open_and_sells_at_the_close(self, share, settings):
        settings.SIMULATED_SESSION = "exchange"
        friday = datetime(2026, 11, 20, 5, tzinfo=UTC)

        def at(hours, minutes, seconds=0):
            return friday + timedelta(hours=hours, minutes=minutes, seconds=seconds)

        with time_machine.travel(at(9, 20), tick=False) as clock_:
            bot = make_bot()
            set_quote(share, "100.00", "100.02", at=clock.now())
            opening = place(bot, qty=10, time_in_force="opg")
            capped = place(bot, qty=1, time_in_force="opg", limit_price=99)
            assert [opening["status"], capped["status"]] == ["accepted"] * 2
            clock_.move_to(at(9, 30, 5))
            move(share, "101.00", "101.02")
            assert statuses(bot, opening) == ["filled"]
            assert bot.get(f"/v2/orders/{opening['id']}")["filled_avg_price"] == "101.02"
            clock_.move_to(at(15, 40))
            closing = place(bot, qty=10, side="sell", time_in_force="cls")
            clock_.move_to(at(15, 51))
            late = bot.send("POST", "/v2/orders", market(side="sell", time_in_force="cls"))
            refused(late, 422, 42210000, "closing auction")
            move(share, "104.00", "104.02")
            assert statuses(bot, closing) == ["accepted"]
            clock_.move_to(at(16, 0, 5))
            move(share, "105.00", "105.02")
            assert statuses(bot, closing) == ["filled"]
            clock_.move_to(at(16, 20))
            expire_orders(now=clock.now())
            assert statuses(bot, capped) == ["expired"]
            # Auctions trade at the last trade.
            assert bot.get("/v2/account")["cash"] == "100040"
        check_books()


class TestPartFills:
    def test_what_was_filled_stays_when_the_rest_is_canceled(self, bot, share):
        order = place(bot, qty=10, limit_price=99)
        move(share, "98.90", "98.95", ask_size=4)
        assert bot.send("DELETE", f"/v2/orders/{order['id']}").status_code == 204
        found = bot.get(f"/v2/orders/{order['id']}")
        assert (found["status"], found["filled_qty"], found["filled_avg_price"]) == ("canceled", "4", "98.95")
        (fill,) = bot.get("/v2/account/activities/FILL")
        assert (fill["type"], fill["qty"], fill["cum_qty"], fill["leaves_qty"]) == (
            "partial_fill",
            "4",
            "4",
            "6",
        )
        check_books()

    @pytest.mark.parametrize(
        ("tif", "filled", "status"), [("ioc", "4", "canceled"), ("fok", "0", "canceled")]
    )
    def test_what_cannot_wait_ends_at_once(self, bot, share, tif, filled, status):
        move(share, "98.90", "98.95", ask_size=4)
        order = place(bot, qty=10, limit_price=99, time_in_force=tif)
        assert (order["status"], order["filled_qty"]) == (status, filled)
        check_books()


class TestReplacing:
    def test_what_cannot_be_changed(self, bot, share):
        part = place(bot, qty="0.5", limit_price=50)
        refused(
            bot.send("PATCH", f"/v2/orders/{part['id']}", {"qty": 2}),
            422,
            42210000,
            "unable to replace order",
        )
        amount = place(bot, qty=None, notional=100, limit_price=50)
        refused(bot.send("PATCH", f"/v2/orders/{amount['id']}", {"limit_price": 51}), 422, 42210000)
        assert statuses(bot, part, amount) == ["new", "new"]

    def test_of_an_order_filled_in_part_works_on_the_rest(self, bot, share):
        order = place(bot, qty=10, limit_price=99)
        move(share, "98.90", "98.95", ask_size=4)
        old = bot.get(f"/v2/orders/{order['id']}")
        assert (old["status"], old["filled_qty"]) == ("partially_filled", "4")
        new = bot.send("PATCH", f"/v2/orders/{order['id']}", {"limit_price": 98.5}).json()
        assert bot.get("/v2/positions/ACME")["qty"] == "4"
        move(share, "98.00", "98.02", ask_size=1000)
        assert Decimal(bot.get("/v2/positions/ACME")["qty"]) == 10
        kept = bot.get(f"/v2/orders/{order['id']}")
        assert (kept["status"], kept["filled_qty"], kept["filled_avg_price"]) == (
            "replaced", old["filled_qty"], old["filled_avg_price"],
        )  # fmt: skip
        assert statuses(bot, new) == ["filled"]
        check_books()

    def test_the_money_held_follows_the_new_price(self, bot, share):
        order = place(bot, qty=10, limit_price=50)
        before = Decimal(bot.get("/v2/account")["buying_power"])
        new = bot.send("PATCH", f"/v2/orders/{order['id']}", {"limit_price": 60}).json()
        assert Decimal(bot.get("/v2/account")["buying_power"]) == before - 100
        assert bot.send("DELETE", f"/v2/orders/{new['id']}").status_code == 204
        assert Decimal(bot.get("/v2/account")["buying_power"]) == 100_000


class TestAccountFigures:
    @pytest.mark.parametrize(("multiplier", "power"), [(1, 100_000), (2, 200_000), (4, 400_000)])
    def test_buying_power_of_a_flat_account(self, share, multiplier, power):
        found = make_bot(multiplier=multiplier).get("/v2/account")
        assert (found["multiplier"], Decimal(found["buying_power"])) == (str(multiplier), power)
        assert Decimal(found["regt_buying_power"]) == min(multiplier, 2) * 100_000
        assert Decimal(found["non_marginable_buying_power"]) == 100_000
        for gone in ("daytrade_count", "pattern_day_trader", "daytrading_buying_power"):
            assert gone not in found

    def test_margins_of_long_and_short(self, share):
        bot = make_bot(multiplier=2)
        place(bot, qty=100)
        long = {name: Decimal(value) for name, value in bot.get("/v2/account").items() if _is_number(value)}
        value = long["long_market_value"]
        assert long["initial_margin"] == value / 2
        assert long["maintenance_margin"] == value * Decimal("0.3")
        assert long["equity"] == long["cash"] + value
        assert long["buying_power"] == 2 * (long["equity"] - long["initial_margin"])
        bot.send("DELETE", "/v2/positions")
        place(bot, qty=100, side="sell")
        short = {name: Decimal(value) for name, value in bot.get("/v2/account").items() if _is_number(value)}
        assert short["short_market_value"] < 0
        assert short["maintenance_margin"] == -short["short_market_value"] * Decimal("0.3")
        assert short["equity"] == short["cash"] + short["short_market_value"]

    def test_coins_are_paid_from_cash_and_carry_no_margin(self, share, coin):
        bot = make_bot(multiplier=2)
        body = {"symbol": "BTC/USD", "qty": "2.5", "side": "buy", "type": "market", "time_in_force": "gtc"}
        refused(bot.send("POST", "/v2/orders", body), 403, 40310000, "insufficient buying power")
        assert bot.send("POST", "/v2/orders", {**body, "qty": "1"}).status_code == 200
        found = bot.get("/v2/account")
        assert Decimal(found["initial_margin"]) == Decimal(found["long_market_value"])
        assert Decimal(found["non_marginable_buying_power"]) <= Decimal(found["cash"])
        short = {**body, "side": "sell", "qty": "3"}
        refused(bot.send("POST", "/v2/orders", short), 403, 40310000, "insufficient balance for BTC")


class TestLastingPages:
    def test_500_orders_are_paged_by_time_without_gap_or_repeat(self, bot, share):
        made = {place(bot, limit_price=50, qty=1)["id"] for _ in range(23)}
        seen, until = [], None
        while True:
            page = bot.get("/v2/orders", status="all", limit=5, **({"until": until} if until else {}))
            if not page:
                break
            seen += [row["id"] for row in page]
            until = page[-1]["submitted_at"]
        assert (len(seen), set(seen)) == (23, made)

    def test_activities_are_paged_without_gap_or_repeat(self, bot, share):
        for _ in range(7):
            place(bot)
        for direction in ("asc", "desc"):
            seen, token = [], {}
            while page := bot.get("/v2/account/activities", page_size=3, direction=direction, **token):
                seen += [row["id"] for row in page]
                token = {"page_token": page[-1]["id"]}
            assert len(seen) == len(set(seen)) == 8
            assert seen == sorted(seen, reverse=direction == "desc")
        tomorrow = (datetime.now(NEW_YORK) + timedelta(days=1)).date().isoformat()
        assert bot.get("/v2/account/activities", date=tomorrow) == []


def _is_number(value):
    return isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value)
