"""The range of the session binds fills: stored with the quote, known to the matching engine, never left."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketdata.models import Quote
from marketdata.operations import set_quote as hold_by_hand
from trading.engine.matching import match
from trading.engine.types import BookOrder, MarketQuote, OrderType, Side
from trading.models import Fill
from trading.operations import match_resting_orders
from trading.tests.support import NOW, later, set_quote

D = Decimal


def with_range(share, bid, ask, last, low, high, *, at=NOW):
    set_quote(share, bid, ask, last, at=at)
    Quote.objects.filter(instrument=share).update(
        day_low=low and D(low), day_high=high and D(high), is_simulated=False
    )


class TestStoredRange:
    def test_a_buy_at_the_high_of_the_day_costs_no_more_than_the_high(self, place, share):
        with_range(share, "99.98", "100.04", "100.00", "97", "100.00")
        done = place()
        assert (done.status, done.filled_avg_price) == ("filled", D("100.00"))
        assert "high of the session" in Fill.objects.get().order.trail[-1]["text"]

    def test_a_sale_at_the_low_of_the_day_brings_no_less_than_the_low(self, place, share):
        place()
        with_range(share, "96.90", "97.10", "97", "97", "101")
        assert place(side="sell").filled_avg_price == D("97")

    def test_a_market_wholly_beyond_its_range_fills_nothing(self, place, share):
        with_range(share, "104", "104.10", "100", "97", "100.50")
        waiting = place()
        assert waiting.status == "new"
        assert not Fill.objects.exists()

    def test_a_resting_limit_waits_until_the_range_holds_its_price(self, place, share):
        resting = place(limit_price="95")
        with_range(share, "94", "94.50", "97", "96.50", "100", at=later())
        match_resting_orders(instrument_ids=[share.pk], now=later(2))
        assert not Fill.objects.exists()
        with_range(share, "94", "94.50", "94.20", "94.20", "100", at=later(3))
        match_resting_orders(instrument_ids=[share.pk], now=later(4))
        assert Fill.objects.get(order_id=resting.id).price == D("94.50")

    def test_the_last_trade_widens_a_range_that_is_behind_it(self, place, share):
        with_range(share, "102", "102.10", "102.05", "97", "100")
        assert place().filled_avg_price == D("102.05")

    def test_a_quote_held_by_hand_has_no_range(self, place, share):
        with_range(share, "99.98", "100.02", "100", "97", "100")
        hold_by_hand(instrument_id=share.pk, bid=D("120"), ask=D("130"), now=later())
        assert place(now=later(2)).filled_avg_price == D("130")

    @pytest.mark.parametrize("kind", ["market", "limit"])
    def test_a_stale_quote_fills_nothing_new_and_nothing_that_rests(self, place, share, kind):
        with_range(share, "99.98", "100", "100", "97", "101")
        resting = place(limit_price="99.50", time_in_force="gtc")
        with_range(share, "99", "99.40", "99.40", "97", "101", at=later(-7200))
        match_resting_orders(instrument_ids=None, now=later(1))
        if kind == "limit":
            place(limit_price="100.50", time_in_force="gtc", now=later(2))
        assert not Fill.objects.exists()
        assert resting.status == "new"


prices = st.decimals("1", "200", places=2)


@settings(max_examples=300, deadline=None)
@given(
    ends=st.tuples(prices, prices),
    book=st.lists(st.tuples(st.sampled_from(Side), st.none() | prices), max_size=5),
    touch=st.tuples(prices, prices),
    share=st.decimals("0", "1", places=2),
)
def test_fills_lie_within_the_range_and_are_never_worse_than_the_touch(ends, book, touch, share):
    low, high = sorted(ends)
    bid, ask = sorted(touch)
    last = low + (high - low) * share
    quote = MarketQuote(bid=bid, ask=ask, last=last, quoted_at=NOW, low=low, high=high)
    orders = {
        (each := _order(side, limit)).order_id: each
        for side, limit in book
    }  # fmt: skip
    for found in match(list(orders.values()), quote, NOW).executions:
        assert low <= found.price <= high
        buys = orders[found.order_id].side is Side.BUY
        assert found.price <= ask if buys else found.price >= bid
        assert bid <= high
        assert ask >= low


def _order(side, limit):
    from uuid import uuid4

    kind = OrderType.MARKET if limit is None else OrderType.LIMIT
    return BookOrder(
        order_id=uuid4(), side=side, type=kind, remaining=D(1), submitted_at=NOW, limit_price=limit
    )
