"""Letting orders meet the market: the engine says what happens, the desk books it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC
from decimal import Decimal
from uuid import UUID

from django.db.models import Q, Sum

from trading.engine.matching import match
from trading.engine.states import MATCHABLE, OrderStatus
from trading.engine.types import MarketQuote, MatchResult, OrderType, Phase, Side, Taken, TimeInForce
from trading.models import Fill, Order
from trading.operations import ending, filling
from trading.operations.desk import Desk
from trading.queries.book import book_order
from trading.queries.market import Market

ZERO = Decimal(0)
_AUCTIONS = (TimeInForce.OPG, TimeInForce.CLS)


def work(
    desk: Desk, instrument_id: int, orders: Iterable[Order], *, has_rested: bool = True
) -> dict[UUID, str]:
    """Let orders of one instrument meet its market, with whatever that sets off on the desk.

    ``has_rested`` is false for an order that has just arrived. Returns why those that are still open wait. The market
    must be on the desk; at most one statement beside what fills cost.
    """
    market = desk.markets[instrument_id]
    tick = market.tick()
    waiting: dict[UUID, str] = {}
    batch = [order for order in orders if _may_trade(order)]
    if tick is None or market.thing.status == "halted":
        return waiting
    while batch:
        for order in batch:
            _route_if_due(desk, order, market)
        taken = _taken(desk, instrument_id, tick)
        book = [
            book_order(
                order,
                thing=market.thing,
                model=desk.model,
                has_rested=has_rested,
                fills=desk.fill_count(order) if desk.model.draws else 0,
            )
            for order in batch
        ]
        desk.awakened = []
        result = match(book, tick, desk.now, phase=market.phase, taken=taken)
        _apply(desk, {order.pk: order for order in batch}, result)
        for order in batch:
            if (
                order.status == OrderStatus.ACCEPTED
                and market.phase is Phase.REGULAR
                and _is_due(desk, order)
            ):
                filling.route(desk, order)
        waiting.update(result.waiting)
        # An exit that has just been armed looks at the same market; it rests from the first moment.
        batch = [
            order for order in desk.awakened if _may_trade(order) and order.instrument_id == instrument_id
        ]
        has_rested = True
    return waiting


def _may_trade(order: Order) -> bool:
    return order.is_open and (OrderStatus(order.status) in MATCHABLE or bool(order.watch))


def _is_due(desk: Desk, order: Order) -> bool:
    return order.eligible_at is None or order.eligible_at <= desk.now


def _route_if_due(desk: Desk, order: Order, market: Market) -> None:
    """An order that waited for the session, or was on its way, begins to work although it may not trade yet."""
    if order.status not in (OrderStatus.ACCEPTED, OrderStatus.PENDING_NEW):
        return
    if not _is_due(desk, order):
        return
    works = market.phase is Phase.REGULAR or order.time_in_force in _AUCTIONS
    if market.phase is Phase.EXTENDED:
        works = works or (order.extended_hours and order.type == OrderType.LIMIT)
    if not works:
        return
    if order.type == OrderType.MARKET and order.side == Side.BUY and order.status == OrderStatus.ACCEPTED:
        # It is routed by its fill: one that nobody can pay any more is rejected instead.
        filling.collar_anew(desk, order)
    else:
        filling.route(desk, order)


def _apply(desk: Desk, orders: dict[UUID, Order], result: MatchResult) -> None:
    for order_id, mark in result.marks.items():
        filling.mark(desk, orders[order_id], mark)
    for found in result.triggered:
        filling.trigger(desk, orders[found.order_id], found)
    for execution in result.executions:
        order = orders[execution.order_id]
        if order.is_open:
            filling.fill(desk, order, execution)
    for order_id, reason in result.ended.items():
        order = orders[order_id]
        if order.is_open:
            _end(desk, order, reason)


def _end(desk: Desk, order: Order, reason: str) -> None:
    """What cannot wait ends: the rest of ioc and fok is canceled, what missed its auction expires."""
    filling.route(desk, order)
    if order.time_in_force in _AUCTIONS:
        ending.expire(desk, order, text=reason, code="auction_missed")
    else:
        ending.cancel(desk, order, text=reason, code="not_filled_at_once", reason=reason)


def _taken(desk: Desk, instrument_id: int, tick: MarketQuote) -> Taken:
    """What the account already traded on this quote, and today where a share of the day's volume is the limit."""
    by_size = tick.bid_size is not None or tick.ask_size is not None
    by_volume = desk.model.participation is not None and tick.volume is not None
    if not by_size and not by_volume:
        return Taken()
    here = [trade.fill for trade in desk.trades if trade.fill.instrument_id == instrument_id]
    on_quote = Q(quoted_at=tick.quoted_at)
    sums: dict[str, Sum] = {
        "bought": Sum("quantity", filter=on_quote & Q(side=Side.BUY)),
        "sold": Sum("quantity", filter=on_quote & Q(side=Side.SELL)),
    }
    rows = Fill.objects.filter(portfolio_id=desk.portfolio.id, instrument_id=instrument_id)
    midnight = desk.now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if by_volume:
        rows = rows.filter(executed_at__gte=midnight)
        sums["today"] = Sum("quantity")
    else:
        rows = rows.filter(on_quote)
    stored = rows.aggregate(**sums)

    def total(name: str, fills: Iterable[Fill]) -> Decimal:
        found: Decimal = (stored.get(name) or ZERO) + sum((fill.quantity for fill in fills), ZERO)
        return found

    fresh = [fill for fill in here if fill.quoted_at == tick.quoted_at]
    return Taken(
        bought=total("bought", (fill for fill in fresh if fill.side == Side.BUY)),
        sold=total("sold", (fill for fill in fresh if fill.side == Side.SELL)),
        today=total("today", here),
    )
