"""The blotter: open orders, fills and what has ended; cancelling in place, one order or all of an account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
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

from marketdata.queries import visible_instrument
from portfolio_site.kernel import clock
from trading import operations, queries
from trading.web.common import done_in_dialog, person, wants_dialog
from trading.web.days import day_of, midnight

#: Groups of open orders, fills and ended orders on one page.
OPEN_PER_PAGE = 50
FILLS_PER_PAGE = 25
CLOSED_PER_PAGE = 25
#: Orders that the question before cancelling all of them names one by one.
_NAMED = 200
#: Open orders that an instrument's page shows.
_OF_INSTRUMENT = 5
_STATES = {
    "": "All",
    "open": "Open",
    "filled": "Filled",
    "ended": "Cancelled, expired, replaced",
    "rejected": "Rejected",
}
#: What the list of sorts says; the heads of the columns lead to the same.
_SORTS = {
    "-placed": "Newest first",
    "placed": "Oldest first",
    "symbol": "Symbol, A to Z",
    "-symbol": "Symbol, Z to A",
    "-quantity": "Largest quantity first",
    "quantity": "Smallest quantity first",
    "-price": "Highest price first",
    "price": "Lowest price first",
}
#: Each list has a page of its own.
_PAGES = ("open_page", "fills_page", "page")


@never_cache
@login_required
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """All orders of the person; ``?portfolio=``, ``?symbol=``, ``?state=``, ``?from=`` and ``?to=`` narrow them, ``?sort=`` sorts
    them."""
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
@require_GET
def of_instrument(request: HttpRequest, instrument_id: int) -> HttpResponse:
    """The part of an instrument's page that shows what the person has open of it."""
    user = person(request)
    instrument = visible_instrument(user, instrument_id)
    rows = queries.open_orders_with_market(user, instrument_id=instrument.pk, now=clock.now())
    context = {
        "instrument": instrument,
        "rows": rows[:_OF_INSTRUMENT],
        "more": max(len(rows) - _OF_INSTRUMENT, 0),
    }
    return render(request, "trading/partials/_of_instrument.html", context)


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
        order = operations.cancel_order(order_id=order_id, actor=user, now=clock.now())
    except operations.OrderNotCancelableError as refusal:
        if in_place:
            # The page is answered like any other time: browsers write a 409 to a script on their console as a fault.
            context = {**_blotter_context(request), "notice": refusal.message}
            return render(request, "trading/partials/_blotter.html", context)
        messages.error(request, refusal.message)
        return redirect("trading:detail", order_id)
    if in_place:
        return render(request, "trading/partials/_blotter.html", _blotter_context(request))
    if order.is_open:
        messages.info(request, "The broker is asked to cancel the order.")
    else:
        messages.success(request, "The order is cancelled.")
    return redirect("trading:detail", order_id)


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def cancel_all(request: HttpRequest) -> HttpResponse:
    """Cancel every open order of one account (``portfolio``), or of all the person's accounts: a question on GET, the deed
    on POST."""
    user = person(request)
    named = request.POST.get("portfolio") or request.GET.get("portfolio", "")
    wanted = _number(named)
    if named and wanted is None:
        # Not all of them: something else was meant.
        raise operations.PortfolioUnknownError
    accounts = [account for account in queries.accounts_for(user) if wanted in (None, account.portfolio_id)]
    if wanted is not None and not accounts:
        raise operations.PortfolioUnknownError
    own = [account for account in accounts if account.owner_id == user.pk]
    if accounts and not own:
        raise operations.ReadOnlyError
    if request.method == "POST":
        return _cancel_all(request, own, wanted)
    narrowing = queries.Narrowing(portfolio_id=wanted)
    found = queries.open_page(user, narrowing, per_page=_NAMED, now=clock.now())
    groups = [group for group in found.groups if group.members[0].order.user_id == user.pk]
    part = wants_dialog(request)
    context = {
        "groups": groups,
        "more": found.page.paginator.count - len(found.groups),
        "accounts": own,
        "portfolio_id": wanted,
        "in_dialog": part,
    }
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
    asked = sum(result.is_asked for result in results)
    left = sum(bool(result.refusal) for result in results)
    done = len(results) - asked - left
    said = (
        " ".join(
            sentence
            for count, sentence in (
                (done, f"{done} order{'' if done == 1 else 's'} cancelled."),
                (asked, f"The broker is asked to cancel {asked} order{'' if asked == 1 else 's'}."),
                (left, f"{left} could not be cancelled at the moment."),
            )
            if count
        )
        or "No order was open."
    )
    if wants_dialog(request):
        return done_in_dialog(title=said)
    messages.success(request, said)
    address = reverse("trading:index")
    return redirect(f"{address}?portfolio={wanted}" if wanted is not None else address)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the address asks for. ``first`` and ``last`` are whole days of the person's time zone."""

    narrowing: queries.Narrowing
    first: date | None
    last: date | None

    def query(self, **changes: str) -> str:
        """The same as a query string, without pages."""
        values = {
            "portfolio": str(self.narrowing.portfolio_id or ""),
            "symbol": self.narrowing.symbol,
            "state": self.narrowing.state,
            "from": "" if self.first is None else self.first.isoformat(),
            "to": "" if self.last is None else self.last.isoformat(),
            "sort": "" if self.narrowing.sort == queries.USUAL_SORT else self.narrowing.sort,
            **changes,
        }
        return urlencode({name: value for name, value in values.items() if value})


