"""Splits and dividends reach paper accounts: positions, cash and open orders, each once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from holdings import queries as books
from marketdata.models import CorporateAction
from trading.models import Order
from trading.operations import apply_corporate_actions, check_reservations, match_resting_orders
from trading.queries import activities_of, position_of, visible_order
from trading.tests.support import NOW, check_books, order, set_quote
from trading.tests.test_margin import even, margin  # noqa: F401 - fixtures
from trading.tests.test_order_types import set_sizes

D = Decimal
EX_DATE = NOW.date() + timedelta(days=1)
#: The simulated market's day begins at midnight UTC.
MORNING = datetime(EX_DATE.year, EX_DATE.month, EX_DATE.day, 0, 0, 5, tzinfo=UTC)


def declare(share, kind, value):
    CorporateAction.objects.create(
        instrument=share, ex_date=EX_DATE, kind=kind, value=D(value), source="test"
    )


class TestDividend:
    def test_is_paid_once_to_who_held_before(self, place, account, share):
        place(quantity=10)
        declare(share, "dividend", "0.55")
        assert apply_corporate_actions(now=NOW) == 0
        set_quote(share, "100.00", "100.02", at=MORNING)
        place(quantity=5, now=MORNING)
        assert apply_corporate_actions(now=MORNING) == 1
        assert apply_corporate_actions(now=MORNING) == 0
        (paid,) = activities_of(account, types=["DIV"])
        assert (paid.net_amount, paid.symbol) == (D("5.50"), "ACME")
        check_books()

    def test_is_owed_by_who_was_short(self, margin, trader, even):  # noqa: F811
        order(margin, trader, even, side="sell", quantity=20)
        declare(even, "dividend", "0.25")
        apply_corporate_actions(now=MORNING)
        assert books.cash_balance(margin, "USD") == 10000 + 2000 - 5
        # To programs it is a dividend with a minus, as brokers tell it.
        (owed,) = activities_of(margin, types=["DIV"])
        assert (owed.net_amount, owed.symbol) == (D(-5), even.symbol)
        assert activities_of(margin, types=["FEE"]) == []
        assert sum(row.cash for row in activities_of(margin)) == books.cash_balance(margin, "USD")
        check_books()

    def test_nothing_for_who_sold_in_time(self, place, account, share):
        place(quantity=10)
        place(side="sell", quantity=10)
        declare(share, "dividend", "0.55")
        assert apply_corporate_actions(now=MORNING) == 0


class TestSplit:
    @pytest.fixture
    def split(self, share):
        def happen(ratio="4", bid="25.00", ask="25.01", at=MORNING):
            declare(share, "split", ratio)
            set_quote(share, bid, ask, at=at)
            return apply_corporate_actions(now=at)

        return happen

    def test_multiplies_the_position_and_divides_its_price(self, place, account, share, split):
        place(quantity=10)
        split()
        assert books.position_quantity(account, share.pk) == 40
        view = position_of(account, share.pk, now=MORNING)
        assert (view.avg_entry_price, view.cost_basis) == (D("25.005"), D("1000.2"))
        check_books()

    def test_open_orders_are_for_new_units_at_new_prices(self, place, trader, share, split):
        place(quantity=10)
        buy = place(quantity=3, limit_price="90.50", time_in_force="gtc")
        trailing = place(side="sell", type="trailing_stop", quantity=5, trail_price="8", time_in_force="gtc")
        split()
        buy, trailing = (visible_order(trader, each.id) for each in (buy, trailing))
        assert (buy.quantity, buy.limit_price, buy.reserved_cash) == (12, D("22.62"), D("271.50"))
        assert (trailing.quantity, trailing.trail_price, trailing.hwm) == (20, 2, D("25.005"))
        assert "Split 4:1: now for 12 at limit 22.62." in [entry.text for entry in buy.trail]
        assert check_reservations() == []
        assert match_resting_orders(instrument_ids=[share.pk], now=MORNING).executions == 0

    def test_stop_is_not_reached_by_the_new_price(self, place, trader, share):
        """The first tick of the day comes before the timetable's pass."""
        place(quantity=10)
        sell = place(side="sell", type="stop", quantity=5, stop_price="80.10", time_in_force="gtc")
        declare(share, "split", "4")
        set_quote(share, "25.00", "25.01", at=MORNING)
        assert match_resting_orders(instrument_ids=[share.pk], now=MORNING).executions == 0
        after = visible_order(trader, sell.id)
        assert (after.status, after.stop_price, after.quantity) == ("new", D("20.03"), 20)

    def test_order_filled_in_part_is_replaced_by_one_for_the_rest(self, place, trader, share, account, split):
        set_sizes(share, ask=4)
        placed = place(quantity=10, limit_price="100.02", time_in_force="gtc")
        split(bid="26.00", ask="26.01")
        old = visible_order(trader, placed.id)
        new = visible_order(trader, old.replaced_by_id)
        assert (old.status, old.quantity, old.filled_quantity) == ("replaced", 10, 4)
        assert (new.quantity, new.limit_price, new.filled_quantity, new.origin) == (
            24,
            D("25.00"),
            0,
            "split",
        )
        assert books.position_quantity(account, share.pk) == 16
        assert check_reservations() == []

    def test_reverse_split_ends_what_is_too_small(self, place, trader, share, split):
        share.quantity_step = 1
        share.save()
        place(quantity=30)
        small = place(quantity=3, limit_price="90", time_in_force="gtc")
        large = place(side="sell", quantity=25, limit_price="110", time_in_force="gtc")
        split(ratio="0.1", bid="1000", ask="1001")
        ended, kept = visible_order(trader, small.id), visible_order(trader, large.id)
        assert (ended.status, ended.reason_code) == ("canceled", "split")
        assert (kept.quantity, kept.limit_price, kept.reserved_quantity) == (2, 1100, 2)

    def test_bracket_goes_on(self, place, trader, share, account, split):
        from trading.operations import StopLoss, TakeProfit

        placed = place(
            quantity=10,
            order_class="bracket",
            time_in_force="gtc",
            take_profit=TakeProfit(limit_price=D(110)),
            stop_loss=StopLoss(stop_price=D(95)),
        )
        split()
        profit, stop = Order.objects.filter(parent_id=placed.id).order_by("-role")
        assert {(each.quantity, each.limit_price, each.stop_price) for each in (profit, stop)} == {
            (40, D("27.50"), None),
            (40, None, D("23.75")),
        }
        set_quote(share, "23.70", "23.75", "23.75", at=MORNING + timedelta(seconds=5))
        match_resting_orders(instrument_ids=[share.pk], now=MORNING + timedelta(seconds=5))
        assert books.position_quantity(account, share.pk) == 0
        check_books()

    def test_reaches_accounts_that_only_have_orders(self, place, trader, share, split):
        placed = place(quantity=3, limit_price="90", time_in_force="gtc")
        assert split() == 1
        assert visible_order(trader, placed.id).quantity == 12
