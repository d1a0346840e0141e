"""Ending orders whose time is over: day orders at the end of their session, others after 90 days, auction orders that
missed their auction."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from uuid import UUID

import structlog
from django.db import DatabaseError, transaction
from django.db.models import Q

from portfolio_site.kernel.errors import DomainError
from trading.engine.states import CANCELABLE, OrderStatus
from trading.engine.types import TimeInForce
from trading.models import Order
from trading.operations import ending
from trading.operations.desk import open_desk

log = structlog.get_logger(__name__)

_ENDABLE = sorted(status.value for status in CANCELABLE)
_TEXTS = {
    TimeInForce.OPG: "Expired: there was no opening auction it could trade in.",
    TimeInForce.CLS: "Expired: there was no closing auction it could trade in.",
}


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
        desk = open_desk(portfolio_id=portfolio_id, actor=None, now=now)
        desk.load(Q(pk__in=order_ids))
        # The head of a group first: what hangs on it is canceled with it.
        due = sorted(
            (desk.orders[pk] for pk in order_ids if pk in desk.orders),
            key=lambda order: (order.status == OrderStatus.HELD, order.parent_id is not None, str(order.pk)),
        )
        ended = 0
        for order in due:
            ended += order.is_open
            if not order.is_open or OrderStatus(order.status) not in CANCELABLE:
                continue
            if order.time_in_force == TimeInForce.GTC:
                text = "Cancelled: an order stays open for 90 days at most."
                ending.cancel(desk, order, text=text, code="time_in_force_ended", reason=text)
            else:
                text = _TEXTS.get(
                    TimeInForce(order.time_in_force), "Expired: a day order ends with its session."
                )
                ending.expire(desk, order, text=text)
        desk.save()
    return ended
