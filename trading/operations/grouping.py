"""Groups of orders: exits are armed when the whole entry is filled, share one quantity, and end together.

- The exits of an entry are ``held`` until it is filled completely; then the take-profit works, and the stop-loss watches the
  market (held, as long as there is a take-profit beside it).
- Both exits stand for the same units: the take-profit carries the reservation, and what one of them trades the other loses.
- One exit that is done cancels the other; any member that ends otherwise takes the rest with it.
"""

from __future__ import annotations

from trading.engine.states import OrderStatus, Trigger
from trading.engine.types import OrderType, Role, Watch
from trading.engine.wording import plain
from trading.models import Order
from trading.operations.desk import ZERO, Desk

_EXITS = (Role.TAKE_PROFIT, Role.STOP_LOSS)


def after_fill(desk: Desk, order: Order) -> None:
    """What a fill means for the rest of the order's group. A broker keeps its groups itself."""
    if desk.account.broker_connection_id is not None:
        return
    if order.role == Role.ENTRY and order.status == OrderStatus.FILLED:
        _arm(desk, order, [leg for leg in desk.family(order) if leg.role in _EXITS and leg.is_open])
    elif order.role in _EXITS:
        for other in desk.family(order):
            if other.role in _EXITS and other.is_open:
                _follow(desk, order, other)


def after_end(desk: Desk, order: Order) -> None:
    """What the end of an order without a complete fill means for the rest of its group."""
    from trading.operations.ending import cancel

    if not order.role or desk.account.broker_connection_id is not None:
        return
    for other in desk.family(order):
        if other.is_open:
            text = "Cancelled: another order of its group has ended."
            cancel(desk, other, text=text, code="group_ended", reason=text)


def _follow(desk: Desk, order: Order, other: Order) -> None:
    """The other exit after a fill: canceled when the position is closed, else for what is left of it."""
    from trading.operations.ending import cancel

    if order.status == OrderStatus.FILLED:
        text = "Cancelled: the other exit was filled."
        cancel(desk, other, text=text, code="other_exit_filled", reason=text)
        return
    left = order.remaining
    if other.remaining > left:
        other.quantity = other.filled_quantity + left
        if other.reserved_quantity:
            other.reserved_quantity = left
        desk.note(other, f"Now for {plain(left)}: the other exit has traded the rest.")


def _arm(desk: Desk, entry: Order, exits: list[Order]) -> None:
    """Let the exits watch the market, for what was bought and is still there."""
    from trading.operations.ending import cancel

    if not exits:
        return
    holds = desk.holds(currency=entry.currency, instrument_id=entry.instrument_id)
    free = abs(desk.position(entry.instrument_id)) - holds.quantity
    # Their own quantity is the whole entry's, also of what was filled before the entry was replaced.
    units = min(exits[0].quantity, free)
    if units <= ZERO:
        for leg in exits:
            if leg.is_open:
                text = "Cancelled: the position it was to close is no longer there."
                cancel(desk, leg, text=text, code="position_gone", reason=text)
        return
    carrier = next((leg for leg in exits if leg.role == Role.TAKE_PROFIT), exits[0])
    for leg in exits:
        leg.quantity = units
        if leg is carrier:
            leg.reserved_quantity = units
            desk.move(leg, Trigger.ARM)
            desk.watch(leg)
            desk.note(
                leg, f"The entry is filled; {plain(units)} {leg.instrument.symbol} are held for the exit."
            )
            desk.tell_routed(leg)
        else:
            stand_by(desk, leg)
            desk.note(leg, "The entry is filled; the stop is watched.")
        desk.awakened.append(leg)


def stand_by(desk: Desk, leg: Order) -> None:
    """Let a stop-loss watch the market while it stays held beside its take-profit."""
    if leg.type in (OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP):
        leg.watch = (Watch.TRAIL if leg.type == OrderType.TRAILING_STOP else Watch.STOP).value
        leg.watch_price = leg.stop_price
    desk.touch(leg)
