"""What the pages share: whose portfolio it is, and doing a form once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponseRedirect

from holdings import queries
from holdings.models import Portfolio
from holdings.operations import PortfolioUnknown
from portfolio_site.kernel.errors import ForbiddenError
from portfolio_site.kernel.idempotency import fingerprint_of, once


def person(request: HttpRequest) -> Any:
    """The signed-in user (views are behind `login_required`)."""
    return request.user


def shown_portfolio(request: HttpRequest, portfolio_id: int) -> Portfolio:
    """A portfolio that this person may see. Raises `PortfolioUnknown` (404) else."""
    portfolio = queries.visible_portfolio(person(request), portfolio_id)
    if portfolio is None:
        raise PortfolioUnknown
    return portfolio


def own_portfolio(request: HttpRequest, portfolio_id: int) -> Portfolio:
    """A portfolio that this person may change: 404 for what they do not see, 403 for what they may only read."""
    portfolio = shown_portfolio(request, portfolio_id)
    if portfolio.owner_id != request.user.pk:
        raise ForbiddenError("You can read this portfolio, but only its owner can change it.")
    return portfolio


def may_write(request: HttpRequest, portfolio: Portfolio) -> bool:
    """Whether to offer this person anything that changes the portfolio by hand."""
    return portfolio.owner_id == request.user.pk and portfolio.archived_at is None and not portfolio.is_paper


def done_once(
    request: HttpRequest, form: forms.Form, *, route: str, do: Callable[[], str]
) -> HttpResponseRedirect:
    """Do what a form asks, once per form shown, and go to the address that `do` returns; refusals go through."""
    content = {key: request.POST.getlist(key) for key in request.POST if key != "csrfmiddlewaretoken"}
    answer = once(
        key=form.cleaned_data["form_token"],
        user=request.user,
        route=route,
        fingerprint=fingerprint_of(content),
        do=lambda: (303, {"url": do()}),
    )
    return HttpResponseRedirect(answer.body["url"], status=303)
