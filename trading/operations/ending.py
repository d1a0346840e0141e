"""Taking orders and ending them: accepted, canceled, expired, rejected, replaced. What an end frees is free at once."""

from __future__ import annotations

from trading import events
from trading.engine.states import CANCELABLE, OrderStatus, Trigger
from trading.engine.types import Watch
from trading.engine.wording import plain, price_text
from trading.models import Order
from trading.operations.desk import ZERO, Desk
from trading.operations.grouping import after_end


def accept(desk: Desk, order: Order, *, waiting: str) -> None:
    """Tell that the order is taken; ``waiting`` says what it waits for, if it does."""
    if order.reserved_cash:
        held = f"; {price_text(order.reserved_cash)} {order.currency} are held for it"
    elif order.reserved_quantity:
        held = f"; {plain(order.reserved_quantity)} {order.instrument.symbol} are held for it"
    else:
        held = ""
    desk.note(order, f"Accepted{held}.", kind="accepted")
    if waiting:
        desk.note(order, waiting, kind="waiting")
    desk.watch(order)
    desk.tell(
        order.status,
        order,
        events.OrderAccepted(
            order_id=order.id,
            portfolio_id=order.portfolio_id,
            user_id=desk.portfolio.owner_id,
            instrument_id=order.instrument_id,
            symbol=order.instrument.symbol,
            side=order.side,
            type=order.type,
            quantity=order.quantity,
            price=order.limit_price,
            currency=order.currency,
            status=order.status,
            position_quantity=None,
            at=desk.now,
        ),
    )


def cancel(desk: Desk, order: Order, *, text: str, code: str = "", reason: str = "") -> None:
    """Take back what is open of the order and free what it holds; the rest of its group goes with it."""
    if order.status not in (OrderStatus.PENDING_CANCEL, OrderStatus.PENDING_REPLACE):
        desk.move(order, Trigger.REQUEST_CANCEL)
    desk.move(order, Trigger.CONFIRM_CANCEL)
    order.canceled_at = desk.now
    _end(desk, order, events.OrderCanceled, kind="canceled", text=text, code=code, reason=reason)


def finish_cancel(desk: Desk, order: Order, *, text: str) -> None:
    """Confirm a cancellation that was begun and left there; what the order holds is free."""
    desk.move(order, Trigger.CONFIRM_CANCEL)
    order.canceled_at = desk.now
    _end(desk, order, events.OrderCanceled, kind="canceled", text=text, code="", reason="")


def expire(desk: Desk, order: Order, *, text: str, code: str = "time_in_force_ended") -> None:
    """End the order because its time is over. An exit that was never armed is canceled instead."""
    if order.status == OrderStatus.HELD:
        cancel(desk, order, text=text, code=code, reason=text)
        return
    if order.status in (OrderStatus.ACCEPTED, OrderStatus.PENDING_NEW):
        desk.move(order, Trigger.ROUTE)
    desk.move(order, Trigger.EXPIRE)
    order.expired_at = desk.now
    _end(desk, order, events.OrderExpired, kind="expired", text=text, code=code, reason=text)


def reject(desk: Desk, order: Order, *, code: str, reason: str) -> None:
    """End an accepted order that cannot be executed after all; one that already works at the venue is
    canceled."""
    if order.status in (OrderStatus.ACCEPTED, OrderStatus.PENDING_NEW):
        desk.move(order, Trigger.REJECT)
        order.rejected_at = desk.now
        _end(desk, order, events.OrderRejected, kind="rejected", text=reason, code=code, reason=reason)
    elif OrderStatus(order.status) in CANCELABLE:
        cancel(desk, order, text=reason, code=code, reason=reason)


def replace(desk: Desk, old: Order, new: Order) -> None:
    """End an order in favour of its replacement: what it had filled stays with it, what it held is free."""
    if old.status != OrderStatus.PENDING_REPLACE:
        desk.move(old, Trigger.REQUEST_REPLACE)
    desk.move(old, Trigger.CONFIRM_REPLACE)
    old.replaced_at = desk.now
    old.replaced_by_id = new.pk
    old.reserved_cash = old.reserved_quantity = ZERO
    old.watch, old.watch_price = Watch.NOTHING.value, None
    desk.note(old, "Replaced by another order.", kind="replaced")
    desk.tell(
        old.status,
        old,
        events.OrderReplaced(
            order_id=old.pk,
            replaced_by=new.pk,
            portfolio_id=old.portfolio_id,
            user_id=desk.portfolio.owner_id,
            instrument_id=old.instrument_id,
            symbol=old.instrument.symbol,
            side=old.side,
            quantity=old.quantity,
            filled_quantity=old.filled_quantity,
            status=old.status,
            at=desk.now,
        ),
    )


def _end(
    desk: Desk,
    order: Order,
    told: type[events.OrderEnded],
    *,
    kind: str,
    text: str,
    code: str,
    reason: str,
) -> None:
    freed = (
        f" {price_text(order.reserved_cash)} {order.currency} are free again."
        if order.reserved_cash
        else f" {plain(order.reserved_quantity)} {order.instrument.symbol} are free again."
        if order.reserved_quantity
        else ""
    )
    order.reserved_cash = order.reserved_quantity = ZERO
    order.watch, order.watch_price = Watch.NOTHING.value, None
    order.reason_code, order.reason = code, reason[:300]
    desk.note(order, text + freed, kind=kind)
    desk.tell(
        order.status,
        order,
        told(
            order_id=order.id,
            portfolio_id=order.portfolio_id,
            user_id=desk.portfolio.owner_id,
            instrument_id=order.instrument_id,
            symbol=order.instrument.symbol,
            side=order.side,
            quantity=order.quantity,
            filled_quantity=order.filled_quantity,
            price=order.limit_price,
            currency=order.currency,
            status=order.status,
            reason_code=code,
            reason=reason,
            position_quantity=None,
            at=desk.now,
        ),
    )
    after_end(desk, order)
