"""What an account may do at the moment: limits, collar, stops on the right side, wash trades, duplicates. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Context, Decimal
from uuid import UUID

from trading.engine.terms import Terms, Tradable
from trading.engine.types import OrderClass, OrderType, PositionIntent, Refusal, Side
from trading.engine.wording import plain, price_text

_WIDE = Context(prec=60)
_NO_LIMIT = frozenset({OrderType.MARKET, OrderType.STOP, OrderType.TRAILING_STOP})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an account or the house allows; None: no limit. ``price_collar`` is a fraction of the quote."""

    max_order_notional: Decimal | None = None
    max_order_quantity: Decimal | None = None
    max_position_notional: Decimal | None = None
    max_open_orders: int | None = None
    price_collar: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOrder:
    """An open order of the same account and instrument, as far as the guards need it."""

    id: UUID
    side: Side
    type: OrderType
    order_class: OrderClass
    intent: PositionIntent
    limit_price: Decimal | None


def check_limits(
    terms: Terms,
    *,
    limits: Limits,
    quantity: Decimal,
    amount: Decimal,
    position_after: Decimal,
    open_orders: int,
    opens: bool,
    currency: str,
) -> Refusal | None:
    """The account's own limits. ``position_after`` is the money in the position with this order and those open."""
    if limits.max_order_quantity is not None and quantity > limits.max_order_quantity:
        return Refusal(
            code="max_order_quantity",
            message=f"This account takes orders of at most {plain(limits.max_order_quantity)} units.",
            field="quantity",
        )
    if limits.max_order_notional is not None and amount > limits.max_order_notional:
        return Refusal(
            code="max_order_notional",
            message=(
                f"The order is worth about {price_text(amount)} {currency}; "
                f"this account takes orders of at most {price_text(limits.max_order_notional)}."
            ),
            field="quantity" if terms.notional is None else "notional",
        )
    if opens and limits.max_position_notional is not None and position_after > limits.max_position_notional:
        return Refusal(
            code="max_position_notional",
            message=(
                f"With this order the position would be worth about {price_text(position_after)} {currency}; "
                f"this account holds at most {price_text(limits.max_position_notional)} in one instrument."
            ),
            field="quantity" if terms.notional is None else "notional",
        )
    if limits.max_open_orders is not None and open_orders >= limits.max_open_orders:
        return Refusal(
            code="max_open_orders",
            message=f"This account has {open_orders} open orders, which is as many as it takes.",
        )
    return None


def check_collar(terms: Terms, *, market_price: Decimal, collar: Decimal | None) -> Refusal | None:
    """A limit far on the wrong side of the market is a slip of the hand."""
    limit = terms.limit_price
    if collar is None or limit is None or terms.order_class is OrderClass.OCO:
        return None
    if terms.type is not OrderType.LIMIT:
        return None
    if terms.side is Side.BUY:
        bound = _WIDE.multiply(market_price, 1 + collar)
        wrong, relation = limit > bound, "above"
    else:
        bound = _WIDE.multiply(market_price, max(1 - collar, Decimal(0)))
        wrong, relation = limit < bound, "below"
    if not wrong:
        return None
    percent = plain(_WIDE.multiply(collar, Decimal(100)))
    return Refusal(
        code="price_collar",
        message=(
            f"The limit price {price_text(limit)} is more than {percent} % {relation} the market "
            f"({price_text(market_price)}). Check the price."
        ),
        field="limit_price",
    )


def check_stop_side(terms: Terms, *, market_price: Decimal) -> Refusal | None:
    """A sell stop lies below the market and a buy stop above it: else it would be reached at once."""
    stop = terms.stop_price
    if terms.type not in (OrderType.STOP, OrderType.STOP_LIMIT) or stop is None:
        return None
    if terms.side is Side.SELL and stop >= market_price:
        return Refusal(
            code="stop_price_side",
            message=f"The stop price of a sale must be less than the current price, {price_text(market_price)}.",
            field="stop_price",
        )
    if terms.side is Side.BUY and stop <= market_price:
        return Refusal(
            code="stop_price_side",
            message=(
                f"The stop price of a purchase must be greater than the current price, {price_text(market_price)}."
            ),
            field="stop_price",
        )
    return None


def check_opposite(
    terms: Terms, *, intent: PositionIntent, others: Iterable[OpenOrder]
) -> tuple[Refusal, UUID] | None:
    """Open orders on the other side: two that would open opposite positions, and wash trades.

    Returns the refusal and the order that stands in the way. Members of groups and trailing stops are no wash trades.
    """
    for other in sorted(others, key=lambda each: str(each.id)):
        if other.side is terms.side:
            continue
        if intent.opens and other.intent.opens:
            what = (
                "a long buy while a short sell" if terms.side is Side.BUY else "a short sell while a long buy"
            )
            return (
                Refusal(
                    code="opposite_opening",
                    message=f"Cannot open {what} order is open.",
                    field="side",
                ),
                other.id,
            )
        if _could_trade(terms, other):
            return (
                Refusal(
                    code="wash_trade",
                    message=(
                        "This order could trade against your own open order on the other side. "
                        "Cancel that one first, or use a bracket, OCO or OTO order."
                    ),
                    field="side",
                ),
                other.id,
            )
    return None


def _could_trade(terms: Terms, other: OpenOrder) -> bool:
    if terms.order_class is not OrderClass.SIMPLE or other.order_class is not OrderClass.SIMPLE:
        return False
    if OrderType.TRAILING_STOP in (terms.type, other.type):
        return False
    if terms.type in _NO_LIMIT or other.type in _NO_LIMIT:
        return True
    mine, theirs = terms.limit_price, other.limit_price
    if mine is None or theirs is None:
        return True
    return mine >= theirs if terms.side is Side.BUY else theirs >= mine


def check_intent(
    terms: Terms, *, position: Decimal, thing: Tradable
) -> tuple[PositionIntent, Refusal | None]:
    """What the order does to the position, and whether that is what was asked for.

    Without a position, and in the position's own direction, it opens; against it, it closes: no order does both.
    """
    if terms.side is Side.BUY:
        found = PositionIntent.BUY_TO_CLOSE if position < 0 else PositionIntent.BUY_TO_OPEN
    else:
        found = PositionIntent.SELL_TO_CLOSE if position > 0 else PositionIntent.SELL_TO_OPEN
    asked = terms.position_intent
    if asked is not None and asked is not found:
        if not asked.value.startswith(terms.side.value):
            message = f"{asked.value} does not fit an order to {terms.side.value}."
        elif asked.opens:
            message = (
                f"You hold a position in {thing.symbol} that this order would close: it cannot open one."
            )
        else:
            message = f"You hold no position in {thing.symbol} that this order could close."
        return found, Refusal(code="position_intent", message=message, field="position_intent")
    is_exit = terms.order_class is OrderClass.OCO
    is_entry = terms.order_class in (OrderClass.BRACKET, OrderClass.OTO)
    if is_exit and found.opens:
        return found, Refusal(
            code="oco_needs_position",
            message=f"An OCO order closes a position, and you hold none in {thing.symbol} on that side.",
            field="order_class",
        )
    if is_entry and not found.opens:
        return found, Refusal(
            code="group_must_open",
            message=f"A {terms.order_class.value} order opens or adds to a position; this one would close one.",
            field="order_class",
        )
    return found, None
