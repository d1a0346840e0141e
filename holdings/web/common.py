"""What the pages share: whose portfolio it is, and doing a form once."""

from __future__ import annotations

import hashlib
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
    return portfolio.owner_id == request.user.pk and portfolio.archived_at is None and not portfolio.is_traded


def done_once(
    request: HttpRequest, form: forms.Form, *, route: str, do: Callable[[], str]
) -> HttpResponseRedirect:
    """Do what a form asks, once per form shown, and go to the address that `do` returns; refusals go through."""
    content = {key: request.POST.getlist(key) for key in request.POST if key != "csrfmiddlewaretoken"}
    content |= {key: [_digest(file) for file in request.FILES.getlist(key)] for key in request.FILES}
    answer = once(
        key=form.cleaned_data["form_token"],
        user=request.user,
        route=route,
        fingerprint=fingerprint_of(content),
        do=lambda: (303, {"url": do()}),
    )
    return HttpResponseRedirect(answer.body["url"], status=303)


def _digest(file: Any) -> str:
    """What tells one uploaded file from another of the same name; it can be read again afterwards."""
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    return digest.hexdigest()
