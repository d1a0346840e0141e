"""The page of one order, and changing it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from portfolio_site.kernel import clock
from trading import operations, queries
from trading.forms_orders import ReplaceForm
from trading.web.common import done_in_dialog, person, wants_dialog


@never_cache
@login_required
@require_GET
def detail(request: HttpRequest, order_id: UUID) -> HttpResponse:
    """One order: what was asked, what has become of it and why, its group, what it replaced, its fills."""
    user = person(request)
    found = queries.open_order_with_market(user, order_id, now=clock.now())
    if found is None:
        raise operations.OrderUnknownError
    order = found.order
    fills = queries.fills_for(user, order_id=order_id, limit=200)
    context = {
        "order": order,
        "portfolio_name": found.portfolio_name,
        "quote": found.quote,
        "waiting_for": found.waiting_for,
        "family": queries.family_of(user, order),
        "chain": queries.chain_of(user, order),
        "fills": fills,
        "fees": sum((fill.fees for fill in fills), start=0),
        "may_trade": order.user_id == user.pk,
        "user_pk": user.pk,
    }
    part = request.headers.get("HX-Target") == "order"
    return render(request, "trading/partials/_order.html" if part else "trading/detail.html", context)


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def replace(request: HttpRequest, order_id: UUID) -> HttpResponse:
    """Change an open order: its quantity, prices, time in force. In a dialog of the page it was asked from, or a page of its
    own."""
    user = person(request)
    found = queries.open_order_with_market(user, order_id, now=clock.now())
    if found is None:
        raise operations.OrderUnknownError
    order = found.order
    if order.user_id != user.pk:
        raise operations.ReadOnlyError
    context: dict[str, Any] = {
        "order": order,
        "quote": found.quote,
        "portfolio_name": found.portfolio_name,
        "in_dialog": wants_dialog(request),
    }
    if request.method == "GET":
        form = ReplaceForm(order=order)
        refusal = "" if order.is_replaceable else _why_not(order)
        return _answer(request, {**context, "form": form, "refusal": refusal}, status=200)
    form = ReplaceForm(request.POST, order=order)
    earlier = _first_answer(user, order, request.POST.get("client_order_id", ""))
    if earlier is not None:
        return _done(request, earlier)
    if not form.is_valid():
        return _answer(request, {**context, "form": form}, status=422)
    try:
        new = operations.replace_order(
            order_id=order_id,
            actor=user,
            client_order_id=form.cleaned_data["client_order_id"],
            now=clock.now(),
            **form.changes(),
        )
    except operations.OrderNotReplaceableError as late:
        # Two windows at once: whoever comes second finds the order the first one made.
        again = queries.visible_order(user, order_id)
        earlier = None if again is None else _first_answer(user, again, form.cleaned_data["client_order_id"])
        if earlier is not None:
            return _done(request, earlier)
        return _answer(request, {**context, "form": form, "refusal": late.message}, status=409)
    except operations.ClientOrderIdTakenError:
        refusal = "This form was sent before. Look at the order as it is now, and change it again."
        return _answer(request, {**context, "form": form, "refusal": refusal}, status=409)
    except operations.OrderRefusedError as refused:
        form.refuse(message=refused.message, code=refused.code, field=refused.field)
        return _answer(request, {**context, "form": form}, status=422)
    return _done(request, new)


def _why_not(order: queries.OrderView) -> str:
    if not order.is_open:
        return "This order has come to its end and cannot be changed any more."
    if order.notional is not None:
        return "An order by amount cannot be changed. Cancel it and place another one."
    return "This order cannot be changed at the moment: it waits for its session, or is on its way. You can cancel it."


def _first_answer(user: Any, order: queries.OrderView, client_order_id: str) -> queries.OrderView | None:
    """The order that this very form made before."""
    if order.replaced_by_id is None:
        return None
    new = queries.visible_order(user, order.replaced_by_id)
    return new if new is not None and new.client_order_id == client_order_id else None


def _done(request: HttpRequest, new: queries.OrderView) -> HttpResponse:
    address = reverse("trading:detail", args=[new.id])
    if not wants_dialog(request):
        return HttpResponseRedirect(address, status=303)
    # On the page of the order that is no more, the browser goes on to the one that took its place.
    page = urlsplit(request.headers.get("HX-Current-URL", "")).path
    is_blotter = page == reverse("trading:index")
    return done_in_dialog(title=f"Order changed: {new.symbol}", address="" if is_blotter else address)


def _answer(request: HttpRequest, context: dict[str, Any], *, status: int) -> HttpResponse:
    template = "trading/partials/_replace.html" if wants_dialog(request) else "trading/replace.html"
    return render(request, template, context, status=status)
