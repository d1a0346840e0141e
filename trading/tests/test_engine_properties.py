"""What holds for any book and any quote, whatever the models."""

from __future__ import annotations

import random
import uuid
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from trading.engine.liquidity import FillModel, taker_price, to_step
from trading.engine.matching import match, priority, touch
from trading.engine.triggers import collar_price, look, mark_of, trade_price
from trading.engine.types import (
    BookOrder,
    MarketQuote,
    OrderType,
    Phase,
    Side,
    Taken,
    TimeInForce,
)

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
D = Decimal

prices = st.decimals("1", "200", places=2)
sizes = st.none() | st.decimals("0", "500", places=0)
units = st.decimals("1", "300", places=0)


@st.composite
def models(draw):
    return FillModel(
        seed=draw(st.integers(0, 2**31)),
        slippage_bps=draw(st.decimals("0", "300", places=2)),
        participation=draw(st.none() | st.decimals("0.01", "1", places=2)),
        price_improvement=draw(st.decimals("0", "1", places=2)),
    )


@st.composite
def orders(draw, model):
    kind = draw(st.sampled_from(OrderType))
    has_limit = kind in (OrderType.LIMIT, OrderType.STOP_LIMIT)
    side = draw(st.sampled_from(Side))
    stop = draw(prices) if kind in (OrderType.STOP, OrderType.STOP_LIMIT) else None
    trailing = kind is OrderType.TRAILING_STOP
    by_amount = kind is OrderType.MARKET and draw(st.booleans())
    times = [TimeInForce.DAY, TimeInForce.GTC]
    if kind in (OrderType.MARKET, OrderType.LIMIT):
        times += [TimeInForce.IOC, TimeInForce.FOK, TimeInForce.OPG, TimeInForce.CLS]
    return BookOrder(
        order_id=draw(st.uuids()),
        side=side,
        type=kind,
        remaining=D(10) ** 12 if by_amount else draw(units),
        submitted_at=NOW - timedelta(seconds=draw(st.integers(0, 5))),
        limit_price=draw(prices) if has_limit else None,
        stop_price=stop,
        trail_price=draw(prices) if trailing else None,
        hwm=draw(prices) if trailing else None,
        cap_price=collar_price(draw(prices)) if not has_limit and side is Side.BUY else None,
        is_triggered=draw(st.booleans()) and kind not in (OrderType.MARKET, OrderType.LIMIT),
        time_in_force=draw(st.sampled_from(times)),
        extended_hours=draw(st.booleans()),
        eligible_at=draw(st.none() | st.just(NOW + timedelta(seconds=1)) | st.just(NOW)),
        money_left=draw(st.decimals("1", "20000", places=2)) if by_amount else None,
        step=D("0.001") if by_amount else D(1),
        has_rested=draw(st.booleans()),
        fills=draw(st.integers(0, 3)),
        model=model,
    )


@st.composite
def books(draw):
    model = draw(models())
    return [draw(orders(model)) for _ in range(draw(st.integers(0, 7)))]


@st.composite
def quotes(draw):
    bid = draw(st.none() | prices)
    ask = None if draw(st.booleans()) and bid is None else draw(prices)
    if bid is not None and ask is not None and bid > ask and draw(st.integers(0, 9)):
        bid, ask = ask, bid
    low = draw(st.none() | st.decimals("1", "90", places=2))
    return MarketQuote(
        bid=bid,
        ask=ask,
        last=draw(st.none() | prices),
        quoted_at=NOW,
        is_stale=draw(st.integers(0, 9)) == 0,
        bid_size=draw(sizes),
        ask_size=draw(sizes),
        volume=draw(sizes),
        low=low,
        high=None if low is None else low + draw(st.decimals("0", "120", places=2)),
        tick=D("0.01"),
    )


phases = st.sampled_from([Phase.REGULAR, Phase.REGULAR, Phase.REGULAR, Phase.EXTENDED, Phase.CLOSED])


