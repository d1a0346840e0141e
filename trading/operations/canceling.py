"""Canceling orders: what is open of them is taken back, what they hold is free again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from trading.engine.states import CANCELABLE, OrderStatus
from trading.models import OPEN_STATUSES, Order
from trading.operations import ending
from trading.operations.access import own_desk, own_order
from trading.operations.brokering.handing import ask_to_cancel
from trading.operations.desk import Desk, open_desk
from trading.operations.errors import OrderNotCancelableError
from trading.queries.values import OrderView, order_view

_WHY_NOT = {
    OrderStatus.FILLED: "This order is already filled and cannot be cancelled.",
    OrderStatus.CANCELED: "This order is already cancelled.",
    OrderStatus.EXPIRED: "This order has already expired.",
    OrderStatus.REJECTED: "This order was already rejected.",
    OrderStatus.REPLACED: "This order was replaced by another one. Cancel that one instead.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelResult:
    """What became of one order when all were canceled: it is canceled, its broker is asked to cancel it (``is_asked``), or the
    ``refusal`` says why not."""

    order_id: UUID
    refusal: str = ""
    is_asked: bool = False


def cancel_order(*, order_id: UUID, actor: Any, repeat: str = "answer", now: datetime) -> OrderView:
    """Cancel an order of ``actor``, with the rest of its group, and return it. Canceling a canceled order changes nothing
    and returns it (with ``repeat="refuse"`` that raises as well). One that a broker has is ``pending_cancel`` until the
    broker says what became of it.

    Raises ``OrderUnknownError`` for an order that is not the actor's, ``ReadOnlyError`` for an auditor,
    ``OrderNotCancelableError`` (details ``order_id``, ``order_status``) when it has come to its end by itself.
    """
    with transaction.atomic():
        desk, order = own_order(order_id, actor, now=now)
        status = OrderStatus(order.status)
        if desk.account.broker_connection_id is not None and order.is_open:
            ask_to_cancel(desk, order, text="Cancelled by you.")
            desk.save()
        elif status is not OrderStatus.CANCELED or repeat == "refuse":
            if status not in CANCELABLE:
                raise OrderNotCancelableError(
                    _WHY_NOT.get(status, "This order cannot be cancelled at the moment."),
                    details={"order_id": str(order.pk), "order_status": status.value},
                )
            ending.cancel(desk, order, text="Cancelled by you.")
            desk.save()
        return order_view(order, owner_id=desk.portfolio.owner_id, legs=_legs(desk, order))


def _legs(desk: Desk, order: Order) -> list[Order]:
    return [] if order.parent_id else desk.family(order)


def cancel_all_orders(*, portfolio_id: int, actor: Any, now: datetime) -> list[CancelResult]:
    """Cancel every open order of the actor's account; one result for each order that was open, the newest first.

    Raises ``PortfolioUnknownError`` and ``ReadOnlyError``.
    """
    with transaction.atomic():
        desk = own_desk(portfolio_id, actor, now=now, for_new_orders=False)
        return cancel_open(desk, text="Cancelled by you, with all open orders.")


def cancel_open(
    desk: Desk, *, text: str, code: str = "", instrument_ids: Iterable[int] | None = None
) -> list[CancelResult]:
    """Cancel the open orders of a desk's portfolio (of some instruments where they are named), and save."""
    wanted = Q(status__in=OPEN_STATUSES)
    if instrument_ids is not None:
        wanted &= Q(instrument_id__in=list(instrument_ids))
    found = [order for order in desk.load(wanted) if order.is_open]
    results = []
    for order in sorted(found, key=lambda each: (each.submitted_at, str(each.pk)), reverse=True):
        at_broker = desk.account.broker_connection_id is not None
        if at_broker and order.is_open:
            ask_to_cancel(desk, order, text=text)
        elif order.is_open and OrderStatus(order.status) in CANCELABLE:
            ending.cancel(desk, order, text=text, code=code, reason=text if code else "")
        refused = order.is_open and not at_broker
        results.append(
            CancelResult(
                order_id=order.pk,
                refusal="This order cannot be cancelled at the moment." if refused else "",
                is_asked=at_broker and order.is_open,
            )
        )
    desk.save()
    return results


def cancel_orders_of_archived(*, portfolio_id: int, now: datetime) -> int:
    """Take back every open order of a portfolio that was archived; returns how many. Nothing for one in use."""
    with transaction.atomic():
        desk = open_desk(portfolio_id=portfolio_id, actor=None, now=now)
        if not desk.portfolio.is_archived:
            return 0
        text = "Cancelled: the account was archived."
        return len(cancel_open(desk, text=text, code="portfolio_archived"))
