"""Replacing: a new order takes the place of an old one and works on what that has not filled."""

from __future__ import annotations

from decimal import Decimal

import pytest

from holdings import queries as books
from trading.models import Order
from trading.operations import (
    ClientOrderIdTakenError,
    OrderNotReplaceableError,
    OrderRefusedError,
    OrderUnknownError,
    ReadOnlyError,
    StopLoss,
    TakeProfit,
    check_reservations,
    match_resting_orders,
    replace_order,
)
from trading.queries import visible_order
from trading.tests.support import check_books, later, set_quote
from trading.tests.test_groups import members
from trading.tests.test_order_types import set_sizes, tick

D = Decimal


@pytest.fixture
def replace(trader):
    def call(placed, **changes):
        values = {
            name: D(value)
            if isinstance(value, str | int) and name not in ("time_in_force", "client_order_id")
            else value
            for name, value in changes.items()
        }
        return replace_order(**{"order_id": placed.id, "actor": trader, "now": later(), **values})

    return call


class TestReplace:
    def test_new_order_takes_the_place_and_both_know_each_other(self, place, replace, trader):
        old = place(quantity=10, limit_price="90")
        new = replace(old, limit_price="91", quantity=12)
        was = visible_order(trader, old.id)
        assert (was.status, was.replaced_by_id, was.replaced_at, was.reserved_cash) == (
            "replaced",
            new.id,
            later(),
            0,
        )
        assert (new.status, new.replaces_id, new.limit_price, new.quantity, new.reserved_cash) == (
            "new",
            old.id,
            91,
            12,
            D("1092.00"),
        )
        assert new.submitted_at == later()

    def test_left_out_stays(self, place, replace):
        old = place(quantity=10, limit_price="90", time_in_force="gtc", client_order_id="a")
        new = replace(old)
        assert (new.quantity, new.limit_price, new.time_in_force, new.expires_at) == (
            10,
            90,
            "gtc",
            old.expires_at,
        )
        assert new.client_order_id not in ("", "a")

    def test_marketable_replacement_fills_at_once(self, place, replace, account):
        new = replace(place(quantity=10, limit_price="90"), limit_price="101")
        assert (new.status, new.filled_avg_price) == ("filled", D("100.02"))
        assert books.cash_balance(account, "USD") == D("8999.80")

    def test_works_on_what_is_not_filled(self, place, replace, share, trader, account):
        set_sizes(share, ask=4)
        old = place(quantity=10, limit_price="100.02")
        new = replace(old, limit_price="100.10")
        was = visible_order(trader, old.id)
        assert (was.status, was.filled_quantity, was.filled_avg_price) == ("replaced", 4, D("100.02"))
        assert (new.quantity, new.filled_quantity) == (6, 0)
        tick(share, "100.00", "100.05", at=later(2))
        set_sizes(share)
        match_resting_orders(instrument_ids=[share.pk], now=later(3))
        assert books.position_quantity(account, share.pk) == 10
        check_books()

    def test_quantity_is_the_whole_orders(self, place, replace, share):
        set_sizes(share, ask=4)
        old = place(quantity=10, limit_price="100.02")
        assert replace(old, quantity=12).quantity == 8

    def test_less_than_is_filled_is_refused(self, place, replace, share):
        set_sizes(share, ask=4)
        old = place(quantity=10, limit_price="100.02")
        with pytest.raises(OrderRefusedError) as caught:
            replace(old, quantity=4)
        assert caught.value.code == "quantity_filled"

    def test_what_the_old_one_held_pays_for_the_new_one(self, place, replace):
        old = place(quantity=100, limit_price="99")
        new = replace(old, limit_price="100")
        assert new.reserved_cash == 10000
        with pytest.raises(OrderRefusedError) as caught:
            replace(new, limit_price="100.01")
        assert caught.value.code == "insufficient_buying_power"
        assert check_reservations() == []

    def test_sale_keeps_its_units(self, place, replace):
        place(quantity=10)
        old = place(side="sell", quantity=10, limit_price="110")
        new = replace(old, limit_price="120", quantity=8)
        assert (new.reserved_quantity, new.limit_price) == (8, 120)
        with pytest.raises(OrderRefusedError):
            replace(new, quantity=11)

    def test_trailing_stop_keeps_what_it_has_seen(self, place, replace, share):
        place(quantity=1)
        old = place(side="sell", type="trailing_stop", trail_price="5", time_in_force="gtc")
        tick(share, "109.90", "110", "110", at=later(1))
        new = replace(old, trail="3")
        assert (new.hwm, new.stop_price, new.trail_price) == (110, 107, 3)

    def test_wash_trade_guard_does_not_see_the_old_one(self, place, replace):
        old = place(quantity=1, limit_price="90")
        assert replace(old, limit_price="95").status == "new"

    @pytest.mark.parametrize(
        ("terms", "changes", "code"),
        [
            ({"limit_price": "90"}, {"limit_price": "0"}, "limit_price_invalid"),
            ({"limit_price": "90"}, {"stop_price": "80"}, "stop_price_not_allowed"),
            ({"limit_price": "90"}, {"trail": "1"}, "trail_not_allowed"),
            ({"limit_price": "90"}, {"time_in_force": "weekly"}, "time_in_force_unknown"),
            ({"limit_price": "90"}, {"quantity": "1.5"}, "quantity_step"),
            ({"limit_price": "90"}, {"limit_price": "90.001"}, "sub_penny"),
            ({"limit_price": "90"}, {"client_order_id": ""}, "client_order_id_invalid"),
        ],
    )
    def test_is_refused_and_changes_nothing(self, place, replace, trader, terms, changes, code):
        old = place(quantity=1, **terms)
        with pytest.raises(OrderRefusedError) as caught:
            replace(old, **changes)
        assert caught.value.code == code
        assert visible_order(trader, old.id) == old

    def test_ended_order_says_why_not(self, place, replace):
        with pytest.raises(OrderNotReplaceableError, match="already filled") as caught:
            replace(place(quantity=1))
        assert caught.value.details["order_status"] == "filled"

    def test_order_by_amount_is_refused(self, place, replace):
        old = place(quantity=None, notional="500", type="limit", limit_price="90")
        with pytest.raises(OrderNotReplaceableError, match="by amount"):
            replace(old, limit_price="91")

    def test_taken_client_id_is_refused(self, place, replace):
        place(quantity=1, client_order_id="taken", limit_price="80")
        with pytest.raises(ClientOrderIdTakenError):
            replace(place(quantity=1, limit_price="90"), client_order_id="taken")

    def test_is_the_owners(self, place, outsider, auditor):
        old = place(quantity=1, limit_price="90")
        with pytest.raises(OrderUnknownError):
            replace_order(order_id=old.id, actor=outsider, now=later())
        with pytest.raises(ReadOnlyError):
            replace_order(order_id=old.id, actor=auditor, now=later())


