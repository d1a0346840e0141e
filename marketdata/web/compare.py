"""Pages of market data: several instruments beside each other."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from marketdata import charting, queries
from marketdata.charting.comparing import MOST, Comparison, compare
from marketdata.models import Instrument
from marketdata.queries import Adjustment
from marketdata.web.common import json_answer
from portfolio_site.kernel import clock

_RANGES = [code for code in charting.RANGES if code not in {"1D", "5D"}]
_ADJUSTMENTS = [option for option in charting.ADJUSTMENTS if option.code != Adjustment.RAW]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """What the address asks for."""

    symbols: list[str]
    unknown: list[str]
    instruments: list[Instrument]
    range: str
    adjustment: Adjustment
    currency: str

    def query(self, symbols: list[str] | None = None) -> str:
        chosen = self.symbols if symbols is None else symbols
        pairs = {"symbols": ",".join(chosen), "range": self.range, "adjust": str(self.adjustment)}
        return urlencode(pairs | ({"currency": self.currency} if self.currency else {}))


@login_required
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """The comparison: chart, figures, how they move together."""
    now, wanted = clock.now(), _read(request)
    found = _compare(wanted)
    rows = [
        {
            "item": item,
            "growth": _decimal(item.figures.growth),
            "yearly": _decimal(item.figures.yearly),
            "volatility": _decimal(item.figures.volatility),
            "drawdown": _decimal(item.figures.drawdown),
            "without": wanted.query([s for s in wanted.symbols if s != item.instrument.symbol.upper()]),
        }
        for item in found.items
    ]
    matrix = found.correlations() if len(found.items) > 1 else []
    base = getattr(request.user, "base_currency", "")
    context = {
        "wanted": wanted,
        "symbols": ",".join(wanted.symbols),
        "rows": rows,
        "left_out": [
            (left, wanted.query([s for s in wanted.symbols if s != left.symbol.upper()]))
            for left in found.left_out
        ],
        "unknown": wanted.unknown,
        "matrix": [
            (item.instrument, [(value, _shade(value, at == n)) for n, value in enumerate(line)])
            for at, (item, line) in enumerate(zip(found.items, matrix, strict=bool(matrix)))
        ]
        if matrix
        else [],
        "is_full": len(wanted.symbols) >= MOST,
        "most": MOST,
        "ranges": _RANGES,
        "adjustments": _ADJUSTMENTS,
        "base_currency": base,
        "start": found.start,
        "chart_url": f"{reverse('marketdata:compare_chart')}?{wanted.query()}",
        "chart_columns": ["Day", *(item.instrument.symbol for item in found.items)],
        "chart_rows": found.table(),
        "quotes": queries.cached_quotes([item.instrument.pk for item in found.items], now=now),
    }
    return render(request, "marketdata/compare.html", context)


@login_required
@require_GET
def chart(request: HttpRequest) -> HttpResponseBase:
    """The figures behind the chart."""
    return json_answer(request, _compare(_read(request)).body())


def _compare(wanted: _Wanted) -> Comparison:
    return compare(
        wanted.instruments,
        code=wanted.range,
        adjustment=wanted.adjustment,
        currency=wanted.currency,
        now=clock.now(),
    )


def _read(request: HttpRequest) -> _Wanted:
    """Take symbols (`symbols=A,B`, and `add`, one more: an id or what was typed), each once and in order."""
    typed = [part.strip().upper() for part in request.GET.get("symbols", "").split(",")]
    added = _added(request)
    symbols = list(dict.fromkeys(part[:40] for part in [*typed, added] if part and "\0" not in part))[:MOST]
    ids = queries.ids_by_symbol(user=request.user, symbols=symbols) if symbols else {}
    found = Instrument.objects.visible_to(request.user).in_bulk(ids.values())
    code = charting.range_code(request.GET.get("range"))
    adjust = request.GET.get("adjust", "")
    base = getattr(request.user, "base_currency", "")
    return _Wanted(
        symbols=[symbol for symbol in symbols if symbol in ids],
        unknown=[symbol for symbol in symbols if symbol not in ids],
        instruments=[found[ids[symbol]] for symbol in symbols if symbol in ids],
        range=code if code in _RANGES else charting.DEFAULT_RANGE,
        adjustment=Adjustment.SPLIT if adjust == Adjustment.SPLIT else Adjustment.TOTAL_RETURN,
        currency=base if base and request.GET.get("currency") == base else "",
    )


def _added(request: HttpRequest) -> str:
    chosen = request.GET.get("add", "")
    if chosen.isascii() and chosen.isdigit() and len(chosen) < 19:
        found = Instrument.objects.visible_to(request.user).filter(pk=int(chosen)).first()
        if found is not None:
            return str(found.symbol).upper()
    typed = request.GET.get("add_text", "").strip()
    called = queries.find_by_symbol(user=request.user, symbol=typed) if typed else None
    return str(called.symbol).upper() if called is not None else typed.upper()


def _decimal(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(f"{value:.6f}")


def _shade(value: Decimal | None, is_itself: bool) -> str:
    """The class that tints a cell by how strongly two move together."""
    if value is None or is_itself or abs(value) < Decimal("0.2"):
        return ""
    depth = 3 if abs(value) >= Decimal("0.7") else 2 if abs(value) >= Decimal("0.45") else 1
    return f"hf-heat-{'up' if value > 0 else 'down'}-{depth}"
