"""Accounts that borrow and sell short: figures, what they may order, calls, liquidation, daily charges."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from holdings import queries as books
from portfolio_site.kernel.models import OutboxEvent
from trading.models import Order, TradingAccount
from trading.operations import (
    AccountModels,
    OrderRefusedError,
    accrue_charges,
    call_due_at,
    close_position,
    close_trading_day,
    match_resting_orders,
    open_paper_account,
    update_configuration,
    watch_margins,
)
from trading.queries import account_figures, account_of, activities_of, position_of
from trading.tests.support import NOW, check_books, later, make_instrument, order, set_quote

D = Decimal


@pytest.fixture
def margin(trader):
    return open_paper_account(
        owner=trader, name="Margin", cash=D(10000), currency="USD", multiplier=2, now=NOW - timedelta(days=1)
    )


@pytest.fixture
def even(db):
    """A share at exactly 100 on both sides."""
    share = make_instrument("EVEN")
    set_quote(share, "100", "100")
    return share


@pytest.fixture
def trade(margin, trader, even):
    return lambda **terms: order(margin, trader, even, **terms)


def refusal_of(call, **terms):
    with pytest.raises(OrderRefusedError) as caught:
        call(**terms)
    return caught.value


class TestBorrowing:
    def test_buys_for_twice_the_equity_and_the_cash_goes_negative(self, trade, margin, even):
        assert trade(quantity=190).status == "filled"
        assert books.cash_balance(margin, "USD") == -9000
        figures = account_figures(margin, now=NOW)
        assert (figures.equity, figures.long_market_value, figures.initial_margin) == (10000, 19000, 9500)
        assert (figures.buying_power, figures.regt_buying_power, figures.maintenance_margin) == (
            1000,
            1000,
            5700,
        )
        assert figures.non_marginable_buying_power == 0
        check_books()

    def test_not_for_more(self, trade):
        refusal = refusal_of(trade, quantity=200)  # with the collar of 2.5 % that is 20 500
        assert (refusal.code, refusal.details["buying_power"]) == ("insufficient_buying_power", "20000")
        assert trade(quantity=200, limit_price="100").status == "filled"
        assert refusal_of(trade, quantity=1, limit_price="50").code == "insufficient_buying_power"

    def test_little_equity_pays_a_fee_once(self, trader, even):
        """Below 2 000 nothing is borrowed: what the order was taken for is enough when it trades."""
        small = open_paper_account(
            owner=trader, name="Small", cash=D(1000), currency="USD", multiplier=2,
            models=AccountModels(fee_schedule="percent:0.01"), now=NOW,
        )  # fmt: skip
        set_quote(even, "99", "99")
        placed = order(small, trader, even, quantity=10, limit_price="99")
        assert (placed.status, placed.reason) == ("filled", "")
        assert books.cash_balance(small, "USD") == D("0.10")

    def test_two_orders_of_a_morning_are_reckoned_with_what_the_first_bought(self, margin, trader, even):
        """Both waited, and the price has run away from what they hold: the first one's shares count for the second."""
        listed = make_instrument("LISTED", provider="manual", exchange="XNYS", quantity_step=D(1))
        night = NOW.replace(hour=3)
        set_quote(listed, "100", "100", at=night)
        first, second = (order(margin, trader, listed, quantity=85, now=night) for _ in range(2))
        assert (first.status, second.status) == ("accepted", "accepted")
        set_quote(listed, "112", "112", at=NOW)
        match_resting_orders(instrument_ids=[listed.pk], now=NOW)
        assert books.position_quantity(margin, listed.pk) == 170
        assert account_figures(margin, now=NOW).buying_power == 20000 - 170 * 112

    def test_open_orders_hold_buying_power(self, trade, margin):
        trade(quantity=100, limit_price="90")
        figures = account_figures(margin, now=NOW)
        assert (figures.reserved_margin, figures.buying_power) == (9000, 11000)
        assert figures.non_marginable_buying_power == 5500

    def test_crypto_is_paid_in_cash(self, trade, margin, trader):
        coin = make_instrument(asset_class="crypto", exchange="", quantity_step="0.0001")
        set_quote(coin, "1000", "1000")
        terms = {"time_in_force": "gtc", "limit_price": "1000"}
        assert refusal_of(
            order, account=margin, actor=trader, instrument=coin, quantity=11, **terms
        ).code == ("insufficient_buying_power")
        assert order(margin, trader, coin, quantity=10, **terms).status == "filled"
        figures = account_figures(margin, now=NOW)
        assert (figures.cash, figures.buying_power) == (0, 0)

    def test_owner_may_do_without_borrowing(self, trade, margin, trader):
        update_configuration(portfolio_id=margin, actor=trader, max_margin_multiplier=1, now=NOW)
        assert refusal_of(trade, quantity=101, limit_price="100").code == "insufficient_buying_power"

    def test_below_2000_there_is_no_loan(self, trader, even):
        small = open_paper_account(
            owner=trader, name="Small", cash=D(1999), currency="USD", multiplier=2, now=NOW
        )
        assert account_figures(small, now=NOW).buying_power == 1999
        assert refusal_of(order, account=small, actor=trader, instrument=even, quantity=20).code == (
            "insufficient_buying_power"
        )
        assert refusal_of(order, account=small, actor=trader, instrument=even, side="sell").code == (
            "short_needs_equity"
        )