@settings(max_examples=400, deadline=None)
@given(book=books(), quote=quotes(), phase=phases, taken=st.decimals("0", "50", places=0))
def test_what_holds_for_every_book(book, quote, phase, taken):
    used = Taken(bought=taken, sold=taken, today=taken)
    result = match(book, quote, NOW, phase=phase, taken=used)
    by_id = {order.order_id: order for order in book}

    # The same inputs give the same fills, in whatever order the book comes.
    shuffled = list(book)
    random.Random(0).shuffle(shuffled)
    assert match(shuffled, quote, NOW, phase=phase, taken=used) == result

    check_executions(by_id, quote, result)
    check_sizes(by_id, quote, result, taken)
    check_what_is_told(by_id, result)


def check_executions(by_id, quote, result) -> None:
    """Never beyond the limit or the collar, never outside the bar, never on a stale, crossed or missing market."""
    caps = {found.order_id: found.cap_price for found in result.triggered}
    for execution in result.executions:
        order = by_id[execution.order_id]
        assert execution.quantity > 0
        assert execution.price > 0
        bound = order.limit_price
        if bound is None:
            bound = caps.get(order.order_id, order.cap_price)
        if bound is not None:
            assert execution.price <= bound if order.side is Side.BUY else execution.price >= bound
        assert quote.low is None or execution.price >= quote.low
        assert quote.high is None or execution.price <= quote.high
        assert not quote.is_stale
        # A market that lies wholly beyond the bar contradicts it: nobody trades on either.
        assert quote.low is None or quote.ask is None or quote.ask >= quote.low
        assert quote.high is None or quote.bid is None or quote.bid <= quote.high
        assert quote.bid is None or quote.ask is None or quote.bid <= quote.ask
        assert order.money_left is None or execution.quantity * execution.price <= order.money_left
        assert order.eligible_at is None or order.eligible_at <= NOW
        assert len(execution.note) > 10


def done_of(result):
    """Units traded by order."""
    done: dict[uuid.UUID, Decimal] = defaultdict(Decimal)
    for execution in result.executions:
        done[execution.order_id] += execution.quantity
    return done


def check_sizes(by_id, quote, result, taken) -> None:
    """No more than each order wants, and no more than is on offer; fill-or-kill all or nothing."""
    done = done_of(result)
    for order_id, quantity in done.items():
        order = by_id[order_id]
        assert quantity <= order.remaining
        if order.time_in_force is TimeInForce.FOK and order.money_left is None:
            assert quantity == order.remaining
    for side, size in ((Side.BUY, quote.ask_size), (Side.SELL, quote.bid_size)):
        queue = [order for order in by_id.values() if order.side is side]
        at_auction = any(order.time_in_force in (TimeInForce.OPG, TimeInForce.CLS) for order in queue)
        if size is None or at_auction or not queue:
            continue
        share = queue[0].model.participation
        offered = size if share is None else size * share
        assert sum(done[order.order_id] for order in queue) <= max(offered - taken, D(0))


def check_what_is_told(by_id, result) -> None:
    """Everybody whose order is not done is told why, once; what cannot wait does not."""
    done = done_of(result)
    for order in by_id.values():
        told = (order.order_id in result.waiting) + (order.order_id in result.ended)
        assert told <= 1
        if order.time_in_force in (TimeInForce.IOC, TimeInForce.FOK) and order.order_id in result.waiting:
            assert order.eligible_at is not None
            assert order.eligible_at > NOW
        if order.remaining > done[order.order_id] and order.money_left is None:
            assert told == 1


@settings(max_examples=200, deadline=None)
@given(book=books(), quote=quotes())
def test_priority_is_kept(book, quote):
    """Whoever comes first in a side is filled before anybody behind gets anything (fok and models aside)."""
    plain = [
        order
        for order in book
        if order.time_in_force in (TimeInForce.DAY, TimeInForce.GTC)
        and order.type in (OrderType.MARKET, OrderType.LIMIT)
        and order.money_left is None
        and order.eligible_at is None
    ]
    result = match(plain, quote, NOW)
    filled = {execution.order_id: execution.quantity for execution in result.executions}
    for side in Side:
        queue = [order for order in sorted(plain, key=priority) if order.side is side]
        starved = False
        found = touch(quote, side)
        for order in queue:
            bound = order.limit_price if order.limit_price is not None else order.cap_price
            willing = found is not None and (
                bound is None or (found[0] <= bound if side is Side.BUY else found[0] >= bound)
            )
            if not willing:
                continue
            assert not (starved and filled.get(order.order_id))
            starved = starved or filled.get(order.order_id, 0) < order.remaining


