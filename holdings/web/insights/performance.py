"""Performance: the statement of a period, its returns and risk, against a benchmark, by part, by year and month."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from holdings import queries
from holdings.domain.definitions import DEFINITIONS
from holdings.domain.numbers import from_scaled, plain
from holdings.domain.performance import Performance
from holdings.domain.ranges import Period
from holdings.domain.scopes import DIMENSIONS
from holdings.domain.statement import Statement
from holdings.models import Portfolio
from holdings.queries.insights.benchmarks import benchmark_prices
from holdings.queries.insights.explaining import fraction, value_of
from holdings.queries.insights.explaining.ratios import IRR_WORDS, RATIOS
from holdings.queries.insights.lens import Lens
from holdings.queries.insights.performance import (
    PeriodFigures,
    calendar_returns,
    figures_of,
    months_of,
    parts_of,
)
from holdings.web.insights.common import (
    benchmark_context,
    benchmark_words,
    chosen_benchmark,
    chosen_period,
    lens_for,
    page_context,
    period_context,
)
from portfolio_site.kernel.money import round_money

_MOST_POINTS = 800
_MOST_MARKERS = 200
_MARKERS = {
    "buy": "buy",
    "sell": "sell",
    "dividend": "dividend",
    "distribution": "dividend",
    "split": "split",
}
#: Lines of the statement, and whether they are subtracted.
LINES = (
    ("opening_value", False),
    ("contributions", False),
    ("withdrawals", True),
    ("realised_gain", False),
    ("unrealised_gain", False),
    ("dividends", False),
    ("interest", False),
    ("fees", True),
    ("taxes", True),
    ("currency_gain", False),
    ("closing_value", False),
)
DIMENSION_LABELS = {
    "instrument": "Holding",
    "asset_class": "Asset class",
    "sector": "Sector",
    "currency": "Currency",
    "country": "Country",
    "account": "Account",
    "tag": "Tag",
}
RETURNS = ("twr", "twr_annualised", "irr", "simple_return", "best_day", "worst_day")
RISK = ("volatility", "max_drawdown", "sharpe", "sortino")
AGAINST_RISK_FREE = ("sharpe", "sortino", "alpha")
COMPARED = ("beta", "alpha", "correlation", "tracking_error", "information_ratio")


@login_required
@require_GET
def performance(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """The page of performance."""
    lens = lens_for(request, portfolio_id)
    period = chosen_period(request, lens)
    benchmark = chosen_benchmark(request)
    by = request.GET.get("by", "instrument")
    by = by if by in DIMENSIONS else "instrument"
    view = "value" if request.GET.get("view") == "value" else "performance"
    figures = None if period is None else figures_of(lens, period, benchmark=benchmark)
    done = figures.performance if figures is not None else None
    problem = lens.basis.problem or (figures.problem if figures else "")
    context: dict[str, Any] = {
        **page_context(request, lens, current="performance"),
        **period_context(lens, period),
        "figures": figures,
        "problem": problem,
        "view": view,
        "by": by,
        "dimensions": [(code, DIMENSION_LABELS[code]) for code in DIMENSION_LABELS],
        **benchmark_context(request, lens, period),
        "chart_src": _chart_src(request, lens.portfolio),
    }
    if done is not None and figures is not None and period is not None:
        context |= {
            "statement_rows": statement_rows(figures),
            "gain": figures.gain,
            "returns": [stat(done, name) for name in RETURNS],
            "risk": [stat(done, name) for name in RISK],
            "compared": [stat(done, name) for name in COMPARED] if done.benchmark else [],
            "benchmark_twr": fraction(done.benchmark.twr) if done.benchmark else None,
            "benchmark_yearly": fraction(done.benchmark.twr_annualised) if done.benchmark else None,
            "parts": _parts(lens, period, by),
            "years_table": [
                {
                    "year": row.year,
                    "total": fraction(row.total),
                    "months": [
                        {"start": start, "end": end, "value": fraction(value)}
                        for (start, end), value in zip(months_of(row.year), row.months, strict=True)
                    ],
                }
                for row in calendar_returns(lens.basis)
            ],
            "months": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
            "chart_columns": ("Day", "Value", "Index"),
            "chart_rows": chart_rows(done, lens.currency),
        }
    return render(request, "holdings/insights/performance.html", context)


@login_required
@require_GET
def performance_chart(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """The line of a period."""
    return JsonResponse(performance_chart_body(request, portfolio_id))


def performance_chart_body(request: HttpRequest, portfolio_id: int) -> dict[str, Any]:
    """The line of a period: return or value, with a benchmark and with trades and dividends marked."""
    lens = lens_for(request, portfolio_id)
    period = chosen_period(request, lens)
    figures = None if period is None else figures_of(lens, period)
    if period is None or figures is None or figures.performance is None:
        problem = lens.basis.problem or (figures.problem if figures else "") or "Nothing to show yet."
        return {"labels": [], "series": [], "empty": problem}
    done = figures.performance
    shown = sampled(len(done.values))
    days = [date.fromordinal(done.first + index) for index in shown]
    if request.GET.get("view") == "value":
        values = [plain(round_money(done.value(index), lens.currency)) for index in shown]
        series: list[dict[str, Any]] = [{"key": "value", "label": "Value", "values": values, "style": "area"}]
        body: dict[str, Any] = {"unit": "money", "currency": lens.currency, "series": series}
    else:
        series = [
            {
                "key": "twr",
                "label": "Time-weighted return",
                "values": [_text(done.index[index] - 1) for index in shown],
                "style": "area",
            }
        ]
        benchmark = chosen_benchmark(request)
        if benchmark is not None:
            prices = benchmark_prices(benchmark, period, lens.currency)
            found = [prices.series.at(done.first + index) for index in shown]
            start = next((value for value in found if value), None)
            if start:
                series.append(
                    {
                        "key": "benchmark",
                        "label": f"{benchmark.symbol}, {benchmark_words(prices)}",
                        "values": [
                            None if value is None else plain(round(value / start - 1, 8)) for value in found
                        ],
                        "style": "dashed",
                    }
                )
        body = {"unit": "percent", "series": series}
    summary = "" if done.twr is None else (
        f"From {period.start.isoformat()} to {period.end.isoformat()}: "
        f"{'up' if done.twr >= 0 else 'down'} {abs(done.twr):.2%} (time-weighted)."
    )  # fmt: skip
    return {
        "kind": "line",
        "labels": [day.isoformat() for day in days],
        "markers": _markers(lens.portfolio, period, days),
        "summary": summary,
        **body,
    }


def stat(done: Performance, name: str) -> dict[str, Any]:
    """A figure with its label, sentence and, where it has one, a word about it."""
    definition = DEFINITIONS[name]
    return {
        "figure": name,
        "label": definition.label,
        "sentence": definition.sentence,
        "value": fraction(value_of(done, name)),
        "unit": RATIOS[name].unit,
        "is_signed": name
        in ("twr", "twr_annualised", "irr", "simple_return", "best_day", "worst_day", "alpha"),
        "note": _note(done, name),
        "days": _days_of(done, name),
    }


def _note(done: Performance, name: str) -> str:
    if name == "irr":
        return IRR_WORDS[done.irr.status]
    if name == "max_drawdown" and done.drawdown is not None and done.drawdown.trough is not None:
        return "recovered" if done.drawdown.recovered is not None else "not recovered yet"
    if name in AGAINST_RISK_FREE and done.returns.risk_free:
        return f"against {done.returns.risk_free:.2%} a year without risk"
    if name == "twr_annualised" and done.twr_annualised is None and done.twr is not None:
        return "from 365 days on"
    return ""


def _days_of(done: Performance, name: str) -> list[date]:
    def day(index: int) -> date:
        return date.fromordinal(done.first + index)

    if name == "max_drawdown" and done.drawdown is not None and done.drawdown.peak is not None:
        return [day(done.drawdown.peak), day(done.drawdown.trough or 0)]
    if name == "best_day" and done.extremes is not None:
        return [day(done.extremes.best_day)]
    if name == "worst_day" and done.extremes is not None:
        return [day(done.extremes.worst_day)]
    return []


def statement_rows(figures: PeriodFigures) -> list[dict[str, Any]]:
    """The statement's lines with their sign, in the order in which they add up."""
    statement: Statement | None = figures.statement
    rows = []
    for name, is_subtracted in LINES:
        key = f"statement_{name}" if f"statement_{name}" in DEFINITIONS else name
        amount: Decimal = getattr(statement, name)
        rows.append(
            {
                "figure": f"statement-{name}",
                "label": DEFINITIONS[key].label,
                "sentence": DEFINITIONS[key].sentence,
                "amount": -amount if is_subtracted and amount else amount,
                "is_edge": name in ("opening_value", "closing_value"),
            }
        )
    return rows


