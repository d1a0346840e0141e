"""Choosing what is said to a broker next, and marking it as being said, in a transaction of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from trading.brokers.base import Changes, NewOrder
from trading.engine.states import OrderStatus
from trading.engine.types import Role
from trading.models import (
    BrokerConnection,
    BrokerInstruction,
    BrokerOrder,
    InstructionKind,
    InstructionState,
    Order,
)
from trading.operations import ending
from trading.operations.brokering.handing import UNSAID, withdraw
from trading.operations.brokering.limits import why_no_orders
from trading.operations.brokering.speaking import MAX_ERROR
from trading.operations.brokering.symbols import symbol_at_broker
from trading.operations.desk import Desk, open_desk
from trading.queries.accounts import site_control

#: A claim older than this is one that a crash left behind: no request lives so long.
STALE = timedelta(seconds=60)
#: What a request that was cut off may still take to arrive.
ARRIVAL = timedelta(seconds=45)
ENDED_STATES = (InstructionState.DONE, InstructionState.REFUSED, InstructionState.WITHDRAWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """An instruction that is about to be said. ``ask_first``: it may have arrived before. ``only_ask``: it must not be sent
    again, because it is to be canceled or its time is over."""

    id: int
    portfolio_id: int
    kind: str
    order_id: UUID
    client_order_id: str
    remote_id: str
    ask_first: bool
    only_ask: str = ""
    may_give_up: bool = True
    new_order: NewOrder | None = None
    changes: Changes | None = None


def claim_next(connection_id: UUID, now: datetime) -> Claim | None:
    """The next instruction that is due, marked as being said. What must not be said any more ends here."""
    while True:
        found = _next(connection_id, now)
        if found is None:
            return None
        pk, portfolio_id = found
        with transaction.atomic():
            desk = open_desk(portfolio_id=portfolio_id, actor=None, now=now)
            row = BrokerInstruction.objects.select_for_update().get(pk=pk)
            if not _is_due(row, now):
                continue
            claim = _prepared(desk, row)
            desk.save()
        if claim is not None:
            return claim


def _due(now: datetime) -> Q:
    return Q(state=InstructionState.WAITING, due_at__lte=now) | Q(
        state=InstructionState.SENDING, claimed_at__lte=now - STALE
    )


def _is_due(row: BrokerInstruction, now: datetime) -> bool:
    if row.state == InstructionState.WAITING:
        return row.due_at <= now
    return (
        row.state == InstructionState.SENDING and row.claimed_at is not None and row.claimed_at <= now - STALE
    )


def _next(connection_id: UUID, now: datetime) -> tuple[int, int] | None:
    """(instruction, portfolio): the oldest that is due and has none of its order before it."""
    before = BrokerInstruction.objects.filter(
        order_id=OuterRef("order_id"), pk__lt=OuterRef("pk"), state__in=UNSAID
    )
    # The exit of a group is spoken of after its head was sent.
    of_head = BrokerInstruction.objects.filter(
        order_id=OuterRef("order__parent_id"), kind=InstructionKind.SUBMIT, state__in=UNSAID
    )
    return (
        BrokerInstruction.objects.filter(_due(now), connection_id=connection_id)
        .exclude(Exists(before))
        .exclude(Exists(of_head))
        .order_by("pk")
        .values_list("pk", "order__portfolio_id")
        .first()
    )


def _prepared(desk: Desk, row: BrokerInstruction) -> Claim | None:
    """What is to be said, as it stands now; None when there is nothing to say any more."""
    desk.load(Q(pk__in=[pk for pk in (row.order_id, row.successor_id) if pk is not None]))
    order = desk.orders[row.order_id]
    link = BrokerOrder.objects.get(order=order)
    tried = row.attempts > 0
    only_ask = ""
    if row.kind == InstructionKind.SUBMIT:
        if not order.is_open:
            finish(row, InstructionState.WITHDRAWN, desk.now)
            return None
        only_ask, code = _why_not_send(desk, row, order)
        if only_ask and not tried:
            withdraw(desk, row, order, text=only_ask, code=code, expired=code == "not_sent_in_time")
            return None
    elif not order.is_open and row.kind == InstructionKind.CANCEL:
        finish(row, InstructionState.DONE, desk.now)
        return None
    elif row.kind == InstructionKind.REPLACE and not order.is_open and not tried:
        reject_successor(desk, row, "The order that it was to replace has ended.")
        finish(row, InstructionState.REFUSED, desk.now)
        return None
    first = row.claimed_at
    row.state, row.attempts = InstructionState.SENDING, row.attempts + 1
    # Where nothing is sent but a question, what was sent before is as old as it was.
    row.claimed_at = first if only_ask and first is not None else desk.now
    row.save(update_fields=["state", "claimed_at", "attempts"])
    successor = None if row.successor_id is None else desk.orders[row.successor_id]
    return Claim(
        id=row.pk,
        portfolio_id=desk.portfolio.id,
        kind=row.kind,
        order_id=order.pk,
        client_order_id=(successor or order).client_order_id,
        remote_id=link.remote_id,
        ask_first=tried,
        only_ask=only_ask,
        may_give_up=first is None or desk.now - first >= ARRIVAL,
        new_order=_new_order(desk, order) if row.kind == InstructionKind.SUBMIT else None,
        changes=None if successor is None else _changes(successor, row.terms),
    )


def _why_not_send(desk: Desk, row: BrokerInstruction, order: Order) -> tuple[str, str]:
    """(sentence, code) of what keeps an order that was accepted from being sent now; empty when it may go."""
    wants_cancel = BrokerInstruction.objects.filter(
        order=order, kind=InstructionKind.CANCEL, state__in=UNSAID
    ).exists()
    if wants_cancel:
        return "Cancelled by you. The broker never got it.", ""
    if row.not_after is not None and desk.now >= row.not_after:
        return "Expired: the broker could not be reached before its time was over.", "not_sent_in_time"
    halted, _reason = site_control()
    if halted or desk.account.trading_blocked:
        return "Cancelled: trading was halted before it was sent.", "trading_halted"
    stopped = why_no_orders(BrokerConnection.objects.get(pk=row.connection_id))
    if stopped is not None:
        return f"Cancelled before it was sent. {stopped[1]}", stopped[0]
    return "", ""


def _new_order(desk: Desk, order: Order) -> NewOrder:
    legs = {leg.role: leg for leg in desk.family(order)}
    take, stop = legs.get(Role.TAKE_PROFIT), legs.get(Role.STOP_LOSS)
    is_oco = order.order_class == "oco"
    return NewOrder(
        client_order_id=order.client_order_id,
        symbol=symbol_at_broker(order.instrument),
        side=order.side,
        type=order.type,
        time_in_force=order.time_in_force,
        quantity=order.quantity if order.notional is None else None,
        notional=order.notional,
        limit_price=order.limit_price,
        stop_price=None if order.type == "trailing_stop" else order.stop_price,
        trail_price=order.trail_price,
        trail_percent=order.trail_percent,
        extended_hours=order.extended_hours,
        order_class=order.order_class,
        position_intent=order.position_intent if order.order_class == "simple" else "",
        take_profit_limit=order.limit_price if is_oco else None if take is None else take.limit_price,
        stop_loss_stop=None if stop is None else stop.stop_price,
        stop_loss_limit=None if stop is None else stop.limit_price,
    )


def _changes(successor: Order, terms: dict[str, str]) -> Changes:
    def number(name: str) -> Decimal | None:
        return Decimal(terms[name]) if name in terms else None

    return Changes(
        client_order_id=successor.client_order_id,
        quantity=number("quantity"),
        time_in_force=terms.get("time_in_force"),
        limit_price=number("limit_price"),
        stop_price=number("stop_price"),
        trail=number("trail"),
    )


def finish(row: BrokerInstruction, state: InstructionState, now: datetime, *, error: str = "") -> None:
    """Write down how an instruction ended, unless it has."""
    if row.state in ENDED_STATES:
        return
    row.state, row.ended_at, row.error = state, now, error[:MAX_ERROR]
    row.save(update_fields=["state", "ended_at", "error"])


def reject_successor(desk: Desk, row: BrokerInstruction, sentence: str) -> None:
    """End the order that was to stand in another's place."""
    assert row.successor_id is not None
    if row.successor_id not in desk.orders:
        desk.load(Q(pk=row.successor_id))
    successor = desk.orders[row.successor_id]
    if successor.is_open and successor.status == OrderStatus.PENDING_NEW:
        ending.reject(desk, successor, code="broker_refused", reason=sentence)
    elif successor.is_open:
        ending.cancel(desk, successor, text=sentence, code="broker_refused", reason=sentence)