def _asked(request: HttpRequest) -> Asked:
    state, sort = request.GET.get("state", ""), request.GET.get("sort", "")
    first, last = day_of(request.GET.get("from", "")), day_of(request.GET.get("to", ""))
    return Asked(
        narrowing=queries.Narrowing(
            portfolio_id=_number(request.GET.get("portfolio", "")),
            symbol=request.GET.get("symbol", "").strip().replace("\x00", "")[:40],
            state=state if state in _STATES else "",
            since=None if first is None else midnight(first),
            until=None if last is None else midnight(last + timedelta(days=1)),
            sort=sort if sort in _SORTS else queries.USUAL_SORT,
        ),
        first=first,
        last=last,
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
    asked = _asked(request)
    narrowing = asked.narrowing
    state = narrowing.state
    counts = queries.counts_by_state(user, narrowing)
    pages = {name: str(number) for name in _PAGES if (number := _number(request.GET.get(name, "")))}
    context: dict[str, Any] = {
        "asked": asked,
        "narrowing": narrowing,
        "portfolio_id": narrowing.portfolio_id,
        "is_narrowed": bool(asked.query(sort="", state="")),
        # What renews itself stays where it is.
        "query": asked.query(**pages),
        "sorts": _SORTS.items(),
        "states": [
            {"name": name, "label": label, "count": counts.get(name), "query": asked.query(state=name)}
            for name, label in _STATES.items()
        ],
        "user_pk": user.pk,
        "open_groups": [],
        "fills": [],
        "shows_open": state in ("", "open"),
        "shows_fills": state in ("", "filled"),
        "shows_ended": state != "open",
        "ended_heading": "Order history" if not state else f"{_STATES[state]} orders",
    }
    if context["shows_open"]:
        found = queries.open_page(
            user, narrowing, number=pages.get("open_page"), per_page=OPEN_PER_PAGE, now=clock.now()
        )
        context |= {
            "open_groups": found.groups,
            "open_page": found.page,
            "own_open": any(group.members[0].order.user_id == user.pk for group in found.groups),
        }
    if context["shows_fills"]:
        fills = Paginator(queries.blotter_fills(user, narrowing), FILLS_PER_PAGE).get_page(
            pages.get("fills_page")
        )
        context |= {"fills": queries.fill_views(fills.object_list), "fills_page": fills}
    if context["shows_ended"]:
        ended = queries.ended_orders(user, narrowing)
        page = Paginator(ended, CLOSED_PER_PAGE).get_page(pages.get("page"))
        context |= {
            "closed_orders": [queries.order_view(row) for row in page.object_list],
            "page_obj": page,
        }
    return context