class TestSellingShort:
    def test_brings_cash_and_a_negative_position(self, trade, margin, even):
        sold = trade(side="sell", quantity=50)
        assert (sold.status, sold.position_intent) == ("filled", "sell_to_open")
        assert books.cash_balance(margin, "USD") == 15000
        figures = account_figures(margin, now=NOW)
        assert (figures.equity, figures.short_market_value, figures.maintenance_margin) == (
            10000,
            -5000,
            1500,
        )
        assert (figures.initial_margin, figures.buying_power) == (2500, 15000)
        view = position_of(margin, even.pk, now=NOW)
        assert (view.side, view.quantity, view.avg_entry_price, view.market_value, view.cost_basis) == (
            "short",
            -50,
            100,
            -5000,
            -5000,
        )
        check_books()

    def test_holds_three_percent_more_than_the_ask(self, trade):
        placed = trade(side="sell", quantity=50, limit_price="101")
        assert (placed.status, placed.reserved_cash, placed.reserved_quantity) == ("new", 5150, 0)

    def test_is_covered_by_a_purchase_that_holds_units(self, trade, margin, even):
        trade(side="sell", quantity=50)
        resting = trade(quantity=30, limit_price="90", now=later(1))
        assert (resting.position_intent, resting.reserved_cash, resting.reserved_quantity) == (
            "buy_to_close",
            0,
            30,
        )
        assert refusal_of(trade, quantity=21, now=later(2)).code == "insufficient_quantity"
        assert trade(quantity=20, now=later(2)).status == "filled"
        set_quote(even, "89", "90", at=later(3))
        match_resting_orders(instrument_ids=[even.pk], now=later(3))
        assert books.position_quantity(margin, even.pk) == 0
        assert books.cash_balance(margin, "USD") == 10000 + 5000 - 2000 - 2700
        check_books()

    def test_does_not_flip_to_long(self, trade):
        trade(side="sell", quantity=50)
        refusal = refusal_of(trade, quantity=51)
        assert refusal.code == "insufficient_quantity"
        assert "all you are short of" in refusal.message

    def test_nor_from_long_to_short(self, trade):
        trade(quantity=10)
        assert refusal_of(trade, side="sell", quantity=11).code == "insufficient_quantity"

    def test_fractions_and_coins_cannot_be_borrowed(self, trade, margin, trader):
        assert refusal_of(trade, side="sell", quantity="0.5").code == "short_fractional"
        coin = make_instrument(asset_class="crypto", exchange="")
        set_quote(coin, "1000", "1000")
        refusal = refusal_of(
            order, account=margin, actor=trader, instrument=coin, side="sell", time_in_force="gtc"
        )
        assert refusal.code == "not_shortable"

    def test_hard_to_borrow_is_refused(self, trade, even):
        from trading.models import InstrumentTerms

        InstrumentTerms.objects.create(instrument=even, is_easy_to_borrow=False)
        assert refusal_of(trade, side="sell").code == "not_shortable"

    def test_cash_account_has_nothing_to_sell(self, account, trader, even):
        refusal = refusal_of(order, account=account, actor=trader, instrument=even, side="sell")
        assert refusal.code == "insufficient_quantity"

    def test_owner_may_forbid_it(self, trade, margin, trader):
        update_configuration(portfolio_id=margin, actor=trader, no_shorting=True, now=NOW)
        assert refusal_of(trade, side="sell").code == "short_not_allowed"

    def test_long_buy_is_not_opened_beside_an_open_short_sale(self, trade):
        trade(side="sell", quantity=1, limit_price="110")
        assert refusal_of(trade, quantity=1, limit_price="90").code == "opposite_opening"

    def test_bracket_for_a_short(self, trade, margin, even):
        from trading.operations import StopLoss, TakeProfit

        placed = trade(
            side="sell",
            quantity=10,
            order_class="bracket",
            take_profit=TakeProfit(limit_price=D(90)),
            stop_loss=StopLoss(stop_price=D(105)),
        )
        assert {leg.position_intent for leg in placed.legs} == {"buy_to_close"}
        set_quote(even, "105.10", "105.20", "105.10", at=later(1))
        match_resting_orders(instrument_ids=[even.pk], now=later(1))
        assert books.position_quantity(margin, even.pk) == 0
        assert books.cash_balance(margin, "USD") == 10000 + 1000 - 1052
        check_books()


