"""The order ticket: fill in, review, place. The preview renews itself while the person types."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from holdings import queries as books
from marketdata.models import Instrument
from marketdata.queries import cached_quotes, is_market_open
from portfolio_site.kernel import clock
from trading import operations, queries
from trading.engine.types import Side
from trading.forms_orders import OrderForm, offer_json
from trading.web.common import can_trade, own_portfolio, person

WANTED = (
    "side",
    "instrument",
    "type",
    "quantity",
    "notional",
    "limit_price",
    "stop_price",
    "trail_price",
    "trail_percent",
    "order_class",
    "take_profit_limit_price",
    "stop_loss_stop_price",
    "stop_loss_limit_price",
    "time_in_force",
    "extended_hours",
)


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """The ticket. ``step`` says which button was pressed: review, edit (back from the review), or place."""
    portfolio = own_portfolio(request, portfolio_id)
    if not can_trade(portfolio):
        return render(
            request,
            "trading/not_tradable.html",
            {"portfolio": portfolio},
            status=200 if request.method == "GET" else 422,
        )
    if request.method == "GET":
        return _ticket(request, portfolio, _fresh_form(request))
    form = OrderForm(request.POST, user=person(request))
    step = request.POST.get("step", "review")
    if step == "edit":
        form.is_valid()
        return _ticket(request, portfolio, form)
    if not form.is_valid():
        return _ticket(request, portfolio, form, status=422)
    if step == "place":
        return _place(request, portfolio, form)
    return _review(request, portfolio, form)


def _place(request: HttpRequest, portfolio: Any, form: OrderForm) -> HttpResponse:
    terms = form.terms()
    try:
        order = operations.place_order(
            portfolio_id=portfolio.pk,
            actor=person(request),
            client_order_id=form.cleaned_data["client_order_id"],
            instrument_id=form.cleaned_data["instrument"].pk,
            side=terms.side,
            type=terms.type,
            time_in_force=terms.time_in_force,
            quantity=terms.quantity,
            notional=terms.notional,
            limit_price=terms.limit_price,
            stop_price=terms.stop_price,
            trail_price=terms.trail_price,
            trail_percent=terms.trail_percent,
            extended_hours=terms.extended_hours,
            order_class=terms.order_class,
            take_profit=terms.take_profit,
            stop_loss=terms.stop_loss,
            refuse_duplicates=request.POST.get("confirm_duplicate") != "yes",
            now=clock.now(),
        )
    except operations.ClientOrderIdTakenError as taken:
        form.refuse(
            message="An order was already placed with this ticket. Check it before you place another one.",
            code=taken.code,
            field=None,
        )
        form.with_new_id()
        return _ticket(request, portfolio, form, status=409, earlier_order_id=taken.details["order_id"])
    except operations.OrderRefusedError as refusal:
        if refusal.code == "duplicate_order":
            twin = {"message": refusal.message, "order_id": refusal.details["order_id"]}
            return _review(request, portfolio, form, twin=twin)
        estimate = _preview_of(portfolio, form)
        form.refuse(message=refusal.message, code=refusal.code, field=refusal.field)
        return _ticket(request, portfolio, form, status=422, estimate=estimate)
    # 303: whatever is pressed twice, or in two tabs, ends at the page of the one order.
    return HttpResponseRedirect(reverse("trading:detail", args=[order.id]), status=303)


def _review(
    request: HttpRequest, portfolio: Any, form: OrderForm, *, twin: dict[str, Any] | None = None
) -> HttpResponse:
    """The order in words and figures before it is placed. ``twin`` is the same order of a moment ago: it is asked about."""
    preview = _preview_of(portfolio, form)
    account = queries.account_of(portfolio.pk)
    halted = None if account is None else _halted(account)
    if halted is not None:
        form.refuse(message=halted[1], code=halted[0], field=None)
        return _ticket(request, portfolio, form, status=422, estimate=preview)
    if preview.refusal is not None:
        refusal = preview.refusal
        form.refuse(message=refusal.message, code=refusal.code, field=refusal.field)
        return _ticket(request, portfolio, form, status=422, estimate=preview)
    values = {
        name: form.cleaned_data[name].pk if name == "instrument" else form.cleaned_data[name]
        for name in (*WANTED, "client_order_id")
        if form.cleaned_data[name] not in (None, "", False)
    }
    context = {
        "portfolio": portfolio,
        "form": form,
        "preview": preview,
        "values": values,
        "twin": twin,
        "offer": form.offer(),
    }
    return render(request, "trading/review.html", context, status=200 if twin is None else 409)


@never_cache
@login_required
@require_POST
def preview(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """The estimate under the ticket. Changes nothing; an unfinished ticket says what is missing."""
    portfolio = own_portfolio(request, portfolio_id)
    form = OrderForm(request.POST, user=person(request))
    return render(request, "trading/partials/_preview.html", _preview_context(portfolio, form))


@never_cache
@login_required
@require_GET
def account(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """Cash and buying power beside the ticket, re-fetched when the portfolio changes."""
    portfolio = own_portfolio(request, portfolio_id)
    found = queries.account_of(portfolio.pk)
    return render(request, "trading/partials/_account.html", _account_context(portfolio, found))


@never_cache
@login_required
@require_GET
def embedded(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """The ticket as a part of another page (a portfolio's or an instrument's)."""
    portfolio = own_portfolio(request, portfolio_id)
    if not can_trade(portfolio):
        return render(request, "trading/partials/_not_tradable.html", {"portfolio": portfolio})
    context = _ticket_context(request, portfolio, _fresh_form(request))
    return render(request, "trading/partials/_ticket.html", context)


@login_required
@require_GET
def choose(request: HttpRequest) -> HttpResponse:
    """Where a "Buy" button without a portfolio leads: the person's paper account, or the choice between several."""
    user = person(request)
    accounts = [
        card
        for card in books.portfolios_for(user)
        if card.kind in ("paper", "broker") and card.owner_id == user.pk
    ]
    query = request.GET.urlencode()
    if len(accounts) == 1:
        address = reverse("trading:new", args=[accounts[0].id])
        return HttpResponseRedirect(f"{address}?{query}" if query else address)
    return render(request, "trading/choose.html", {"accounts": accounts, "query": query})


