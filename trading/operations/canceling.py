"""Canceling an order: what is open of it is taken back, what it holds is free again."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts.queries import is_auditor
from holdings.operations import lock_portfolio
from trading.engine.states import CANCELABLE, OrderStatus
from trading.models import Order
from trading.operations import booking
from trading.operations.errors import OrderNotCancelableError, OrderUnknownError, ReadOnlyError
from trading.queries.values import OrderView, order_view

_WHY_NOT = {
    OrderStatus.FILLED: "This order is already filled and cannot be cancelled.",
    OrderStatus.EXPIRED: "This order has already expired.",
    OrderStatus.REJECTED: "This order was already rejected.",
    OrderStatus.REPLACED: "This order was replaced by another one. Cancel that one instead.",
}


def cancel_order(*, order_id: UUID, actor: Any, now: datetime) -> OrderView:
    """Cancel an order of ``actor`` and return it. Canceling a canceled order changes nothing and returns it.

    Raises ``OrderUnknownError`` for an order that is not the actor's, ``ReadOnlyError`` for an auditor,
    ``OrderNotCancelableError`` when it has come to its end by itself.
    """
    portfolio_id = (
        Order.objects.visible_to(actor).filter(pk=order_id).values_list("portfolio_id", flat=True).first()
    )
    if portfolio_id is None:
        raise OrderUnknownError
    with transaction.atomic():
        portfolio = lock_portfolio(portfolio_id)
        if portfolio.owner_id != actor.pk:
            raise ReadOnlyError if is_auditor(actor) else OrderUnknownError
        order = (
            Order.objects.select_related("instrument")
            .select_for_update(of=("self",), no_key=True)
            .get(pk=order_id)
        )
        status = OrderStatus(order.status)
        if status is OrderStatus.CANCELED:
            return order_view(order, owner_id=portfolio.owner_id)
        if status not in CANCELABLE:
            raise OrderNotCancelableError(
                _WHY_NOT.get(status, "This order cannot be cancelled at the moment."),
                details={"order_id": str(order.id), "order_status": status.value},
            )
        desk = booking.Desk(
            order=order, instrument=order.instrument, owner_id=portfolio.owner_id, actor=actor, now=now
        )
        booking.cancel(desk, text="Cancelled by you.")
        booking.save(desk)
        return order_view(order, owner_id=portfolio.owner_id)


def cancel_orders_of_archived(*, portfolio_id: int, now: datetime) -> int:
    """Take back every open order of a portfolio that was archived; returns how many. Nothing for one in use."""
    with transaction.atomic():
        portfolio = lock_portfolio(portfolio_id)
        if not portfolio.is_archived:
            return 0
        orders = list(
            Order.objects.open()
            .filter(portfolio_id=portfolio_id, status__in=sorted(status.value for status in CANCELABLE))
            .select_related("instrument")
            .select_for_update(of=("self",), no_key=True)
            .order_by("pk")
        )
        for order in orders:
            desk = booking.Desk(
                order=order, instrument=order.instrument, owner_id=portfolio.owner_id, actor=None, now=now
            )
            text = "Cancelled: the account was archived."
            booking.cancel(desk, text=text, code="portfolio_archived", reason=text)
            booking.save(desk)
    return len(orders)