class TestReplaceInAGroup:
    @pytest.fixture
    def bracket(self, place):
        def make(**terms):
            exits = {
                "take_profit": TakeProfit(limit_price=D(110)),
                "stop_loss": StopLoss(stop_price=D(95)),
            }
            return place(**{"quantity": 10, "order_class": "bracket", **exits, **terms})

        return make

    def test_stop_is_moved_while_it_stands_beside_its_take_profit(self, bracket, replace, share, account):
        placed = bracket()
        _, _, stop = members(placed.id)
        new = replace(visible(stop), stop_price="98")
        row = Order.objects.get(pk=new.id)
        assert (row.status, row.watch, row.watch_price, row.parent_id) == ("held", "stop", 98, placed.id)
        tick(share, "97.90", "98.00", "98", at=later(2))
        assert books.position_quantity(account, share.pk) == 0
        assert not Order.objects.open().exists()
        check_books()

    def test_take_profit_is_moved_and_keeps_the_reservation(self, bracket, replace, share):
        placed = bracket()
        _, profit, _ = members(placed.id)
        new = replace(visible(profit), limit_price="112")
        assert (new.status, new.reserved_quantity, new.limit_price) == ("new", 10, 112)
        assert check_reservations() == []

    def test_exit_waiting_for_its_entry_is_changed_where_it_waits(self, bracket, replace, share):
        placed = bracket(limit_price="98")
        _, profit, stop = members(placed.id)
        new = replace(visible(stop), stop_price="94")
        assert (new.status, new.reserved_quantity) == ("held", 0)
        tick(share, "97.90", "98", at=later(2))
        armed = Order.objects.get(pk=new.id)
        assert (armed.status, armed.watch) == ("held", "stop")
        assert Order.objects.get(pk=profit.pk).status == "new"

    def test_replaced_entry_takes_its_exits_along(self, bracket, replace, share):
        placed = bracket(limit_price="98")
        new = replace(placed, limit_price="99", quantity=8)
        assert {leg.quantity for leg in new.legs} == {8}
        tick(share, "98.90", "99", at=later(2))
        entry, profit, stop = members(new.id)
        assert (entry.status, profit.status, stop.status) == ("filled", "new", "held")
        assert profit.reserved_quantity == 8

    def test_exits_cover_what_the_entry_had_filled_before_it_was_replaced(
        self, bracket, replace, share, account
    ):
        set_sizes(share, ask=4)
        placed = bracket(limit_price="100.02")
        new = replace(placed, limit_price="100.05")
        assert new.quantity == 6
        _, profit, stop = members(new.id)
        assert (profit.quantity, stop.quantity) == (10, 10)
        set_sizes(share)
        tick(share, "100.00", "100.03", at=later(1))
        entry, profit, stop = members(new.id)
        assert (entry.status, books.position_quantity(account, share.pk)) == ("filled", 10)
        assert (profit.status, profit.quantity, profit.reserved_quantity, stop.quantity) == (
            "new",
            10,
            10,
            10,
        )
        assert check_reservations() == []
        check_books()

    def test_exits_follow_the_new_quantity_of_an_entry_that_was_filled_in_part(
        self, bracket, replace, share, account
    ):
        set_sizes(share, ask=4)
        placed = bracket(limit_price="100.02")
        first = replace(placed, limit_price="99.00", quantity=8)
        second = replace(first, limit_price="100.05", quantity=2)
        _, profit, stop = members(second.id)
        assert (first.quantity, second.quantity, profit.quantity, stop.quantity) == (4, 2, 6, 6)
        set_sizes(share)
        tick(share, "100.00", "100.03", at=later(1))
        _, profit, stop = members(second.id)
        assert (profit.status, profit.reserved_quantity, stop.quantity) == ("new", 6, 6)
        assert books.position_quantity(account, share.pk) == 6

    def test_exit_that_waits_for_its_entry_keeps_the_quantity_it_was_given(self, bracket, replace, share):
        placed = bracket(limit_price="99")
        _, profit, _ = members(placed.id)
        replace(profit, quantity=5)
        tick(share, "98.90", "98.95", at=later(1))
        _, profit, stop = members(placed.id)
        assert (profit.status, profit.quantity, profit.reserved_quantity, stop.quantity) == ("new", 5, 5, 5)

    def test_exit_that_waits_is_never_for_more_than_its_entry(self, bracket, replace):
        placed = bracket(limit_price="99")
        _, profit, _ = members(placed.id)
        with pytest.raises(OrderRefusedError) as refused:
            replace(profit, quantity=11)
        assert refused.value.code == "quantity_too_large"


def visible(order):
    from trading.queries import order_view

    return order_view(order)


def test_reservation_follows_a_replaced_exit_that_fills_partly(place, replace, share, account):
    place(quantity=10)
    placed = place(
        side="sell",
        type="limit",
        quantity=10,
        order_class="oco",
        take_profit=TakeProfit(limit_price=D(110)),
        stop_loss=StopLoss(stop_price=D(95)),
    )
    new = replace(placed, limit_price="105")
    set_quote(share, "105", "105.10", at=later(2))
    set_sizes(share, bid=4)
    match_resting_orders(instrument_ids=[share.pk], now=later(2))
    profit = Order.objects.get(pk=new.id)
    stop = profit.legs.get()
    assert (profit.filled_quantity, profit.reserved_quantity, stop.quantity) == (4, 6, 6)
    assert check_reservations() == []
