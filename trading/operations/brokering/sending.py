"""Saying to brokers what is to be said, after the commit and outside any transaction.

An instruction is claimed before anything leaves the house. One that was claimed before may have arrived: then the broker is
asked for the order's name first, and it is sent again only when the broker does not know it. The broker takes a name once,
so that even two senders at the same time cannot place an order twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Q

from trading.brokers.base import (
    Broker,
    BrokerKeysRefusedError,
    BrokerOrderUnknownError,
    BrokerRefusedError,
    BrokerUnreachableError,
    DuplicateClientOrderIdError,
    NewOrder,
    RemoteOrder,
)
from trading.models import (
    BrokerConnection,
    BrokerInstruction,
    InstructionKind,
    InstructionState,
    Order,
)
from trading.operations import ending
from trading.operations.brokering.applying import apply_remote, linked, refuse_pending, take_place
from trading.operations.brokering.claiming import ENDED_STATES, Claim, claim_next, finish, reject_successor
from trading.operations.brokering.handing import withdraw
from trading.operations.brokering.speaking import MAX_ERROR, broker_of, note_failure, note_success
from trading.operations.desk import Desk, open_desk

log = structlog.get_logger(__name__)
Clock = Callable[[], datetime]
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=2), timedelta(seconds=60)


def send_waiting(*, connection_id: UUID, clock: Clock, broker: Broker | None = None) -> int:
    """Say everything to a broker that is due; returns how many instructions came to their end. One that cannot be said
    waits, and is tried again by a later call. ``broker`` is opened unless given."""
    said = 0
    while (claim := claim_next(connection_id, clock())) is not None:
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
        finish(row, InstructionState.DONE, desk.now)


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
        finish(row, InstructionState.REFUSED, desk.now, error=sentence)


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
        finish(row, InstructionState.REFUSED if refusal else InstructionState.DONE, desk.now, error=refusal)


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
            finish(row, InstructionState.DONE, desk.now)
            return
        refusal = refusal or "It gave no reason."
        reject_successor(desk, row, f"The broker would not replace the order: {refusal}")
        pair = None if old_remote is None else linked(desk, connection, old_remote)
        if pair is not None and old_remote is not None:
            apply_remote(desk, *pair, old_remote)
        refuse_pending(desk, old, f"The broker would not replace it: {refusal}")
        finish(row, InstructionState.REFUSED, desk.now, error=refusal)


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


def _postpone(claim: Claim, error: Exception, now: datetime, *, certain: bool) -> None:
    """Try again later. ``certain``: it never left, and may still be withdrawn without asking anybody."""
    with transaction.atomic():
        open_desk(portfolio_id=claim.portfolio_id, actor=None, now=now)
        row = BrokerInstruction.objects.select_for_update().get(pk=claim.id)
        if row.state in ENDED_STATES:
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
