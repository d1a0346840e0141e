"""Pages of market data: what is quoted."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from marketdata import queries
from marketdata.models import AssetClass, Instrument
from marketdata.web.common import wants_part
from portfolio_site.kernel import clock

PER_CLASS = 25
PER_PAGE = 100
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


@login_required
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """What is quoted, by kind, with live prices; a search box that narrows it as one types."""
    text = request.GET.get("q", "").strip()[:100]
    kind = request.GET.get("class", "")
    if kind not in AssetClass.values:
        kind = ""
    if text:
        found = queries.search_instruments(user=request.user, text=text, limit=50)
        sections = [_Section("Found", "", found, len(found))] if found else []
    elif kind:
        page = _page(request)
        total, found = queries.instruments_of_class(
            user=request.user, asset_class=kind, offset=(page - 1) * PER_PAGE, limit=PER_PAGE
        )
        sections = [_Section(PLURALS[kind], kind, found, total)] if found else []
    else:
        sections = [
            _Section(PLURALS[part.asset_class], part.asset_class, part.instruments, part.total)
            for part in queries.instruments_overview(user=request.user, per_class=PER_CLASS)
        ]
    ids = [instrument.pk for section in sections for instrument in section.instruments]
    quotes = queries.cached_quotes(ids, now=clock.now())
    context = {
        "text": text,
        "kind": kind,
        "kinds": [(value, PLURALS[value]) for value in queries.CLASS_ORDER],
        "sections": [section.with_quotes(quotes) for section in sections],
        "has_simulated": any(quote.is_simulated for quote in quotes.values()),
        "page": _page(request),
        "has_more": bool(kind) and bool(sections) and _page(request) * PER_PAGE < sections[0].total,
    }
    partial = wants_part(request, "markets")
    return render(
        request, "marketdata/partials/_sections.html" if partial else "marketdata/index.html", context
    )


def _page(request: HttpRequest) -> int:
    text = request.GET.get("page", "1")
    return max(1, min(int(text), 1000)) if text.isascii() and text.isdigit() else 1


class _Section:
    """One kind of instrument on the markets page."""

    def __init__(self, label: str, asset_class: str, instruments: list[Instrument], total: int) -> None:
        self.label, self.asset_class, self.instruments, self.total = label, asset_class, instruments, total
        self.rows: list[tuple[Instrument, queries.QuoteView | None]] = []

    @property
    def rest(self) -> int:
        """How many are not shown."""
        return self.total - len(self.instruments)

    def with_quotes(self, quotes: dict[int, queries.QuoteView]) -> _Section:
        """Put each instrument beside its quote."""
        self.rows = [(instrument, quotes.get(instrument.pk)) for instrument in self.instruments]
        return self
