"""Realised gains by tax year, on a page and as a file for a spreadsheet."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from holdings.domain.definitions import DEFINITIONS
from holdings.queries.insights.lens import Lens
from holdings.queries.insights.realised import as_csv, realised_year, tax_year_named, tax_years
from holdings.web.common import shown_portfolio
from holdings.web.insights.common import page_context
from portfolio_site.kernel import clock


@login_required
@require_GET
def realised(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """What was closed in a tax year, with the sums for short and long terms."""
    lens = Lens(shown_portfolio(request, portfolio_id), now=clock.now())
    chosen = tax_year_named(request.GET.get("year", ""), lens.portfolio, today=lens.today)
    found = realised_year(lens.portfolio, chosen)
    return render(
        request,
        "holdings/insights/realised.html",
        {
            **page_context(request, lens, current="realised", carries=()),
            "found": found,
            "years": tax_years(lens.portfolio, today=lens.today),
            "sums": [
                ("Short term", "short", found.short),
                ("Long term", "long", found.long),
                ("Together", None, found.total),
            ],
            "has_matches": any(row.match for row in found.parcels),
            "has_wash_sales": any(row.wash_sale_adjustment for row in found.parcels),
            "definitions": [
                DEFINITIONS[name] for name in ("realised_gain", "proceeds", "term", "wash_sale_adjustment")
            ],
        },
    )


@login_required
@require_GET
def realised_csv(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """The same parcels as a file."""
    portfolio = shown_portfolio(request, portfolio_id)
    lens = Lens(portfolio, now=clock.now())
    chosen = tax_year_named(request.GET.get("year", ""), portfolio, today=lens.today)
    found = realised_year(portfolio, chosen)
    response = HttpResponse(as_csv(portfolio, found.parcels), content_type="text/csv; charset=utf-8")
    name = f"realised-{portfolio.pk}-{chosen.label.replace('/', '-')}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
