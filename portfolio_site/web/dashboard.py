"""The front hall: the dashboard. It computes nothing of its own; it adds up and lays out what the rooms answer."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.urls import reverse

from holdings.queries import RANGES, CombinedSeries, Desk, combined_series, desk_of, desk_totals, sampled_rows
from marketdata.queries import cached_quotes
from portfolio_site.kernel.money import round_money
from trading.queries import orders_for

DEFAULT_RANGE = "1Y"
MOVERS = 6
LATEST_ORDERS = 6


def dashboard_for(user: Any, *, now: datetime, range_code: str, with_table: bool = False) -> dict[str, Any]:
    """Return everything the dashboard shows. The number of statements does not depend on what the person owns.

    The chart fetches its own figures; `with_table` adds them as rows for a browser that runs no scripts.
    """
    desk = desk_of(user, now=now)
    code = range_code if range_code in RANGES else DEFAULT_RANGE
    if not desk.portfolios:
        return {"portfolios": [], "first_steps": _first_steps()}
    return {
        "portfolios": [
            {
                "id": portfolio.pk,
                "name": portfolio.name,
                "kind": portfolio.kind,
                "url": reverse("holdings:detail", args=[portfolio.pk]),
                "currency": portfolio.base_currency,
                "value": desk.snapshots[portfolio.pk].net_worth,
                "day_change": desk.snapshots[portfolio.pk].day_change,
            }
            for portfolio in desk.portfolios
        ],
        "totals": desk_totals(desk, currency=user.base_currency, now=now),
        "has_tracked": bool(desk.tracked),
        **_prices(desk, now=now),
        "orders": [
            {
                "url": reverse("trading:detail", args=[order.id]),
                "title": f"{order.describes} · {order.type}",
                "at": order.submitted_at,
                "status": order.status,
            }
            for order in orders_for(user, limit=LATEST_ORDERS)
        ],
        "range": code,
        "ranges": RANGES,
        "chart_url": f"{reverse('web:value_chart')}?range={code}",
        "chart_columns": ["Day", "Value", "Invested"],
        "chart_rows": _rows(desk, currency=user.base_currency, now=now, code=code) if with_table else (),
        "chart_rows_url": f"?range={code}&table=1#value-chart",
        "chart_currency": user.base_currency,
    }


def chart_of(user: Any, *, now: datetime, range_code: str) -> dict[str, Any]:
    """Return the combined value chart in the form `charts.js` reads; decimals as strings."""
    code = range_code if range_code in RANGES else DEFAULT_RANGE
    series = combined_series(desk_of(user, now=now), currency=user.base_currency, range_code=code, now=now)
    if not series.days:
        return {"labels": [], "series": [], "empty": series.problem}
    return {
        "kind": "line",
        "unit": "money",
        "currency": series.currency,
        "labels": [day.isoformat() for day in series.days],
        "series": [
            {"key": "value", "label": "Value", "values": _money(series, series.values), "style": "area"},
            {
                "key": "invested",
                "label": "Invested",
                "values": _money(series, series.invested),
                "style": "dashed",
            },
        ],
    }


def _rows(desk: Desk, *, currency: str, now: datetime, code: str) -> list[tuple[date, Decimal, Decimal]]:
    series = combined_series(desk, currency=currency, range_code=code, now=now)
    return sampled_rows(series.days, series.values, series.invested)


def _money(series: CombinedSeries, values: tuple[Decimal, ...]) -> list[str]:
    return [f"{round_money(value, series.currency):f}" for value in values]


def _prices(desk: Desk, *, now: datetime) -> dict[str, Any]:
    """What moved most today among everything held, each instrument once; and whose price is old."""
    held = {
        row.instrument_id: row
        for snapshot in desk.snapshots.values()
        for row in snapshot.holdings
        if row.quantity
    }
    known = cached_quotes(held, now=now)
    quotes = [quote for quote in known.values() if quote.change_fraction is not None]
    quotes.sort(key=lambda quote: (-abs(quote.change_fraction or Decimal(0)), quote.symbol))
    movers = [
        {
            "instrument_id": quote.instrument_id,
            "symbol": quote.symbol,
            "name": held[quote.instrument_id].name,
            "currency": quote.currency,
            "url": reverse("marketdata:detail", args=[quote.instrument_id]),
            "last": quote.last,
            "change_fraction": quote.change_fraction,
        }
        for quote in quotes[:MOVERS]
    ]
    old = sorted(quote.symbol for quote in known.values() if quote.is_stale)
    return {"movers": movers, "old_prices": old}


def _first_steps() -> list[dict[str, str]]:
    return [
        {
            "title": "Add what you own",
            "text": "Make a portfolio and write down what you hold: “10 AAPL at 150” is enough to begin.",
            "url": reverse("holdings:create"),
            "label": "New portfolio",
        },
        {
            "title": "Bring your history",
            "text": "A Holdfast portfolio file or a Ghostfolio export is read with a preview, and can be undone.",
            "url": reverse("holdings:index"),
            "label": "Import a file",
        },
        {
            "title": "Practise with play money",
            "text": "Open a paper account and trade on the simulated exchange.",
            "url": reverse("trading:open_account"),
            "label": "Open a paper account",
        },
    ]
