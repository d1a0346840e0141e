"""Booking what a broker executed: each execution once, in the order in which it happened, as the broker says it was.

Nothing is checked against the account's money: what a broker did is a fact. Executions of one order are told apart by how
much of it was done after each; one that is missing before another is a gap, which the caller fills from the broker's list.
"""

from __future__ import annotations

import uuid
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from enum import Enum

from portfolio_site.kernel.money import round_money
from trading import events
from trading.brokers.base import RemoteExecution
from trading.engine.states import OrderStatus, Trigger, steps
from trading.engine.types import Liquidity, Role
from trading.engine.wording import plain, price_text
from trading.models import BrokerExecution, BrokerOrder, Fill, Order
from trading.operations.desk import ZERO, Desk
from trading.operations.posting import BookedTrade

_PRICE_UNIT = Decimal("0.000000000001")
_WORKING = (
    OrderStatus.NEW,
    OrderStatus.PARTIALLY_FILLED,
    OrderStatus.PENDING_CANCEL,
    OrderStatus.PENDING_REPLACE,
)


class Booked(Enum):
    """What became of an execution."""

    NOW = "now"
    BEFORE = "before"
    GAP = "gap"  # another one comes before it


def book_execution(desk: Desk, link: BrokerOrder, order: Order, execution: RemoteExecution) -> Booked:
    """Book one execution of an order, if it comes next. The caller saves the desk."""
    done_after = execution.cum_quantity - link.filled_before
    if done_after <= order.filled_quantity:
        return Booked.BEFORE
    if done_after - execution.quantity != order.filled_quantity:
        return Booked.GAP
    market = desk.market(order.instrument)
    bring_to_work(desk, order)
    _count(desk, order, execution, market.thing.value_factor)
    row = _fill(desk, order, execution, market.thing.value_factor)
    if order.is_open:
        desk.move(order, Trigger.FILL if not order.remaining else Trigger.PARTIAL_FILL)
    desk.touch(order)
    desk.book(
        BookedTrade(
            fill=row,
            order=order,
            journal_quantity=row.quantity,
            journal_amount=row.amount,
            journal_fees=ZERO,
        )
    )
    BrokerExecution.objects.create(
        fill=row,
        connection_id=link.connection_id,
        order=order,
        remote_id=execution.id[-80:],
        cum_quantity=execution.cum_quantity,
        told_at=desk.now,
    )
    verb = "bought" if order.side == "buy" else "sold"
    text = f"The broker {verb} {plain(execution.quantity)} at {price_text(execution.price)}."
    is_done = not order.remaining
    desk.note(order, text, kind="filled" if is_done else "partially_filled")
    _tell(desk, order, row, is_done=is_done)
    return Booked.NOW


def bring_to_work(desk: Desk, order: Order) -> None:
    """Let an order that the broker works on be one that works here."""
    if OrderStatus(order.status) in _WORKING or not order.is_open:
        return
    was_held = order.status == OrderStatus.HELD
    for trigger in steps(OrderStatus(order.status), OrderStatus.NEW) or ():
        desk.move(order, trigger)
    carries = order.role == Role.TAKE_PROFIT or not any(
        each.role == Role.TAKE_PROFIT and each.is_open for each in desk.family(order)
    )
    if was_held and carries and not order.opens_position:
        order.reserved_quantity = order.remaining
    desk.tell_routed(order)


def _count(desk: Desk, order: Order, execution: RemoteExecution, factor: Decimal) -> None:
    before = order.remaining
    with localcontext(prec=60, rounding=ROUND_HALF_EVEN):
        worth = (
            order.filled_avg_price or ZERO
        ) * order.filled_quantity + execution.price * execution.quantity
        filled = order.filled_quantity + execution.quantity
        amount = round_money(execution.price * execution.quantity * factor, order.currency)
        if order.notional is not None:
            rest = max(
                (order.notional - order.filled_amount - amount) / (execution.price * factor), _PRICE_UNIT
            )
            order.quantity = filled if execution.is_last else filled + rest.quantize(_PRICE_UNIT)
        elif execution.is_last or order.quantity < filled:
            order.quantity = filled
        order.filled_avg_price = (worth / filled).quantize(_PRICE_UNIT)
        # The number of the fill is taken from what was filled before it.
        desk.fill_count(order)
        order.filled_quantity = filled
        order.filled_amount += amount
        left = order.remaining
        if not left:
            order.filled_at = desk.now
            order.reserved_cash = order.reserved_quantity = ZERO
        elif order.opens_position:
            part = left / before if before else ZERO
            order.reserved_cash = round_money(order.reserved_cash * min(part, Decimal(1)), order.currency)
        else:
            order.reserved_quantity = min(order.reserved_quantity, left)


def _fill(desk: Desk, order: Order, execution: RemoteExecution, factor: Decimal) -> Fill:
    connection_id = desk.account.broker_connection_id
    assert connection_id is not None
    return Fill(
        id=uuid.uuid5(connection_id, execution.id),
        order=order,
        portfolio_id=order.portfolio_id,
        instrument_id=order.instrument_id,
        side=order.side,
        number=desk.next_number(order),
        quantity=execution.quantity,
        price=execution.price,
        amount=round_money(execution.quantity * execution.price * factor, order.currency),
        fees=ZERO,
        fee_details=[],
        liquidity=Liquidity.TAKER.value,
        cum_quantity=order.filled_quantity,
        leaves_quantity=order.remaining,
        # A clock that is ahead of ours must not make a future entry of it.
        executed_at=min(execution.at, desk.now),
        quoted_at=None,
    )


def _tell(desk: Desk, order: Order, row: Fill, *, is_done: bool) -> None:
    kind = events.OrderFilled if is_done else events.OrderPartiallyFilled
    desk.tell(
        "fill" if is_done else "partial_fill",
        order,
        kind(
            order_id=order.pk,
            fill_id=row.pk,
            portfolio_id=order.portfolio_id,
            user_id=desk.portfolio.owner_id,
            instrument_id=order.instrument_id,
            symbol=order.instrument.symbol,
            side=order.side,
            quantity=row.quantity,
            price=row.price,
            fees=row.fees,
            currency=order.currency,
            order_quantity=order.quantity,
            filled_quantity=order.filled_quantity,
            filled_avg_price=order.filled_avg_price or row.price,
            status=order.status,
            position_quantity=row.position_quantity,
            at=desk.now,
        ),
        fill=row,
    )
