"""Income: what was paid by month and year, by whom, and what may come."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from holdings.domain.numbers import plain
from holdings.domain.types import PortfolioError
from holdings.queries.insights.income import KINDS, Income, Sums, income_of
from holdings.queries.insights.lens import Lens, problem_of
from holdings.web.insights.common import lens_for, page_context
from portfolio_site.kernel.money import round_money

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MOST_MONTHS = 36


@login_required
@require_GET
def income(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """The page of income."""
    lens = lens_for(request, portfolio_id)
    view = _view(request)
    context: dict[str, Any] = {
        **page_context(request, lens, current="income", carries=("currency",)),
        "view": view,
        "found": None,
        "problem": "",
    }
    try:
        found = income_of(lens)
    except PortfolioError as error:
        context["problem"] = problem_of(error)
    else:
        rows = _bars(found, view)
        by_month: dict[str, list[Any]] = {}
        for expected in found.expected:
            by_month.setdefault(f"{MONTHS[expected.day.month - 1]} {expected.day.year}", []).append(expected)
        context |= {
            "found": found,
            "expected_total": sum((row.amount for row in found.expected), Decimal(0)),
            "expected_months": list(by_month.items()),
            "years": [{"year": year, "sums": sums} for year, sums in found.years.items()],
            "chart_src": f"{reverse('holdings:income_chart', args=[portfolio_id])}?view={view}&currency={lens.currency}",
            "chart_columns": (
                "Month" if view == "month" else "Year",
                "Dividends",
                "Interest",
                "Staking",
                "Taxes",
            ),
            "chart_rows": [
                (
                    label,
                    *(
                        _money(amount, lens)
                        for amount in (sums.dividends, sums.interest, sums.staking, sums.taxes)
                    ),
                )
                for label, sums in reversed(rows)
            ],
        }
    return render(request, "holdings/insights/income.html", context)


@login_required
@require_GET
def income_chart(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """The bars of what was paid."""
    return JsonResponse(income_chart_body(request, portfolio_id))


def income_chart_body(request: HttpRequest, portfolio_id: int) -> dict[str, Any]:
    """Gross income by kind as stacked bars, by month or by year."""
    lens = lens_for(request, portfolio_id)
    try:
        rows = _bars(income_of(lens), _view(request))
    except PortfolioError as error:
        return {"labels": [], "series": [], "empty": problem_of(error)}
    if not rows:
        return {"labels": [], "series": [], "empty": "Nothing was paid yet."}
    series = [
        {
            "key": kind,
            "label": kind.capitalize(),
            "values": [_money(getattr(sums, kind), lens) for _, sums in rows],
        }
        for kind in KINDS
        if any(getattr(sums, kind) for _, sums in rows)
    ]
    return {
        "kind": "bar",
        "unit": "money",
        "currency": lens.currency,
        "stacked": True,
        "labels": [label for label, _ in rows],
        "series": series,
    }


def _view(request: HttpRequest) -> str:
    return "year" if request.GET.get("view") == "year" else "month"


def _bars(found: Income, view: str) -> list[tuple[str, Sums]]:
    """Every year, or every month of the last three years from the first payment on, those without payments too."""
    if view == "year":
        return [(str(year), sums) for year, sums in reversed(found.years.items())]
    if not found.months:
        return []
    (first_year, first_month), (last_year, last_month) = min(found.months), max(found.months)
    first, last = first_year * 12 + first_month - 1, last_year * 12 + last_month - 1
    rows = []
    for number in range(max(first, last - _MOST_MONTHS + 1), last + 1):
        year, month = divmod(number, 12)
        rows.append((f"{MONTHS[month]} {year}", found.months.get((year, month + 1), Sums())))
    return rows


def _money(amount: Decimal, lens: Lens) -> str:
    return plain(round_money(amount, lens.currency))
