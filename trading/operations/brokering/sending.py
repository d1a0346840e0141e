"""Saying to brokers what is to be said, after the commit and outside any transaction.

An instruction is claimed before anything leaves the house. One that was claimed before may have arrived: then the broker is
asked for the order's name first, and it is sent again only when the broker does not know it. The broker takes a name once,
so that even two senders at the same time cannot place an order twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from trading.brokers.base import (
    Broker,
    BrokerKeysRefusedError,
    BrokerOrderUnknownError,
    BrokerRefusedError,
    BrokerUnreachableError,
    Changes,
    DuplicateClientOrderIdError,
    NewOrder,
    RemoteOrder,
)
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
from trading.operations.brokering.applying import apply_remote, linked, refuse_pending, take_place
from trading.operations.brokering.handing import UNSAID, withdraw
from trading.operations.brokering.limits import why_no_orders
from trading.operations.brokering.speaking import MAX_ERROR, broker_of, note_failure, note_success
from trading.operations.brokering.symbols import symbol_at_broker
from trading.operations.desk import Desk, open_desk
from trading.queries.accounts import site_control

log = structlog.get_logger(__name__)
Clock = Callable[[], datetime]
#: A claim older than this is one that a crash left behind: no request lives so long.
STALE = timedelta(seconds=60)
#: What a request that was cut off may still take to arrive.
ARRIVAL = timedelta(seconds=45)
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=2), timedelta(seconds=60)
_ENDED_STATES = (InstructionState.DONE, InstructionState.REFUSED, InstructionState.WITHDRAWN)


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


def send_waiting(*, connection_id: UUID, clock: Clock, broker: Broker | None = None) -> int:
    """Say everything to a broker that is due; returns how many instructions came to their end. One that cannot be said
    waits, and is tried again by a later call. ``broker`` is opened unless given."""
    said = 0
    while (claim := _claim(connection_id, clock())) is not None:
        try:
            if broker is None:
                broker = broker_of(BrokerConnection.objects.get(pk=connection_id))
            _say(connection_id, claim, broker, clock)
        except BrokerUnreachableError as error:
            _postpone(claim, error, clock(), certain=not error.may_have_arrived and not claim.ask_first)
            note_failure(connection_id, error, now=clock())
            break
        except (BrokerKeysRefusedError, ValueError) as error:
            _postpone(claim, error, clock(), certain=not claim.ask_first)
            note_failure(connection_id, error, now=clock())
            break
        said += 1
        note_success(connection_id, now=clock())
    return said


# --- claiming ---


def _claim(connection_id: UUID, now: datetime) -> Claim | None:
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
            _finish(row, InstructionState.WITHDRAWN, desk.now)
            return None
        only_ask, code = _why_not_send(desk, row, order)
        if only_ask and not tried:
            withdraw(desk, row, order, text=only_ask, code=code, expired=code == "not_sent_in_time")
            return None
    elif not order.is_open and row.kind == InstructionKind.CANCEL:
        _finish(row, InstructionState.DONE, desk.now)
        return None
    elif row.kind == InstructionKind.REPLACE and not order.is_open and not tried:
        _reject_successor(desk, row, "The order that it was to replace has ended.")
        _finish(row, InstructionState.REFUSED, desk.now)
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


# --- saying ---


def _say(connection_id: UUID, claim: Claim, broker: Broker, clock: Clock) -> None:
    if claim.kind == InstructionKind.SUBMIT:
        _submit(connection_id, claim, broker, clock)
    elif claim.kind == InstructionKind.CANCEL:
        _cancel(connection_id, claim, broker, clock)
    else:
        _replace(connection_id, claim, broker, clock)


def _submit(connection_id: UUID, claim: Claim, broker: Broker, clock: Clock) -> None:
    assert claim.new_order is not None
    found = broker.order_by_client_id(claim.client_order_id) if claim.ask_first else None
    if found is None and claim.only_ask:
        if not claim.may_give_up:
            raise BrokerUnreachableError("The broker does not know the order yet; it may still arrive there.")
        with _at(claim, clock()) as (desk, row, order):
            withdraw(desk, row, order, text=claim.only_ask)
        return
    if found is None:
        try:
            found = broker.submit(claim.new_order)
        except DuplicateClientOrderIdError as error:
            found = broker.order_by_client_id(claim.client_order_id)
            if found is None or not _is_same(claim.new_order, found):
                _refused(claim, str(error), clock())
                return
        except BrokerRefusedError as error:
            _refused(claim, str(error), clock())
            return
    elif not _is_same(claim.new_order, found):
        _refused(claim, "The broker has another order under this client order id.", clock())
        return
    with _at(claim, clock()) as (desk, row, _order):
        connection = BrokerConnection.objects.get(pk=connection_id)
        pair = linked(desk, connection, found)
        if pair is not None:
            desk.note(pair[1], f"Sent to {connection.name}.", kind="sent")
            apply_remote(desk, *pair, found)
        _finish(row, InstructionState.DONE, desk.now)


def _is_same(asked: NewOrder, found: RemoteOrder) -> bool:
    """Whether the broker's order of that name is the one that was sent."""
    return (
        (asked.side, asked.type, asked.time_in_force) == (found.side, found.type, found.time_in_force)
        and asked.symbol.replace("/", "") == found.symbol.replace("/", "")
        and (asked.quantity is None or found.quantity is None or asked.quantity == found.quantity)
    )


