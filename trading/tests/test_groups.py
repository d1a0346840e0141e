"""Brackets, OTO and OCO: exits wait for the whole entry, share one quantity, and end together."""

from __future__ import annotations

from decimal import Decimal

import pytest

from holdings import queries as books
from trading.models import Order
from trading.operations import (
    OrderRefusedError,
    StopLoss,
    TakeProfit,
    cancel_order,
    check_reservations,
    close_position,
    expire_orders,
    match_resting_orders,
)
from trading.queries import order_of_account, orders_of_account, visible_order
from trading.tests.support import check_books, later, set_quote
from trading.tests.test_order_types import set_sizes, tick

D = Decimal
EXITS = {"take_profit": TakeProfit(limit_price=D(110)), "stop_loss": StopLoss(stop_price=D(95))}


@pytest.fixture
def bracket(place):
    return lambda **terms: place(**{"quantity": 10, "order_class": "bracket", **EXITS, **terms})


def members(order_id):
    head = Order.objects.get(pk=order_id)
    # One that was replaced is still of the group: who took its place stands for the role.
    legs = sorted(head.legs.all(), key=lambda leg: leg.replaced_by_id is None)
    by_role = {leg.role: leg for leg in [head, *legs]}
    return by_role["entry"], by_role["take_profit"], by_role["stop_loss"]


