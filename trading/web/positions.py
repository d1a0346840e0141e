"""Positions: what is held in the person's accounts, live; closing one in whole or part, turning one round, closing all."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from marketdata.models import Instrument
from portfolio_site.kernel import clock
from portfolio_site.kernel.errors import DomainError
from portfolio_site.kernel.idempotency import fingerprint_of, once
from trading import operations, queries
from trading.engine.liquidity import to_step
from trading.forms_positions import CloseAllForm, ClosePositionForm, ReverseForm
from trading.queries import AccountView, PositionView, closing_terms
from trading.web.account_page import own_account, shown_account
from trading.web.common import in_words, person
from trading.web.drafts import Draft, Said, asked_again, draft_of, kept, said_of, typed_in

#: Parts of a position that a click fills in, in percent.
PARTS = (25, 50, 75, 100)


@never_cache
@login_required
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Everything held in the person's accounts (``?portfolio=`` narrows it to one)."""
    return render(request, "trading/positions/index.html", _context(request))


@never_cache
@login_required
@require_GET
def table(request: HttpRequest) -> HttpResponse:
    """The part of that page that renews itself."""
    return render(request, "trading/positions/_positions.html", _context(request))


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def close(request: HttpRequest, portfolio_id: int, instrument_id: int) -> HttpResponse:
    """Close a position or a part of it: how much, a review with what it brings, the deed."""
    account = own_account(request, portfolio_id)
    before = _placed_before(request, account, instrument_id)
    if before is not None:
        return before
    position = queries.position_of(portfolio_id, instrument_id, now=clock.now())
    if position is None:
        raise operations.PositionUnknownError
    draft = draft_of(request)
    sent = request.POST if request.method == "POST" else None if draft is None else draft.fields
    form = ClosePositionForm(sent, position=position)
    if request.method == "GET":
        return _close_answer(request, account, position, form, draft)
    step = request.POST.get("step", "")
    if step == "place" and form.is_valid():
        data = form.cleaned_data
        try:
            order = operations.close_position(
                portfolio_id=portfolio_id,
                actor=person(request),
                instrument_id=instrument_id,
                quantity=data["quantity"],
                client_order_id=data["client_order_id"],
                now=clock.now(),
            )
        except operations.ClientOrderIdTakenError as taken:
            return HttpResponseRedirect(
                reverse("trading:detail", args=[taken.details["order_id"]]), status=303
            )
        except DomainError as refusal:
            return _close_sent(request, account, position, form, said=said_of(refusal))
        return HttpResponseRedirect(reverse("trading:detail", args=[order.id]), status=303)
    return _close_sent(request, account, position, form, step="edit" if step == "edit" else "review")


def _close_sent(
    request: HttpRequest,
    account: AccountView,
    position: PositionView,
    form: ClosePositionForm,
    *,
    step: str = "review",
    said: Said | None = None,
) -> HttpResponse:
    """Lead to the page that follows what was sent; show it at once where no address can hold it."""
    names = ("quantity", "client_order_id")
    answer = kept(request, request.path, step=step, names=names, said=said)
    if answer is not None:
        return answer
    return _close_page(request, account, position, form, status=422)


