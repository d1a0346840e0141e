"""What the charts of the books fetch: JSON, decimals as strings, and the same figures as table rows."""

from __future__ import annotations

import math
from datetime import date
from decimal import Decimal
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_GET

from holdings import queries
from holdings.domain.numbers import plain
from holdings.queries import sampled_rows
from holdings.web.common import person, shown_portfolio
from marketdata.queries import bars, visible_instrument
from portfolio_site.kernel import clock
from portfolio_site.kernel.display import display_for
from portfolio_site.kernel.formatting import format_percent_of, format_when
from portfolio_site.kernel.money import round_money

_MARKERS = {
    "buy": "buy",
    "delivery_in": "buy",
    "sell": "sell",
    "delivery_out": "sell",
    "dividend": "dividend",
    "distribution": "dividend",
    "split": "split",
    "deposit": "deposit",
    "withdrawal": "withdrawal",
}
_MOST_BARS = 500
_MOST_MARKERS = 200


@login_required
@require_GET
def value_chart(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """The value of a portfolio over a range."""
    return JsonResponse(value_chart_body(request, portfolio_id))


def value_chart_body(request: HttpRequest, portfolio_id: int) -> dict[str, Any]:
    """The value (`view=value`) or the time-weighted return (`view=performance`) of a portfolio over a range."""
    portfolio = shown_portfolio(request, portfolio_id)
    now = clock.now()
    snapshot = queries.snapshot(portfolio, now=now)
    series = queries.value_series(portfolio, snapshot, range_code=request.GET.get("range", "1Y"), now=now)
    if not series.days:
        return {"labels": [], "series": [], "empty": series.problem or "Nothing to show yet."}
    # The day before the first entry is where returns are measured from; as a value it would only be a cliff.
    since = 1 if len(series.days) > 1 and not series.values[0] else 0
    labels = [day.isoformat() for day in series.days[since:]]
    if request.GET.get("view") == "performance":
        first = series.index[0] or Decimal(1)
        body: dict[str, Any] = {
            "unit": "percent",
            "series": [
                {
                    "key": "twr",
                    "label": "Time-weighted return",
                    "values": [plain(round(value / first - 1, 8)) for value in series.index[since:]],
                    "style": "area",
                }
            ],
        }
    else:
        currency = portfolio.base_currency
        body = {
            "unit": "money",
            "currency": currency,
            "series": [
                {
                    "key": "value",
                    "label": "Value",
                    "values": _money(series.values[since:], currency),
                    "style": "area",
                },
                {
                    "key": "invested",
                    "label": "Invested",
                    "values": _money(series.invested[since:], currency),
                    "style": "dashed",
                },
            ],
        }
    return {
        "kind": "line",
        "labels": labels,
        **body,
        "summary": summary_of(series, locale=display_for(request).locale),
    }


@login_required
@require_GET
def holding_chart(request: HttpRequest, portfolio_id: int, instrument_id: int) -> HttpResponse:
    """The price of a holding with what was done with it, and its average cost."""
    portfolio = shown_portfolio(request, portfolio_id)
    instrument = visible_instrument(person(request), instrument_id)
    now = clock.now()
    code = request.GET.get("range", "1Y")
    wanted = queries.EntryFilter(instrument_id=instrument.pk)
    rows = list(
        queries.filtered_transactions(portfolio, wanted).order_by("-occurred_at", "-sequence")[:_MOST_MARKERS]
    )
    today = now.date()
    start = queries.range_start(code, today) if code in queries.RANGES and code != "MAX" else None
    if start is None:
        start = min((row.occurred_date for row in rows), default=today.replace(year=today.year - 1))
    found = bars(instrument.pk, start, today, at_most=_MOST_BARS)
    if not found:
        return JsonResponse({"labels": [], "series": [], "empty": "There are no daily prices of this yet."})
    markers = [
        {
            "at": _at(row.occurred_date, [bar.date for bar in found]),
            "kind": _MARKERS[row.type],
            "label": str(row),
        }
        for row in rows
        if row.type in _MARKERS and row.occurred_date >= start
    ]
    return JsonResponse(
        {
            "kind": "line",
            "unit": "price",
            "currency": instrument.currency,
            "labels": [bar.date.isoformat() for bar in found],
            "series": [
                {
                    "key": "close",
                    "label": instrument.symbol,
                    "values": [plain(round(bar.close, 8)) for bar in found],
                    "style": "line",
                }
            ],
            "markers": markers,
        }
    )


def series_rows(series: queries.ValueSeries) -> list[tuple[date, Decimal, Decimal]]:
    """The chart as a table for those who do not see the chart."""
    return sampled_rows(series.days, series.values, series.invested)


def summary_of(series: queries.ValueSeries, *, locale: str) -> str:
    """The chart in one sentence, without amounts (it is read aloud in privacy mode too)."""
    twr = as_fraction(series.performance.twr) if series.performance else None
    if twr is None:
        return ""
    way = "up" if twr >= 0 else "down"
    since, until = (format_when(day, "date", locale=locale) for day in (series.start, series.end))
    size = format_percent_of(abs(twr), locale=locale)
    return f"From {since} to {until}: {way} {size} (time-weighted)."


def _money(values: tuple[Decimal, ...], currency: str) -> list[str]:
    return [plain(round_money(value, currency)) for value in values]


def _at(day: date, days: list[date]) -> str:
    """The label under which a marker stands: the first day shown that is not before it."""
    return next((shown for shown in days if shown >= day), days[-1]).isoformat()


def as_fraction(value: float | None) -> Decimal | None:
    """A ratio of the analytics (a float there, by nature) as a Decimal for display."""
    return None if value is None or not math.isfinite(value) else Decimal(repr(round(value, 8)))
