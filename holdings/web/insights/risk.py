"""Risk: how much returns scatter and fall, against a benchmark, and which holdings move together."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from holdings.domain.numbers import plain
from holdings.queries.insights.explaining import definition_of, fraction, value_of
from holdings.queries.insights.performance import figures_of
from holdings.queries.insights.risk import Correlations, correlations_of, underwater
from holdings.web.insights.common import (
    benchmark_context,
    carried,
    chosen_benchmark,
    chosen_period,
    lens_for,
    page_context,
    period_context,
)
from holdings.web.insights.performance import COMPARED, sampled, stat

_FIGURES = ("volatility", "downside_deviation", "sharpe", "sortino", "max_drawdown", "best_day", "worst_day")
_TAILS = ("value_at_risk", "conditional_value_at_risk", "value_at_risk_99", "conditional_value_at_risk_99")


@login_required
@require_GET
def risk(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """The page of risk, each figure with its definition beside it."""
    lens = lens_for(request, portfolio_id)
    period = chosen_period(request, lens)
    benchmark = chosen_benchmark(request)
    figures = None if period is None else figures_of(lens, period, benchmark=benchmark)
    done = figures.performance if figures is not None else None
    context: dict[str, Any] = {
        **page_context(request, lens, current="risk"),
        **period_context(lens, period),
        "figures": figures,
        "problem": lens.basis.problem or (figures.problem if figures else ""),
        **benchmark_context(request, lens, period),
    }
    if done is not None and period is not None:
        falls = underwater(done)
        worth = done.value(-1)
        context |= {
            "stats": [stat(done, name) for name in _FIGURES],
            "tails": [_tail(name, value_of(done, name), worth) for name in _TAILS],
            "compared": [stat(done, name) for name in COMPARED] if done.benchmark else [],
            "correlations": _matrix(correlations_of(lens, period)),
            "chart_src": f"{reverse('holdings:risk_chart', args=[portfolio_id])}?{carried(request)}",
            "chart_columns": ("Day", "Below the highest"),
            "chart_rows": [
                (date.fromordinal(done.first + index).isoformat(), f"{falls[index]:.2%}")
                for index in reversed(sampled(len(falls), 60))
            ],
        }
    return render(request, "holdings/insights/risk.html", context)


@login_required
@require_GET
def risk_chart(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """How far below the highest it was."""
    return JsonResponse(risk_chart_body(request, portfolio_id))


def risk_chart_body(request: HttpRequest, portfolio_id: int) -> dict[str, Any]:
    """How far the time-weighted index was below its highest, day by day."""
    lens = lens_for(request, portfolio_id)
    period = chosen_period(request, lens)
    figures = None if period is None else figures_of(lens, period)
    done = figures.performance if figures is not None else None
    if done is None:
        problem = lens.basis.problem or (figures.problem if figures else "") or "Nothing to show yet."
        return {"labels": [], "series": [], "empty": problem}
    falls = underwater(done)
    shown = sampled(len(falls))
    return {
        "kind": "line",
        "unit": "percent",
        "labels": [date.fromordinal(done.first + index).isoformat() for index in shown],
        "series": [
            {
                "key": "drawdown",
                "label": "Below the highest",
                "values": [plain(Decimal(repr(round(falls[index], 8)))) for index in shown],
                "style": "area",
            }
        ],
    }


def _tail(name: str, value: float | None, worth: Decimal) -> dict[str, Any]:
    definition, loss = definition_of(name), fraction(value)
    return {
        "figure": name,
        "label": definition.label,
        "sentence": definition.sentence,
        "value": loss,
        "amount": None if loss is None else loss * worth,
    }


def _matrix(found: Correlations) -> dict[str, Any]:
    """The matrix with a class for each cell: seven shades from moving apart to moving together."""
    rows = []
    for index, line in enumerate(found.matrix):
        cells = [
            {"value": fraction(cell), "shade": _shade(cell), "instrument_id": other}
            for cell, other in zip(line, found.instrument_ids, strict=True)
        ]
        rows.append(
            {"symbol": found.symbols[index], "instrument_id": found.instrument_ids[index], "cells": cells}
        )
    return {"symbols": found.symbols, "rows": rows, "left_out": found.left_out}


def _shade(value: float | None) -> str:
    if value is None:
        return "none"
    size = min(3, int(abs(value) * 3.5 + 0.25))
    return "0" if not size else f"{'up' if value > 0 else 'down'}-{size}"
