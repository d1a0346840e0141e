"""A trading account: its figures and its curve, its settings, its kill switch, beginning anew; and the list of accounts."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from holdings.domain.numbers import plain
from portfolio_site.kernel import clock
from portfolio_site.kernel.errors import DomainError
from portfolio_site.kernel.idempotency import fingerprint_of, once
from portfolio_site.kernel.money import round_money
from trading import operations, queries
from trading.forms_account import PERCENTAGES, AccountSettingsForm, KillSwitchForm, ResetForm
from trading.queries import AccountView, EquityPoint
from trading.web.common import person
from trading.web.drafts import Said, asked_again, said_of, typed_in

_USUAL_RANGE = "1M"
_HOURS_TELL = timedelta(days=3)


@never_cache
@login_required
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """The person's accounts."""
    cards = queries.account_cards(person(request), now=clock.now())
    return render(request, "trading/account/list.html", {"cards": cards})


@never_cache
@login_required
@require_GET
def detail(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """One account: curve, figures, margin, what it paid, how it is set up."""
    account = shown_account(request, portfolio_id)
    points = queries.equity_curve(account, range_code=_range(request), now=clock.now())
    return render(
        request,
        "trading/account/detail.html",
        {
            **_context(request, account),
            "ranges": list(queries.CURVE_RANGES),
            "range": _range(request),
            "chart_columns": ("At", "Equity"),
            "chart_rows": [
                (_label(point, by_day=_by_day(points)), round_money(point.equity, account.currency))
                for point in _shown(points)
            ][::-1],
        },
    )


@never_cache
@login_required
@require_GET
def figures(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """The part of that page that renews itself."""
    account = shown_account(request, portfolio_id)
    return render(request, "trading/account/_figures.html", _context(request, account))


@never_cache
@login_required
@require_GET
def chart(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """The equity curve over ``?range=``."""
    account = shown_account(request, portfolio_id)
    points = queries.equity_curve(account, range_code=_range(request), now=clock.now())
    if len(points) < 2:
        return JsonResponse({"labels": [], "series": [], "empty": "The curve begins with the first day."})
    return JsonResponse(
        {
            "kind": "line",
            "unit": "money",
            "currency": account.currency,
            "labels": [_label(point, by_day=_by_day(points)).isoformat() for point in _shown(points)],
            "series": [
                {
                    "key": "equity",
                    "label": "Equity",
                    "values": [
                        plain(round_money(point.equity, account.currency)) for point in _shown(points)
                    ],
                    "style": "area",
                }
            ],
            "summary": _summary(points),
        }
    )


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def settings(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """What its owner chooses: borrowing, limits, how the simulated exchange treats it."""
    account = own_account(request, portfolio_id)
    form = AccountSettingsForm(typed_in(request), account=account)
    said: Said | None = None
    if request.method == "POST" and form.is_valid():
        try:
            operations.change_settings(
                portfolio_id=portfolio_id, actor=person(request), changes=form.changes(), now=clock.now()
            )
        except DomainError as refusal:
            said = said_of(refusal, message=_in_percent(refusal))
        else:
            messages.success(request, "The settings are saved. They count for orders from now on.")
            return redirect("trading:account_page", portfolio_id)
    return asked_again(request, form, "trading/account/settings.html", {"account": account}, said)


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def switch(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """The kill switch: no new orders, or (``on=no``) orders again."""
    account = own_account(request, portfolio_id)
    form = KillSwitchForm(typed_in(request))
    if request.method == "POST" and form.is_valid():
        on = request.POST.get("on") != "no"
        operations.set_kill_switch(
            on=on,
            actor=person(request),
            portfolio_id=portfolio_id,
            reason=form.cleaned_data["reason"] if on else "",
            now=clock.now(),
        )
        messages.success(
            request,
            "No new orders are taken. Cancels still work." if on else "The account takes orders again.",
        )
        return redirect("trading:account_page", portfolio_id)
    return asked_again(request, form, "trading/account/switch.html", {"account": account})


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def reset(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """Begin anew: asks for the cash to start with and the account's number."""
    account, user = own_account(request, portfolio_id), person(request)
    if account.broker_connection_id is not None:
        messages.error(request, "An account at a broker cannot be reset.")
        return redirect("trading:account_page", portfolio_id)
    form = ResetForm(
        typed_in(request), account=account, initial={"cash": queries.starting_cash_of(portfolio_id)}
    )
    said: Said | None = None
    if request.method == "POST" and form.is_valid():
        data, now = form.cleaned_data, clock.now()

        def do() -> tuple[int, Any]:
            operations.reset_account(portfolio_id=portfolio_id, actor=user, cash=data["cash"], now=now)
            return 200, {}

        try:
            once(
                key=data["form_token"],
                user=user,
                route="trading.reset",
                fingerprint=fingerprint_of([portfolio_id, str(data["cash"])]),
                do=do,
            )
        except DomainError as refusal:
            said = said_of(refusal)
        else:
            messages.success(request, "The account is reset.")
            return redirect("trading:account_page", portfolio_id)
    context = {
        "account": account,
        "open_orders": len(queries.open_orders_with_market(user, now=clock.now(), portfolio_id=portfolio_id)),
        "positions": queries.positions_of(portfolio_id, now=clock.now()),
    }
    return asked_again(request, form, "trading/account/reset.html", context, said)


def shown_account(request: HttpRequest, portfolio_id: int) -> AccountView:
    """The account if the person may see it: its owner, or an auditor. 404 for everybody else."""
    found = queries.visible_account(person(request), portfolio_id)
    if found is None:
        raise operations.PortfolioUnknownError
    return found


def own_account(request: HttpRequest, portfolio_id: int) -> AccountView:
    """The account if it is the person's own: 403 for an auditor, 404 for everybody else."""
    found = shown_account(request, portfolio_id)
    if found.owner_id != person(request).pk:
        raise operations.ReadOnlyError
    return found


def _context(request: HttpRequest, account: AccountView) -> dict[str, Any]:
    called = account.margin_call_at
    return {
        "account": account,
        "page": queries.account_page(account, now=clock.now()),
        "call_due_at": None if called is None else operations.call_due_at(called),
        "is_owner": account.owner_id == person(request).pk,
        "connection": None
        if account.broker_connection_id is None
        else queries.broker_connection(person(request), account.broker_connection_id),
    }


def _range(request: HttpRequest) -> str:
    asked = request.GET.get("range", "")
    return asked if asked in queries.CURVE_RANGES else _USUAL_RANGE


def _by_day(points: list[EquityPoint]) -> bool:
    """Whether the curve is one of days: within the first days the hours tell more."""
    return bool(points) and points[-1].at - points[0].at > _HOURS_TELL


def _shown(points: list[EquityPoint]) -> list[EquityPoint]:
    """One point for each day of a curve of days, the last of it."""
    return list({_label(point, by_day=_by_day(points)): point for point in points}.values())


def _label(point: EquityPoint, *, by_day: bool) -> date:
    """The New York day of a point, or its instant."""
    return point.at.astimezone(queries.NEW_YORK).date() if by_day else point.at


def _summary(points: list[EquityPoint]) -> str:
    first, last = points[0].equity, points[-1].equity
    if first <= 0:
        return ""
    change = (last - first) / first
    word = "Up" if change > 0 else "Down" if change < 0 else "Unchanged"
    return word if not change else f"{word} {abs(change) * Decimal(100):.2f}% over the range"


def _in_percent(refusal: DomainError) -> str:
    """A refusal names fractions; the form shows them as percentages."""
    if refusal.field in PERCENTAGES and "lies between" in refusal.message:
        return (
            "This lies between 0 and 1000 %."
            if refusal.field == "borrow_rate"
            else "This lies between 0 and 100 %."
        )
    return refusal.message
