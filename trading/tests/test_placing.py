"""Placing an order: what it holds, when it fills, what the books say after it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from holdings import queries as books
from portfolio_site.kernel.models import OutboxEvent
from trading.models import Fill, Order
from trading.operations import OrderRefusedError, PortfolioUnknownError, ReadOnlyError
from trading.tests.support import (
    NOW,
    check_books,
    later,
    make_account,
    make_instrument,
    order,
    set_quote,
)

D = Decimal


def refusal_of(place, **terms):
    with pytest.raises(OrderRefusedError) as caught:
        place(**terms)
    assert Order.objects.count() == 0
    assert OutboxEvent.objects.filter(name__startswith="trading.").count() == 0
    return caught.value


class TestMarketOrder:
    def test_buy_fills_at_the_ask_and_moves_cash_and_shares(self, place, account, share):
        placed = place(quantity=10)
        assert (placed.status, placed.filled_quantity, placed.filled_avg_price) == ("filled", 10, D("100.02"))
        assert (placed.reserved_cash, placed.filled_at) == (0, NOW)
        assert books.cash_balance(account, "USD") == D("8999.80")
        assert books.position_quantity(account, share.pk) == 10
        fill = Fill.objects.get()
        assert (fill.number, fill.amount, fill.fees, fill.position_quantity) == (1, D("1000.20"), 0, 10)
        assert fill.transaction.external_id == str(fill.id)
        check_books()

    def test_sell_fills_at_the_bid(self, place, account, share):
        place(quantity=10)
        sold = place(quantity=4, side="sell")
        assert (sold.status, sold.filled_avg_price, sold.reserved_quantity) == ("filled", D("100.00"), 0)
        assert books.cash_balance(account, "USD") == D("9399.80")
        assert books.position_quantity(account, share.pk) == 6
        check_books()

    def test_selling_all_closes_the_position_even_when_it_is_dust(self, place, account, share):
        place(quantity="0.01")
        set_quote(share, "0.50", "0.51")
        place(quantity="0.01", side="sell")
        assert books.position_quantity(account, share.pk) == 0
        check_books()

    def test_trail_tells_what_was_held_and_why_it_filled(self, place):
        placed = place(quantity=1)
        assert [entry.kind for entry in placed.trail] == ["accepted", "filled"]
        assert placed.trail[0].text == "Accepted; 102.52 USD are held for it."
        assert placed.trail[1].text == "Bought 1 at 100.02, the best ask of 15:00:00 UTC."

    def test_quantity_can_be_a_fraction_down_to_the_step(self, place, account, share):
        place(quantity="1.255")
        assert books.position_quantity(account, share.pk) == D("1.255")
        assert books.cash_balance(account, "USD") == D(10000) - D("125.53")  # 125.5251 rounded at posting

    def test_bond_quoted_in_percent_costs_a_hundredth(self, account, trader):
        bond = make_instrument(asset_class="bond", quote_unit="percent", quantity_step=D(1000))
        set_quote(bond, "98.40", "98.50")
        order(account, trader, bond, quantity=1000)
        assert books.cash_balance(account, "USD") == D("9015.00")
        check_books()

    def test_contract_multiplier_counts(self, account, trader):
        contract = make_instrument(asset_class="commodity", multiplier=D(10))
        set_quote(contract, "9", "9.5")
        order(account, trader, contract, quantity=2)
        assert books.cash_balance(account, "USD") == D("9810.00")
        check_books()

    def test_waits_for_the_session_when_the_market_is_closed(self, account, trader):
        share = make_instrument(provider="manual", exchange="XNYS")
        set_quote(share, "100", "101")
        saturday = NOW + timedelta(days=1)
        placed = order(account, trader, share, now=saturday)
        assert (placed.status, placed.reserved_cash) == ("accepted", D("103.52"))
        assert placed.expires_at == NOW.replace(day=23, hour=21)  # Monday's close
        assert "market is closed" in placed.trail[-1].text


class TestLimitOrder:
    def test_away_from_the_market_rests_and_holds_its_cost(self, place, account):
        placed = place(quantity=10, limit_price="99.50")
        assert (placed.status, placed.reserved_cash, placed.filled_quantity) == ("new", D("995.00"), 0)
        assert books.cash_balance(account, "USD") == 10000
        assert placed.trail[-1].text == (
            "Limit 99.50: the best ask is 100.02, above the limit (quote of 15:00:00 UTC)."
        )

    def test_marketable_fills_at_the_better_quote(self, place):
        placed = place(quantity=10, limit_price="105")
        assert (placed.status, placed.filled_avg_price) == ("filled", D("100.02"))

    def test_sell_holds_the_shares(self, place):
        place(quantity=10)
        placed = place(quantity=6, side="sell", limit_price="120")
        assert (placed.status, placed.reserved_quantity, placed.reserved_cash) == ("new", 6, 0)

    def test_rests_on_a_stale_quote_though_it_looks_marketable(self, account, trader):
        share = make_instrument()
        set_quote(share, "100", "101", at=NOW - timedelta(hours=2))
        placed = order(account, trader, share, limit_price="150")
        assert placed.status == "new"
        assert "too old" in placed.trail[-1].text

    def test_day_order_of_a_market_that_never_closes_ends_at_midnight(self, place):
        assert place(limit_price="50").expires_at == NOW.replace(day=21, hour=0)

    def test_good_till_cancelled_ends_after_90_days(self, place):
        placed = place(limit_price="50", time_in_force="gtc")
        last_day = (NOW + timedelta(days=90)).date()
        assert placed.expires_at == datetime(last_day.year, last_day.month, last_day.day, 21, 15, tzinfo=UTC)


class TestBuyingPower:
    def test_rejects_when_cash_short(self, place):
        refusal = refusal_of(place, quantity=100)
        assert (refusal.code, refusal.field, refusal.status) == ("insufficient_buying_power", "quantity", 422)
        assert refusal.message == (
            "This order needs 10252.05 USD; you can spend 10000.00 USD. "
            "A market order holds 2.5 % more than its estimate, in case the price moves."
        )
        assert refusal.details == {
            "buying_power": "10000",
            "required": "10252.05",
            "cost_basis": "10252.05",
            "currency": "USD",
        }

    def test_open_orders_count(self, place):
        place(quantity=60, limit_price="90")
        with pytest.raises(OrderRefusedError, match=r"you can spend 4600.00 USD \(5400.00 more are held"):
            place(quantity=60, limit_price="90")
        place(quantity=51, limit_price="90")

    def test_to_the_last_cent(self, place):
        refusal_of(place, quantity=100, limit_price="100.01")
        place(quantity=100, limit_price="100.00", now=NOW)

    def test_selling_needs_none(self, place, account, share):
        place(quantity=97)
        place(quantity=97, side="sell")
        assert books.position_quantity(account, share.pk) == 0

    def test_another_currency_is_refused_with_a_sentence(self, account, trader):
        share = make_instrument(currency="EUR")
        set_quote(share, "10", "11")
        with pytest.raises(OrderRefusedError, match="this account holds no EUR") as caught:
            order(account, trader, share)
        assert caught.value.code == "no_cash_in_currency"


class TestOversell:
    def test_without_a_position(self, place):
        refusal = refusal_of(place, side="sell", quantity=1)
        assert (refusal.code, refusal.field) == ("insufficient_quantity", "quantity")
        assert refusal.message == "You do not hold any ACME in this portfolio."

    def test_shares_in_open_sells_cannot_be_sold_again(self, place):
        place(quantity=10)
        resting = place(quantity=7, side="sell", limit_price="120")
        with pytest.raises(OrderRefusedError) as caught:
            place(quantity=4, side="sell")
        assert caught.value.details == {
            "requested": "4",
            "available": "3",
            "existing_quantity": "10",
            "held_for_orders": "7",
            "symbol": "ACME",
            "related_orders": str(resting.id),
        }
        assert place(quantity=3, side="sell").status == "filled"

    def test_position_in_another_portfolio_does_not_help(self, place, trader, share):
        place(quantity=10)
        other = make_account(trader)
        with pytest.raises(OrderRefusedError, match="do not hold any"):
            order(other, trader, share, side="sell")


class TestPrices:
    def test_market_order_is_refused_on_a_stale_quote(self, account, trader):
        share = make_instrument()
        set_quote(share, "100", "101", at=NOW - timedelta(hours=2))
        with pytest.raises(OrderRefusedError, match="too old") as caught:
            order(account, trader, share)
        assert (caught.value.code, caught.value.field) == ("price_stale", "instrument")

    def test_nothing_is_taken_without_a_price(self, account, trader):
        share = make_instrument()
        for limit in (None, "10"):
            with pytest.raises(OrderRefusedError) as caught:
                order(account, trader, share, limit_price=limit)
            assert caught.value.code == "price_missing"

    def test_last_trade_stands_in_where_nobody_quotes(self, account, trader):
        fund = make_instrument(asset_class="fund")
        set_quote(fund, None, None, "50")
        placed = order(account, trader, fund)
        assert placed.filled_avg_price == 50
        assert "last trade" in placed.trail[-1].text


class TestInstrument:
    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"is_active": False}, "instrument_inactive"),
            ({"asset_class": "index"}, "instrument_not_tradable"),
        ],
    )
    def test_must_be_tradable(self, account, trader, fields, code):
        thing = make_instrument(**fields)
        set_quote(thing, "1", "2")
        with pytest.raises(OrderRefusedError) as caught:
            order(account, trader, thing)
        assert caught.value.code == code

    def test_somebody_elses_own_instrument_does_not_exist(self, account, trader, outsider):
        thing = make_instrument(owner=outsider, provider="manual")
        set_quote(thing, "1", "2")
        with pytest.raises(OrderRefusedError) as caught:
            order(account, trader, thing)
        assert caught.value.code == "instrument_not_found"


class TestWhoAndWhere:
    def test_outsider_and_missing_portfolio_look_the_same(self, account, outsider, share):
        for portfolio in (account, 999_999_999):
            with pytest.raises(PortfolioUnknownError):
                order(portfolio, outsider, share)

    def test_auditor_may_not(self, account, auditor, share):
        with pytest.raises(ReadOnlyError):
            order(account, auditor, share)

    def test_tracked_portfolio_takes_no_orders(self, trader, share):
        from holdings.operations import create_portfolio

        tracked = create_portfolio(owner=trader, name="Real", base_currency="USD", now=NOW)
        with pytest.raises(OrderRefusedError) as caught:
            order(tracked.pk, trader, share)
        assert caught.value.code == "portfolio_not_tradable"

    def test_archived_account_takes_no_orders(self, account, trader, share):
        from holdings.operations import archive_portfolio

        archive_portfolio(portfolio_id=account, actor=trader, now=NOW)
        with pytest.raises(OrderRefusedError) as caught:
            order(account, trader, share)
        assert caught.value.code == "portfolio_archived"


class TestSentTwice:
    def test_same_order_returns_the_first_answer_whatever_became_of_it(self, place, account):
        first = place(client_order_id="mine", quantity=97)
        again = place(client_order_id="mine", quantity=97, now=later(60))
        assert again == first
        assert Order.objects.count() == 1
        assert books.cash_balance(account, "USD") == D("298.06")

    @pytest.mark.parametrize(
        "change", [{"quantity": 2}, {"side": "sell"}, {"limit_price": "1"}, {"time_in_force": "gtc"}]
    )
    def test_different_order_is_refused(self, place, change):
        from trading.operations import ClientOrderIdTakenError

        first = place(client_order_id="mine")
        with pytest.raises(ClientOrderIdTakenError) as caught:
            place(client_order_id="mine", **change)
        assert caught.value.details == {"order_id": str(first.id)}
        assert caught.value.status == 409

    def test_same_id_in_another_portfolio_is_another_order(self, place, trader, share):
        place(client_order_id="mine")
        order(make_account(trader), trader, share, client_order_id="mine")
        assert Order.objects.count() == 2

    def test_refused_order_can_be_corrected_and_sent_again(self, place):
        refusal_of(place, client_order_id="mine", quantity=1000)
        assert place(client_order_id="mine", quantity=1).status == "filled"


BAD = [
    ({"quantity": "0"}, "quantity_invalid", "quantity"),
    ({"quantity": "-0"}, "quantity_invalid", "quantity"),
    ({"quantity": "-5"}, "quantity_invalid", "quantity"),
    ({"quantity": "NaN"}, "quantity_invalid", "quantity"),
    ({"quantity": "sNaN"}, "quantity_invalid", "quantity"),
    ({"quantity": "Infinity"}, "quantity_invalid", "quantity"),
    ({"quantity": "1e400"}, "quantity_too_large", "quantity"),
    ({"quantity": "1e-400"}, "quantity_step", "quantity"),
    ({"quantity": "9" * 40}, "quantity_too_large", "quantity"),
    ({"quantity": "1." + "1" * 40}, "quantity_step", "quantity"),
    ({"quantity": "0.0005"}, "quantity_step", "quantity"),
    ({"quantity": "0.001"}, "notional_too_small", "quantity"),
    ({"quantity": "1000000000"}, "notional_too_large", "quantity"),
    ({"limit_price": "0"}, "limit_price_invalid", "limit_price"),
    ({"limit_price": "-1"}, "limit_price_invalid", "limit_price"),
    ({"limit_price": "NaN"}, "limit_price_invalid", "limit_price"),
    ({"limit_price": "1e400"}, "limit_price_too_large", "limit_price"),
    ({"limit_price": "7" * 40}, "limit_price_too_large", "limit_price"),
    ({"limit_price": "99.001"}, "sub_penny", "limit_price"),
    ({"limit_price": "0.99999"}, "sub_penny", "limit_price"),
    ({"type": "limit"}, "limit_price_required", "limit_price"),
    ({"type": "market", "limit_price": "5"}, "limit_price_not_allowed", "limit_price"),
    ({"type": "stop"}, "stop_price_required", "stop_price"),
    ({"type": "iceberg"}, "type_unknown", "type"),
    ({"side": "hold"}, "side_unknown", "side"),
    ({"time_in_force": "gtd"}, "time_in_force_unknown", "time_in_force"),
    ({"client_order_id": ""}, "client_order_id_invalid", "client_order_id"),
    ({"client_order_id": "x" * 129}, "client_order_id_invalid", "client_order_id"),
    ({"client_order_id": "a\x00b"}, "client_order_id_invalid", "client_order_id"),
    ({"client_order_id": " a"}, "client_order_id_invalid", "client_order_id"),
]


class TestBadInput:
    @pytest.mark.parametrize(("terms", "code", "field"), BAD)
    def test_is_refused_at_its_field_and_nothing_is_stored(self, place, account, terms, code, field):
        refusal = refusal_of(place, **terms)
        assert (refusal.code, refusal.field) == (code, field)
        assert refusal.message.endswith(".")
        assert books.cash_balance(account, "USD") == 10000

    def test_html_in_an_id_is_only_text(self, place):
        assert (
            place(client_order_id="<script>alert(1)</script>").client_order_id == "<script>alert(1)</script>"
        )

    def test_floats_are_a_programming_error(self, place):
        with pytest.raises(TypeError, match="Decimal"):
            place(quantity=1.5)


class TestFees:
    def test_are_held_charged_and_booked(self, place, account, settings):
        settings.TRADING_FEE_MODEL = "percent:0.001:1.00"
        resting = place(quantity=10, limit_price="99")
        assert resting.reserved_cash == D("991.00")
        place(quantity=10)
        assert books.cash_balance(account, "USD") == D(10000) - D("1000.20") - D("1.00")
        check_books()

    def test_sale_never_costs_cash(self, place, account, share, settings):
        settings.TRADING_FEE_MODEL = "per_share:0:5"
        place(quantity="0.1")
        set_quote(share, "1", "1.01")
        before = books.cash_balance(account, "USD")
        place(quantity="0.1", side="sell")
        assert books.cash_balance(account, "USD") == before
        check_books()
