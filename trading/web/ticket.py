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
from trading.operations.reading import MAX_CLIENT_ORDER_ID
from trading.web.common import can_trade, in_words, own_portfolio, person
from trading.web.drafts import Draft, Said, draft_of, kept, said_of

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
#: All that a ticket carries from one page to the next.
KEPT = (*WANTED, "instrument_text", "instrument_shown", "client_order_id")


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """The ticket. ``step`` says which button was pressed: review, edit (back from the review), or place. Whatever was sent,
    the answer is an address to read (``drafts``): going back asks nobody to send the form again."""
    portfolio = own_portfolio(request, portfolio_id)
    if not can_trade(portfolio):
        return render(
            request,
            "trading/not_tradable.html",
            {"portfolio": portfolio},
            status=200 if request.method == "GET" else 422,
        )
    if request.method == "GET":
        draft = draft_of(request)
        if draft is not None:
            return _returned(request, portfolio, draft)
        return _fresh(request, portfolio)
    step = request.POST.get("step", "review")
    if step == "place":
        return _place(request, portfolio)
    return _answered(request, portfolio, step="edit" if step == "edit" else "review")


def _answered(request: HttpRequest, portfolio: Any, *, step: str, said: Said | None = None) -> HttpResponse:
    """What follows a ticket that was sent: the address of its page, or the page itself where no address can hold it."""
    answer = kept(request, request.path, step=step, names=KEPT, said=said)
    if answer is not None:
        return answer
    fields = {name: request.POST[name] for name in KEPT if request.POST.get(name)}
    page = _returned(request, portfolio, Draft(step=step, fields=fields, said=said))
    page.status_code = 422
    return page


def _returned(request: HttpRequest, portfolio: Any, draft: Draft) -> HttpResponse:
    """A ticket that was sent: its review, or the ticket with what is wrong."""
    form = OrderForm(draft.fields, user=person(request))
    earlier = _earlier(portfolio, draft.fields.get("client_order_id", ""))
    if earlier:
        form.is_valid()
        form.with_new_id()
        return _ticket(request, portfolio, form, earlier_order_id=earlier)
    if draft.step == "edit":
        form.is_valid()
        return _ticket(request, portfolio, form)
    if not form.is_valid():
        return _ticket(request, portfolio, form)
    return _review(request, portfolio, form, said=draft.said)


def _earlier(portfolio: Any, client_order_id: str) -> str:
    """The id of the order that this ticket has made already; empty if it made none."""
    if not _is_id(client_order_id):
        return ""
    found = queries.order_by_client_id(portfolio.pk, client_order_id)
    return "" if found is None else str(found.id)


def _is_id(text: str) -> bool:
    return 0 < len(text) <= MAX_CLIENT_ORDER_ID and text.isprintable()


def _place(request: HttpRequest, portfolio: Any) -> HttpResponse:
    form = OrderForm(request.POST, user=person(request))
    if not form.is_valid():
        return _answered(request, portfolio, step="review")
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
    except operations.ClientOrderIdTakenError:
        # The page that follows finds the order of this ticket by itself.
        return _answered(request, portfolio, step="edit")
    except operations.OrderRefusedError as refusal:
        twin = str(refusal.details["order_id"]) if refusal.code == "duplicate_order" else ""
        return _answered(request, portfolio, step="review", said=said_of(refusal, order_id=twin))
    # 303: whatever is pressed twice, or in two tabs, ends at the page of the one order.
    return HttpResponseRedirect(reverse("trading:detail", args=[order.id]), status=303)


