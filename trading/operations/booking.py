"""Moving an order: the only code that changes its status, its reservations and its fills.

Everything here runs inside the caller's transaction, with the portfolio's lock held and then the order's.
Each function changes the row in memory and says what to tell; ``save`` writes it once.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any

from holdings import operations as books_operations
from holdings import queries as books
from marketdata.models import Instrument
from portfolio_site.kernel.events import Event, publish
from trading import events
from trading.engine.reservation import worst_price
from trading.engine.states import CANCELABLE, OrderStatus, Trigger, advance
from trading.engine.types import Execution, Side
from trading.engine.wording import plain, price_text
from trading.models import Fill, Order
from trading.operations.trade_log import LogEntry, append_to_log, log_entry
from trading.queries.assessment import cost_of, fee_model, open_reservations

ZERO = Decimal(0)
#: numeric(28,12)
_PRICE_UNIT = Decimal("0.000000000001")


@dataclass(slots=True)
class Desk:
    """One order on the counter: its row, its instrument, the owner to be told, and what is to be written
    and told."""

    order: Order
    instrument: Instrument
    owner_id: int
    actor: Any
    now: datetime
    position: Decimal | None = None
    fills: list[Fill] = field(default_factory=list)
    news: list[Event] = field(default_factory=list)
    log: list[LogEntry] = field(default_factory=list)

    @property
    def status(self) -> OrderStatus:
        """The order's status as the engine knows it."""
        return OrderStatus(self.order.status)

    def note(self, text: str, *, kind: str = "note") -> None:
        """Add a sentence to the trail."""
        self.order.trail = [*self.order.trail, {"at": self.now.isoformat(), "kind": kind, "text": text}]

    def tell(self, event: str, item: Event | None = None, *, fill: Fill | None = None) -> None:
        """Take down what just happened: ``event`` for programs (its name on the wire; the order is told as it stands
        now), ``item`` for the other rooms."""
        self.log.append(log_entry(event=event, order=self.order, at=self.now, fill=fill))
        if item is not None:
            self.news.append(item)

    def move(self, trigger: Trigger) -> None:
        """Change the status by the transition table."""
        self.order.status = advance(self.status, trigger)
        self.order.updated_at = self.now