class TestBracket:
    def test_exits_wait_for_the_entry(self, bracket, account):
        placed = bracket(limit_price="99")
        assert {(leg.role, leg.status, leg.type) for leg in placed.legs} == {
            ("take_profit", "held", "limit"),
            ("stop_loss", "held", "stop"),
        }
        assert all(leg.reserved_quantity == 0 for leg in placed.legs)
        assert all(leg.position_intent == "sell_to_close" for leg in placed.legs)
        assert placed.reserved_cash == 990

    def test_filled_entry_arms_them_with_one_reservation(self, bracket, account, share):
        placed = bracket()
        entry, profit, stop = members(placed.id)
        assert (entry.status, profit.status, stop.status) == ("filled", "new", "held")
        assert (profit.reserved_quantity, stop.reserved_quantity) == (10, 0)
        assert (profit.watch, stop.watch) == ("limit", "stop")
        assert check_reservations() == []

    def test_partly_filled_entry_arms_nothing(self, bracket, share, trader):
        set_sizes(share, ask=4)
        placed = bracket()
        entry, profit, stop = members(placed.id)
        assert (entry.status, entry.filled_quantity) == ("partially_filled", 4)
        assert (profit.status, stop.status, profit.watch, stop.watch) == ("held", "held", "", "")
        tick(share, "111", "111.02", at=later(1))
        entry, profit, stop = members(placed.id)
        assert (profit.filled_quantity, stop.status) == (0, "held")

    def test_take_profit_fills_and_cancels_the_stop(self, bracket, share, account):
        placed = bracket()
        tick(share, "110.00", "110.10", at=later(1))
        _, profit, stop = members(placed.id)
        assert (profit.status, stop.status, stop.reason_code) == ("filled", "canceled", "other_exit_filled")
        assert books.position_quantity(account, share.pk) == 0
        assert books.cash_balance(account, "USD") == 10000 - D("1000.20") + 1100
        check_books()

    def test_stop_fills_and_cancels_the_take_profit(self, bracket, share, account):
        placed = bracket()
        tick(share, "94.50", "94.60", at=later(1))
        _, profit, stop = members(placed.id)
        assert (profit.status, stop.status) == ("canceled", "filled")
        assert books.position_quantity(account, share.pk) == 0
        assert not Order.objects.open().exists()
        check_books()

    def test_partly_filled_take_profit_shrinks_its_stop(self, bracket, share, account, trader):
        placed = bracket()
        set_quote(share, "110.00", "110.10", at=later(1))
        set_sizes(share, bid=6)
        match_resting_orders(instrument_ids=[share.pk], now=later(1))
        _, profit, stop = members(placed.id)
        assert (profit.filled_quantity, profit.reserved_quantity) == (6, 4)
        assert (stop.quantity, stop.status) == (4, "held")
        tick(share, "94.50", "94.60", at=later(2))
        _, profit, stop = members(placed.id)
        assert (stop.status, stop.filled_quantity, profit.status, profit.filled_quantity) == (
            "filled",
            4,
            "canceled",
            6,
        )
        assert books.position_quantity(account, share.pk) == 0
        check_books()

    def test_partly_filled_stop_shrinks_its_take_profit(self, bracket, share, account):
        placed = bracket()
        set_quote(share, "94.00", "94.10", at=later(1))
        set_sizes(share, bid=3)
        match_resting_orders(instrument_ids=[share.pk], now=later(1))
        _, profit, stop = members(placed.id)
        assert (stop.status, stop.filled_quantity) == ("partially_filled", 3)
        assert (profit.quantity, profit.reserved_quantity) == (7, 7)
        assert check_reservations() == []

    @pytest.mark.parametrize("role", ["entry", "take_profit", "stop_loss"])
    def test_cancelling_any_cancels_the_rest(self, bracket, trader, role):
        placed = bracket(limit_price="98")
        member = next(each for each in members(placed.id) if each.role == role)
        cancel_order(order_id=member.pk, actor=trader, now=later())
        assert {each.status for each in members(placed.id)} == {"canceled"}

    @pytest.mark.parametrize("role", ["take_profit", "stop_loss"])
    def test_cancelling_an_armed_exit_cancels_the_other(self, bracket, trader, role, share, place):
        placed = bracket()
        member = next(each for each in members(placed.id) if each.role == role)
        cancel_order(order_id=member.pk, actor=trader, now=later())
        assert [each.status for each in members(placed.id)] == ["filled", "canceled", "canceled"]
        assert place(side="sell", quantity=10).status == "filled"

    def test_day_exits_expire_together(self, bracket, share, account):
        placed = bracket()
        expire_orders(now=placed.expires_at)
        entry, profit, stop = members(placed.id)
        assert (entry.status, profit.status, stop.status) == ("filled", "expired", "canceled")
        assert check_reservations() == []

    def test_exits_stand_for_what_is_still_there(self, bracket, share, trader, account, place):
        set_sizes(share, ask=6)
        placed = bracket()
        close_position(
            portfolio_id=account, actor=trader, instrument_id=share.pk, quantity=D(5), now=later(1)
        )
        tick(share, "100.00", "100.02", at=later(2))
        set_sizes(share)
        match_resting_orders(instrument_ids=[share.pk], now=later(3))
        entry, profit, stop = members(placed.id)
        assert (entry.status, entry.filled_quantity) == ("filled", 10)
        assert (profit.quantity, stop.quantity) == (5, 5)
        assert check_reservations() == []

    def test_units_of_the_exits_cannot_be_sold_beside_them(self, bracket, place):
        bracket()
        with pytest.raises(OrderRefusedError) as caught:
            place(side="sell", quantity=1)
        assert (caught.value.code, caught.value.details["held_for_orders"]) == ("insufficient_quantity", "10")

    def test_same_request_twice_is_one_group(self, bracket, account):
        first = bracket(client_order_id="b1")
        again = bracket(client_order_id="b1")
        assert (again.id, len(again.legs)) == (first.id, 2)
        assert Order.objects.count() == 3

    @pytest.mark.parametrize(
        ("terms", "code"),
        [
            ({"take_profit": None}, "take_profit_required"),
            ({"stop_loss": None}, "stop_loss_required"),
            ({"take_profit": TakeProfit(limit_price=D(90))}, "take_profit_side"),
            ({"stop_loss": StopLoss(stop_price=D("100.02"))}, "stop_loss_base"),
            ({"stop_loss": StopLoss(stop_price=D(99)), "limit_price": "99"}, "stop_loss_base"),
            ({"stop_loss": StopLoss(stop_price=D(95), limit_price=D(96))}, "stop_loss_limit_side"),
            ({"stop_loss": StopLoss(stop_price=D("95.001"))}, "sub_penny"),
            ({"type": "stop", "stop_price": "120"}, "group_entry_type"),
            ({"time_in_force": "ioc"}, "group_time_in_force"),
            ({"quantity": "1.5"}, "fractional_simple_only"),
            ({"extended_hours": True, "limit_price": "99"}, "extended_hours_simple_only"),
            ({"order_class": "simple"}, "exits_not_allowed"),
            (
                {
                    "side": "sell",
                    "take_profit": TakeProfit(limit_price=D(90)),
                    "stop_loss": StopLoss(stop_price=D(110)),
                },
                "insufficient_quantity",
            ),
        ],
    )
    def test_is_refused(self, bracket, terms, code):
        with pytest.raises(OrderRefusedError) as caught:
            bracket(**terms)
        assert caught.value.code == code
        assert not Order.objects.exists()

    def test_cannot_close(self, bracket, place):
        place(quantity=5)
        with pytest.raises(OrderRefusedError) as caught:
            bracket(
                side="sell",
                quantity=5,
                take_profit=TakeProfit(limit_price=D(90)),
                stop_loss=StopLoss(stop_price=D(110)),
            )
        assert caught.value.code == "group_must_open"


