"""What the counter's pages share: the signed-in person and the portfolio they trade in."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from holdings import queries as books
from trading.operations import PortfolioUnknownError, ReadOnlyError


def person(request: HttpRequest) -> Any:
    """The signed-in user (views are behind ``login_required``)."""
    return request.user


def own_portfolio(request: HttpRequest, portfolio_id: int) -> Any:
    """The portfolio if the person may trade in it. 404 for what they may not see, 403 for an auditor."""
    user = person(request)
    portfolio = books.visible_portfolio(user, portfolio_id)
    if portfolio is None:
        raise PortfolioUnknownError
    if portfolio.owner_id != user.pk:
        raise ReadOnlyError
    return portfolio


def can_trade(portfolio: Any) -> bool:
    """Whether orders are taken for it."""
    return bool(portfolio.kind in ("paper", "broker") and portfolio.archived_at is None)