def accept(desk: Desk, *, waiting: str) -> None:
    """Tell that the order is taken; ``waiting`` says what it waits for, if it does."""
    order = desk.order
    held = (
        f"{price_text(order.reserved_cash)} {order.currency} are held for it"
        if order.side == Side.BUY
        else f"{plain(order.reserved_quantity)} {desk.instrument.symbol} are held for it"
    )
    desk.note(f"Accepted; {held}.", kind="accepted")
    if waiting:
        desk.note(waiting, kind="waiting")
    desk.tell(
        order.status,
        events.OrderAccepted(
            order_id=order.id,
            portfolio_id=order.portfolio_id,
            user_id=desk.owner_id,
            instrument_id=order.instrument_id,
            symbol=desk.instrument.symbol,
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


def fill(desk: Desk, execution: Execution) -> bool:
    """Book one execution: journal, cash, position, fill, order. False when the cash for it is not there.

    A fill never costs more than the order holds, but for a market order that waited while the price ran away
    (or minimum fees of many small fills): then free cash has to cover the rest, else the order ends here.
    """
    order, side = desk.order, Side(desk.order.side)
    # Whoever waited for the lock read the clock before the one who held it: what happens second is dated second.
    desk.now = max(desk.now, books.last_entry_at(order.portfolio_id) or desk.now)
    amount, fees = cost_of(
        side=side,
        quantity=execution.quantity,
        price=execution.price,
        instrument=desk.instrument,
        fees=fee_model(),
    )
    if (
        side is Side.BUY
        and amount + fees > order.reserved_cash
        and not _free_cash_covers(desk, amount + fees)
    ):
        _refuse_for_cash(desk, execution.price)
        return False
    _route(desk)
    number = _next_number(desk)
    done = execution.quantity == order.remaining
    _apply(desk, execution, cost=amount + fees)
    desk.move(Trigger.FILL if done else Trigger.PARTIAL_FILL)
    fill_id = uuid.uuid4()
    posted = books_operations.post_trade(
        portfolio_id=order.portfolio_id,
        instrument_id=order.instrument_id,
        side=side.value,
        quantity=execution.quantity,
        price=execution.price,
        amount=amount,
        fees=fees,
        occurred_at=desk.now,
        external_id=str(fill_id),
        actor=desk.actor,
        now=desk.now,
    )
    position = desk.position = _position_after(desk, execution)
    booked = Fill(
        id=fill_id,
        order=order,
        number=number,
        quantity=execution.quantity,
        price=execution.price,
        amount=amount,
        fees=fees,
        position_quantity=position,
        executed_at=desk.now,
        transaction_id=posted.pk,
    )
    desk.fills.append(booked)
    desk.note(execution.note, kind="filled" if done else "partially_filled")
    kind = events.OrderFilled if done else events.OrderPartiallyFilled
    desk.tell(
        "fill" if done else "partial_fill",
        kind(
            order_id=order.id,
            fill_id=fill_id,
            portfolio_id=order.portfolio_id,
            user_id=desk.owner_id,
            instrument_id=order.instrument_id,
            symbol=desk.instrument.symbol,
            side=order.side,
            quantity=execution.quantity,
            price=execution.price,
            fees=fees,
            currency=order.currency,
            order_quantity=order.quantity,
            filled_quantity=order.filled_quantity,
            filled_avg_price=order.filled_avg_price or execution.price,
            status=order.status,
            position_quantity=position,
            at=desk.now,
        ),
        fill=booked,
    )
    return True


def cancel(desk: Desk, *, text: str, code: str = "", reason: str = "") -> None:
    """Take back what is open of the order and free what it holds."""
    desk.move(Trigger.REQUEST_CANCEL)
    desk.move(Trigger.CONFIRM_CANCEL)
    desk.order.canceled_at = desk.now
    _end(desk, events.OrderCanceled, kind="canceled", text=text, code=code, reason=reason)


def expire(desk: Desk, *, text: str) -> None:
    """End the order because its time is over."""
    _route(desk)
    desk.move(Trigger.EXPIRE)
    desk.order.expired_at = desk.now
    _end(desk, events.OrderExpired, kind="expired", text=text, code="time_in_force_ended", reason=text)


def reject(desk: Desk, *, code: str, reason: str) -> None:
    """End an accepted order that cannot be executed after all; one that already works at the venue is
    canceled."""
    if desk.status in (OrderStatus.ACCEPTED, OrderStatus.PENDING_NEW):
        desk.move(Trigger.REJECT)
        desk.order.rejected_at = desk.now
        _end(desk, events.OrderRejected, kind="rejected", text=reason, code=code, reason=reason)
    elif desk.status in CANCELABLE:
        cancel(desk, text=reason, code=code, reason=reason)


def save(desk: Desk, *, is_new: bool = False) -> None:
    """Write the order, its fills, its log and its news. Four kinds of statements at most, plus one per event."""
    if is_new:
        desk.order.save(force_insert=True)
    elif desk.log:
        desk.order.save(update_fields=_CHANGING)
    if desk.fills:
        Fill.objects.bulk_create(desk.fills)
    append_to_log(portfolio_id=desk.order.portfolio_id, entries=desk.log)
    for item in desk.news:
        publish(item, stream=events.stream_of(desk.order.portfolio_id))


_CHANGING = [
    "status",
    "filled_quantity",
    "filled_avg_price",
    "reserved_cash",
    "reserved_quantity",
    "reason_code",
    "reason",
    "trail",
    "updated_at",
    "filled_at",
    "canceled_at",
    "expired_at",
    "rejected_at",
]


def _route(desk: Desk) -> None:
    if desk.status in (OrderStatus.ACCEPTED, OrderStatus.PENDING_NEW):
        desk.move(Trigger.ROUTE)
        desk.tell("new")


def _apply(desk: Desk, execution: Execution, *, cost: Decimal) -> None:
    """Count the fill and shrink what is held to what the rest can need."""
    order = desk.order
    with localcontext(prec=60, rounding=ROUND_HALF_EVEN):
        before = (order.filled_avg_price or ZERO) * order.filled_quantity
        order.filled_quantity += execution.quantity
        average = (before + execution.price * execution.quantity) / order.filled_quantity
        order.filled_avg_price = average.quantize(_PRICE_UNIT)
    if order.remaining == 0:
        order.filled_at = desk.now
        order.reserved_cash = order.reserved_quantity = ZERO
    elif order.side == Side.SELL:
        order.reserved_quantity = order.remaining
    else:
        left = max(order.reserved_cash - cost, ZERO)
        price = worst_price(limit_price=order.limit_price, reference_price=execution.price)
        needed = cost_of(
            side=Side.BUY,
            quantity=order.remaining,
            price=price,
            instrument=desk.instrument,
            fees=fee_model(),
        )
        order.reserved_cash = min(left, sum(needed, ZERO))


def _position_after(desk: Desk, execution: Execution) -> Decimal:
    """Right after the trade was posted. Reading it costs a statement only where nobody knows it yet."""
    if desk.position is None:
        return books.position_quantity(desk.order.portfolio_id, desk.order.instrument_id)
    return desk.position + (execution.quantity if desk.order.side == Side.BUY else -execution.quantity)


def _next_number(desk: Desk) -> int:
    """Counting costs a statement only for an order that was partly filled before."""
    if desk.fills:
        return desk.fills[-1].number + 1
    return 1 if desk.order.filled_quantity == 0 else Fill.objects.filter(order=desk.order).count() + 1


def _free_cash_covers(desk: Desk, cost: Decimal) -> bool:
    order = desk.order
    cash = books.cash_balance(order.portfolio_id, order.currency)
    held = open_reservations(
        portfolio_id=order.portfolio_id, currency=order.currency, instrument_id=order.instrument_id
    ).cash
    free: Decimal = cash - held + order.reserved_cash
    return cost <= free


def _refuse_for_cash(desk: Desk, price: Decimal) -> None:
    reject(
        desk,
        code="insufficient_buying_power",
        reason=(
            f"By the time the order could trade, the price had risen to {price_text(price)} "
            f"{desk.order.currency}, more than the account can pay."
        ),
    )


def _end(desk: Desk, told: type[events.OrderEnded], *, kind: str, text: str, code: str, reason: str) -> None:
    order = desk.order
    freed = (
        f" {price_text(order.reserved_cash)} {order.currency} are free again."
        if order.reserved_cash
        else f" {plain(order.reserved_quantity)} {desk.instrument.symbol} are free again."
        if order.reserved_quantity
        else ""
    )
    order.reserved_cash = order.reserved_quantity = ZERO
    order.reason_code, order.reason = code, reason[:300]
    desk.note(text + freed, kind=kind)
    desk.tell(
        order.status,
        told(
            order_id=order.id,
            portfolio_id=order.portfolio_id,
            user_id=desk.owner_id,
            instrument_id=order.instrument_id,
            symbol=desk.instrument.symbol,
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
