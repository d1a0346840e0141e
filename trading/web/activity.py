"""What happened in a trading account, to read and to take along: money (trades, fees, payments) and every event of its orders."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from holdings.domain.numbers import plain
from holdings.queries.insights.realised import harmless
from trading import queries
from trading.queries.activities import FEE_TYPES, TRADE_TYPES
from trading.web.account_page import shown_account
from trading.web.days import day_of, midnight

PER_PAGE = 50
#: Rows that a download reads at a time.
_BATCH = 2000
ORDERS = "orders"
KINDS = {
    "": "All money",
    "trades": "Trades",
    "fees": "Fees",
    "payments": "Dividends, interest, deposits",
    ORDERS: "Order events",
}
_TYPES = {
    "": queries.ALL_TYPES,
    "trades": TRADE_TYPES,
    "fees": FEE_TYPES,
    "payments": queries.ALL_TYPES - TRADE_TYPES - FEE_TYPES,
}
_MONEY_COLUMNS = (
    "id", "at", "type", "symbol", "side", "quantity", "price", "cash", "currency", "order_id", "description",
)  # fmt: skip
_ORDER_COLUMNS = (
    "number", "at", "event", "order_id", "client_order_id", "symbol", "side", "type", "time_in_force", "quantity", "notional",
    "limit_price", "stop_price", "filled_quantity", "filled_avg_price", "execution_id", "execution_quantity",
    "execution_price", "currency", "reason",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be shown. ``first`` and ``last`` are whole days of the person's time zone."""

    kind: str
    symbol: str
    first: date | None
    last: date | None

    @property
    def after(self) -> datetime | None:
        """The last instant before the first day."""
        return None if self.first is None else midnight(self.first) - timedelta(microseconds=1)

    @property
    def until(self) -> datetime | None:
        """The first instant after the last day."""
        return None if self.last is None else midnight(self.last + timedelta(days=1))

    def query(self, **changes: str) -> str:
        """The same as a query string."""
        values = {
            "kind": self.kind,
            "symbol": self.symbol,
            "from": "" if self.first is None else self.first.isoformat(),
            "to": "" if self.last is None else self.last.isoformat(),
            **changes,
        }
        return urlencode({name: value for name, value in values.items() if value})


@never_cache
@login_required
@require_GET
def index(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """The account's activity, newest first, ``PER_PAGE`` rows from ``?before=`` on; ``?kind=``, ``?symbol=``, ``?from=`` and
    ``?to=`` narrow it."""
    account = shown_account(request, portfolio_id)
    wanted = _wanted(request)
    place = request.GET.get("before", "")
    context: dict[str, Any] = {"account": account, "wanted": wanted, "is_first": not place}
    if wanted.kind == ORDERS:
        rows: list[Any] = _events(portfolio_id, wanted, place, PER_PAGE + 1)
        ends = [str(row.number) for row in rows]
    else:
        rows = _money(portfolio_id, wanted, place, PER_PAGE + 1)
        ends = [row.id for row in rows]
    base = reverse("trading:activity", args=[portfolio_id])
    context |= {
        "rows": rows[:PER_PAGE],
        "older": f"{base}?{wanted.query(before=ends[PER_PAGE - 1])}" if len(rows) > PER_PAGE else "",
        "newest": f"{base}?{wanted.query()}",
        "download": f"{reverse('trading:activity_csv', args=[portfolio_id])}?{wanted.query()}",
        "kinds": [
            {"name": name, "label": label, "address": f"{base}?{wanted.query(kind=name)}"}
            for name, label in KINDS.items()
        ],
    }
    part = request.headers.get("HX-Target") == "activity"
    return render(
        request, "trading/account/_activity.html" if part else "trading/account/activity.html", context
    )


@never_cache
@login_required
@require_GET
def download(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """The same rows, all of them, as a table for a spreadsheet: times in UTC, exact numbers."""
    account = shown_account(request, portfolio_id)
    wanted = _wanted(request)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    if wanted.kind == ORDERS:
        writer.writerow(_ORDER_COLUMNS)
        writer.writerows(map(_event_cells, _all_events(portfolio_id, wanted)))
    else:
        writer.writerow(_MONEY_COLUMNS)
        writer.writerows(map(_money_cells, _all_money(portfolio_id, wanted)))
    answer = HttpResponse(out.getvalue(), content_type="text/csv; charset=utf-8")
    name = f"{account.account_number}-{wanted.kind or 'activity'}.csv"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _wanted(request: HttpRequest) -> Wanted:
    kind = request.GET.get("kind", "")
    return Wanted(
        kind=kind if kind in KINDS else "",
        symbol=request.GET.get("symbol", "").strip().replace("\x00", "")[:40],
        first=day_of(request.GET.get("from", "")),
        last=day_of(request.GET.get("to", "")),
    )


def _money(
    portfolio_id: int, wanted: Wanted, place: str, limit: int, *, most: int = PER_PAGE + 1
) -> list[queries.Activity]:
    def read(token: str) -> list[queries.Activity]:
        return queries.activities_of(
            portfolio_id,
            types=_TYPES[wanted.kind],
            after=wanted.after,
            until=wanted.until,
            symbol=wanted.symbol,
            limit=limit,
            most=most,
            page_token=token,
        )

    try:
        return read(place)
    except ValueError:
        return read("")


def _events(portfolio_id: int, wanted: Wanted, place: str, limit: int) -> list[queries.LoggedEvent]:
    is_number = place.isascii() and place.isdigit() and len(place) <= 18
    return queries.log_before(
        portfolio_id,
        before=int(place) if is_number else None,
        after=wanted.after,
        until=wanted.until,
        symbol=wanted.symbol,
        limit=limit,
    )


def _all_money(portfolio_id: int, wanted: Wanted) -> Iterator[queries.Activity]:
    place = ""
    while rows := _money(portfolio_id, wanted, place, _BATCH, most=_BATCH):
        yield from rows
        place = rows[-1].id


def _all_events(portfolio_id: int, wanted: Wanted) -> Iterator[queries.LoggedEvent]:
    place = ""
    while rows := _events(portfolio_id, wanted, place, _BATCH):
        yield from rows
        place = str(rows[-1].number)


def _number(value: Decimal | None) -> str:
    return "" if value is None else plain(value)


def _money_cells(row: queries.Activity) -> list[object]:
    return [
        row.id,
        row.at.isoformat(),
        row.type,
        harmless(row.symbol),
        row.side,
        _number(row.quantity),
        _number(row.price),
        plain(row.cash),
        row.currency,
        row.order_id or "",
        harmless(row.description),
    ]


def _event_cells(row: queries.LoggedEvent) -> list[object]:
    order, done = row.order, row.execution
    return [
        row.number,
        row.at.isoformat(),
        row.event,
        order.id,
        harmless(order.client_order_id),
        harmless(order.symbol),
        order.side,
        order.type,
        order.time_in_force,
        plain(order.quantity),
        *map(_number, (order.notional, order.limit_price, order.stop_price)),
        plain(order.filled_quantity),
        _number(order.filled_avg_price),
        "" if done is None else done.id,
        *(("", "") if done is None else (plain(done.quantity), plain(done.price))),
        order.currency,
        harmless(order.reason),
    ]
