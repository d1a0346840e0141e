"""Matching: a book of open orders for one instrument against one quote. Pure: returns actions, does no I/O.

First the stops are looked at; what is reached joins the working orders. Priority among those: orders without a limit
before limit orders, then the better limit (buys: higher, sells: lower), then the earlier submission, then the order id.
Each side draws on its own side of the quote: buys trade at the ask, sells at the bid, never outside the bar's range where
one is known. A limit order trades at the quote when that is at its limit or better, so it is never filled at a worse price
than its limit and gets the whole of any improvement; slippage of the account's model never takes it beyond its limit or
its collar. Auction orders trade at the last trade once their auction is due.

Known limits: one price level per side (top of book); the orders of a book do not trade with each other, and the book is
that of one account: accounts do not compete for a quote; a side without a price trades at the last trade, and says so; a
crossed quote (bid above ask) trades nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Context, Decimal
from uuid import UUID

from trading.engine import wording
from trading.engine.liquidity import offered, taker_price, to_step
from trading.engine.triggers import STOPS, look, trade_price, usable
from trading.engine.types import (
    BookOrder,
    Execution,
    Liquidity,
    Mark,
    MarketQuote,
    MatchResult,
    OrderType,
    Phase,
    Side,
    Taken,
    TimeInForce,
    Triggered,
)

ZERO = Decimal(0)
_WIDE = Context(prec=60)
_AUCTIONS = frozenset({TimeInForce.OPG, TimeInForce.CLS})
_AT_ONCE = frozenset({TimeInForce.IOC, TimeInForce.FOK})
NOTHING_TAKEN = Taken()


@dataclass(slots=True)
class _Pass:
    """What one look at a book has come to so far."""

    quote: MarketQuote
    now: datetime
    taken: dict[Side, Decimal]
    taken_today: Decimal
    by_group: dict[UUID, Decimal] = field(default_factory=dict)
    executions: list[Execution] = field(default_factory=list)
    triggered: list[Triggered] = field(default_factory=list)
    marks: dict[UUID, Mark] = field(default_factory=dict)
    waiting: dict[UUID, str] = field(default_factory=dict)
    ended: dict[UUID, str] = field(default_factory=dict)


def match(
    book: Iterable[BookOrder],
    quote: MarketQuote,
    now: datetime,
    *,
    phase: Phase = Phase.REGULAR,
    taken: Taken = NOTHING_TAKEN,
) -> MatchResult:
    """Fill what the quote allows.

    ``book`` holds open orders of one account and instrument in any order; ``now`` stamps the executions; ``taken`` is
    what the account already traded on this quote and today. Quantities of the executions sum to at most each order's
    ``remaining`` (members of a group: together) and to at most what the quote offers. The same arguments always
    give the same result.
    """
    work = _Pass(
        quote=quote, now=now, taken={Side.BUY: taken.bought, Side.SELL: taken.sold}, taken_today=taken.today
    )
    ready: list[BookOrder] = []
    for order in sorted(book, key=lambda each: (each.submitted_at, str(each.order_id))):
        looked_at = _look(work, order, phase)
        if looked_at is not None:
            ready.append(looked_at)
    for order in sorted(ready, key=priority):
        _trade(work, order)
    return MatchResult(
        executions=tuple(work.executions),
        waiting=work.waiting,
        triggered=tuple(work.triggered),
        marks=work.marks,
        ended=work.ended,
    )


def _look(work: _Pass, order: BookOrder, phase: Phase) -> BookOrder | None:
    """The order if it works in the market now; else the reason why not is noted."""
    quote, now = work.quote, work.now
    if order.time_in_force in _AUCTIONS:
        return _at_auction(work, order)
    reason = ""
    if order.eligible_at is not None and order.eligible_at > now:
        reason = wording.waiting_for_arrival(order.eligible_at)
    elif phase is Phase.CLOSED:
        reason = wording.WAITING_FOR_SESSION
    elif phase is Phase.EXTENDED and not (order.extended_hours and order.type is OrderType.LIMIT):
        reason = wording.WAITING_FOR_REGULAR_SESSION
    elif quote.is_stale:
        reason = wording.waiting_for_quote(quote.quoted_at)
    if reason:
        _wait(work, order, reason)
        return None
    order, triggered, mark = look(order, quote)
    if mark is not None:
        work.marks[order.order_id] = mark
    if triggered is not None:
        work.triggered.append(triggered)
    if order.type in STOPS and not order.is_triggered:
        price = trade_price(quote)
        if price is None or order.stop_price is None:
            work.waiting[order.order_id] = wording.waiting_without_price(order.side)
        else:
            work.waiting[order.order_id] = wording.waiting_for_stop(
                side=order.side, stop_price=order.stop_price, price=price, quoted_at=quote.quoted_at
            )
        return None
    return order


def _at_auction(work: _Pass, order: BookOrder) -> BookOrder | None:
    """An auction order when its auction is held: at the open with the first price after it, at the close with the last."""
    due, quote = order.eligible_at, work.quote
    which = "opening" if order.time_in_force is TimeInForce.OPG else "closing"
    if due is not None and due > work.now:
        work.waiting[order.order_id] = wording.waiting_for_auction(which, due)
        return None
    if quote.is_stale:
        work.waiting[order.order_id] = wording.waiting_for_quote(quote.quoted_at)
        return None
    early = order.time_in_force is TimeInForce.OPG and due is not None and quote.quoted_at < due
    if early and not quote.is_firm:
        work.waiting[order.order_id] = wording.waiting_for_auction(which, due or work.now)
        return None
    return order


def _wait(work: _Pass, order: BookOrder, reason: str) -> None:
    """Note why the order does not trade; one that cannot wait ends."""
    late = order.eligible_at is None or order.eligible_at <= work.now
    if order.time_in_force in _AT_ONCE and late and (order.type not in STOPS or order.is_triggered):
        work.ended[order.order_id] = wording.nothing_at_once(order.time_in_force is TimeInForce.FOK, reason)
    else:
        work.waiting[order.order_id] = reason


def _trade(work: _Pass, order: BookOrder) -> None:
    """Fill a working order as far as the quote goes."""
    is_auction = order.time_in_force in _AUCTIONS
    found = _willing_at(work, order)
    if found is None:
        return
    seen, source = found
    price = seen
    remaining = order.remaining - work.by_group.get(order.group or order.order_id, ZERO)
    if remaining <= ZERO:
        return
    if not is_auction:
        price = _price_for(work, order, price)
    wanted = remaining
    if order.money_left is not None:
        wanted = min(remaining, to_step(_WIDE.divide(order.money_left, price), order.step))
        if wanted <= ZERO:
            work.ended[order.order_id] = wording.amount_used_up(price)
            return
    quantity = _quantity_for(work, order, wanted)
    if order.time_in_force is TimeInForce.FOK and quantity < wanted:
        work.ended[order.order_id] = wording.not_all_at_once(wanted, quantity, price)
        return
    if quantity > ZERO:
        _execute(work, order, quantity, price, source, touch=seen)
    if quantity < wanted:
        _leave(work, order, wording.waiting_for_liquidity(remaining=wanted - quantity, price=price))


def _willing_at(work: _Pass, order: BookOrder) -> tuple[Decimal, str] | None:
    """The price the order would trade at and its name; None when it does not, which has been noted by then."""
    quote = work.quote
    found = _auction_price(quote) if order.time_in_force in _AUCTIONS else touch(quote, order.side)
    if found is None:
        _leave(work, order, wording.waiting_without_price(order.side))
        return None
    price, source = found
    bound = order.limit_price if order.limit_price is not None else order.cap_price
    if bound is not None and not _within(order.side, bound, price):
        if order.limit_price is not None:
            reason = wording.waiting_for_price(
                side=order.side, limit_price=bound, price=price, source=source, quoted_at=quote.quoted_at
            )
        else:
            reason = wording.waiting_for_collar(
                cap_price=bound, price=price, source=source, quoted_at=quote.quoted_at
            )
        _leave(work, order, reason)
        return None
    inside = _inside_range(quote, price)
    if inside is None:
        _leave(work, order, wording.outside_range(price, source, quote.low, quote.high))
        return None
    if inside != price:
        return inside, wording.range_edge(is_high=price > inside)
    return price, source


def _leave(work: _Pass, order: BookOrder, reason: str) -> None:
    """What is left of an order after its turn: ioc and auction orders end, the others wait."""
    if order.time_in_force in _AT_ONCE:
        work.ended[order.order_id] = wording.nothing_at_once(order.time_in_force is TimeInForce.FOK, reason)
    elif order.time_in_force in _AUCTIONS:
        work.ended[order.order_id] = wording.missed_auction(order.time_in_force is TimeInForce.OPG, reason)
    else:
        work.waiting[order.order_id] = reason


def _price_for(work: _Pass, order: BookOrder, price: Decimal) -> Decimal:
    """The touch as the account's model has it: within limit or collar and within the bar."""
    if order.has_rested and order.limit_price is not None:
        return price
    quote = work.quote
    spread = quote.ask - quote.bid if quote.bid is not None and quote.ask is not None else ZERO
    moved = taker_price(
        order.model,
        order_id=order.order_id,
        number=order.fills + 1,
        is_buy=order.side is Side.BUY,
        price=price,
        spread=spread,
        tick=quote.tick,
    )
    bound = order.limit_price if order.limit_price is not None else order.cap_price
    if bound is not None:
        moved = min(moved, bound) if order.side is Side.BUY else max(moved, bound)
    if quote.low is not None:
        moved = max(moved, quote.low)
    if quote.high is not None:
        moved = min(moved, quote.high)
    return moved


