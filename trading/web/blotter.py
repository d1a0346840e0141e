"""The blotter: open orders, fills and what has ended; cancelling in place, one order or all of an account."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from portfolio_site.kernel import clock
from trading import operations, queries
from trading.web.common import done_in_dialog, person, wants_dialog

CLOSED_PER_PAGE = 25
FILLS_SHOWN = 25
_STATES = {
    "": "All",
    "open": "Open",
    "filled": "Filled",
    "ended": "Cancelled, expired, replaced",
    "rejected": "Rejected",
}


@never_cache
@login_required
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """All orders of the person; ``?portfolio=``, ``?symbol=`` and ``?state=`` narrow them."""
    context = _blotter_context(request)
    context["accounts"] = queries.accounts_for(person(request))
    context["halts"] = _halts(context["accounts"], user=person(request), narrowing=context["narrowing"])
    return render(request, "trading/index.html", context)


@never_cache
@login_required
@require_GET
def blotter(request: HttpRequest) -> HttpResponse:
    """The part of the blotter that renews itself."""
    return render(request, "trading/partials/_blotter.html", _blotter_context(request))


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
        if order.user_id != user.pk:
            raise operations.ReadOnlyError
        part = wants_dialog(request)
        return render(
            request, "trading/partials/_cancel.html" if part else "trading/cancel.html", {"order": order}
        )
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


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def cancel_all(request: HttpRequest) -> HttpResponse:
    """Cancel every open order of one account (``portfolio``), or of all the person's accounts: a question on GET, the deed
    on POST."""
    user = person(request)
    wanted = _number(request.POST.get("portfolio") or request.GET.get("portfolio", ""))
    accounts = [account for account in queries.accounts_for(user) if wanted in (None, account.portfolio_id)]
    if wanted is not None and not accounts:
        raise operations.PortfolioUnknownError
    own = [account for account in accounts if account.owner_id == user.pk]
    if accounts and not own:
        raise operations.ReadOnlyError
    if request.method == "POST":
        return _cancel_all(request, own, wanted)
    narrowing = queries.Narrowing(portfolio_id=wanted)
    groups = [
        group
        for group in queries.open_groups(user, narrowing, now=clock.now())
        if group.members[0].order.user_id == user.pk
    ]
    context = {"groups": groups, "accounts": own, "portfolio_id": wanted}
    part = wants_dialog(request)
    return render(
        request, "trading/partials/_cancel_all.html" if part else "trading/cancel_all.html", context
    )


def _cancel_all(request: HttpRequest, own: list[queries.AccountView], wanted: int | None) -> HttpResponse:
    results = [
        result
        for account in own
        for result in operations.cancel_all_orders(
            portfolio_id=account.portfolio_id, actor=request.user, now=clock.now()
        )
    ]
    done = sum(not result.refusal for result in results)
    said = (
        "No order was open."
        if not results
        else "1 order cancelled."
        if done == 1
        else f"{done} orders cancelled."
    )
    left = len(results) - done
    if left:
        said += f" {left} could not be cancelled at the moment."
    if wants_dialog(request):
        return done_in_dialog(title=said)
    messages.success(request, said)
    address = reverse("trading:index")
    return redirect(f"{address}?portfolio={wanted}" if wanted is not None else address)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def _narrowing(request: HttpRequest) -> queries.Narrowing:
    state = request.GET.get("state", "")
    return queries.Narrowing(
        portfolio_id=_number(request.GET.get("portfolio", "")),
        symbol=request.GET.get("symbol", "").strip().replace("\x00", "")[:40],
        state=state if state in _STATES else "",
    )


def _halts(
    accounts: list[queries.AccountView], *, user: Any, narrowing: queries.Narrowing
) -> list[tuple[str, str]]:
    """(account, why it takes no new orders) for the accounts that are shown; the site's switch is told once, without a name."""
    shown = [
        account
        for account in accounts
        if not account.is_closed
        and account.owner_id == user.pk
        and narrowing.portfolio_id in (None, account.portfolio_id)
    ]
    found = []
    for account in shown:
        halted = queries.halted_because(account, site=(account.is_site_halted, account.site_reason))
        if halted is not None and halted[0] == "site_halted":
            return [("", halted[1])]
        if halted is not None:
            found.append((account.name, halted[1]))
    return found


def _blotter_context(request: HttpRequest) -> dict[str, Any]:
    user = person(request)
    narrowing = _narrowing(request)
    state = narrowing.state
    counts = queries.counts_by_state(user, narrowing)
    given = {"portfolio": narrowing.portfolio_id or "", "symbol": narrowing.symbol}
    context: dict[str, Any] = {
        "narrowing": narrowing,
        "portfolio_id": narrowing.portfolio_id,
        "query": urlencode({name: value for name, value in {**given, "state": state}.items() if value}),
        "states": [
            {
                "name": name,
                "label": label,
                "count": counts.get(name),
                "query": urlencode({key: value for key, value in {**given, "state": name}.items() if value}),
            }
            for name, label in _STATES.items()
        ],
        "user_pk": user.pk,
        "open_groups": [],
        "fills": [],
        "shows_open": state in ("", "open"),
        "shows_fills": state in ("", "filled"),
        "shows_ended": state != "open",
        "ended_heading": "Ended orders" if not state else f"{_STATES[state]} orders",
    }
    if context["shows_open"]:
        groups = queries.open_groups(user, narrowing, now=clock.now())
        context |= {
            "open_groups": groups,
            "open_shown": sum(len(group.members) for group in groups),
            "open_count": counts["open"],
            "own_open": any(group.members[0].order.user_id == user.pk for group in groups),
        }
    if context["shows_fills"]:
        context["fills"] = queries.fills_for(
            user, portfolio_id=narrowing.portfolio_id, symbol=narrowing.symbol, limit=FILLS_SHOWN
        )
    if context["shows_ended"]:
        ended = queries.ended_orders(user, narrowing)
        page = Paginator(ended, CLOSED_PER_PAGE).get_page(request.GET.get("page"))
        context |= {
            "closed_orders": [queries.order_view(row) for row in page.object_list],
            "page_obj": page,
        }
    return context
