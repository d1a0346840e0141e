"""Hearing what happens at a broker: by its stream, and by catching up with its lists, so that nothing is lost or doubled.

The stream only makes it quick. What counts is the list of executions: every one after the last that was booked is looked
at, and booked unless it is known. So it does not matter what was missed, or told twice.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Q

from trading.brokers.base import Broker, BrokerOrderUnknownError, RemoteExecution, RemoteOrder, RemoteUpdate
from trading.models import BrokerConnection, BrokerOrder, ConnectionState, Order, TradingAccount
from trading.operations.brokering.applying import adopt, apply_remote, linked, refuse_pending
from trading.operations.brokering.booking import Booked, book_execution
from trading.operations.brokering.sending import Clock
from trading.operations.brokering.speaking import broker_of, note_success
from trading.operations.desk import ZERO, Desk, open_desk

log = structlog.get_logger(__name__)
_REFUSALS = {
    "order_cancel_rejected": "The broker would not cancel it.",
    "order_replace_rejected": "The broker would not replace it.",
}


def followed_connections() -> list[UUID]:
    """The connections that accounts are bound to: these are followed. One statement."""
    rows = BrokerConnection.objects.in_use().order_by("created_at", "pk")
    return list(rows.values_list("pk", flat=True))


def portfolio_of(connection_id: UUID) -> int | None:
    """The portfolio whose orders go to a connection; None while no account is bound to it."""
    found: int | None = (
        TradingAccount.objects.filter(broker_connection_id=connection_id)
        .exclude(broker_connection__state=ConnectionState.DISCONNECTED)
        .values_list("portfolio_id", flat=True)
        .first()
    )
    return found


def hear(*, connection_id: UUID, update: RemoteUpdate, clock: Clock, broker: Broker | None = None) -> None:
    """Write down one update of the stream; where it shows that something was missed, catch up."""
    portfolio_id = portfolio_of(connection_id)
    if portfolio_id is None:
        return
    with transaction.atomic():
        desk, connection = _desk(portfolio_id, connection_id, clock())
        whole = _hear(desk, connection, update)
        desk.save()
        BrokerConnection.objects.filter(pk=connection_id).update(heard_at=clock())
    if not whole:
        catch_up(connection_id=connection_id, clock=clock, broker=broker)


def _hear(desk: Desk, connection: BrokerConnection, update: RemoteUpdate) -> bool:
    """False when something comes before this."""
    pair = linked(desk, connection, update.order)
    if pair is None:
        if update.order.filled_quantity:
            return False  # the executions say which of it happened since the account is connected
        pair = adopt(desk, connection, update.order)
    link, order = pair
    if update.execution is not None and book_execution(desk, link, order, update.execution) is Booked.GAP:
        return False
    if update.event in _REFUSALS:
        refuse_pending(desk, order, _REFUSALS[update.event])
    return apply_remote(desk, link, order, update.order)


def catch_up(*, connection_id: UUID, clock: Clock, broker: Broker | None = None) -> int:
    """Book every execution that is not booked yet and bring every open order to where it stands; returns how many
    executions were booked. Safe to run at any time, twice, and beside the stream. Raises ``BrokerError``."""
    portfolio_id = portfolio_of(connection_id)
    if portfolio_id is None:
        return 0
    connection = BrokerConnection.objects.get(pk=connection_id)
    broker = broker or broker_of(connection)
    booked = 0
    for execution in broker.executions_after(connection.fills_after):
        booked += _take(portfolio_id, connection_id, execution, broker, clock)
    _bring_orders(portfolio_id, connection_id, broker, clock)
    note_success(connection_id, now=clock())
    return booked


def _take(
    portfolio_id: int, connection_id: UUID, execution: RemoteExecution, broker: Broker, clock: Clock
) -> bool:
    """Book one execution of the list, unless it is, and move on behind it in the same transaction."""
    remote: RemoteOrder | None = None
    if not BrokerOrder.objects.filter(connection_id=connection_id, remote_id=execution.order_id).exists():
        remote = broker.order(execution.order_id)
    with transaction.atomic():
        desk, connection = _desk(portfolio_id, connection_id, clock())
        pair = _pair(desk, connection, execution, remote)
        result = book_execution(desk, *pair, execution)
        if result is Booked.GAP:
            # The broker lists them in order: one before this is not in its list any more.
            log.error(
                "broker_execution_missing",
                connection=str(connection_id),
                order=str(pair[1].pk),
                id=execution.id,
            )
            desk.note(pair[1], "The broker's list lacks an execution before this one.", kind="fault")
        desk.save()
        BrokerConnection.objects.filter(pk=connection_id).update(fills_after=execution.id)
    return result is Booked.NOW


def _pair(
    desk: Desk, connection: BrokerConnection, execution: RemoteExecution, remote: RemoteOrder | None
) -> tuple[BrokerOrder, Order]:
    """Our order of an execution. One that was placed elsewhere is taken over; what was done of it before is left out."""
    if remote is not None:
        found = linked(desk, connection, remote)
        if found is not None:
            return found
        before = execution.cum_quantity - execution.quantity
        return adopt(desk, connection, remote, filled_before=max(before, ZERO))
    link = BrokerOrder.objects.get(connection=connection, remote_id=execution.order_id)
    if link.order_id not in desk.orders:
        desk.load(Q(pk=link.order_id))
    return link, desk.orders[link.order_id]


def _bring_orders(portfolio_id: int, connection_id: UUID, broker: Broker, clock: Clock) -> None:
    """Every order that is open here or there, to where the broker says it stands."""
    there = {order.id: order for order in broker.open_orders()}
    here = (
        BrokerOrder.objects.filter(connection_id=connection_id)
        .exclude(remote_id="")
        .filter(order__in=Order.objects.open().filter(portfolio_id=portfolio_id))
        .values_list("remote_id", flat=True)
    )
    for remote_id in here:
        if remote_id not in there:
            try:
                there[remote_id] = broker.order(remote_id)
            except BrokerOrderUnknownError:
                log.warning("broker_order_gone", connection=str(connection_id), remote=remote_id)
    for remote in sorted(there.values(), key=lambda each: (each.submitted_at, each.id)):
        with transaction.atomic():
            desk, connection = _desk(portfolio_id, connection_id, clock())
            pair = linked(desk, connection, remote)
            if pair is None and remote.filled_quantity:
                continue  # taken over with its executions, by the list of them
            if pair is None:
                pair = adopt(desk, connection, remote)
            apply_remote(desk, *pair, remote)
            desk.save()


def _desk(portfolio_id: int, connection_id: UUID, now: datetime) -> tuple[Desk, BrokerConnection]:
    desk = open_desk(portfolio_id=portfolio_id, actor=None, now=now)
    return desk, BrokerConnection.objects.get(pk=connection_id)