class TestOto:
    def test_has_one_exit_that_works_once_the_entry_is_filled(self, place, share, account):
        placed = place(quantity=5, order_class="oto", stop_loss=StopLoss(stop_price=D(95), limit_price=D(94)))
        (leg,) = Order.objects.get(pk=placed.id).legs.all()
        assert (leg.status, leg.type, leg.reserved_quantity) == ("new", "stop_limit", 5)
        tick(share, "94.50", "94.60", at=later(1))
        assert Order.objects.get(pk=leg.pk).status == "filled"

    def test_may_have_both_of_which_one_ends_the_other(self, place, share, account):
        placed = place(quantity=5, order_class="oto", **EXITS)
        legs = {leg.role: leg.pk for leg in Order.objects.get(pk=placed.id).legs.all()}
        assert set(legs) == {"take_profit", "stop_loss"}
        profit = Order.objects.get(pk=legs["take_profit"])
        assert (profit.status, profit.reserved_quantity) == ("new", 5)
        above = profit.limit_price + 1
        tick(share, str(above), str(above + D("0.02")), at=later(1))
        assert Order.objects.get(pk=legs["take_profit"]).status == "filled"
        assert Order.objects.get(pk=legs["stop_loss"]).status == "canceled"

    def test_has_at_least_one(self, place):
        with pytest.raises(OrderRefusedError) as caught:
            place(order_class="oto")
        assert caught.value.code == "oto_no_exit"


class TestOco:
    @pytest.fixture
    def oco(self, place):
        place(quantity=10)
        return lambda **terms: place(
            **{"side": "sell", "type": "limit", "quantity": 10, "order_class": "oco", **EXITS, **terms}
        )

    def test_head_is_the_take_profit_and_both_share_one_reservation(self, oco):
        placed = oco()
        (stop,) = placed.legs
        assert (placed.limit_price, placed.role, placed.status, placed.reserved_quantity) == (
            110,
            "take_profit",
            "new",
            10,
        )
        assert (stop.status, stop.stop_price, stop.reserved_quantity) == ("held", 95, 0)

    def test_takes_its_limit_as_the_take_profit(self, oco):
        assert oco(take_profit=None, limit_price="111").limit_price == 111

    def test_one_cancels_the_other(self, oco, share, account, trader):
        placed = oco()
        tick(share, "94.90", "95.00", at=later(1))
        ended = order_of_account(account, placed.id)
        assert (ended.status, ended.legs[0].status) == ("canceled", "filled")
        assert books.position_quantity(account, share.pk) == 0

    def test_needs_a_position(self, place):
        with pytest.raises(OrderRefusedError) as caught:
            place(side="sell", type="limit", order_class="oco", **EXITS)
        assert caught.value.code == "oco_needs_position"

    def test_is_listed_nested_and_flat(self, oco, account):
        placed = oco()
        nested = orders_of_account(account, with_legs=True)
        flat = orders_of_account(account)
        assert [each.id for each in nested] == [placed.id]
        assert {each.id for each in flat} == {placed.id, placed.legs[0].id}


def test_marketable_exit_is_met_at_once(place, share, trader):
    """The take-profit is below the market already: nothing waits for a tick that may never come."""
    set_quote(share, "100.00", "100.02")
    placed = place(
        quantity=1,
        order_class="oto",
        limit_price="100.02",
        take_profit=TakeProfit(limit_price=D("99.50")),
    )
    leg = visible_order(trader, Order.objects.get(pk=placed.id).legs.get().pk)
    assert (leg.status, leg.filled_avg_price) == ("filled", 100)