@settings(max_examples=200, deadline=None)
@given(
    quantity=units,
    first=st.sampled_from([OrderType.STOP, OrderType.STOP_LIMIT]),
    size=sizes,
    bid=prices,
)
def test_members_of_a_group_never_trade_more_than_they_share(quantity, first, size, bid):
    head = uuid.uuid4()
    common = {"side": Side.SELL, "remaining": quantity, "submitted_at": NOW, "group": head}
    exits = [
        BookOrder(order_id=uuid.uuid4(), type=OrderType.LIMIT, limit_price=bid - D("0.01"), **common),
        BookOrder(
            order_id=uuid.uuid4(),
            type=first,
            stop_price=bid,
            limit_price=bid if first is OrderType.STOP_LIMIT else None,
            is_triggered=True,
            **common,
        ),
    ]
    quote = MarketQuote(bid=bid, ask=bid + 1, last=bid, quoted_at=NOW, bid_size=size)
    result = match(exits, quote, NOW)
    assert sum(execution.quantity for execution in result.executions) <= quantity


@settings(max_examples=200, deadline=None)
@given(
    side=st.sampled_from(Side),
    trail=st.decimals("0.01", "20", places=2),
    by_percent=st.booleans(),
    path=st.lists(prices, min_size=1, max_size=20),
)
def test_trailing_stop_is_never_loosened(side, trail, by_percent, path):
    hwm, stop = None, None
    for place, price in enumerate(path, 1):
        mark = mark_of(
            side=side,
            trail_price=None if by_percent else trail,
            trail_percent=trail if by_percent else None,
            hwm=hwm,
            price=price,
        )
        if stop is not None:
            assert mark.stop_price >= stop if side is Side.SELL else mark.stop_price <= stop
        assert mark.hwm == (max(path[:place]) if side is Side.SELL else min(path[:place]))
        hwm, stop = mark.hwm, mark.stop_price


@settings(max_examples=200, deadline=None)
@given(order=models().flatmap(orders), quote=quotes())
def test_a_stop_is_elected_exactly_when_the_trade_is_at_it_or_beyond(order, quote):
    after, triggered, _ = look(order, quote)
    price = trade_price(quote)
    if order.is_triggered or order.stop_price is None or order.type in (OrderType.MARKET, OrderType.LIMIT):
        return
    if order.type is OrderType.TRAILING_STOP:
        return
    reached = price is not None and (
        price <= order.stop_price if order.side is Side.SELL else price >= order.stop_price
    )
    assert (triggered is not None) == reached == after.is_triggered


@settings(max_examples=200, deadline=None)
@given(model=models(), price=prices, spread=st.decimals("0", "5", places=2), is_buy=st.booleans())
def test_model_price_stays_near_the_touch_and_on_the_grid(model, price, spread, is_buy):
    key = uuid.UUID(int=7)
    ask = {"number": 1, "is_buy": is_buy, "price": price, "spread": spread, "tick": D("0.01")}
    moved = taker_price(model, order_id=key, **ask)
    assert moved == taker_price(model, order_id=key, **ask)
    assert to_step(moved, D("0.01")) == moved
    slack = price * model.slippage_bps / 10000 + spread * model.price_improvement + D("0.01")
    assert abs(moved - price) <= slack


class TestSeed:
    MODEL = FillModel(seed=7, slippage_bps=D(50), latency_ms=200)

    def test_same_seed_same_fill_other_seed_another(self):
        ids = [uuid.UUID(int=number) for number in range(40)]

        def fills(seed):
            model = FillModel(seed=seed, slippage_bps=D(50))
            return [
                taker_price(
                    model, order_id=i, number=1, is_buy=True, price=D(100), spread=D(1), tick=D("0.01")
                )
                for i in ids
            ]

        assert fills(7) == fills(7)
        assert fills(7) != fills(8)
        assert all(D(100) <= price <= D("100.51") for price in fills(7))

    def test_latency_lies_between_half_and_all(self):
        from trading.engine.liquidity import latency_of

        found = [latency_of(self.MODEL, uuid.UUID(int=number)) for number in range(50)]
        assert all(timedelta(milliseconds=100) <= each <= timedelta(milliseconds=200) for each in found)
        assert len(set(found)) > 40