class TestMarginCall:
    @pytest.fixture
    def borrowed(self, trade, margin, even):
        """190 shares for 19 000, 9 000 of them borrowed: 30 % are gone below 67.67."""
        trade(quantity=190)

        def fall(price, at):
            set_quote(even, price, price, at=at)
            return watch_margins(now=at)

        return fall

    def test_is_raised_told_and_lifted(self, borrowed, margin):
        assert borrowed("68", later(1)) == 0
        assert borrowed("65", later(2)) == 1
        view = account_of(margin)
        # equity 12 350 - 9 000 = 3 350; 30 % of 12 350 = 3 705
        assert (view.margin_call_at, view.margin_call_amount) == (later(2), 355)
        told = OutboxEvent.objects.get(name="trading.margin_call")
        assert D(told.payload["amount"]) == 355
        assert told.payload["due_at"] == call_due_at(later(2)).isoformat() == "2026-11-23T21:00:00+00:00"
        assert borrowed("66", later(3)) == 1
        assert account_of(margin).margin_call_at == later(2)
        assert borrowed("70", later(4)) == 0
        assert account_of(margin).margin_call_amount == 0
        assert OutboxEvent.objects.filter(name="trading.margin_call").count() == 1

    def test_overdue_is_liquidated(self, borrowed, margin, even, trade):
        trade(side="sell", quantity=10, limit_price="120", now=later(1))
        borrowed("65", later(2))
        due = call_due_at(later(2))
        assert borrowed("65", due) == 0
        assert books.position_quantity(margin, even.pk) == 0
        assert books.cash_balance(margin, "USD") == 190 * 65 - 9000
        assert Order.objects.get(origin="liquidation").status == "filled"
        assert not Order.objects.open().exists()
        assert account_of(margin).margin_call_at is None
        check_books()

    def test_less_than_half_is_liquidated_at_once(self, borrowed, margin, even):
        # equity 190 x 55 - 9 000 = 1 450; 30 % are 3 135
        assert borrowed("55", later(2)) == 0
        assert books.position_quantity(margin, even.pk) == 0

    def test_only_as_much_as_is_needed(self, margin, trader, even):
        other = make_instrument("OTHER")
        set_quote(other, "100", "100")
        order(margin, trader, even, quantity=150)
        order(margin, trader, other, quantity=40)
        set_quote(even, "50", "50", at=later(1))
        set_quote(other, "100", "100", at=later(1))
        # equity 7 500 + 4 000 - 9 000 = 2 500 < 3 450, more than half: due at the next close
        assert watch_margins(now=later(1)) == 1
        due = call_due_at(later(1))
        set_quote(even, "50", "50", at=due)
        set_quote(other, "100", "100", at=due)
        watch_margins(now=due)
        assert books.position_quantity(margin, even.pk) == 0
        assert books.position_quantity(margin, other.pk) == 40

    def test_short_that_rises_is_called(self, trade, margin, even):
        trade(side="sell", quantity=150, limit_price="100")
        set_quote(even, "140", "140", at=later(1))
        # equity 25 000 - 21 000 = 4 000; 30 % of 21 000 = 6 300
        assert watch_margins(now=later(1)) == 1
        assert account_of(margin).margin_call_amount == 2300

    def test_accounts_that_owe_nothing_are_not_looked_at(self, place, account, django_assert_max_num_queries):
        place(quantity=10)
        with django_assert_max_num_queries(2):
            assert watch_margins(now=later()) == 0


