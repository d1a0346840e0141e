"""Explain this number: one page for every figure, shown in a dialog where there is JavaScript."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET
from django.views.decorators.vary import vary_on_headers

from holdings.domain.types import PortfolioError
from holdings.queries.insights.explaining import definition_of, explained, is_figure
from holdings.queries.insights.lens import problem_of
from holdings.queries.insights.ratios import fraction
from holdings.web.insights.common import chosen_instrument, chosen_period, lens_for, page_context


@login_required
@require_GET
@vary_on_headers("HX-Request")
def explain(request: HttpRequest, portfolio_id: int, figure: str) -> HttpResponse:
    """The rows, prices and rates behind a figure, with its formula and its definition. 404 for what is no figure."""
    lens = lens_for(request, portfolio_id)
    if not is_figure(figure):
        raise Http404
    context: dict[str, Any] = {**page_context(request, lens, current=""), "definition": definition_of(figure)}
    try:
        found = explained(
            lens,
            figure,
            chosen_period(request, lens),
            instrument=chosen_instrument(request, "instrument"),
            benchmark=chosen_instrument(request, "benchmark"),
        )
    except PortfolioError as error:
        context |= {"found": None, "problem": problem_of(error)}
    else:
        kinds = [kind for _, kind in found.table.columns]
        context |= {
            "found": found,
            "value": fraction(found.value),
            "problem": lens.basis.problem,
            "table_rows": [list(zip(kinds, row, strict=True)) for row in found.table.rows],
        }
    is_part = request.headers.get("HX-Request") == "true"
    template = "holdings/insights/_explanation.html" if is_part else "holdings/insights/explanation.html"
    return render(request, template, {**context, "is_part": is_part})
