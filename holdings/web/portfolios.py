"""Portfolios: the list, opening one, its overview, its settings, putting it away."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from holdings import operations, queries
from holdings.forms import AccountForm, NewPortfolioForm, PortfolioForm, refuse
from holdings.models import Account, Portfolio, Transaction
from holdings.web.charts import as_fraction, series_rows
from holdings.web.common import done_once, may_write, own_portfolio, person, shown_portfolio
from portfolio_site.kernel import clock
from portfolio_site.kernel.errors import DomainError
from portfolio_site.kernel.idempotency import fingerprint_of, once


@login_required
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """The portfolios of this person (for an auditor: of everybody), or three ways to begin."""
    archived = request.GET.get("archived") == "1"
    cards = queries.portfolios_for(person(request), now=clock.now(), include_archived=archived)
    return render(
        request,
        "holdings/index.html",
        {
            "cards": cards,
            "show_owner": any(card.owner_id != request.user.pk for card in cards),
            "archived": archived,
        },
    )


@login_required
@require_http_methods(["GET", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    """Step one: name and currency. What comes next was chosen before (`start`): by hand, or a file."""
    start = request.POST.get("start") or request.GET.get("start") or "hand"
    user = person(request)
    form = NewPortfolioForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid():
        try:
            return done_once(
                request, form, route="holdings.create", do=lambda: _create(user, form.cleaned_data, start)
            )
        except DomainError as refusal:
            refuse(form, refusal)
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "holdings/portfolio_form.html", {"form": form, "start": start}, status=status)


def _create(user: Any, data: dict[str, Any], start: str) -> str:
    settings = {key: value for key, value in data.items() if key != "form_token"}
    portfolio = operations.create_portfolio(owner=user, now=clock.now(), **settings)
    if start == "import":
        return reverse("holdings:import", args=[portfolio.pk])
    return reverse("holdings:hold", args=[portfolio.pk])


@login_required
@require_POST
def sample(request: HttpRequest) -> HttpResponse:
    """Open a portfolio with a few entries to look around in. Pressed twice it is still one."""
    user = person(request)
    key = f"sample:{request.POST.get('form_token', '')}"[:200]

    def do() -> tuple[int, Any]:
        portfolio = operations.create_sample_portfolio(owner=user, now=clock.now())
        return 303, {"url": reverse("holdings:detail", args=[portfolio.pk])}

    try:
        answer = once(key=key, user=user, route="holdings.sample", fingerprint=fingerprint_of({}), do=do)
    except DomainError as refusal:
        messages.error(request, refusal.message)
        return HttpResponseRedirect(reverse("holdings:index"), status=303)
    return HttpResponseRedirect(answer.body["url"], status=303)


@login_required
@require_GET
def detail(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """The overview: value chart, totals, holdings, cash."""
    portfolio = shown_portfolio(request, portfolio_id)
    now = clock.now()
    snapshot = queries.snapshot(portfolio, now=now)
    chosen = request.GET.get("range", "1Y")
    code = chosen if chosen in queries.RANGES else "1Y"
    series = queries.value_series(portfolio, snapshot, range_code=code, now=now)
    return render(
        request,
        "holdings/detail.html",
        {
            **_holdings_context(request, portfolio, snapshot),
            "series": series,
            "chart_columns": ("Day", "Value", "Invested"),
            "chart_rows": series_rows(series),
            "ranges": queries.RANGES,
            "range": code,
            "has_entries": bool(snapshot.holdings or snapshot.cash)
            or Transaction.objects.filter(portfolio=portfolio).exists(),
            "drafts": queries.drafts_of(portfolio),
            "proposals": queries.open_proposals(portfolio.pk),
            **_return_figures(series),
        },
    )


def _return_figures(series: queries.ValueSeries) -> dict[str, Any]:
    measured = series.performance
    if measured is None:
        return {"twr": None, "irr": None, "irr_note": "", "drawdown": None}
    notes = {"ambiguous": "more than one rate fits; the nearest to zero", "none": "no rate fits"}
    return {
        "twr": as_fraction(measured.twr),
        "irr": as_fraction(measured.irr.rate),
        "irr_note": notes.get(str(measured.irr.status), ""),
        "drawdown": as_fraction(measured.drawdown.depth if measured.drawdown else None),
    }


@login_required
@require_GET
def holdings_table(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """The holdings table alone, re-fetched when the portfolio changes."""
    portfolio = shown_portfolio(request, portfolio_id)
    snapshot = queries.snapshot(portfolio, now=clock.now())
    return render(
        request, "holdings/partials/_holdings.html", _holdings_context(request, portfolio, snapshot)
    )


def _holdings_context(
    request: HttpRequest, portfolio: Portfolio, snapshot: queries.Snapshot
) -> dict[str, Any]:
    closed = request.GET.get("closed") == "1"
    rows = [row for row in snapshot.holdings if row.quantity or closed]
    keys: dict[str, Any] = {
        "name": lambda row: row.symbol,
        "value": lambda row: row.market_value_base or 0,
        "day": lambda row: row.day_change_base or 0,
        "gain": lambda row: row.unrealised_gain_base or 0,
        "weight": lambda row: row.weight or 0,
    }
    sort = request.GET.get("sort", "")
    if sort.lstrip("-") in keys:
        rows.sort(key=keys[sort.lstrip("-")], reverse=sort.startswith("-"))
    return {
        "portfolio": portfolio,
        "snapshot": snapshot,
        "rows": rows,
        "show_closed": closed,
        "closed_count": sum(1 for row in snapshot.holdings if not row.quantity),
        "may_write": may_write(request, portfolio),
        "is_owner": portfolio.owner_id == request.user.pk,
        "may_order": portfolio.owner_id == request.user.pk
        and portfolio.is_traded
        and portfolio.archived_at is None,
    }


@login_required
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """Name, method and the other settings; what follows from them is recomputed at once."""
    portfolio = own_portfolio(request, portfolio_id)
    form = PortfolioForm(request.POST or None, user=person(request), portfolio=portfolio)
    if request.method == "POST" and form.is_valid():
        try:
            operations.update_portfolio(
                portfolio_id=portfolio.pk, actor=person(request), now=clock.now(), **form.cleaned_data
            )
        except DomainError as refusal:
            refuse(form, refusal)
        else:
            messages.success(request, "The settings are saved.")
            return HttpResponseRedirect(reverse("holdings:detail", args=[portfolio.pk]), status=303)
    status = 422 if form.is_bound and form.errors else 200
    context = {
        "form": form,
        "portfolio": portfolio,
        "accounts": Account.objects.filter(portfolio=portfolio).select_related("cash_account").order_by("pk"),
    }
    return render(request, "holdings/portfolio_form.html", context, status=status)


@login_required
@require_http_methods(["GET", "POST"])
def add_account(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """Open another account in the portfolio."""
    portfolio = own_portfolio(request, portfolio_id)
    form = AccountForm(request.POST or None, portfolio=portfolio)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data

        def do() -> str:
            operations.add_account(
                portfolio_id=portfolio.pk,
                name=data["name"],
                kind=data["kind"],
                currency=data["currency"],
                now=clock.now(),
            )
            return reverse("holdings:edit", args=[portfolio.pk])

        try:
            return done_once(request, form, route=f"holdings.account:{portfolio.pk}", do=do)
        except DomainError as refusal:
            refuse(form, refusal)
    status = 422 if form.is_bound and form.errors else 200
    return render(
        request, "holdings/account_form.html", {"form": form, "portfolio": portfolio}, status=status
    )


@login_required
@require_http_methods(["GET", "POST"])
def archive(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """Put the portfolio away, after asking."""
    portfolio = own_portfolio(request, portfolio_id)
    if request.method == "POST":
        operations.archive_portfolio(portfolio_id=portfolio.pk, actor=person(request), now=clock.now())
        messages.success(request, f"“{portfolio.name}” is archived. You find it under “Show archived”.")
        return HttpResponseRedirect(reverse("holdings:index"), status=303)
    return render(
        request,
        "holdings/confirm.html",
        {
            "portfolio": portfolio,
            "title": f"Archive “{portfolio.name}”?",
            "text": "It leaves your lists and totals. Nothing is deleted, and you can bring it back.",
            "submit": "Archive",
            "cancel_url": reverse("holdings:detail", args=[portfolio.pk]),
        },
    )


@login_required
@require_POST
def restore(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """Bring an archived portfolio back."""
    portfolio = own_portfolio(request, portfolio_id)
    operations.restore_portfolio(portfolio_id=portfolio.pk, actor=person(request), now=clock.now())
    messages.success(request, f"“{portfolio.name}” is back.")
    return HttpResponseRedirect(reverse("holdings:detail", args=[portfolio.pk]), status=303)
