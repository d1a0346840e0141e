"""Matching: who fills, at what price, in which order, and the sentence that explains it."""

import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.engine.matching import match
from trading.engine.types import BookOrder, MarketQuote, OrderType, Side

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


def order(side=Side.BUY, quantity="10", limit=None, age=0, id_=None):
    return BookOrder(
        order_id=id_ or uuid.uuid4(),
        side=side,
        type=OrderType.MARKET if limit is None else OrderType.LIMIT,
        remaining=Decimal(quantity),
        limit_price=None if limit is None else Decimal(limit),
        submitted_at=NOW - timedelta(seconds=age),
    )


def quote(bid="100.00", ask="100.02", last="100.01", *, is_stale=False, bid_size=None, ask_size=None):
    def number(text):
        return None if text is None else Decimal(text)

    return MarketQuote(
        bid=number(bid),
        ask=number(ask),
        last=number(last),
        quoted_at=NOW,
        is_stale=is_stale,
        bid_size=number(bid_size),
        ask_size=number(ask_size),
    )


class TestPriceOfAFill:
    @pytest.mark.parametrize(
        ("side", "limit", "price"),
        [
            (Side.BUY, None, "100.02"),
            (Side.SELL, None, "100.00"),
            (Side.BUY, "100.02", "100.02"),
            (Side.SELL, "100.00", "100.00"),
            (Side.BUY, "105", "100.02"),  # the improvement is the buyer's
            (Side.SELL, "95", "100.00"),
        ],
    )
    def test_is_the_far_side_of_the_quote(self, side, limit, price):
        result = match([order(side, limit=limit)], quote(), NOW)
        assert [(e.quantity, e.price, e.executed_at) for e in result.executions] == [
            (Decimal(10), Decimal(price), NOW)
        ]
        assert result.waiting == {}

    def test_is_the_last_trade_where_one_side_is_not_quoted(self):
        (execution,) = match([order()], quote(ask=None), NOW).executions
        assert execution.price == Decimal("100.01")
        assert execution.note == "Bought 10 at 100.01, the last trade of 15:00:00 UTC."

    def test_is_explained(self):
        (execution,) = match([order(Side.SELL, quantity="2.50")], quote(), NOW).executions
        assert execution.note == "Sold 2.5 at 100.00, the best bid of 15:00:00 UTC."


class TestWaiting:
    @pytest.mark.parametrize(
        ("side", "limit", "sentence"),
        [
            (
                Side.BUY,
                "100.01",
                "Limit 100.01: the best ask is 100.02, above the limit (quote of 15:00:00 UTC).",
            ),
            (
                Side.SELL,
                "100.01",
                "Limit 100.01: the best bid is 100.00, below the limit (quote of 15:00:00 UTC).",
            ),
        ],
    )
    def test_limit_away_from_the_market_rests_and_says_why(self, side, limit, sentence):
        resting = order(side, limit=limit)
        result = match([resting], quote(), NOW)
        assert result.executions == ()
        assert result.waiting == {resting.order_id: sentence}

    @pytest.mark.parametrize("limit", [None, "200"])
    def test_stale_quote_fills_nothing(self, limit):
        resting = order(limit=limit)
        result = match([resting], quote(is_stale=True), NOW)
        assert result.executions == ()
        assert "too old" in result.waiting[resting.order_id]

    @pytest.mark.parametrize(
        "broken",
        [
            {"bid": "0", "ask": "0", "last": "0"},
            {"bid": None, "ask": None, "last": None},
            {"bid": "NaN", "ask": "NaN", "last": "-1"},
            {"bid": "101", "ask": "100", "last": "100"},
        ],
    )
    def test_unusable_or_crossed_quote_fills_nothing(self, broken):
        resting = order()
        result = match([resting], quote(**broken), NOW)
        assert result.executions == ()
        assert "no usable ask" in result.waiting[resting.order_id]


