"""Explain this number: one page for every figure, shown in a dialog where there is JavaScript."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET
from django.views.decorators.vary import vary_on_headers

from holdings.domain.types import PortfolioError
from holdings.queries import desk_of
from holdings.queries.insights.explaining import (
    Explained,
    SubjectUnknown,
    definition_of,
    explained,
    fraction,
    is_figure,
)
from holdings.queries.insights.explaining.desk import NAMES, explained_desk
from holdings.queries.insights.lens import problem_of
from holdings.web.common import person
from holdings.web.insights.common import asked_of, lens_for, page_context
from portfolio_site.kernel import clock


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
        context |= _shown(explained(lens, figure, asked_of(request, lens)))
    except PortfolioError as error:
        context |= {"found": None, "problem": problem_of(error)}
    except SubjectUnknown as error:
        raise Http404 from error
    else:
        context["problem"] = lens.basis.problem
    return _answer(request, context)


@login_required
@require_GET
@vary_on_headers("HX-Request")
def explain_desk(request: HttpRequest, figure: str) -> HttpResponse:
    """The same for a figure of all of a person's tracked portfolios together."""
    if figure not in NAMES:
        raise Http404
    user, now = person(request), clock.now()
    found = explained_desk(desk_of(user, now=now), figure, currency=user.base_currency, now=now)
    context = {"portfolio": None, "definition": found.definition, "problem": "", "current": ""}
    return _answer(request, {**context, **_shown(found)})


def _shown(found: Explained) -> dict[str, Any]:
    kinds = [kind for _, kind in found.table.columns]
    value = fraction(found.value) if isinstance(found.value, float) else found.value
    return {
        "found": found,
        "value": value,
        "currency": found.currency,
        "table_rows": [list(zip(kinds, row, strict=True)) for row in found.table.rows],
    }


def _answer(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    is_part = request.headers.get("HX-Request") == "true"
    template = "holdings/insights/_explanation.html" if is_part else "holdings/insights/explanation.html"
    return render(request, template, {**context, "is_part": is_part})
