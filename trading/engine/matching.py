"""Matching: a book of open orders for one instrument against one quote. Pure: returns actions, does no I/O.

Priority rule: market orders before limit orders, then the better limit (buys: higher, sells: lower), then the
earlier submission, then the order id. Each side draws on its own side of the quote: buys trade at the ask,
sells at the bid. A limit order trades at the quote when that is at its limit or better, so it is never filled
at a worse price than its limit and gets the whole of any improvement.

Known limits: one price level per side (top of book); the orders of a book do not trade with each other; a
side without a price trades at the last trade, and says so; a crossed quote (bid above ask) trades nothing.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from trading.engine import wording
from trading.engine.types import BookOrder, Execution, MarketQuote, MatchResult, OrderType, Side

ZERO = Decimal(0)


def match(book: Iterable[BookOrder], quote: MarketQuote, now: datetime) -> MatchResult:
    """Fill what the quote allows.

    ``book`` holds open orders of one instrument in any order; ``now`` stamps the executions. Quantities of
    the executions sum to at most each order's ``remaining`` and, where the quote names a size, to at most
    that size per side. The same arguments always give the same result.
    """
    executions: list[Execution] = []
    waiting: dict[UUID, str] = {}
    offered = {Side.BUY: quote.ask_size, Side.SELL: quote.bid_size}
    for order in sorted(book, key=priority):
        found = touch(quote, order.side)
        if quote.is_stale:
            waiting[order.order_id] = wording.waiting_for_quote(quote.quoted_at)
        elif found is None:
            waiting[order.order_id] = wording.waiting_without_price(order.side)
        elif order.limit_price is not None and not is_marketable(order, found[0]):
            waiting[order.order_id] = wording.waiting_for_price(
                side=order.side,
                limit_price=order.limit_price,
                price=found[0],
                source=found[1],
                quoted_at=quote.quoted_at,
            )
        else:
            price, source = found
            size = offered[order.side]
            quantity = order.remaining if size is None else min(order.remaining, size)
            if size is not None:
                offered[order.side] = size - quantity
            if quantity > ZERO:
                note = wording.filled_note(
                    side=order.side,
                    quantity=quantity,
                    price=price,
                    source=source,
                    quoted_at=quote.quoted_at,
                )
                executions.append(
                    Execution(
                        order_id=order.order_id, quantity=quantity, price=price, executed_at=now, note=note
                    )
                )
            if quantity < order.remaining:
                waiting[order.order_id] = wording.waiting_for_liquidity(
                    remaining=order.remaining - quantity, price=price
                )
    return MatchResult(executions=tuple(executions), waiting=waiting)


def touch(quote: MarketQuote, side: Side) -> tuple[Decimal, str] | None:
    """The price an order of ``side`` would trade at and its name, or None when there is none to trust."""
    bid, ask = _usable(quote.bid), _usable(quote.ask)
    if bid is not None and ask is not None and bid > ask:
        return None
    if side is Side.BUY and ask is not None:
        return ask, "best ask"
    if side is Side.SELL and bid is not None:
        return bid, "best bid"
    last = _usable(quote.last)
    return None if last is None else (last, "last trade")


def is_marketable(order: BookOrder, price: Decimal) -> bool:
    """Whether the order is willing to trade at ``price``."""
    if order.type is OrderType.MARKET or order.limit_price is None:
        return True
    return price <= order.limit_price if order.side is Side.BUY else price >= order.limit_price


def priority(order: BookOrder) -> tuple[int, Decimal, datetime, str]:
    """Sort key of price-time priority within a side (the two sides never compete for the same size)."""
    if order.limit_price is None:
        return 0, ZERO, order.submitted_at, str(order.order_id)
    better = -order.limit_price if order.side is Side.BUY else order.limit_price
    return 1, better, order.submitted_at, str(order.order_id)


def _usable(price: Decimal | None) -> Decimal | None:
    return price if price is not None and price.is_finite() and price > ZERO else None