def _close_answer(
    request: HttpRequest,
    account: AccountView,
    position: PositionView,
    form: ClosePositionForm,
    draft: Draft | None,
) -> HttpResponse:
    """The form, or what follows it: the review, or the form with what is wrong."""
    if draft is None or draft.step == "edit" or not form.is_valid():
        return _close_page(request, account, position, form, status=200)
    data = form.cleaned_data
    preview = _preview(account, position, data["quantity"])
    refusal = preview.refusal or draft.said
    if refusal is not None:
        sentence = in_words(request, refusal.message, but=(position.symbol,))
        form.add_error("quantity" if refusal.field == "quantity" else None, sentence)
        return _close_page(request, account, position, form, status=200)
    context = {"account": account, "position": position, "form": form, "preview": preview, "values": data}
    return render(request, "trading/positions/close_review.html", context)


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def reverse_side(request: HttpRequest, portfolio_id: int, instrument_id: int) -> HttpResponse:
    """Turn a position round: both orders to review, then the deed."""
    account = own_account(request, portfolio_id)
    before = _placed_before(request, account, instrument_id)
    if before is not None:
        return before
    position = queries.position_of(portfolio_id, instrument_id, now=clock.now())
    if position is None:
        raise operations.PositionUnknownError
    form = ReverseForm(typed_in(request))
    said: Said | None = None
    if request.method == "POST" and form.is_valid():
        try:
            _closed, opened = operations.reverse_position(
                portfolio_id=portfolio_id,
                actor=person(request),
                instrument_id=instrument_id,
                client_order_id=form.cleaned_data["client_order_id"],
                now=clock.now(),
            )
        except DomainError as refusal:
            said = said_of(refusal)
        else:
            return HttpResponseRedirect(reverse("trading:detail", args=[opened.id]), status=303)
    context = {
        "account": account,
        "position": position,
        "preview": _preview(account, position, abs(position.quantity)),
    }
    return asked_again(request, form, "trading/positions/reverse.html", context, said)


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def close_all(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """Close every position of an account: what there is to review, then the deed, once."""
    account, user = own_account(request, portfolio_id), person(request)
    form = CloseAllForm(typed_in(request))
    said: Said | None = None
    if request.method == "POST" and form.is_valid():
        cancel = form.cleaned_data["cancel_orders"]

        def do() -> tuple[int, Any]:
            results = operations.close_all_positions(
                portfolio_id=portfolio_id, actor=user, cancel_orders=cancel, now=clock.now()
            )
            failed = [f"{item.symbol}: {item.error.message}" for item in results if item.error is not None]
            return 207, {"placed": len(results) - len(failed), "failed": failed}

        try:
            answer = once(
                key=form.cleaned_data["form_token"],
                user=user,
                route="trading.close_all",
                fingerprint=fingerprint_of([portfolio_id, cancel]),
                do=do,
            )
        except DomainError as refusal:
            said = said_of(refusal)
        else:
            _tell(request, answer.body["placed"], answer.body["failed"])
            return redirect(f"{reverse('trading:positions')}?portfolio={portfolio_id}")
    found = queries.positions_page(user, portfolio_id=portfolio_id, now=clock.now())
    context = {"account": account, "group": found[0] if found else None}
    return asked_again(request, form, "trading/positions/close_all.html", context, said)


def _tell(request: HttpRequest, placed: int, failed: list[str]) -> None:
    if placed:
        noun = "One closing order is" if placed == 1 else f"{placed} closing orders are"
        messages.success(request, f"{noun} placed.")
    for line in failed:
        messages.error(request, in_words(request, line))
    if not placed and not failed:
        messages.info(request, "There was no position to close.")


def _context(request: HttpRequest) -> dict[str, Any]:
    wanted = request.GET.get("portfolio", "")
    portfolio_id = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) <= 18 else None
    account = None if portfolio_id is None else shown_account(request, portfolio_id)
    return {
        "groups": queries.positions_page(person(request), portfolio_id=portfolio_id, now=clock.now()),
        "account": account,
        "portfolio_id": portfolio_id,
        "user_pk": person(request).pk,
    }


def _close_page(
    request: HttpRequest,
    account: AccountView,
    position: PositionView,
    form: ClosePositionForm,
    *,
    status: int,
) -> HttpResponse:
    step = Instrument.objects.values_list("quantity_step", flat=True).get(pk=position.instrument_id)
    held = abs(position.quantity)
    parts = [
        (part, held if part == 100 else to_step(held * part / Decimal(100), step)) for part in PARTS
    ]  # fmt: skip
    context = {
        "account": account,
        "position": position,
        "form": form,
        "parts": [(part, units) for part, units in parts if units],
    }
    return render(request, "trading/positions/close.html", context, status=status)


def _placed_before(request: HttpRequest, account: AccountView, instrument_id: int) -> HttpResponse | None:
    """A second click of the button that closed or turned a position ends at the order of the first; so does who comes back to
    its review."""
    draft = draft_of(request)
    if draft is not None:
        sent = draft.fields.get("client_order_id", "")
    else:
        sent = request.POST.get("client_order_id", "") if request.POST.get("step") == "place" else ""
    if not sent or not sent.isprintable():
        return None
    for name in (f"{sent}-open"[:128], sent[:128]):
        order = queries.order_by_client_id(account.portfolio_id, name)
        if order is not None and order.instrument_id == instrument_id:
            return HttpResponseRedirect(reverse("trading:detail", args=[order.id]), status=303)
    return None


def _preview(account: AccountView, position: PositionView, quantity: Decimal) -> queries.OrderPreview:
    instrument = Instrument.objects.get(pk=position.instrument_id)
    return queries.order_preview(
        portfolio_id=account.portfolio_id,
        base_currency=account.currency,
        instrument=instrument,
        terms=closing_terms(position, quantity),
        now=clock.now(),
    )
