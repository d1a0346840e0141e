"""Bringing what a broker holds into a portfolio that is kept by hand: the preview, and booking what it showed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from holdings import queries as books
from portfolio_site.kernel import clock
from portfolio_site.kernel.errors import DomainError
from trading import operations, queries
from trading.queries import ConnectionView
from trading.web.common import person


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def bring(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    """Choose a portfolio, look at what would be booked, and book it."""
    connection = queries.broker_connection(person(request), connection_id)
    if connection is None:
        raise operations.BrokerConnectionUnknownError
    if connection.owner_id != person(request).pk:
        raise operations.ReadOnlyError
    given = request.POST if request.method == "POST" else request.GET
    portfolio_id = given.get("portfolio", "")
    if not portfolio_id.isdecimal() or len(portfolio_id) > 18:
        return _page(request, connection)
    if request.method == "GET":
        return _preview(request, connection, int(portfolio_id))
    try:
        count = operations.bring_positions(
            connection_id=connection.id,
            portfolio_id=int(portfolio_id),
            actor=person(request),
            token=request.POST.get("token", ""),
            keys=request.POST.getlist("line"),
            clock=clock.now,
        )
    except operations.BringingChangedError as changed:
        return _preview(request, connection, int(portfolio_id), problem=changed.message, status=409)
    except (operations.PortfolioUnknownError, operations.ReadOnlyError):
        raise
    except DomainError as refusal:
        return _preview(
            request, connection, int(portfolio_id), problem=refusal.message, status=refusal.status
        )
    if not count:
        messages.info(request, "Nothing was chosen, so nothing is booked.")
        return redirect(f"{request.path}?portfolio={portfolio_id}")
    messages.success(request, f"Booked {count} entr{'y' if count == 1 else 'ies'}.")
    return redirect("holdings:detail", int(portfolio_id))


def _preview(
    request: HttpRequest,
    connection: ConnectionView,
    portfolio_id: int,
    *,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    try:
        plan = operations.look_at_bringing(
            connection_id=connection.id, portfolio_id=portfolio_id, actor=person(request), clock=clock.now
        )
    except (operations.PortfolioUnknownError, operations.ReadOnlyError):
        raise
    except DomainError as refusal:
        return _page(request, connection, problem=problem or refusal.message, status=refusal.status)
    return _page(request, connection, plan=plan, problem=problem, status=status)


def _page(
    request: HttpRequest, connection: ConnectionView, *, status: int = 200, **context: Any
) -> HttpResponse:
    shown = {
        "connection": connection,
        "portfolios": books.names_kept_by_hand(person(request)),
        **context,
    }
    return render(request, "trading/brokers/bring.html", shown, status=status)