class TestPriority:
    def test_market_then_better_limit_then_earlier(self):
        late = order(limit="101", age=1)
        early = order(limit="101", age=5)
        best = order(limit="102", age=0)
        market = order(age=0)
        result = match([late, early, best, market], quote(ask_size="35"), NOW)
        assert [e.order_id for e in result.executions] == [
            market.order_id,
            best.order_id,
            early.order_id,
            late.order_id,
        ]
        assert [e.quantity for e in result.executions] == [10, 10, 10, 5]
        assert result.waiting == {late.order_id: "Nothing more was on offer at 100.02; 5 still to go."}

    def test_lower_sell_limit_goes_first(self):
        dear, cheap = order(Side.SELL, limit="99"), order(Side.SELL, limit="98")
        result = match([dear, cheap], quote(bid_size="10"), NOW)
        assert [e.order_id for e in result.executions] == [cheap.order_id]

    def test_the_two_sides_do_not_share_a_size(self):
        result = match([order(Side.SELL), order(Side.BUY)], quote(bid_size="10", ask_size="10"), NOW)
        assert len(result.executions) == 2


prices = st.decimals("0.0001", "1000", places=4)
quantities = st.decimals("0.001", "1000", places=3)
orders = st.builds(
    order,
    st.sampled_from(Side),
    quantities,
    st.none() | prices,
    st.integers(0, 5),
)
quotes = st.builds(
    lambda bid, spread, bid_size, ask_size, stale: MarketQuote(
        bid=bid,
        ask=bid + spread,
        last=bid,
        quoted_at=NOW,
        is_stale=stale,
        bid_size=bid_size,
        ask_size=ask_size,
    ),
    prices,
    st.decimals("0", "1", places=4),
    st.none() | quantities,
    st.none() | quantities,
    st.booleans(),
)


class TestEveryBook:
    @given(st.lists(orders, max_size=12), quotes)
    def test_never_worse_than_the_limit_nor_more_than_wanted_or_offered(self, book, market):
        result = match(book, market, NOW)
        by_id = {item.order_id: item for item in book}
        filled: dict[uuid.UUID, Decimal] = {}
        for execution in result.executions:
            wanted = by_id[execution.order_id]
            filled[wanted.order_id] = filled.get(wanted.order_id, Decimal(0)) + execution.quantity
            assert execution.quantity > 0
            assert not market.is_stale
            if wanted.side is Side.BUY:
                assert execution.price == market.ask
                assert wanted.limit_price is None or execution.price <= wanted.limit_price
            else:
                assert execution.price == market.bid
                assert wanted.limit_price is None or execution.price >= wanted.limit_price
        for side, size in ((Side.BUY, market.ask_size), (Side.SELL, market.bid_size)):
            traded = sum(e.quantity for e in result.executions if by_id[e.order_id].side is side)
            assert size is None or traded <= size
        for item in book:
            done = filled.get(item.order_id, Decimal(0))
            assert done <= item.remaining
            assert (done < item.remaining) == (item.order_id in result.waiting)

    @given(st.lists(orders, max_size=8), quotes, st.randoms(use_true_random=False))
    def test_does_not_depend_on_the_order_of_the_list(self, book, market, random):
        shuffled = list(book)
        random.shuffle(shuffled)
        assert match(book, market, NOW) == match(shuffled, market, NOW)

    @given(st.lists(orders, max_size=12), quotes)
    def test_nobody_is_served_while_a_better_order_of_the_same_side_waits_for_size(self, book, market):
        result = match(book, market, NOW)
        by_id = {item.order_id: item for item in book}
        served = [by_id[e.order_id] for e in result.executions]
        for waiting_id, sentence in result.waiting.items():
            if "on offer" not in sentence:
                continue
            waiting = by_id[waiting_id]
            for other in served:
                if other.side is waiting.side and other.order_id != waiting_id:
                    assert other.limit_price is None or (
                        waiting.limit_price is not None
                        and (
                            other.limit_price >= waiting.limit_price
                            if waiting.side is Side.BUY
                            else other.limit_price <= waiting.limit_price
                        )
                    )