def _review(request: HttpRequest, portfolio: Any, form: OrderForm, *, said: Said | None) -> HttpResponse:
    """The order in words and figures before it is placed, or the ticket with what stands in its way. ``said`` is what the
    counter answered when it was to be placed: the same order of a moment ago is asked about, a refusal is shown even if it
    would not be one any more."""
    preview = _preview_of(portfolio, form)
    account = queries.account_of(portfolio.pk)
    halted = None if account is None else _halted(account)
    refusal: tuple[str, str, str] | None = None
    if halted is not None:
        refusal = (halted[1], halted[0], "")
    elif preview.refusal is not None:
        refusal = (preview.refusal.message, preview.refusal.code, preview.refusal.field or "")
    elif said is not None and not said.order_id:
        refusal = (said.message, said.code, said.field)
    if refusal is not None:
        sentence = in_words(request, refusal[0], but=(preview.instrument.symbol,))
        form.refuse(message=sentence, code=refusal[1], field=refusal[2] or None)
        return _ticket(request, portfolio, form, estimate=preview)
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
        "twin": said,
        "broker_says": _broker_says(_at_broker(portfolio, preview.instrument), preview),
        "offer": form.offer(),
    }
    return render(request, "trading/review.html", context)


@never_cache
@login_required
@require_POST
def preview(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """The estimate under the ticket. Changes nothing; an unfinished ticket says what is missing."""
    portfolio = own_portfolio(request, portfolio_id)
    form = OrderForm(request.POST, user=person(request))
    context = {**_preview_context(portfolio, form), "again": True}
    return render(request, "trading/partials/_preview_again.html", context)


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


def _fresh(request: HttpRequest, portfolio: Any) -> HttpResponse:
    """A ticket as the address fills it in. Who comes back to one that has made an order is told so: the script keeps what was
    typed, and the ticket's id, in the address."""
    earlier = _earlier(portfolio, request.GET.get("client_order_id", ""))
    form = _fresh_form(request)
    given = request.GET.get("client_order_id", "")
    if not earlier and _is_id(given):
        form.fields["client_order_id"].initial = given
    return _ticket(request, portfolio, form, earlier_order_id=earlier)


def _ticket(
    request: HttpRequest,
    portfolio: Any,
    form: OrderForm,
    *,
    earlier_order_id: str = "",
    estimate: queries.OrderPreview | None = None,
) -> HttpResponse:
    """The ticket's page; ``estimate`` is the one already made, before a refusal was written on the form."""
    context = {**_ticket_context(request, portfolio, form), "earlier_order_id": earlier_order_id}
    if estimate is not None:
        context |= {"preview": estimate, "instrument": estimate.instrument, "quote": estimate.quote}
        context["market_is_open"] = estimate.market_is_open
    return render(request, "trading/ticket.html", context)


def _ticket_context(request: HttpRequest, portfolio: Any, form: OrderForm) -> dict[str, Any]:
    user = person(request)
    accounts = [
        each for each in queries.accounts_for(user) if each.owner_id == user.pk and not each.is_closed
    ]
    own = next((each for each in accounts if each.portfolio_id == portfolio.pk), None)
    form.narrow()
    preview = _preview_context(portfolio, form)
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
    at_broker = _at_broker(portfolio, instrument)
    context |= {"at_broker": at_broker, "broker_says": at_broker.obstacles() if at_broker else ()}
    # A ticket that the address filled in is estimated like one that was typed.
    filled = form if form.is_bound else form.as_sent()
    if filled.is_valid():
        found = _preview_of(portfolio, filled)
        return context | {
            "preview": found,
            "quote": found.quote,
            "broker_says": _broker_says(at_broker, found),
        }
    return context | {"quote": cached_quotes([instrument.pk], now=now).get(instrument.pk)}


def _at_broker(portfolio: Any, instrument: Instrument) -> queries.AssetAtBroker | None:
    if portfolio.kind != "broker":
        return None
    return queries.asset_at_broker(portfolio.pk, instrument_id=instrument.pk, symbol=instrument.symbol)


def _broker_says(at_broker: queries.AssetAtBroker | None, preview: queries.OrderPreview) -> tuple[str, ...]:
    """What the broker would not take of this order."""
    if at_broker is None:
        return ()
    return at_broker.obstacles(preview.terms, sells_short=preview.sells_short is not None)


def _preview_of(portfolio: Any, form: OrderForm) -> queries.OrderPreview:
    instrument: Instrument = form.cleaned_data["instrument"]
    return queries.order_preview(
        portfolio_id=portfolio.pk,
        base_currency=portfolio.base_currency,
        instrument=instrument,
        terms=form.terms(),
        now=clock.now(),
    )
