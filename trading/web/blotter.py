"""The blotter (open orders, fills, what has ended) and the page of one order."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from portfolio_site.kernel import clock
from trading import operations, queries
from trading.web.common import person

CLOSED_PER_PAGE = 25
FILLS_SHOWN = 25


@never_cache
@login_required
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """All orders of the person (``?portfolio=`` narrows it to one)."""
    return render(request, "trading/index.html", _blotter_context(request))


@never_cache
@login_required
@require_GET
def blotter(request: HttpRequest) -> HttpResponse:
    """The part of the blotter that renews itself."""
    return render(request, "trading/partials/_blotter.html", _blotter_context(request))


@never_cache
@login_required
@require_GET
def detail(request: HttpRequest, order_id: UUID) -> HttpResponse:
    """One order: what was asked, what has become of it, its trail and its fills."""
    user = person(request)
    found = queries.open_order_with_market(user, order_id, now=clock.now())
    if found is None:
        raise operations.OrderUnknownError
    context = {
        "order": found.order,
        "portfolio_name": found.portfolio_name,
        "quote": found.quote,
        "waiting_for": found.waiting_for,
        "fills": queries.fills_for(user, order_id=order_id, limit=200),
        "may_trade": found.order.user_id == user.pk,
    }
    part = request.headers.get("HX-Target") == "order"
    return render(request, "trading/partials/_order.html" if part else "trading/detail.html", context)


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def cancel(request: HttpRequest, order_id: UUID) -> HttpResponse:
    """Cancel an order: a question on GET (for those without JavaScript), the deed on POST."""
    user = person(request)
    if request.method == "GET":
        order = queries.visible_order(user, order_id)
        if order is None:
            raise operations.OrderUnknownError
        return render(request, "trading/cancel.html", {"order": order})
    in_place = request.headers.get("HX-Target") == "blotter"
    try:
        operations.cancel_order(order_id=order_id, actor=user, now=clock.now())
    except operations.OrderNotCancelableError as refusal:
        if in_place:
            context = {**_blotter_context(request), "notice": refusal.message}
            return render(request, "trading/partials/_blotter.html", context, status=409)
        order = queries.visible_order(user, order_id)
        return render(
            request, "trading/cancel.html", {"order": order, "refusal": refusal.message}, status=409
        )
    if in_place:
        return render(request, "trading/partials/_blotter.html", _blotter_context(request))
    messages.success(request, "The order is cancelled.")
    return redirect("trading:detail", order_id)


def _blotter_context(request: HttpRequest) -> dict[str, Any]:
    user = person(request)
    now = clock.now()
    wanted = request.GET.get("portfolio", "")
    portfolio_id = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) <= 18 else None
    closed = queries.orders_queryset(user).closed().order_by("-submitted_at", "id")
    if portfolio_id is not None:
        closed = closed.filter(portfolio_id=portfolio_id)
    page = Paginator(closed, CLOSED_PER_PAGE).get_page(request.GET.get("page"))
    return {
        "open_orders": queries.open_orders_with_market(user, now=now, portfolio_id=portfolio_id),
        "closed_orders": [queries.order_view(row) for row in page.object_list],
        "page_obj": page,
        "fills": queries.fills_for(user, portfolio_id=portfolio_id, limit=FILLS_SHOWN),
        "portfolio_id": portfolio_id,
        "user_pk": user.pk,
    }
