"""Entries: the journal with its filters, adding, editing, removing, and what an entry was before."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from holdings import operations, queries
from holdings.entries import RULES
from holdings.forms import EntryFilterForm, HoldingForm, TransactionForm, refuse
from holdings.models import Account, DraftTransaction, Portfolio, Transaction, TransactionType
from holdings.queries.whole import today_in
from holdings.web.common import done_once, may_write, own_portfolio, person, shown_portfolio
from portfolio_site.kernel import clock
from portfolio_site.kernel.display import display_for
from portfolio_site.kernel.errors import DomainError
from portfolio_site.kernel.formatting import format_when

# The types most people need come first; the others stand behind "More".
USUAL = ("buy", "sell", "deposit", "withdrawal", "dividend", "interest", "fee", "tax", "split", "transfer")


@login_required
@require_GET
def journal(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """Entries that count, newest first, searched and filtered; fifty on a page."""
    portfolio = shown_portfolio(request, portfolio_id)
    accounts = list(Account.objects.filter(portfolio=portfolio).order_by("pk"))
    form = EntryFilterForm(request.GET, accounts=accounts, tags=queries.tags_of(portfolio.pk))
    wanted = queries.EntryFilter()
    if form.is_valid():
        data = form.cleaned_data
        wanted = queries.EntryFilter(
            text=data["q"],
            type=data["type"],
            account_id=int(data["account"]) if data["account"] else None,
            tag=data["tag"],
            since=data["since"],
            until=data["until"],
            batch_id=_number(request.GET.get("batch")),
            instrument_id=_number(request.GET.get("instrument")),
        )
    page = queries.transactions_for(portfolio, wanted=wanted, cursor=request.GET.get("cursor", ""))
    return render(
        request,
        "holdings/journal.html",
        {
            "portfolio": portfolio,
            "form": form,
            "page": page,
            "entries": [(row, queries.cash_effect(row)) for row in page.rows],
            "is_filtered": wanted != queries.EntryFilter(),
            "drafts": queries.drafts_of(portfolio) if not request.GET.get("cursor") else [],
            "may_write": may_write(request, portfolio),
        },
    )


@login_required
@require_http_methods(["GET", "POST"])
def hold(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """The short form: “I hold 10 AAPL at 150.”"""
    portfolio = own_portfolio(request, portfolio_id)
    user = person(request)
    form = HoldingForm(
        request.POST or None,
        user=user,
        today=today_in(portfolio, clock.now()),
        initial=_given(request, "instrument"),
    )
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data

        def do() -> str:
            operations.set_holding(
                portfolio_id=portfolio.pk,
                instrument_id=data["instrument"].pk,
                quantity=data["quantity"],
                unit_price=data["unit_price"],
                on=data["on"],
                note=data["note"],
                actor=user,
                now=clock.now(),
            )
            return reverse("holdings:detail", args=[portfolio.pk])

        try:
            return done_once(request, form, route=f"holdings.hold:{portfolio.pk}", do=do)
        except DomainError as refusal:
            refuse(
                form, refusal, names={"price": "unit_price", "occurred": "on", "instrument_id": "instrument"}
            )
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "holdings/hold.html", {"form": form, "portfolio": portfolio}, status=status)


@login_required
@require_http_methods(["GET", "POST"])
def add(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """A form for one type of entry (`type`), with only the fields that mean something for it."""
    portfolio = own_portfolio(request, portfolio_id)
    type_ = _type(request)
    user = person(request)
    form = TransactionForm(
        request.POST or None,
        portfolio=portfolio,
        type_=type_,
        user=user,
        today=today_in(portfolio, clock.now()),
        initial={"instrument_id": request.GET.get("instrument", "")},
    )
    if request.method == "POST" and form.is_valid():

        def do() -> str:
            posted = operations.post_transaction(
                portfolio_id=portfolio.pk, entry=form.entry(), actor=user, now=clock.now()
            )
            if isinstance(posted, DraftTransaction):
                messages.info(
                    request, "The entry lies in the future: it is kept aside and booked on its day."
                )
                return reverse("holdings:journal", args=[portfolio.pk])
            return _back(portfolio, posted)

        try:
            return done_once(request, form, route=f"holdings.add:{portfolio.pk}", do=do)
        except DomainError as refusal:
            refuse(form, refusal)
    return _entry_form(request, portfolio, form, type_)


@login_required
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, portfolio_id: int, transaction_id: int) -> HttpResponse:
    """The same form for an entry that is there; saving replaces it and keeps what it was before."""
    portfolio = own_portfolio(request, portfolio_id)
    row = _entry(request, portfolio_id, transaction_id)
    if getattr(row, "void", None) is not None:
        return HttpResponseRedirect(reverse("holdings:entry", args=[portfolio.pk, row.pk]))
    type_ = _type(request, default=row.type)
    user = person(request)
    form = TransactionForm(
        request.POST or None,
        portfolio=portfolio,
        type_=type_,
        user=user,
        today=today_in(portfolio, clock.now()),
        row=row,
    )
    if request.method == "POST" and form.is_valid():

        def do() -> str:
            posted = operations.correct_transaction(
                portfolio_id=portfolio.pk,
                transaction_id=row.pk,
                entry=form.entry(),
                actor=user,
                now=clock.now(),
            )
            return _back(portfolio, posted)

        try:
            return done_once(request, form, route=f"holdings.edit:{row.pk}", do=do)
        except DomainError as refusal:
            refuse(form, refusal)
    return _entry_form(request, portfolio, form, type_, row=row)


def _entry_form(
    request: HttpRequest,
    portfolio: Portfolio,
    form: TransactionForm,
    type_: str,
    *,
    row: Transaction | None = None,
) -> HttpResponse:
    labels = dict(TransactionType.choices)
    return render(
        request,
        "holdings/entry_form.html",
        {
            "portfolio": portfolio,
            "form": form,
            "row": row,
            "type": type_,
            "type_label": labels[type_],
            "type_is_rare": type_ not in USUAL,
            "usual_types": [(code, labels[code]) for code in USUAL],
            "more_types": [(code, label) for code, label in TransactionType.choices if code not in USUAL],
        },
        status=422 if form.is_bound and form.errors else 200,
    )


@login_required
@require_GET
def entry(request: HttpRequest, portfolio_id: int, transaction_id: int) -> HttpResponse:
    """One entry with its history: who, when, what it was before."""
    portfolio = shown_portfolio(request, portfolio_id)
    row = _entry(request, portfolio_id, transaction_id)
    versions = queries.entry_history(row)
    return render(
        request,
        "holdings/entry.html",
        {
            "portfolio": portfolio,
            "row": versions[0].row,
            "title": f"{versions[0].row.get_type_display()} on {_day(request, versions[0].row)}",
            "is_void": versions[0].void is not None,
            "cash_effect": queries.cash_effect(versions[0].row),
            "versions": versions,
            "may_write": may_write(request, portfolio),
        },
    )


@login_required
@require_http_methods(["GET", "POST"])
def remove(request: HttpRequest, portfolio_id: int, transaction_id: int) -> HttpResponse:
    """Take an entry back, after asking."""
    portfolio = own_portfolio(request, portfolio_id)
    row = _entry(request, portfolio_id, transaction_id)
    problem = ""
    if request.method == "POST":
        if getattr(row, "void", None) is not None:
            return HttpResponseRedirect(reverse("holdings:journal", args=[portfolio.pk]), status=303)
        try:
            operations.void_transaction(
                portfolio_id=portfolio.pk, transaction_id=row.pk, actor=person(request), now=clock.now()
            )
        except DomainError as refusal:
            problem = refusal.message
        else:
            messages.success(request, f"Removed: {row}. Its history keeps it.")
            return HttpResponseRedirect(reverse("holdings:journal", args=[portfolio.pk]), status=303)
    return render(
        request,
        "holdings/confirm.html",
        {
            "portfolio": portfolio,
            "title": f"Remove the {row.get_type_display().lower()} of {_day(request, row)}?",
            "text": "It no longer counts, and every figure is worked out without it. Its history keeps who removed it, and when.",
            "problem": problem,
            "submit": "Remove",
            "danger": True,
            "cancel_url": reverse("holdings:entry", args=[portfolio.pk, row.pk]),
        },
        status=422 if problem else 200,
    )


@login_required
@require_http_methods(["GET", "POST"])
def remove_draft(request: HttpRequest, portfolio_id: int, draft_id: int) -> HttpResponse:
    """Forget an entry that waits for its day, after asking."""
    portfolio = own_portfolio(request, portfolio_id)
    if request.method == "POST":
        operations.remove_draft(
            portfolio_id=portfolio.pk, draft_id=draft_id, actor=person(request), now=clock.now()
        )
        messages.success(request, "The planned entry is removed.")
        return HttpResponseRedirect(reverse("holdings:journal", args=[portfolio.pk]), status=303)
    if not DraftTransaction.objects.filter(portfolio=portfolio, pk=draft_id).exists():
        raise operations.EntryUnknown
    return render(
        request,
        "holdings/confirm.html",
        {
            "portfolio": portfolio,
            "title": "Remove the planned entry?",
            "text": "It will not be booked.",
            "submit": "Remove",
            "danger": True,
            "cancel_url": reverse("holdings:journal", args=[portfolio.pk]),
        },
    )


def _entry(request: HttpRequest, portfolio_id: int, transaction_id: int) -> Transaction:
    row = queries.visible_entry(person(request), portfolio_id, transaction_id)
    if row is None:
        raise operations.EntryUnknown
    return row


def _type(request: HttpRequest, *, default: str = "buy") -> str:
    asked = request.GET.get("type", default)
    return asked if asked in RULES else default


def _back(portfolio: Portfolio, row: Transaction) -> str:
    if row.instrument_id is not None:
        return reverse("holdings:holding", args=[portfolio.pk, row.instrument_id])
    return reverse("holdings:journal", args=[portfolio.pk])


def _given(request: HttpRequest, name: str) -> dict[str, Any]:
    return {name: request.GET[name]} if request.GET.get(name) else {}


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= 18 else None


def _day(request: HttpRequest, row: Transaction) -> str:
    return format_when(row.occurred_date, "date", locale=display_for(request).locale)
