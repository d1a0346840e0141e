"""One holding: what it cost, what it is worth, its lots, what was realised, and every entry of it."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from holdings import queries
from holdings.operations import PortfolioUnknown
from holdings.web.common import may_write, shown_portfolio
from marketdata.models import Instrument
from portfolio_site.kernel import clock


@login_required
@require_GET
def holding(request: HttpRequest, portfolio_id: int, instrument_id: int) -> HttpResponse:
    """The page of a holding. 404 for what the portfolio never held."""
    portfolio = shown_portfolio(request, portfolio_id)
    snapshot = queries.snapshot(portfolio, now=clock.now())
    row = next((found for found in snapshot.holdings if found.instrument_id == instrument_id), None)
    if row is None:
        raise PortfolioUnknown
    code = request.GET.get("range", "1Y")
    page = queries.transactions_for(
        portfolio, wanted=queries.EntryFilter(instrument_id=instrument_id), size=20
    )
    return render(
        request,
        "holdings/holding.html",
        {
            "portfolio": portfolio,
            "instrument": Instrument.objects.get(pk=instrument_id),
            "row": row,
            "lots": queries.open_lots(portfolio.pk, instrument_id),
            "realised": queries.realised_trades(portfolio.pk, instrument_id),
            "entries": [(entry, queries.cash_effect(entry)) for entry in page.rows],
            "has_more": bool(page.older),
            "chart_columns": (),
            "chart_rows": (),
            "range": code if code in queries.RANGES else "1Y",
            "ranges": queries.RANGES,
            "may_write": may_write(request, portfolio),
            "is_owner": portfolio.owner_id == request.user.pk,
        },
    )
