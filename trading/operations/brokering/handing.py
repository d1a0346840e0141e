"""Taking an order over for a broker, inside the transaction that places it: nothing is sent here."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from trading import events
from trading.engine.states import CANCELABLE, OrderStatus, Trigger
from trading.engine.types import OrderType, TimeInForce
from trading.models import (
    BrokerConnection,
    BrokerInstruction,
    BrokerOrder,
    InstructionKind,
    InstructionState,
    Order,
)
from trading.operations import ending
from trading.operations.desk import ZERO, Desk
from trading.queries.market import Market

#: An order that is to be filled at once is not sent later than this.
AT_ONCE = timedelta(seconds=60)
#: Nor any other that waits for a broker that cannot be reached: the market it was meant for is gone.
LONGEST_WAIT = timedelta(days=1)
#: Instructions that the broker may still get.
UNSAID = (InstructionState.WAITING, InstructionState.SENDING)


def hand_over(desk: Desk, order: Order, market: Market) -> None:
    """Take an order (with its legs) that has passed its checks for the account's broker, and write down that it is to be
    sent. Its time in force is the broker's to keep; only until it has been sent there is an end to the waiting here."""
    connection_id = desk.account.broker_connection_id
    assert connection_id is not None
    time_in_force = TimeInForce(order.time_in_force)
    not_after = send_before(market, time_in_force, desk.now, extended=order.extended_hours)
    order.status = OrderStatus.PENDING_NEW.value
    members = [order, *desk.family(order)]
    for member in members:
        member.eligible_at = member.expires_at = None
    name = BrokerConnection.objects.filter(pk=connection_id).values_list("name", flat=True).get()
    ending.accept(desk, order, waiting=f"Waiting to be sent to {name}.")
    for leg in members[1:]:
        desk.note(leg, "Held by the broker until it is its turn.", kind="held")
    BrokerOrder.objects.bulk_create(
        [BrokerOrder(order=member, connection_id=connection_id) for member in members]
    )
    instruct(desk, order, InstructionKind.SUBMIT, not_after=not_after)


def instruct(
    desk: Desk,
    order: Order,
    kind: InstructionKind,
    *,
    not_after: datetime | None = None,
    successor: Order | None = None,
    terms: dict[str, str] | None = None,
) -> None:
    """Write down one thing to be said to the broker; it is sent after the commit."""
    connection_id = desk.account.broker_connection_id
    assert connection_id is not None
    BrokerInstruction.objects.create(
        connection_id=connection_id,
        order=order,
        successor=successor,
        kind=kind,
        terms=terms or {},
        made_at=desk.now,
        due_at=desk.now,
        not_after=not_after,
    )
    desk.news.append(
        events.BrokerInstructed(connection_id=connection_id, portfolio_id=desk.portfolio.id, at=desk.now)
    )


def ask_to_cancel(desk: Desk, order: Order, *, text: str) -> None:
    """Take back an order that has not left the house, with its group; ask the broker to cancel one that has, or may have.
    Asking twice is asking once."""
    head = desk.orders.get(order.parent_id, order) if order.parent_id is not None else order
    submit = (
        BrokerInstruction.objects.select_for_update()
        .filter(order=head, kind=InstructionKind.SUBMIT, state__in=UNSAID)
        .first()
    )
    if submit is not None and submit.state == InstructionState.WAITING and submit.attempts == 0:
        withdraw(desk, submit, head, text=f"{text} It had not been sent.")
        return
    asked = BrokerInstruction.objects.filter(order=order, kind=InstructionKind.CANCEL, state__in=UNSAID)
    if asked.exists():
        return
    if OrderStatus(order.status) in CANCELABLE:
        desk.move(order, Trigger.REQUEST_CANCEL)
        desk.note(order, f"{text} The broker is asked to cancel it.", kind="pending_cancel")
        desk.tell(order.status, order)
    instruct(desk, order, InstructionKind.CANCEL)


def withdraw(
    desk: Desk, submit: BrokerInstruction, order: Order, *, text: str, code: str = "", expired: bool = False
) -> None:
    """End an order, with its group, that the broker never got."""
    BrokerInstruction.objects.filter(order=order, state__in=UNSAID).update(
        state=InstructionState.WITHDRAWN, ended_at=desk.now
    )
    submit.state = InstructionState.WITHDRAWN
    for member in [order, *desk.family(order)]:
        if not member.is_open:
            continue
        if expired and member is order:
            ending.expire(desk, member, text=text)
        else:
            ending.cancel(desk, member, text=text, code=code, reason=text if code else "")


def ask_to_replace(
    desk: Desk, old: Order, new: Order, *, quantity: Decimal | None, trail: Decimal | None
) -> None:
    """Ask the broker to put ``new`` in the place of ``old``. Until it answers both are there, and what is held is the
    larger of the two amounts."""
    new.status = OrderStatus.PENDING_NEW.value
    new.eligible_at = new.expires_at = None
    new.reserved_cash = max(new.reserved_cash - old.reserved_cash, ZERO)
    new.reserved_quantity = max(new.reserved_quantity - old.reserved_quantity, ZERO)
    desk.move(old, Trigger.REQUEST_REPLACE)
    desk.note(old, "The broker is asked to replace it.", kind="pending_replace")
    desk.tell(old.status, old)
    ending.accept(desk, new, waiting="Waiting for the broker to put it in the place of the other order.")
    connection_id = desk.account.broker_connection_id
    assert connection_id is not None
    BrokerOrder.objects.create(order=new, connection_id=connection_id)
    is_trailing = new.type == OrderType.TRAILING_STOP
    terms = {
        "quantity": None if quantity is None or quantity == old.quantity else str(quantity),
        "time_in_force": _changed(old.time_in_force, new.time_in_force),
        "limit_price": _changed(old.limit_price, new.limit_price),
        "stop_price": None if is_trailing else _changed(old.stop_price, new.stop_price),
        "trail": None if trail is None else str(trail),
    }
    told = {name: value for name, value in terms.items() if value is not None}
    instruct(desk, old, InstructionKind.REPLACE, successor=new, terms=told)


def _changed(before: object, after: object) -> str | None:
    return None if before == after else str(after)


def send_before(market: Market, time_in_force: TimeInForce, now: datetime, *, extended: bool) -> datetime:
    """Until when an order may still be sent: the end of the session or auction it is meant for, a day at most."""
    if time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
        return now + AT_ONCE
    return min(market.expires_at(time_in_force, now, extended=extended), now + LONGEST_WAIT)