def _refused(claim: Claim, sentence: str, now: datetime) -> None:
    """The broker's own sentence becomes the order's."""
    with _at(claim, now) as (desk, row, order):
        reason = f"The broker refused it: {sentence}"
        for member in [order, *desk.family(order)]:
            if member.is_open and member is order:
                ending.reject(desk, member, code="broker_refused", reason=reason)
            elif member.is_open:
                ending.cancel(desk, member, text=reason, code="broker_refused", reason=reason)
        _finish(row, InstructionState.REFUSED, desk.now, error=sentence)


def _cancel(connection_id: UUID, claim: Claim, broker: Broker, clock: Clock) -> None:
    refusal = ""
    if claim.remote_id:
        try:
            broker.cancel(claim.remote_id)
        except BrokerRefusedError as error:
            refusal = str(error)
        found: RemoteOrder | None = _asked(broker, claim.remote_id)
    else:
        found = broker.order_by_client_id(claim.client_order_id)
    with _at(claim, clock()) as (desk, row, order):
        if found is not None:
            pair = linked(desk, BrokerConnection.objects.get(pk=connection_id), found)
            if pair is not None:
                apply_remote(desk, *pair, found)
        if refusal and order.is_open and found is not None and not _will_end(found):
            refuse_pending(desk, order, f"The broker would not cancel it: {refusal}")
        _finish(row, InstructionState.REFUSED if refusal else InstructionState.DONE, desk.now, error=refusal)


def _will_end(found: RemoteOrder) -> bool:
    """Whether the broker has ended an order or is about to."""
    return found.status in ("filled", "canceled", "expired", "rejected", "replaced", "pending_cancel")


def _asked(broker: Broker, remote_id: str) -> RemoteOrder | None:
    try:
        return broker.order(remote_id)
    except BrokerOrderUnknownError:
        return None


def _replace(connection_id: UUID, claim: Claim, broker: Broker, clock: Clock) -> None:
    assert claim.changes is not None
    refusal = ""
    found = broker.order_by_client_id(claim.client_order_id) if claim.ask_first else None
    if found is None:
        try:
            found = broker.replace(claim.remote_id, claim.changes)
        except DuplicateClientOrderIdError:
            found = broker.order_by_client_id(claim.client_order_id)
        except BrokerRefusedError as error:
            refusal = str(error)
    old_remote = _asked(broker, claim.remote_id) if found is None else None
    with _at(claim, clock()) as (desk, row, old):
        connection = BrokerConnection.objects.get(pk=connection_id)
        if found is not None:
            pair = linked(desk, connection, found)
            if pair is not None:
                desk.note(pair[1], f"Taken by {connection.name}.", kind="sent")
                take_place(desk, old, pair[1])
                apply_remote(desk, *pair, found)
            _finish(row, InstructionState.DONE, desk.now)
            return
        refusal = refusal or "It gave no reason."
        _reject_successor(desk, row, f"The broker would not replace the order: {refusal}")
        pair = None if old_remote is None else linked(desk, connection, old_remote)
        if pair is not None and old_remote is not None:
            apply_remote(desk, *pair, old_remote)
        refuse_pending(desk, old, f"The broker would not replace it: {refusal}")
        _finish(row, InstructionState.REFUSED, desk.now, error=refusal)


def _reject_successor(desk: Desk, row: BrokerInstruction, sentence: str) -> None:
    assert row.successor_id is not None
    if row.successor_id not in desk.orders:
        desk.load(Q(pk=row.successor_id))
    successor = desk.orders[row.successor_id]
    if successor.is_open and successor.status == OrderStatus.PENDING_NEW:
        ending.reject(desk, successor, code="broker_refused", reason=sentence)
    elif successor.is_open:
        ending.cancel(desk, successor, text=sentence, code="broker_refused", reason=sentence)


# --- writing down what became of it ---


@contextmanager
def _at(claim: Claim, now: datetime) -> Iterator[tuple[Desk, BrokerInstruction, Order]]:
    """The desk, the instruction and the order of a claim, under the locks; saved at the end."""
    with transaction.atomic():
        desk = open_desk(portfolio_id=claim.portfolio_id, actor=None, now=now)
        row = BrokerInstruction.objects.select_for_update().get(pk=claim.id)
        desk.load(Q(pk=claim.order_id))
        yield desk, row, desk.orders[claim.order_id]
        desk.save()


def _finish(row: BrokerInstruction, state: InstructionState, now: datetime, *, error: str = "") -> None:
    if row.state in _ENDED_STATES:
        return
    row.state, row.ended_at, row.error = state, now, error[:MAX_ERROR]
    row.save(update_fields=["state", "ended_at", "error"])


def _postpone(claim: Claim, error: Exception, now: datetime, *, certain: bool) -> None:
    """Try again later. ``certain``: it never left, and may still be withdrawn without asking anybody."""
    with transaction.atomic():
        open_desk(portfolio_id=claim.portfolio_id, actor=None, now=now)
        row = BrokerInstruction.objects.select_for_update().get(pk=claim.id)
        if row.state in _ENDED_STATES:
            return
        waited = max(now - row.made_at, timedelta(0))
        pause = min(max(waited / 4, _FIRST_PAUSE), _LONGEST_PAUSE)
        row.state, row.due_at, row.error = InstructionState.WAITING, now + pause, str(error)[:MAX_ERROR]
        if certain:
            row.attempts -= 1
        row.save(update_fields=["state", "due_at", "error", "attempts"])
    log.warning(
        "broker_instruction_waits", instruction=claim.id, kind=claim.kind, error=str(error)[:MAX_ERROR]
    )