def test_a_short_position_worth_less_than_the_smallest_order_can_be_closed(margin, trader, even):
    order(margin, trader, even, side="sell", quantity=1)
    set_quote(even, "0.79", "0.80", at=later(1))
    closed = close_position(portfolio_id=margin, actor=trader, instrument_id=even.pk, now=later(1))
    assert (closed.status, closed.side, books.position_quantity(margin, even.pk)) == ("filled", "buy", 0)
    assert books.cash_balance(margin, "USD") == D("10099.20")


class TestDailyCharges:
    def test_margin_interest_is_booked_once_a_day(self, trade, margin):
        accrue_charges(now=NOW)
        trade(quantity=190)
        assert accrue_charges(now=later()) == 0
        tomorrow = NOW + timedelta(days=1)
        assert accrue_charges(now=tomorrow) == 1
        assert accrue_charges(now=tomorrow) == 0
        # 9 000 x 6.25 % / 360 = 1.5625
        assert books.cash_balance(margin, "USD") == D("-9001.56")
        assert TradingAccount.objects.get(portfolio_id=margin).accrued_interest == D("0.0025")
        (row,) = activities_of(margin, types=["INT"])
        assert (row.net_amount, row.description) == (D("-1.56"), "Margin interest for 2026-11-20")
        check_books()

    def test_an_account_opened_today_owes_nothing_for_yesterday(self, trader, even):
        account = open_paper_account(
            owner=trader, name="New", cash=D(10000), currency="USD", multiplier=2, now=NOW
        )
        order(account, trader, even, quantity=190)
        assert accrue_charges(now=later()) == 0
        assert accrue_charges(now=NOW + timedelta(days=1)) == 1
        assert books.cash_balance(account, "USD") == D("-9001.56")

    def test_fractions_of_a_cent_are_carried(self, trade, margin):
        accrue_charges(now=NOW)
        trade(quantity=101, limit_price="100")  # 100 borrowed: 0.01736 a day
        for day in range(1, 5):
            accrue_charges(now=NOW + timedelta(days=day))
        # four days' interest is 0.0694; the cents booked raise the debt by too little to show
        assert books.cash_balance(margin, "USD") == D("-100.06")

    def test_weekend_is_charged_on_monday(self, trade, margin):
        accrue_charges(now=NOW)
        trade(quantity=190)
        accrue_charges(now=NOW + timedelta(days=3))
        assert books.cash_balance(margin, "USD") == D("-9004.68")
        assert "2026-11-20 to 2026-11-22" in activities_of(margin, types=["INT"])[0].description

    def test_borrow_fee_of_shorts(self, trade, margin, even):
        from trading.models import InstrumentTerms

        accrue_charges(now=NOW)
        trade(side="sell", quantity=90)
        InstrumentTerms.objects.create(instrument=even, borrow_rate=D("0.36"))
        accrue_charges(now=NOW + timedelta(days=1))
        assert books.cash_balance(margin, "USD") == 10000 + 9000 - 9
        check_books()

    def test_who_owes_nothing_is_charged_nothing_later_for_the_past(self, trade, margin):
        accrue_charges(now=NOW)
        accrue_charges(now=NOW + timedelta(days=5))
        trade(quantity=190, now=NOW)
        accrue_charges(now=NOW + timedelta(days=5))
        assert books.cash_balance(margin, "USD") == -9000


class TestCloseOfTheDay:
    def test_keeps_equity_and_maintenance_margin_once(self, trade, margin, even):
        trade(quantity=190)
        close = NOW.replace(hour=21)
        set_quote(even, "90", "90", at=close)
        assert close_trading_day(now=close - timedelta(minutes=1)) == 0
        assert close_trading_day(now=close) == 1
        view = account_of(margin)
        assert (view.balance_date, view.last_equity, view.last_maintenance_margin) == (
            close.date(),
            8100,
            5130,
        )
        set_quote(even, "80", "80", at=close + timedelta(hours=1))
        assert close_trading_day(now=close + timedelta(hours=1)) == 0
