"""The ticket's choices: what is offered is not refused for its kind, and what is not offered would be."""

from __future__ import annotations

from decimal import Decimal
from itertools import product

import pytest

from trading.engine.offer import offer_of
from trading.engine.rules_groups import check_group
from trading.engine.rules_orders import check_terms
from trading.engine.terms import StopLoss, TakeProfit, Terms, Tradable
from trading.engine.types import OrderClass, OrderType, Side, TimeInForce

D = Decimal
#: Refusals that are about the kind of an order, not about its figures.
ABOUT_KIND = {
    "type_not_allowed",
    "time_in_force_not_allowed",
    "fractional_type",
    "fractional_day_only",
    "order_class_not_allowed",
    "group_time_in_force",
}
THINGS = {
    "stock": Tradable(symbol="ACME", currency="USD", quantity_step=D("0.001")),
    "crypto": Tradable(
        symbol="BTC-USD", currency="USD", kind="crypto", asset_class="crypto", quantity_step=D("0.0001")
    ),
    "other": Tradable(symbol="OIL", currency="USD", kind="other", asset_class="commodity"),
}


def terms_of(kind: OrderType, time: TimeInForce, quantity: str = "2") -> Terms:
    """An order of that kind whose figures are in order."""
    return Terms(
        side=Side.BUY,
        type=kind,
        time_in_force=time,
        quantity=D(quantity),
        limit_price=D(99) if kind in (OrderType.LIMIT, OrderType.STOP_LIMIT) else None,
        stop_price=D(98) if kind in (OrderType.STOP, OrderType.STOP_LIMIT) else None,
        trail_percent=D(2) if kind is OrderType.TRAILING_STOP else None,
    )


def is_refused(terms: Terms, thing: Tradable) -> bool:
    """Whether it is refused for its kind."""
    refusal = check_terms(terms, thing)
    assert refusal is None or refusal.code in ABOUT_KIND, refusal
    return refusal is not None


@pytest.mark.parametrize("kind", THINGS)
class TestOffer:
    def test_types_and_times_are_those_that_are_taken(self, kind):
        offer = offer_of(kind)
        for each, time in product(OrderType, TimeInForce):
            offered = each in offer.types and time in offer.times[each]
            assert offered is not is_refused(terms_of(each, time), THINGS[kind]), (each, time)

    def test_the_usual_time_goes_with_every_type(self, kind):
        offer = offer_of(kind)
        assert all(offer.usual_time in offer.times[each] for each in offer.types)

    def test_classes_are_those_that_are_taken(self, kind):
        offer = offer_of(kind)
        for each in OrderClass:
            exits = each is not OrderClass.SIMPLE
            terms = Terms(
                side=Side.SELL if each is OrderClass.OCO else Side.BUY,
                type=OrderType.LIMIT,
                time_in_force=TimeInForce.GTC,
                quantity=D(2),
                limit_price=D(110) if each is OrderClass.OCO else D(99),
                order_class=each,
                take_profit=TakeProfit(limit_price=D(110)) if each is OrderClass.BRACKET else None,
                stop_loss=StopLoss(stop_price=D(90)) if exits else None,
            )
            assert (each in offer.classes) is (check_group(terms, THINGS[kind]) is None), each


class TestPartsOfAUnit:
    def test_of_a_share_go_with_the_types_and_times_that_are_offered_for_them(self):
        offer = offer_of("stock")
        for each, time in product(offer.types, TimeInForce):
            if time not in offer.times[each]:
                continue
            offered = each in offer.part_types and time in offer.part_times
            assert offered is not is_refused(terms_of(each, time, "1.5"), THINGS["stock"]), (each, time)

    def test_crypto_has_no_extended_hours(self):
        assert not offer_of("crypto", has_extended_hours=True).has_extended_hours
        assert offer_of("stock", has_extended_hours=True).has_extended_hours
