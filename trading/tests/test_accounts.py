"""Trading accounts: opening, configuration, limits, reset, and what programs read of them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from holdings import queries as books
from trading.models import Order
from trading.operations import (
    AccountModels,
    AccountRefusedError,
    OrderRefusedError,
    PaperAccountRefusedError,
    PortfolioUnknownError,
    open_paper_account,
    reset_account,
    update_account,
    update_configuration,
)
from trading.queries import (
    account_by_id,
    account_figures,
    account_of,
    accounts_for,
    activities_of,
    position_of,
    positions_of,
)
from trading.tests.support import NOW, check_books, later, make_account, make_instrument, order, set_quote

D = Decimal


class TestOpening:
    def test_gives_an_account_with_its_own_number_and_id(self, account, trader):
        view = account_of(account)
        assert view == account_by_id(view.id)
        assert view.account_number.startswith("PA")
        assert (view.multiplier, view.shorting_enabled, view.currency) == (1, False, "USD")
        other = account_of(make_account(trader))
        assert (other.id, other.account_number) != (view.id, view.account_number)
        assert [each.id for each in accounts_for(trader)] == [view.id, other.id]

    def test_margin_account_may_borrow_and_sell_short(self, trader):
        portfolio = open_paper_account(
            owner=trader, name="Margin", cash=D(50000), currency="USD", multiplier=4, now=NOW
        )
        view = account_of(portfolio)
        assert (view.multiplier, view.shorting_enabled) == (4, True)
        figures = account_figures(portfolio, now=NOW)
        assert (figures.equity, figures.buying_power, figures.regt_buying_power) == (50000, 200000, 100000)

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"cash": D(0)}, "cash"),
            ({"cash": D("0.001")}, "cash"),
            ({"cash": D("NaN")}, "cash"),
            ({"currency": "XYZ"}, "currency"),
            ({"multiplier": 3}, "multiplier"),
            ({"shorting": True}, "shorting"),
            ({"models": AccountModels(slippage_bps=D(2000))}, "slippage_bps"),
            ({"models": AccountModels(latency_ms=-1)}, "latency_ms"),
            ({"models": AccountModels(participation=D(0))}, "participation"),
            ({"models": AccountModels(fee_schedule="free")}, "fee_schedule"),
        ],
    )
    def test_refuses_what_cannot_be(self, trader, changes, field):
        values = {"owner": trader, "name": "X", "cash": D(100), "currency": "USD", "now": NOW, **changes}
        with pytest.raises(PaperAccountRefusedError) as caught:
            open_paper_account(**values)
        assert caught.value.field == field


class TestConfiguration:
    def test_changes_what_is_given(self, account, trader):
        view = update_configuration(
            portfolio_id=account, actor=trader, no_shorting=True, trade_confirm_email="none", now=later()
        )
        assert (view.configuration.no_shorting, view.configuration.trade_confirm_email) == (True, "none")
        assert view.configuration.fractional_trading

    @pytest.mark.parametrize(
        "changes", [{"max_margin_multiplier": 3}, {"trade_confirm_email": "some"}, {"nonsense": 1}]
    )
    def test_refuses_what_cannot_be(self, account, trader, changes):
        with pytest.raises(AccountRefusedError):
            update_configuration(portfolio_id=account, actor=trader, now=later(), **changes)

    def test_is_the_owners(self, account, outsider):
        with pytest.raises(PortfolioUnknownError):
            update_configuration(portfolio_id=account, actor=outsider, no_shorting=True, now=later())

    def test_no_fractions(self, place, account, trader):
        update_configuration(portfolio_id=account, actor=trader, fractional_trading=False, now=later())
        with pytest.raises(OrderRefusedError) as caught:
            place(quantity="0.5")
        assert caught.value.code == "fractional_not_allowed"


class TestLimits:
    @pytest.mark.parametrize(
        ("limits", "terms", "code"),
        [
            ({"max_order_notional": D(500)}, {"quantity": 6}, "max_order_notional"),
            ({"max_order_quantity": D(5)}, {"quantity": 6}, "max_order_quantity"),
            ({"max_position_notional": D(800)}, {"quantity": 9}, "max_position_notional"),
            ({"price_collar": D("0.02")}, {"limit_price": "103"}, "price_collar"),
        ],
    )
    def test_each_has_its_code(self, place, account, trader, limits, terms, code):
        update_account(portfolio_id=account, actor=trader, now=later(), **limits)
        with pytest.raises(OrderRefusedError) as caught:
            place(**terms)
        assert caught.value.code == code
        assert place(quantity=1).status == "filled"

    def test_open_orders_count_groups_once(self, place, account, trader):
        update_account(portfolio_id=account, actor=trader, max_open_orders=2, now=later())
        place(limit_price="50")
        place(limit_price="51")
        with pytest.raises(OrderRefusedError) as caught:
            place(limit_price="52")
        assert caught.value.code == "max_open_orders"

    def test_position_limit_counts_what_is_held_and_ordered(self, place, account, trader):
        update_account(portfolio_id=account, actor=trader, max_position_notional=D(1500), now=later())
        place(quantity=5)
        place(quantity=5, limit_price="99")
        with pytest.raises(OrderRefusedError):
            place(quantity=6, limit_price="99")

    def test_none_takes_a_limit_away(self, place, account, trader):
        update_account(portfolio_id=account, actor=trader, price_collar=None, now=later())
        assert place(limit_price="10000").status == "filled"

    @pytest.mark.parametrize("side", ["buy", "sell"])
    def test_collar_of_half_the_price_by_default(self, place, side):
        place(quantity=1)
        with pytest.raises(OrderRefusedError) as caught:
            place(side=side, limit_price="151" if side == "buy" else "49.99")
        assert caught.value.code == "price_collar"


class TestReset:
    def test_begins_anew_with_what_it_was_opened_with(self, place, account, trader, share):
        place(quantity=10)
        resting = place(limit_price="50")
        view = reset_account(portfolio_id=account, actor=trader, now=later(5))
        assert (view.reset_at, view.last_equity) == (later(5), 10000)
        assert books.cash_balance(account, "USD") == 10000
        assert positions_of(account, now=later(6)) == []
        assert Order.objects.get(pk=resting.id).status == "canceled"
        assert [each.type for each in activities_of(account)] == ["CSD"]
        check_books()
        assert place(quantity=1, now=later(7)).status == "filled"
        check_books()

    def test_with_other_cash(self, account, trader):
        reset_account(portfolio_id=account, actor=trader, cash=D("2500.50"), now=later())
        assert books.cash_balance(account, "USD") == D("2500.50")

    def test_ids_stay_taken(self, place, account, trader):
        first = place(client_order_id="once", quantity=1)
        reset_account(portfolio_id=account, actor=trader, now=later())
        assert place(client_order_id="once", quantity=1, now=later(2)).id == first.id


class TestGuards:
    def test_wash_trade_is_refused_with_the_order_in_the_way(self, place):
        place(quantity=10)
        resting = place(side="sell", quantity=5, limit_price="101")
        for terms in ({}, {"limit_price": "101"}, {"type": "stop", "stop_price": "103"}):
            with pytest.raises(OrderRefusedError) as caught:
                place(quantity=1, **terms)
            assert caught.value.code == "wash_trade"
            assert caught.value.details["existing_order_id"] == str(resting.id)
        assert place(quantity=1, limit_price="100").status == "new"
        assert place(quantity=1, type="trailing_stop", trail_price="5").status == "new"

    def test_same_thing_twice_is_asked_about_where_wanted(self, place):
        first = place(quantity=1, limit_price="90")
        with pytest.raises(OrderRefusedError) as caught:
            place(quantity=1, limit_price="90", refuse_duplicates=True, now=later(5))
        assert (caught.value.code, caught.value.details["order_id"]) == ("duplicate_order", str(first.id))
        assert place(quantity=1, limit_price="90", now=later(5)).status == "new"
        assert place(quantity=1, limit_price="91", refuse_duplicates=True, now=later(6)).status == "new"
        assert place(quantity=1, limit_price="90", refuse_duplicates=True, now=later(30)).status == "new"


class TestPositions:
    def test_figures(self, place, account, share):
        place(quantity=10)
        set_quote(share, "103.99", "104.01", "104", at=later())
        place(side="sell", quantity=4, limit_price="120", now=later())
        view = position_of(account, share.pk, now=later(2))
        assert (view.quantity, view.available, view.side) == (10, 6, "long")
        assert (view.avg_entry_price, view.cost_basis, view.market_value) == (D("100.02"), D("1000.2"), 1040)
        assert view.unrealized_pl == D("39.8")
        assert round(view.unrealized_plpc, 10) == round(D("39.8") / D("1000.2"), 10)
        assert view.intraday_pl == D("39.8")
        assert view.asset_id == share.public_id

    def test_average_of_a_day_is_weighted_and_left_alone_by_sales(self, place, account, share):
        place(quantity=10)
        set_quote(share, "109.98", "110.02", "110", at=later())
        place(quantity=10, now=later())
        place(side="sell", quantity=10, now=later(2))
        view = position_of(account, share.pk, now=later(3))
        assert (view.quantity, view.avg_entry_price) == (10, D("105.02"))

    def test_next_day_it_is_what_first_in_first_out_leaves(self, place, account, share):
        from datetime import timedelta

        place(quantity=10)
        tomorrow = NOW + timedelta(days=1)
        set_quote(share, "109.98", "110.02", "110", at=tomorrow)
        place(quantity=10, now=tomorrow)
        place(side="sell", quantity=10, now=tomorrow)
        same_day = position_of(account, share.pk, now=tomorrow)
        assert same_day.avg_entry_price == D("105.02")
        later_on = position_of(account, share.pk, now=tomorrow + timedelta(days=1))
        assert later_on.avg_entry_price == D("110.02")


class TestActivities:
    def test_every_execution_and_payment_newest_first(self, place, account, share):
        bought = place(quantity=2)
        sold = place(side="sell", quantity=2, now=later())
        rows = activities_of(account)
        assert [(row.type, row.side) for row in rows] == [("FILL", "sell"), ("FILL", "buy"), ("CSD", "")]
        assert [row.order_id for row in rows[:2]] == [sold.id, bought.id]
        assert (rows[0].cum_quantity, rows[0].leaves_quantity, rows[0].is_final) == (2, 0, True)
        assert rows[0].id.startswith("20261120100001000::")
        assert rows[2].net_amount == 10000

    def test_pages_follow_one_another(self, place, account):
        for step in range(7):
            place(quantity=1, now=later(step))
        everything = activities_of(account)
        assert len(everything) == 8
        for ascending in (False, True):
            seen, token = [], ""
            while page := activities_of(account, limit=3, page_token=token, ascending=ascending):
                seen += page
                token = page[-1].id
            assert seen == (everything[::-1] if ascending else everything)

    def test_filters(self, place, account):
        place(quantity=1)
        place(quantity=1, now=later(10))
        assert len(activities_of(account, types=["FILL"])) == 2
        assert [row.type for row in activities_of(account, types=["CSD", "DIV"])] == ["CSD"]
        assert len(activities_of(account, types=["FILL"], after=NOW)) == 1
        assert len(activities_of(account, types=["FILL"], until=later(10))) == 1

    @pytest.mark.parametrize("token", ["x", "20261120100000000::x", "2026::" + "0" * 8])
    def test_refuses_a_token_that_is_none(self, place, account, token):
        with pytest.raises(ValueError, match=r"."):
            activities_of(account, page_token=token)

    def test_net_amounts_of_everything_are_the_cash(self, trader):
        portfolio = open_paper_account(
            owner=trader,
            name="Fees",
            cash=D(100000),
            currency="USD",
            models=AccountModels(
                fee_schedule="us_regulatory:0.0000206:0.000195:9.79+crypto_tiers+per_share:0.01:1"
            ),
            now=NOW,
        )
        share = make_instrument()
        coin = make_instrument(asset_class="crypto", exchange="", quantity_step="0.000001")
        set_quote(share, "100.00", "100.02")
        set_quote(coin, "30000", "30010")
        order(portfolio, trader, share, quantity=300)
        order(portfolio, trader, share, side="sell", quantity=200)
        order(portfolio, trader, coin, quantity="1.5", time_in_force="gtc")
        order(portfolio, trader, coin, side="sell", quantity="0.7", time_in_force="gtc")
        total = D(0)
        for row in activities_of(portfolio):
            if row.type == "FILL":
                total += row.quantity * row.price * (-1 if row.side == "buy" else 1)
            else:
                total += row.net_amount
        assert total == books.cash_balance(portfolio, "USD")
        kinds = {(row.type, row.sub_type) for row in activities_of(portfolio)}
        assert {("FEE", "SEC"), ("FEE", "TAF"), ("FEE", "COMMISSION"), ("CFEE", "CRYPTO")} <= kinds
        check_books()