def _quantity_for(work: _Pass, order: BookOrder, wanted: Decimal) -> Decimal:
    quote, side = work.quote, order.side
    size = None
    if order.time_in_force not in _AUCTIONS:
        size = quote.ask_size if side is Side.BUY else quote.bid_size
    limit = offered(
        order.model,
        size=size,
        volume=quote.volume,
        taken=work.taken[side],
        taken_today=work.taken_today,
    )
    if limit is None or limit >= wanted:
        return wanted
    return to_step(limit, order.step)


def _execute(
    work: _Pass, order: BookOrder, quantity: Decimal, price: Decimal, source: str, *, touch: Decimal
) -> None:
    key = order.group or order.order_id
    work.by_group[key] = work.by_group.get(key, ZERO) + quantity
    work.taken[order.side] += quantity
    work.taken_today += quantity
    is_maker = order.has_rested and order.limit_price is not None and order.time_in_force not in _AUCTIONS
    work.executions.append(
        Execution(
            order_id=order.order_id,
            quantity=quantity,
            price=price,
            executed_at=work.now,
            liquidity=Liquidity.MAKER if is_maker else Liquidity.TAKER,
            quoted_at=work.quote.quoted_at,
            note=wording.filled_note(
                side=order.side,
                quantity=quantity,
                price=price,
                source=source,
                quoted_at=work.quote.quoted_at,
                limit_price=order.limit_price,
                touch=touch,
            ),
        )
    )


