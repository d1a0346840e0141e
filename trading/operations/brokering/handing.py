"""Taking an order over for a broker, inside the transaction that places it: nothing is sent here."""

from __future__ import annotations

from datetime import datetime, timedelta

from trading import events
from trading.engine.states import OrderStatus
from trading.engine.types import TimeInForce
from trading.models import BrokerConnection, BrokerInstruction, BrokerOrder, InstructionKind, Order
from trading.operations import ending
from trading.operations.desk import Desk
from trading.queries.market import Market

#: An order that is to be filled at once is not sent later than this.
AT_ONCE = timedelta(seconds=60)
#: Nor any other that waits for a broker that cannot be reached: the market it was meant for is gone.
LONGEST_WAIT = timedelta(days=1)


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
) -> None:
    """Write down one thing to be said to the broker; it is sent after the commit."""
    connection_id = desk.account.broker_connection_id
    assert connection_id is not None
    BrokerInstruction.objects.create(
        connection_id=connection_id,
        order=order,
        successor=successor,
        kind=kind,
        made_at=desk.now,
        due_at=desk.now,
        not_after=not_after,
    )
    desk.news.append(
        events.BrokerInstructed(connection_id=connection_id, portfolio_id=desk.portfolio.id, at=desk.now)
    )


def send_before(market: Market, time_in_force: TimeInForce, now: datetime, *, extended: bool) -> datetime:
    """Until when an order may still be sent: the end of the session or auction it is meant for, a day at most."""
    if time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
        return now + AT_ONCE
    return min(market.expires_at(time_in_force, now, extended=extended), now + LONGEST_WAIT)
