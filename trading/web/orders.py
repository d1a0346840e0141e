"""The page of one order, and changing it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from holdings.domain.numbers import plain
from portfolio_site.kernel import clock
from trading import operations, queries
from trading.engine.types import OrderClass, OrderType
from trading.forms_orders import ReplaceForm
from trading.web.common import done_in_dialog, in_words, person, wants_dialog
from trading.web.drafts import Said, came_back, draft_of, said_of, typed_in


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
        "again": _again(order),
        "user_pk": user.pk,
    }
    part = request.headers.get("HX-Target") == "order"
    return render(request, "trading/partials/_order.html" if part else "trading/detail.html", context)


def _again(order: queries.OrderView) -> str:
    """The address of a ticket that is filled in like an order that has ended; empty for members of a group."""
    if order.is_open or order.order_class != OrderClass.SIMPLE:
        return ""
    is_trailing = order.type == OrderType.TRAILING_STOP
    fields: dict[str, Decimal | str | int | None] = {
        "side": order.side,
        "instrument": order.instrument_id,
        "type": order.type,
        "quantity": None if order.notional is not None else order.quantity,
        "notional": order.notional,
        "limit_price": order.limit_price,
        "stop_price": None if is_trailing else order.stop_price,
        "trail_price": order.trail_price,
        "trail_percent": order.trail_percent,
        "time_in_force": order.time_in_force,
        "extended_hours": "on" if order.extended_hours else None,
    }
    query = {
        name: plain(value) if isinstance(value, Decimal) else value
        for name, value in fields.items()
        if value is not None
    }
    return f"{reverse('trading:new', args=[order.portfolio_id])}?{urlencode(query)}"


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
    form = ReplaceForm(typed_in(request), order=order)
    if request.method == "GET":
        refusal = "" if order.is_replaceable else _why_not(order)
        if not refusal:
            _say_again(request, form)
        return _shown(request, {**context, "form": form, "refusal": refusal})
    earlier = _first_answer(user, order, request.POST.get("client_order_id", ""))
    if earlier is not None:
        return _done(request, earlier)
    if not form.is_valid():
        return _not_done(request, context, form)
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
        return _too_late(request, context, form, late.message)
    except operations.ClientOrderIdTakenError:
        refusal = "This form was sent before. Look at the order as it is now, and change it again."
        return _too_late(request, context, form, refusal)
    except operations.OrderRefusedError as refused:
        return _not_done(request, context, form, said_of(refused))
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


def _not_done(
    request: HttpRequest, context: dict[str, Any], form: ReplaceForm, said: Said | None = None
) -> HttpResponse:
    """The form with what is wrong: in the dialog at once, on a page of its own by an address to read."""
    back = None if wants_dialog(request) else came_back(request, form, said)
    if back is not None:
        return back
    if said is not None:
        _refuse(request, form, said)
    return _shown(request, {**context, "form": form}, status=422)


def _too_late(request: HttpRequest, context: dict[str, Any], form: ReplaceForm, refusal: str) -> HttpResponse:
    """The order is no longer as the form was made for: said in the dialog, or on the order's own page."""
    if wants_dialog(request):
        return _shown(request, {**context, "form": form, "refusal": refusal})
    messages.error(request, refusal)
    return HttpResponseRedirect(reverse("trading:detail", args=[form.order.id]), status=303)


def _say_again(request: HttpRequest, form: ReplaceForm) -> None:
    draft = draft_of(request)
    if draft is not None and form.is_valid() and draft.said is not None:
        _refuse(request, form, draft.said)


def _refuse(request: HttpRequest, form: ReplaceForm, said: Said) -> None:
    sentence = in_words(request, said.message, but=(form.order.symbol,))
    form.refuse(message=sentence, code=said.code, field=said.field or None)


def _shown(request: HttpRequest, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """A page of its own, or what the dialog shows. To the dialog a refusal is an answer like any other (200): browsers write
    other statuses of scripts on their console as faults of the page."""
    if wants_dialog(request):
        return render(request, "trading/partials/_replace.html", context)
    return render(request, "trading/replace.html", context, status=status)
