"""What open orders wait for has its price kept fresh."""

from __future__ import annotations

from marketdata.operations import instruments_that_matter, used_at_simulated_prices
from trading.operations import cancel_order
from trading.queries.orders import in_open_orders, instruments_in_open_orders
from trading.tests.support import later


def test_instruments_of_open_orders_matter_until_the_order_ends(
    place, trader, share, django_assert_num_queries
):
    placed = place(quantity=1, limit_price="90")
    with django_assert_num_queries(1):
        assert list(instruments_in_open_orders()) == [share.pk]
    assert share.pk in instruments_that_matter()
    cancel_order(order_id=placed.id, actor=trader, now=later())
    assert list(instruments_in_open_orders()) == []


def test_what_open_orders_wait_for_keeps_the_prices_it_has(place, trader, share):
    assert used_at_simulated_prices([share.pk]) == {}
    placed = place(quantity=1, limit_price="90")
    assert list(in_open_orders([share.pk, share.pk + 1])) == [share.pk]
    assert used_at_simulated_prices([share.pk]) == {share.pk: "by open orders"}
    cancel_order(order_id=placed.id, actor=trader, now=later())
    assert used_at_simulated_prices([share.pk]) == {}
