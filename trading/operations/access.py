"""Whose account, whose order: the way in for everything a person does at the counter."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from accounts.queries import is_auditor
from holdings.operations import LockedPortfolio, lock_portfolio
from portfolio_site.kernel.errors import NotFoundError
from trading.models import Order
from trading.operations.desk import Desk, account_row, open_desk
from trading.operations.errors import (
    OrderRefusedError,
    OrderUnknownError,
    PortfolioUnknownError,
    ReadOnlyError,
)


def own_desk(portfolio_id: int, actor: Any, *, now: datetime, for_new_orders: bool = True) -> Desk:
    """Lock the actor's own paper portfolio. Raises ``PortfolioUnknownError``, ``ReadOnlyError``; for new orders also
    ``OrderRefusedError`` for one that is not for trading."""
    portfolio = lock_own(portfolio_id, actor, for_new_orders=for_new_orders)
    return Desk(portfolio=portfolio, account=account_row(portfolio, now=now), actor=actor, now=now)


def lock_own(portfolio_id: int, actor: Any, *, for_new_orders: bool = True) -> LockedPortfolio:
    """The same without the desk. One statement."""
    try:
        portfolio = lock_portfolio(portfolio_id)
    except NotFoundError:
        raise PortfolioUnknownError from None
    if portfolio.owner_id != actor.pk:
        raise ReadOnlyError if is_auditor(actor) else PortfolioUnknownError
    if not portfolio.is_traded:
        raise OrderRefusedError(
            "Orders are placed in trading accounts. This portfolio is tracked: "
            "enter what you traded as a transaction instead.",
            code="portfolio_not_tradable",
        )
    if for_new_orders and portfolio.is_archived:
        raise OrderRefusedError(
            "This portfolio is archived. Bring it back before you trade in it.", code="portfolio_archived"
        )
    return portfolio


def own_order(order_id: UUID, actor: Any, *, now: datetime) -> tuple[Desk, Order]:
    """An order of the actor, locked with its group under its portfolio's lock. Raises ``OrderUnknownError``,
    ``ReadOnlyError``."""
    portfolio_id = (
        Order.objects.visible_to(actor).filter(pk=order_id).values_list("portfolio_id", flat=True).first()
    )
    if portfolio_id is None:
        raise OrderUnknownError
    desk = open_desk(portfolio_id=portfolio_id, actor=actor, now=now)
    if desk.portfolio.owner_id != actor.pk:
        raise ReadOnlyError if is_auditor(actor) else OrderUnknownError
    desk.load(Q(pk=order_id))
    return desk, desk.orders[order_id]
