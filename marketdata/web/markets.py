"""Pages of market data: what is quoted, and the market at a glance."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from marketdata import queries
from marketdata.charting.heatmap import HeatMap, holdings_map, market_map
from marketdata.models import AssetClass, Instrument
from marketdata.web.common import json_answer, wants_part
from marketdata.web.rows import rows_of, with_history
from portfolio_site.kernel import clock

MOST_TRADED = 12
PER_PAGE = 50
INDICES = 8
#: By Yahoo's names, which the starter list uses too.
MAIN_INDICES = (
    *(
        "^GSPC",
        "^NDX",
        "^IXIC",
        "^DJI",
        "^STOXX50E",
        "^GDAXI",
        "^FTSE",
        "^N225",
        "^HSI",
        "^SSMI",
        "^STOXX",
        "^RUT",
    ),
    *("^FCHI", "^GSPTSE", "^AXJO", "^BSESN", "000001.SS"),
)
MOVERS = 5
#: Headings of the list.
PLURALS: dict[str, str] = {
    AssetClass.EQUITY: "Stocks",
    AssetClass.ETF: "ETFs",
    AssetClass.FUND: "Funds",
    AssetClass.BOND: "Bonds",
    AssetClass.CRYPTO: "Crypto",
    AssetClass.COMMODITY: "Commodities",
    AssetClass.REAL_ESTATE: "Property",
    AssetClass.PRIVATE: "Private holdings",
    AssetClass.CURRENCY: "Currencies",
    AssetClass.INDEX: "Indices",
    AssetClass.OTHER: "Other",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Own:
    """What the person holds and watches, read once for a page."""

    held: list[queries.HeldView]
    instruments: dict[int, Instrument]
    quotes: dict[int, queries.QuoteView]


@login_required
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """The market at a glance, a kind of instrument by pages, or what a search finds as one types."""
    now = clock.now()
    text = request.GET.get("q", "").strip()[:100]
    kind = request.GET.get("class", "")
    kind = kind if kind in AssetClass.values else ""
    totals = queries.class_totals(user=request.user)
    lists = queries.watchlists_of(request.user)
    context: dict[str, Any] = {
        "text": text,
        "kind": kind,
        "may_watch": not getattr(request.user, "is_read_only", False),
        "kinds": [(value, PLURALS[value], count) for value, count in totals.items()],
    }
    if text:
        found = queries.search_instruments(user=request.user, text=text, limit=50)
        context |= {"label": "Found", "rows": rows_of(found, now=now, watchlists=lists)}
    elif kind:
        context |= _of_kind(request, kind, lists, now)
    else:
        context |= _overview(request, lists, now)
    partial = wants_part(request, "markets")
    return render(
        request, "marketdata/partials/_markets.html" if partial else "marketdata/index.html", context
    )


@login_required
@require_GET
def heat_map(request: HttpRequest) -> HttpResponseBase:
    """The figures behind the map: `of=mine` what the person holds, else the market."""
    now = clock.now()
    of = request.GET.get("of", "")
    own = _own(request, queries.watchlists_of(request.user), now)
    return json_answer(request, _heat_map(request, own, of, now).body())


def _of_kind(
    request: HttpRequest, kind: str, lists: list[queries.WatchlistView], now: datetime
) -> dict[str, Any]:
    page = _page(request)
    total, found = queries.instruments_of_class(
        user=request.user, asset_class=kind, offset=(page - 1) * PER_PAGE, limit=PER_PAGE
    )
    return {
        "label": PLURALS[kind],
        "rows": rows_of(found, now=now, watchlists=lists),
        "total": total,
        "page": page,
        "has_more": page * PER_PAGE < total,
    }


def _overview(request: HttpRequest, lists: list[queries.WatchlistView], now: datetime) -> dict[str, Any]:
    own = _own(request, lists, now)
    has_own = bool(own.held)
    of = request.GET.get("of") or ("mine" if own.quotes else "market")
    size = request.GET.get("heat") or ("mine" if has_own else "market")
    drawn = _heat_map(request, own, size, now)
    return {
        "exchanges": queries.exchanges(now=now),
        "indices": with_history(rows_of(_main_indices(request), now=now), now=now),
        "has_own": has_own,
        "has_movers_of_own": bool(own.quotes),
        "of": of,
        "movers": _movers(own, of, now),
        "heat": size,
        "heat_url": f"{reverse('marketdata:heat_map')}?of={size}",
        "heat_currency": drawn.currency,
        "heat_columns": [
            "Name",
            "Value" if drawn.is_private else f"Traded today, {drawn.currency}",
            "Change",
        ],
        "heat_rows": [(cell.label, cell.value, _percent(cell.change)) for cell in drawn.cells],
        "heat_is_private": drawn.is_private,
        "label": "Most traded today",
        "rows": with_history(rows_of(_most_traded(request, now), now=now, watchlists=lists), now=now),
    }


def _main_indices(request: HttpRequest) -> list[Instrument]:
    """Those that people ask for first, from the largest markets on; where there are few of them, others after them."""
    found = list(
        Instrument.objects.visible_to(request.user).active().filter(asset_class=AssetClass.INDEX)[:200]
    )
    place = {symbol: number for number, symbol in enumerate(MAIN_INDICES)}
    found.sort(key=lambda one: (place.get(one.symbol, len(place)), one.symbol_key, one.pk))
    return found[:INDICES]


def _most_traded(request: HttpRequest, now: datetime) -> list[Instrument]:
    """What most was turned over of; while nothing is quoted, the first of the list."""
    ranked = sorted(queries.market_rows(now=now), key=lambda row: row.turnover or Decimal(0), reverse=True)
    ids = [row.instrument_id for row in ranked[:MOST_TRADED]]
    found = Instrument.objects.visible_to(request.user).in_bulk(ids)
    if found:
        return [found[pk] for pk in ids if pk in found]
    _, first = queries.instruments_of_class(
        user=request.user, asset_class=AssetClass.EQUITY, limit=MOST_TRADED
    )
    return first


def _own(request: HttpRequest, lists: list[queries.WatchlistView], now: datetime) -> _Own:
    held = queries.held_by(request.user)
    watched = (pk for view in lists for pk in view.instrument_ids)
    ids = list(dict.fromkeys([*(view.instrument_id for view in held), *watched]))
    return _Own(
        held=held,
        instruments=Instrument.objects.visible_to(request.user).in_bulk(ids) if ids else {},
        quotes=queries.cached_quotes(ids, now=now),
    )


def _heat_map(request: HttpRequest, own: _Own, of: str, now: datetime) -> HeatMap:
    base = getattr(request.user, "base_currency", "") or "USD"
    if of == "mine":
        known = {pk: quote for pk, quote in own.quotes.items() if pk in own.instruments}
        rates = queries.rates_into(base, {quote.currency for quote in known.values()}, now=now)
        return holdings_map(own.held, own.instruments, known, currency=base, rates=rates)
    rate = queries.rates_into(base, {"USD"}, now=now).get("USD")
    return market_map(queries.market_rows(now=now), currency=base, rate=rate)


def _movers(own: _Own, of: str, now: datetime) -> list[tuple[str, list[dict[str, Any]]]]:
    """What rose and what fell most: of what the person holds and watches, or of the whole market."""
    if of == "mine":
        known = [
            _mover(
                pk,
                own.instruments[pk].symbol,
                own.instruments[pk].name,
                quote.last,
                quote.change_fraction,
                quote,
            )
            for pk, quote in own.quotes.items()
            if pk in own.instruments and quote.change_fraction is not None
        ]
    else:
        known = [
            _mover(row.instrument_id, row.symbol, row.name, row.last, row.change_fraction, row)
            for row in queries.market_rows(now=now)
        ]
    known.sort(key=lambda mover: (mover["change"], mover["symbol"]))
    return [
        ("Up", [mover for mover in reversed(known) if mover["change"] > 0][:MOVERS]),
        ("Down", [mover for mover in known if mover["change"] < 0][:MOVERS]),
    ]


def _mover(
    pk: int, symbol: str, name: str, last: Decimal, change: Decimal | None, priced: Any
) -> dict[str, Any]:
    return {
        "id": pk,
        "symbol": symbol,
        "name": name,
        "last": last,
        "change": change or Decimal(0),
        "currency": priced.currency,
    }


def _percent(change: Decimal | None) -> str:
    return "–" if change is None else f"{change * 100:+.2f} %"


def _page(request: HttpRequest) -> int:
    text = request.GET.get("page", "1")
    return max(1, min(int(text), 1000)) if text.isascii() and text.isdigit() else 1
