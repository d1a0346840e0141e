"""Orders over the wire: their object, what is refused and how, and whose they are."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from marketdata.models import Instrument
from trading.models import Order
from trading.operations import open_paper_account
from trading.tests.support import check_books, make_instrument, set_quote
from trading.wire.tests.support import make_bot

pytestmark = pytest.mark.django_db

FIELDS = {
    "id", "client_order_id", "created_at", "updated_at", "submitted_at", "filled_at", "expired_at", "expires_at",
    "canceled_at", "failed_at", "replaced_at", "replaced_by", "replaces", "asset_id", "symbol", "asset_class",
    "notional", "qty", "filled_qty", "filled_avg_price", "order_class", "order_type", "type", "side", "time_in_force",
    "limit_price", "stop_price", "status", "extended_hours", "legs", "trail_percent", "trail_price", "hwm",
    "position_intent", "subtag", "source",
}  # fmt: skip


def market(**fields):
    return {"symbol": "ACME", "qty": "1", "side": "buy", "type": "market", "time_in_force": "day", **fields}


def limit(**fields):
    return market(**{"type": "limit", "limit_price": "90", **fields})


def place(bot, **fields):
    body = limit(**fields) if "limit_price" in fields else market(**fields)
    answer = bot.send("POST", "/v2/orders", body)
    assert answer.status_code == 200, answer.content
    return answer.json()


def refused(answer, status, code, text=""):
    body = answer.json()
    assert (answer.status_code, body["code"]) == (status, code), body
    assert text in body["message"], body
    return body


class TestOrderObject:
    def test_has_every_field_of_the_form(self, bot, share):
        filled, resting = place(bot, qty=5), place(bot, qty="5", limit_price=90)
        for order in (filled, resting):
            assert set(order) == FIELDS
            for name in ("created_at", "updated_at", "submitted_at"):
                assert order[name].endswith("Z")
                assert len(order[name]) == 27
        assert (filled["status"], filled["filled_qty"], filled["filled_avg_price"]) == (
            "filled",
            "5",
            "100.02",
        )
        assert (resting["status"], resting["filled_qty"], resting["filled_avg_price"]) == ("new", "0", None)
        assert (resting["qty"], resting["limit_price"], resting["notional"]) == ("5", "90", None)
        assert resting["order_class"] == ""
        assert resting["type"] == resting["order_type"] == "limit"
        assert filled["asset_id"] == str(share.public_id)

    def test_numbers_are_read_from_their_text(self, bot, share):
        body = b'{"symbol":"ACME","qty":0.1,"side":"buy","type":"limit","limit_price":90.10,"time_in_force":"day"}'
        order = bot.send("POST", "/v2/orders", body).json()
        assert (order["qty"], order["limit_price"]) == ("0.1", "90.1")
        assert Order.objects.get(pk=order["id"]).quantity == Decimal("0.1")
        coins = make_instrument("ETH-USD", asset_class="crypto", quantity_step="0.00000001", exchange="")
        set_quote(coins, "100000", "100000", at=Order.objects.get().submitted_at)
        tiny = bot.send(
            "POST", "/v2/orders",
            b'{"symbol":"ETH/USD","qty":1.5e-03,"side":"buy","type":"limit","limit_price":1e4,"time_in_force":"gtc"}',
        ).json()  # fmt: skip
        assert (tiny["qty"], tiny["limit_price"], tiny["symbol"]) == ("0.0015", "10000", "ETH/USD")

    def test_by_amount_keeps_the_amount_and_no_quantity(self, bot, share):
        order = place(bot, qty=None, notional=250)
        assert (order["notional"], order["qty"], order["status"]) == ("250", None, "filled")
        assert Decimal(order["filled_qty"]) == Decimal("2.499")

    def test_a_share_is_traded_in_nine_decimals(self, bot):
        step = Instrument._meta.get_field("quantity_step").get_default()
        set_quote(make_instrument("NINE", quantity_step=step), "99.98", "100", at=datetime.now(UTC))
        assert place(bot, symbol="NINE", qty="1.123456789")["filled_qty"] == "1.123456789"
        assert place(bot, symbol="NINE", qty=None, notional="33.33")["filled_qty"] == "0.3333"

    def test_symbol_may_be_the_asset_id(self, bot, share):
        assert place(bot, symbol=str(share.public_id))["symbol"] == "ACME"

    def test_side_may_follow_from_the_intent(self, bot, share):
        order = place(bot, side=None, position_intent="buy_to_open")
        assert (order["side"], order["position_intent"]) == ("buy", "buy_to_open")


class TestRefusals:
    @pytest.mark.parametrize(
        ("change", "status", "code", "text"),
        [
            ({"qty": None}, 422, 40010001, "qty or notional is required"),
            ({"notional": 5}, 422, 40010001, "only one of qty or notional"),
            ({"qty": 0}, 422, 40010001, "qty must be > 0"),
            ({"qty": "-0"}, 422, 40010001, "qty must be > 0"),
            ({"qty": -3}, 422, 40010001, "qty must be > 0"),
            ({"qty": "NaN"}, 422, 40010001, "qty must be a number"),
            ({"qty": "Infinity"}, 422, 40010001, "qty must be a number"),
            ({"qty": "1e400"}, 422, 40010001, "qty is out of range"),
            ({"qty": "1" * 40}, 422, 40010001, "qty is out of range"),
            ({"qty": "1" * 4000}, 422, 40010001, "qty must be a number"),
            ({"qty": "0x10"}, 422, 40010001, "qty must be a number"),
            ({"qty": "１"}, 422, 40010001, "qty must be a number"),
            ({"qty": True}, 422, 40010001, "qty must be a number"),
            ({"qty": [1]}, 422, 40010001, "qty must be a number"),
            ({"qty": "1.0000000000001"}, 422, 40010001, "decimals"),
            ({"qty": "1.0001"}, 422, 40010001, "steps of"),
            ({"symbol": None}, 422, 40010001, "symbol is required"),
            ({"symbol": ""}, 422, 40010001, "symbol is required"),
            ({"symbol": 7}, 422, 40010001, "symbol must be a string"),
            ({"symbol": "NOSUCH"}, 404, 40410000, "asset not found for NOSUCH"),
            ({"symbol": "x" * 65}, 422, 40010001, "no more than 64"),
            ({"symbol": "A\x00B"}, 422, 40010001, "cannot be printed"),
            ({"symbol": str(uuid.uuid4())}, 404, 40410000, "asset not found"),
            ({"side": "hold"}, 422, 40010001, "invalid side"),
            ({"side": None}, 422, 40010001, "side is required"),
            ({"type": "iceberg"}, 422, 40010001, "invalid type"),
            ({"type": None}, 422, 40010001, "type is required"),
            ({"time_in_force": "gtd"}, 422, 40010001, "invalid time_in_force"),
            ({"time_in_force": None}, 422, 40010001, "time_in_force is required"),
            ({"order_class": "mleg"}, 422, 40010001, "mleg"),
            ({"order_class": "ladder"}, 422, 40010001, "invalid order_class"),
            ({"limit_price": 10}, 422, 40010001, "market orders require no stop or limit price"),
            ({"stop_price": 10}, 422, 40010001, "market orders require no stop or limit price"),
            ({"extended_hours": "maybe"}, 422, 40010001, "extended_hours must be true or false"),
            ({"client_order_id": "x" * 129}, 422, 40010001, "no more than 128 characters"),
            ({"client_order_id": "a\nb"}, 422, 40010001, "client_order_id"),
            ({"take_profit": 5}, 422, 40010001, "take_profit must be an object"),
            (
                {"take_profit": {"limit_price": "x"}},
                422,
                40010001,
                "take_profit.limit_price must be a number",
            ),
            ({"qty": 10_000}, 403, 40310000, "insufficient buying power"),
            (
                {"side": "sell"},
                403,
                40310000,
                "insufficient qty available for order (requested: 1, available: 0)",
            ),
        ],
    )
    def test_of_a_market_order(self, bot, share, change, status, code, text):
        refused(bot.send("POST", "/v2/orders", market(**change)), status, code, text)
        assert not Order.objects.exists()

    @pytest.mark.parametrize(
        ("change", "status", "code", "text"),
        [
            ({"limit_price": None}, 422, 40010001, "limit price is required"),
            ({"limit_price": 0}, 422, 40010001, "limit price must be > 0"),
            ({"limit_price": "1e400"}, 422, 40010001, "limit_price is out of range"),
            ({"limit_price": "9" * 40}, 422, 40010001, "limit_price is out of range"),
            ({"limit_price": "90.001"}, 422, 42210000, "sub-penny"),
            ({"limit_price": "0.00001", "qty": 200000}, 422, 42210000, "sub-penny"),
            ({"limit_price": "0.01"}, 403, 40310000, "cost basis must be >= minimal amount of order 1"),
        ],
    )
    def test_of_a_limit_order(self, bot, share, change, status, code, text):
        refused(bot.send("POST", "/v2/orders", limit(**change)), status, code, text)

    @pytest.mark.parametrize(
        "body",
        [
            b"{", b"[]", b"7", b'"text"', b"null", b"\xff\xfe", b'{"qty": NaN}', b'{"qty": Infinity}', b'{"qty": 1e}',
            b'{"symbol": "\\ud800"}', b'{"a":' * 100_00 + b"1" + b"}" * 100_00, b'{"qty": 01}', b"qty=1&symbol=ACME",
        ],
    )  # fmt: skip
    def test_of_a_body_that_is_no_object(self, bot, share, body):
        refused(bot.send("POST", "/v2/orders", body), 400, 40010000)

    def test_of_a_huge_body(self, bot, share):
        huge = b'{"symbol": "' + b"A" * 10_000_000 + b'"}'
        refused(bot.send("POST", "/v2/orders", huge), 413, 41310000)

    def test_an_empty_body_names_what_is_missing(self, bot, share):
        refused(bot.send("POST", "/v2/orders", b""), 422, 40010001, "symbol is required")
        refused(bot.send("POST", "/v2/orders", {}), 422, 40010001, "symbol is required")

    def test_inactive_and_untradable_assets(self, bot, share):
        gone = make_instrument("GONE", is_active=False)
        set_quote(gone, "1", "1", at=share.created_at)
        refused(
            bot.send("POST", "/v2/orders", market(symbol="GONE")), 422, 40010001, "asset GONE is not active"
        )
        index = make_instrument("^GSPC", asset_class="index")
        refused(bot.send("POST", "/v2/orders", market(symbol="^GSPC")), 404, 40410000)
        assert index.pk

    def test_the_details_of_a_shortage_are_strings(self, bot, share):
        place(bot, qty=3)
        waiting = place(bot, qty=2, side="sell", limit_price=110)
        short = refused(bot.send("POST", "/v2/orders", market(qty=2, side="sell")), 403, 40310000)
        assert {name: short[name] for name in ("available", "existing_qty", "held_for_orders", "symbol")} == {
            "available": "1",
            "existing_qty": "3",
            "held_for_orders": "2",
            "symbol": "ACME",
        }
        assert short["related_orders"] == [waiting["id"]]
        assert bot.send("DELETE", f"/v2/orders/{waiting['id']}").status_code == 204
        poor = refused(bot.send("POST", "/v2/orders", market(qty=5000)), 403, 40310000)
        assert Decimal(poor["buying_power"]) < Decimal(poor["cost_basis"])

    def test_a_suspended_account_takes_no_orders_and_still_cancels(self, bot, share):
        waiting = place(bot, limit_price=50)
        assert bot.send("PATCH", "/v2/account/configurations", {"suspend_trade": True}).status_code == 200
        refused(bot.send("POST", "/v2/orders", market()), 403, 40310000)
        assert bot.get("/v2/account")["trade_suspended_by_user"] is True
        assert bot.send("DELETE", f"/v2/orders/{waiting['id']}").status_code == 204


class TestRememberedNames:
    def test_a_symbol_that_went_to_another_instrument_means_the_other(self, bot, share):
        assert place(bot)["asset_id"] == str(share.public_id)
        Instrument.objects.filter(pk=share.pk).update(symbol="ACMEOLD")
        other = make_instrument("ACME")
        set_quote(other, "10.00", "10.02", "10.01", at=datetime.now(UTC))
        placed = place(bot)
        assert (placed["asset_id"], placed["filled_avg_price"]) == (str(other.public_id), "10.02")

    def test_a_symbol_that_is_gone_is_refused(self, bot, share, answer):
        place(bot)
        Instrument.objects.filter(pk=share.pk).update(symbol="ACMEOLD")
        refused(answer("POST", "/v2/orders", market()), 404, 40410000, "asset not found for ACME")
        assert Order.objects.count() == 1


class TestClientOrderId:
    def test_is_unique_for_good_even_for_the_same_order(self, bot, share):
        first = place(bot, client_order_id="mine")
        assert first["client_order_id"] == "mine"
        for body in (market(client_order_id="mine"), limit(client_order_id="mine")):
            refused(bot.send("POST", "/v2/orders", body), 422, 40010001, "client_order_id must be unique")
        assert Order.objects.count() == 1
        check_books()

    def test_is_the_accounts_own(self, bot, stranger, share):
        place(bot, client_order_id="mine")
        assert place(stranger, client_order_id="mine")["client_order_id"] == "mine"

    def test_finds_the_order(self, bot, stranger, share):
        order = place(bot, client_order_id="a b/c&d", limit_price=90)
        assert bot.get("/v2/orders:by_client_order_id", client_order_id="a b/c&d")["id"] == order["id"]
        for who, name in ((stranger, "a b/c&d"), (bot, "other"), (bot, "\x00"), (bot, "x" * 5000)):
            answer = who.send("GET", "/v2/orders:by_client_order_id", client_order_id=name)
            refused(answer, 404, 40410000, "order not found")
        refused(bot.send("GET", "/v2/orders:by_client_order_id"), 422, 40010001)


class TestListing:
    def test_filters_sorts_and_cuts(self, bot, share):
        other = make_instrument("OTHER")
        set_quote(other, "10", "10.02", at=share.created_at)
        filled = place(bot)
        waiting = [place(bot, qty=1, limit_price=price) for price in (50, 51, 52)]
        foreign = place(bot, symbol="OTHER", limit_price=5)
        ids = [order["id"] for order in waiting]
        assert [row["id"] for row in bot.get("/v2/orders")] == [foreign["id"], *ids[::-1]]
        assert [row["id"] for row in bot.get("/v2/orders", status="closed")] == [filled["id"]]
        assert len(bot.get("/v2/orders", status="all")) == 5
        assert [row["id"] for row in bot.get("/v2/orders", direction="asc", limit=2)] == ids[:2]
        assert [row["id"] for row in bot.get("/v2/orders", symbols="ACME")] == ids[::-1]
        assert [row["id"] for row in bot.get("/v2/orders", symbols="OTHER,NOSUCH")] == [foreign["id"]]
        assert bot.get("/v2/orders", symbols="NOSUCH") == []
        assert bot.get("/v2/orders", side="sell") == []
        assert bot.get("/v2/orders", asset_class="crypto") == []
        assert len(bot.get("/v2/orders", asset_class="us_equity")) == 4
        assert bot.get("/v2/orders", asset_class="us_option") == []
        assert bot.send("GET", "/v2/orders", asset_class="stocks").status_code == 422
        assert len(bot.get("/v2/orders", limit=100000)) == 4

    def test_pages_by_time_with_exclusive_bounds_and_by_id(self, bot, share):
        orders = [place(bot, limit_price=price) for price in (50, 51, 52)]
        ids = [order["id"] for order in orders]
        middle = orders[1]["submitted_at"]
        assert [row["id"] for row in bot.get("/v2/orders", after=middle)] == [ids[2]]
        assert [row["id"] for row in bot.get("/v2/orders", until=middle)] == [ids[0]]
        nanoseconds = middle.replace("Z", "001Z")
        assert [row["id"] for row in bot.get("/v2/orders", after=nanoseconds)] == [ids[2]]
        unencoded = middle.replace("Z", " 00:00")
        assert [row["id"] for row in bot.get("/v2/orders", after=unencoded)] == [ids[2]]
        assert [row["id"] for row in bot.get("/v2/orders", before_order_id=ids[1])] == [ids[0]]
        assert [row["id"] for row in bot.get("/v2/orders", after_order_id=ids[1])] == [ids[2]]
        assert bot.get("/v2/orders", after="2020-01-01", until="2020-01-02") == []

    @pytest.mark.parametrize(
        "query",
        [
            {"status": "some"}, {"limit": "0"}, {"limit": "-1"}, {"limit": "x"}, {"limit": "1e3"}, {"after": "yesterday"},
            {"until": "2026-13-01"}, {"direction": "up"}, {"nested": "perhaps"}, {"side": "both"},
            {"after_order_id": "7"}, {"limit": "9" * 400},
        ],
    )  # fmt: skip
    def test_refuses_what_it_does_not_understand(self, bot, query):
        refused(bot.send("GET", "/v2/orders", **query), 422, 40010001)

    def test_groups_are_nested_or_flat(self, bot, share):
        head = place(
            bot,
            order_class="bracket",
            take_profit={"limit_price": 110},
            stop_loss={"stop_price": 90, "limit_price": 89},
        )
        assert [leg["type"] for leg in head["legs"]] == ["limit", "stop_limit"]
        flat = bot.get("/v2/orders", status="all")
        assert len(flat) == 3
        assert all(row["legs"] is None for row in flat)
        (nested,) = bot.get("/v2/orders", status="all", nested="True")
        assert [leg["id"] for leg in nested["legs"]] == [leg["id"] for leg in head["legs"]]
        assert bot.get(f"/v2/orders/{head['id']}")["legs"] is None
        assert len(bot.get(f"/v2/orders/{head['id']}", nested="true")["legs"]) == 2
        held = {row["id"] for row in bot.get("/v2/orders")}
        assert held == {leg["id"] for leg in head["legs"]}


class TestCancelAndReplace:
    def test_cancel_answers_204_and_a_second_one_422(self, bot, share):
        order = place(bot, limit_price=50)
        answer = bot.send("DELETE", f"/v2/orders/{order['id']}")
        assert (answer.status_code, answer.content) == (204, b"")
        again = bot.send("DELETE", f"/v2/orders/{order['id']}")
        refused(again, 422, 42210000, 'order is already in "canceled" state')
        filled = place(bot)
        done = bot.send("DELETE", f"/v2/orders/{filled['id']}")
        refused(done, 422, 42210000, 'order is already in "filled" state')

    def test_cancel_all_answers_207_with_a_row_each(self, bot, share):
        empty = bot.send("DELETE", "/v2/orders")
        assert (empty.status_code, empty.json()) == (207, [])
        ids = [place(bot, limit_price=price)["id"] for price in (50, 51)]
        answer = bot.send("DELETE", "/v2/orders")
        assert answer.status_code == 207
        assert answer.json() == [{"id": pk, "status": 200} for pk in reversed(ids)]

    def test_replace_answers_the_new_order(self, bot, share):
        old = place(bot, qty=5, limit_price=50)
        new = bot.send("PATCH", f"/v2/orders/{old['id']}", {"qty": 7, "limit_price": 51.5}).json()
        assert (new["qty"], new["limit_price"], new["replaces"]) == ("7", "51.5", old["id"])
        assert new["client_order_id"] != old["client_order_id"]
        gone = bot.get(f"/v2/orders/{old['id']}")
        assert (gone["status"], gone["replaced_by"]) == ("replaced", new["id"])
        named = bot.send("PATCH", f"/v2/orders/{new['id']}", {"client_order_id": "named"}).json()
        assert named["client_order_id"] == "named"
        assert bot.send("PATCH", f"/v2/orders/{named['id']}", {}).status_code == 200
        check_books()

    def test_replace_refuses(self, bot, share):
        old = place(bot, qty=5, limit_price=50)
        for body, code, text in (
            ({"qty": 0}, 40010001, "qty must be > 0"),
            ({"trail": 1}, 40010001, "trail"),
            ({"limit_price": "50.001"}, 42210000, "sub-penny"),
            ({"client_order_id": old["client_order_id"]}, 40010001, "must be unique"),
            ({"time_in_force": "never"}, 40010001, "invalid time_in_force"),
        ):
            refused(bot.send("PATCH", f"/v2/orders/{old['id']}", body), 422, code, text)
        filled = place(bot)
        refused(
            bot.send("PATCH", f"/v2/orders/{filled['id']}", {"qty": 2}),
            422,
            42210000,
            "unable to replace order",
        )
        refused(bot.send("PATCH", f"/v2/orders/{old['id']}", {"qty": 100_000}), 403, 40310000, "buying power")
        assert bot.get(f"/v2/orders/{old['id']}")["status"] == "new"

    def test_others_orders_are_404(self, bot, stranger, share):
        order = place(bot, limit_price=50)
        sibling = make_bot(
            user=bot.user,
            portfolio_id=open_paper_account(
                owner=bot.user, name="Second", cash=Decimal(10), currency="USD", now=share.created_at
            ),
        )
        for who in (stranger, sibling):
            for method, body in (("GET", None), ("PATCH", {"qty": 2}), ("DELETE", None)):
                refused(who.send(method, f"/v2/orders/{order['id']}", body), 404, 40410000, "order not found")
            assert who.get("/v2/orders", status="all") == []
        for nonsense in ("nonsense", "1", str(uuid.uuid4()), "x" * 300, "%00"):
            refused(bot.send("GET", f"/v2/orders/{nonsense}"), 404, 40410000)
        assert bot.get(f"/v2/orders/{order['id']}")["status"] == "new"


class TestWhatItCosts:
    def test_an_order_takes_four_statements_from_its_key_to_its_answer(
        self, bot, share, django_assert_num_queries
    ):
        place(bot)
        # The key; the lock (which tells who it is), everything that is known, everything that is written; and what a test's
        # own transaction adds: the savepoint and its end.
        with django_assert_num_queries(4 + 2):
            place(bot)
        with django_assert_num_queries(4 + 2):
            place(bot, side="sell")

    def test_a_resting_order_takes_no_more(self, bot, share, django_assert_num_queries):
        place(bot, limit_price=50)
        with django_assert_num_queries(4 + 2):
            place(bot, limit_price=50)

    def test_lists_do_not_grow_with_their_rows(self, bot, share, django_assert_max_num_queries):
        for price in range(40, 46):
            place(bot, limit_price=price)
        with django_assert_max_num_queries(3):
            bot.get("/v2/orders")
        with django_assert_max_num_queries(4):
            bot.get("/v2/orders", nested="True", symbols="ACME")