def touch(quote: MarketQuote, side: Side) -> tuple[Decimal, str] | None:
    """The price an order of ``side`` would trade at and its name, or None when there is none to trust."""
    bid, ask = usable(quote.bid), usable(quote.ask)
    if bid is not None and ask is not None and bid > ask:
        return None
    if side is Side.BUY and ask is not None:
        return ask, "best ask"
    if side is Side.SELL and bid is not None:
        return bid, "best bid"
    last = usable(quote.last)
    return None if last is None else (last, "last trade")


def _inside_range(quote: MarketQuote, price: Decimal) -> Decimal | None:
    """The price itself where the range of the bar knows it; the edge of the range where that lies between bid and ask:
    then the market touches the range and only its far side lies beyond. None where the whole market lies beyond it:
    quote and range contradict each other, and nothing trades on that."""
    bid, ask = usable(quote.bid), usable(quote.ask)
    if quote.high is not None and price > quote.high:
        return quote.high if price == ask and (bid is None or bid <= quote.high) else None
    if quote.low is not None and price < quote.low:
        return quote.low if price == bid and (ask is None or ask >= quote.low) else None
    return price


def _auction_price(quote: MarketQuote) -> tuple[Decimal, str] | None:
    price = trade_price(quote)
    return None if price is None else (price, "auction price")


def _within(side: Side, bound: Decimal, price: Decimal) -> bool:
    return price <= bound if side is Side.BUY else price >= bound


def priority(order: BookOrder) -> tuple[int, Decimal, datetime, str]:
    """Sort key of price-time priority within a side (the two sides never compete for the same size)."""
    if order.limit_price is None:
        return 0, ZERO, order.submitted_at, str(order.order_id)
    better = -order.limit_price if order.side is Side.BUY else order.limit_price
    return 1, better, order.submitted_at, str(order.order_id)
