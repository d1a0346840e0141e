"""Stops: when one is reached, and how a trailing stop follows the market. Pure.

Election follows the last trade, taken inside the quote: a sell stop is reached at or below its price, a buy stop at or
above it. A reached stop acts as a market order (a buy with a collar), a stop-limit as a limit order.
"""

from dataclasses import replace
from decimal import Context, Decimal

from trading.engine import wording
from trading.engine.types import BookOrder, Mark, MarketQuote, OrderType, Side, Triggered

_WIDE = Context(prec=60)
_HUNDRED = Decimal(100)
#: Prices below this get the wider collar.
COLLAR_BORDER = Decimal(50)
WIDE_COLLAR = Decimal("0.04")
NARROW_COLLAR = Decimal("0.025")
STOPS = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP})
_TWELVE = Decimal("0.000000000001")


def collar_price(reference: Decimal) -> Decimal:
    """The highest price a buy without a limit may trade at: 4 % above a reference below 50, 2.5 % above others."""
    collar = WIDE_COLLAR if reference < COLLAR_BORDER else NARROW_COLLAR
    return _WIDE.multiply(reference, 1 + collar).quantize(_TWELVE, context=_WIDE)


def usable(price: Decimal | None) -> Decimal | None:
    """A price that can be traded at, or None."""
    return price if price is not None and price.is_finite() and price > 0 else None


def trade_price(quote: MarketQuote) -> Decimal | None:
    """The last trade, taken to lie within bid and ask where those are quoted; None without any usable price."""
    last, bid, ask = usable(quote.last), usable(quote.bid), usable(quote.ask)
    if bid is not None and ask is not None and bid > ask:
        return None
    if last is None:
        return bid if bid is not None else ask
    if ask is not None and last > ask:
        return ask
    if bid is not None and last < bid:
        return bid
    return last


def mark_of(
    *,
    side: Side,
    trail_price: Decimal | None,
    trail_percent: Decimal | None,
    hwm: Decimal | None,
    price: Decimal,
) -> Mark:
    """The best price so far and the stop that follows from it: never loosened, as the best price never worsens."""
    known = price if hwm is None else hwm
    best = max(known, price) if side is Side.SELL else min(known, price)
    if trail_price is not None:
        distance = trail_price
    else:
        percent = trail_percent or Decimal(0)
        distance = _WIDE.divide(_WIDE.multiply(best, percent), _HUNDRED)
    stop = best - distance if side is Side.SELL else best + distance
    return Mark(hwm=best, stop_price=stop.quantize(_TWELVE, context=_WIDE))


def is_reached(side: Side, stop_price: Decimal, price: Decimal) -> bool:
    """Whether a trade at ``price`` elects the stop."""
    return price <= stop_price if side is Side.SELL else price >= stop_price


def look(order: BookOrder, quote: MarketQuote) -> tuple[BookOrder, Triggered | None, Mark | None]:
    """Move a trailing stop with the market and see whether the stop is reached.

    Returns the order as it stands after that; the trigger if it was reached; the new mark if it moved.
    """
    price = trade_price(quote)
    if order.type not in STOPS or order.is_triggered or price is None:
        return order, None, None
    moved: Mark | None = None
    if order.type is OrderType.TRAILING_STOP:
        mark = mark_of(
            side=order.side,
            trail_price=order.trail_price,
            trail_percent=order.trail_percent,
            hwm=order.hwm,
            price=price,
        )
        if mark.hwm != order.hwm or order.stop_price is None:
            moved = mark
            order = replace(order, hwm=mark.hwm, stop_price=mark.stop_price)
    if order.stop_price is None or not is_reached(order.side, order.stop_price, price):
        return order, None, moved
    cap = order.cap_price
    if order.side is Side.BUY and order.limit_price is None:
        cap = collar_price(order.stop_price)
    note = wording.triggered_note(
        side=order.side,
        stop_price=order.stop_price,
        price=price,
        limit_price=order.limit_price,
        quoted_at=quote.quoted_at,
    )
    triggered = Triggered(order_id=order.order_id, price=price, cap_price=cap, note=note)
    return replace(order, is_triggered=True, cap_price=cap), triggered, moved