def sampled(size: int, most: int = _MOST_POINTS) -> list[int]:
    """At most `most` of the days 0 … size − 1, the first and the last among them."""
    step = max(1, -(-size // most))
    return sorted({*range(size - 1, -1, -step), 0})


def chart_rows(done: Performance, currency: str) -> list[tuple[str, str, str]]:
    """The line as a table of at most sixty days, the latest first."""
    return [
        (
            date.fromordinal(done.first + index).isoformat(),
            plain(round_money(from_scaled(done.values[index], done.scale), currency)),
            f"{done.index[index]:.4f}",
        )
        for index in reversed(sampled(len(done.values), 60))
    ]


def _parts(lens: Lens, period: Period, by: str) -> list[dict[str, Any]]:
    return [
        {
            "key": row.key,
            "label": row.label,
            "instrument_id": row.instrument_id,
            "opening": row.opening_value,
            "closing": row.closing_value,
            "flows": row.net_flows,
            "gain": row.gain,
            "contribution": fraction(row.contribution),
            "twr": fraction(row.twr),
            "irr": fraction(row.irr),
        }
        for row in parts_of(lens, period, by)
    ]


def _markers(portfolio: Portfolio, period: Period, days: list[date]) -> list[dict[str, str]]:
    wanted = queries.EntryFilter(since=period.start, until=period.end)
    rows = queries.filtered_transactions(portfolio, wanted).filter(type__in=_MARKERS)
    rows = rows.select_related("instrument").order_by("-occurred_at", "-sequence")[:_MOST_MARKERS]
    found = []
    for row in rows:
        at = next((day for day in days if day >= row.occurred_date), days[-1])
        found.append({"at": at.isoformat(), "kind": _MARKERS[row.type], "label": str(row)})
    return found


def _text(value: float) -> str:
    return plain(Decimal(repr(round(value, 8))))


def _chart_src(request: HttpRequest, portfolio: Portfolio) -> str:
    query = request.GET.copy()
    query.pop("by", None)
    return f"{reverse('holdings:performance_chart', args=[portfolio.pk])}?{query.urlencode()}"
