"""Orders as the matching engine takes them."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal

from trading.engine.liquidity import IDEAL, FillModel
from trading.engine.states import OrderStatus
from trading.engine.terms import Tradable
from trading.engine.types import BookOrder, OrderClass, OrderType, Role, Side, TimeInForce
from trading.models import Order

_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
#: More units than any amount of money buys.
UNBOUNDED = Decimal(10) ** 18


def book_order(
    order: Order,
    *,
    thing: Tradable,
    model: FillModel = IDEAL,
    has_rested: bool = True,
    fills: int = 0,
) -> BookOrder:
    """The order as the matching engine takes it. ``has_rested`` is false for one that has just arrived."""
    remaining: Decimal = order.remaining
    money_left = None
    if order.notional is not None:
        money_left = max(_EXACT.divide(order.notional - order.filled_amount, thing.value_factor), Decimal(0))
        remaining = UNBOUNDED if order.opens_position else order.reserved_quantity
    is_exit = order.role in (Role.TAKE_PROFIT, Role.STOP_LOSS)
    head = order.parent_id or (order.id if order.order_class == OrderClass.OCO else None)
    return BookOrder(
        order_id=order.id,
        side=Side(order.side),
        type=OrderType(order.type),
        remaining=remaining,
        submitted_at=order.submitted_at,
        limit_price=order.limit_price,
        stop_price=order.stop_price,
        trail_price=order.trail_price,
        trail_percent=order.trail_percent,
        hwm=order.hwm,
        cap_price=order.cap_price,
        is_triggered=order.triggered_at is not None,
        time_in_force=TimeInForce(order.time_in_force),
        extended_hours=order.extended_hours,
        eligible_at=order.eligible_at,
        money_left=money_left,
        step=thing.quantity_step,
        group=head if is_exit else None,
        has_rested=has_rested and order.status not in (OrderStatus.ACCEPTED, OrderStatus.PENDING_NEW),
        fills=fills,
        model=model,
    )