def _fresh_form(request: HttpRequest) -> OrderForm:
    """An empty ticket, with what the address names filled in; nonsense in it is left out."""
    given: dict[str, Any] = {name: request.GET[name][:100] for name in WANTED if request.GET.get(name)}
    if given.get("side") not in (None, *(side.value for side in Side)):
        del given["side"]
    if given.get("limit_price"):
        given.setdefault("type", "limit")
    return OrderForm(initial=given, user=person(request))


def _ticket(
    request: HttpRequest,
    portfolio: Any,
    form: OrderForm,
    *,
    status: int = 200,
    earlier_order_id: str = "",
    estimate: queries.OrderPreview | None = None,
) -> HttpResponse:
    """The ticket's page; ``estimate`` is the one already made, before a refusal was written on the form."""
    context = {**_ticket_context(request, portfolio, form), "earlier_order_id": earlier_order_id}
    if estimate is not None:
        context |= {"preview": estimate, "instrument": estimate.instrument, "quote": estimate.quote}
        context["market_is_open"] = estimate.market_is_open
    return render(request, "trading/ticket.html", context, status=status)


def _ticket_context(request: HttpRequest, portfolio: Any, form: OrderForm) -> dict[str, Any]:
    user = person(request)
    accounts = [
        each for each in queries.accounts_for(user) if each.owner_id == user.pk and not each.is_closed
    ]
    own = next((each for each in accounts if each.portfolio_id == portfolio.pk), None)
    preview = _preview_context(portfolio, form)
    form.narrow()
    instrument = preview["instrument"]
    given = {"instrument": instrument.pk, "side": form["side"].value()} if instrument else {}
    return {
        **preview,
        **_account_context(portfolio, own),
        "form": form,
        "halted": None if own is None else _halted(own),
        "connection": None
        if own is None or own.broker_connection_id is None
        else queries.broker_connection(user, own.broker_connection_id),
        "accounts": accounts,
        "query": urlencode(given),
    }


def _halted(account: queries.AccountView) -> tuple[str, str] | None:
    return queries.halted_because(account, site=(account.is_site_halted, account.site_reason))


def _account_context(portfolio: Any, account: queries.AccountView | None) -> dict[str, Any]:
    """What can be spent. An account that borrows has more figures than its cash."""
    figures = None
    if account is not None and account.effective_multiplier > 1:
        figures = queries.account_figures(portfolio.pk, now=clock.now())
    return {
        "portfolio": portfolio,
        "account": account,
        "figures": figures,
        "buying_power": queries.buying_power(portfolio.pk),
    }


def _preview_context(portfolio: Any, form: OrderForm) -> dict[str, Any]:
    """The estimate if the ticket is complete, else the market of the instrument that is chosen so far."""
    now = clock.now()
    context: dict[str, Any] = {"portfolio": portfolio, "preview": None, "quote": None, "instrument": None}
    instrument = form.chosen_instrument()
    if instrument is None:
        return context
    context |= {
        "instrument": instrument,
        "market_is_open": is_market_open(instrument, now),
        "offer": offer_json(instrument),
        "position": books.position_quantity(portfolio.pk, instrument.pk),
        "side": form["side"].value(),
    }
    if form.is_bound and form.is_valid():
        found = _preview_of(portfolio, form)
        return context | {"preview": found, "quote": found.quote}
    return context | {"quote": cached_quotes([instrument.pk], now=now).get(instrument.pk)}


def _preview_of(portfolio: Any, form: OrderForm) -> queries.OrderPreview:
    instrument: Instrument = form.cleaned_data["instrument"]
    return queries.order_preview(
        portfolio_id=portfolio.pk,
        base_currency=portfolio.base_currency,
        instrument=instrument,
        terms=form.terms(),
        now=clock.now(),
    )
