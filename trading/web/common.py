"""What the counter's pages share: the signed-in person, the portfolio they trade in, and answers to a part of a page."""

from __future__ import annotations

import json
from collections.abc import Container
from typing import Any

from django.http import HttpRequest, HttpResponse

from holdings import queries as books
from portfolio_site.kernel.display import display_for
from portfolio_site.kernel.formatting import format_sentence
from trading.operations import PortfolioUnknownError, ReadOnlyError

#: The body of the dialog into which forms of the blotter are fetched.
DIALOG = "order-dialog-body"


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


def in_words(request: HttpRequest, sentence: str, *, but: Container[str] = ()) -> str:
    """A refusal of an operation with its figures as the person reads them. ``but`` are symbols that may consist of digits."""
    return format_sentence(sentence, locale=display_for(request).locale, but=but)


def wants_dialog(request: HttpRequest) -> bool:
    """Whether the answer goes into the dialog of the page, and not into a window of its own."""
    return request.headers.get("HX-Target") == DIALOG


def done_in_dialog(*, title: str, address: str = "") -> HttpResponse:
    """Nothing to show: the dialog closes, the blotter renews itself, and what was done is said. With an ``address`` the
    browser goes there instead."""
    answer = HttpResponse(status=204)
    if address:
        answer["HX-Redirect"] = address
    else:
        answer["HX-Trigger"] = json.dumps({"hf:order-done": {"title": title}})
    return answer
