"""Ending orders whose time is over: day orders at the end of their session, others after 90 days."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from uuid import UUID

import structlog
from django.db import DatabaseError, transaction

from holdings.operations import lock_portfolio
from portfolio_site.kernel.errors import DomainError
from trading.engine.states import CANCELABLE
from trading.engine.types import TimeInForce
from trading.models import Order
from trading.operations import booking

log = structlog.get_logger(__name__)

_ENDABLE = sorted(status.value for status in CANCELABLE)


def expire_orders(*, now: datetime) -> int:
    """End every open order whose ``expires_at`` has come; returns how many. Safe to run at any time."""
    by_portfolio: dict[int, list[UUID]] = defaultdict(list)
    due = Order.objects.open().filter(expires_at__lte=now, status__in=_ENDABLE)
    for portfolio_id, order_id in due.order_by("portfolio_id", "pk").values_list("portfolio_id", "pk"):
        by_portfolio[portfolio_id].append(order_id)
    ended = 0
    for portfolio_id, order_ids in by_portfolio.items():
        try:
            ended += _end(portfolio_id, order_ids, now)
        except (DatabaseError, DomainError):
            log.exception("expiry_failed", portfolio_id=portfolio_id)
    return ended


def _end(portfolio_id: int, order_ids: list[UUID], now: datetime) -> int:
    with transaction.atomic():
        portfolio = lock_portfolio(portfolio_id)
        orders = list(
            Order.objects.filter(pk__in=order_ids, status__in=_ENDABLE)
            .select_related("instrument")
            .select_for_update(of=("self",), no_key=True)
            .order_by("pk")
        )
        for order in orders:
            desk = booking.Desk(
                order=order, instrument=order.instrument, owner_id=portfolio.owner_id, actor=None, now=now
            )
            if order.time_in_force == TimeInForce.DAY:
                booking.expire(desk, text="Expired: a day order ends with its session.")
            else:
                text = "Cancelled: an order stays open for 90 days at most."
                booking.cancel(desk, text=text, code="time_in_force_ended", reason=text)
            booking.save(desk)
    return len(orders)
