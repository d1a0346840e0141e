"""Market data: its pages."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from marketdata import charting, operations, queries
from marketdata.forms import OwnInstrumentForm, PriceForm
from marketdata.models import AssetClass, Instrument
from portfolio_site.kernel import clock
from portfolio_site.kernel.errors import DomainError, ForbiddenError
from portfolio_site.kernel.idempotency import KeyReused, fingerprint_of, once

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
    partial = getattr(request, "htmx", False) and request.headers.get("HX-Target") == "markets"
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


@login_required
@require_GET
def search(request: HttpRequest) -> HttpResponse:
    """Suggestions for what was typed: JSON for the combobox, a list of links for htmx. `tradable=1`: what can
    be ordered."""
    found = queries.search_instruments(
        user=request.user,
        text=request.GET.get("q", ""),
        limit=12,
        tradable_only=request.GET.get("tradable") == "1",
    )
    if getattr(request, "htmx", False):
        return render(
            request,
            "marketdata/partials/_results.html",
            {"instruments": found, "text": request.GET.get("q", "")},
        )
    return JsonResponse(
        {
            "results": [
                {
                    "value": instrument.pk,
                    "label": instrument.symbol,
                    "detail": " · ".join(
                        part for part in (instrument.name, instrument.exchange, instrument.currency) if part
                    ),
                }
                for instrument in found
            ]
        }
    )


@login_required
@require_GET
def detail(request: HttpRequest, instrument_id: int) -> HttpResponse:
    """An instrument: price, chart, key data."""
    instrument = queries.visible_instrument(request.user, instrument_id)
    return render(request, "marketdata/detail.html", _detail(request, instrument))


def _detail(request: HttpRequest, instrument: Instrument, form: PriceForm | None = None) -> dict[str, Any]:
    now = clock.now()
    code = charting.range_code(request.GET.get("range"))
    kind = "candles" if request.GET.get("kind") == "candles" else "line"
    quote = queries.latest_quote(instrument.pk, now=now)
    history = charting.price_history(instrument, quote, code=code, now=now)
    is_own = instrument.owner_id == request.user.pk
    if form is None and is_own:
        form = PriceForm(currency=instrument.currency, today=now.date())
    where = [instrument.symbol, instrument.exchange, instrument.get_asset_class_display()]
    return {
        "instrument": instrument,
        "subtitle": " · ".join(part for part in where if part),
        "chart_title": f"Price of {instrument.symbol}",
        "columns": ["Day", "Close"],
        "quote": quote,
        "session": queries.market_session(instrument, now),
        "year": queries.year_range(instrument.pk, now=now),
        "range": code,
        "ranges": list(charting.RANGES),
        "kind": kind,
        "history": history,
        "chart_url": f"{reverse('marketdata:chart', args=[instrument.pk])}?range={code}&kind={kind}",
        "rows": [(bar.date.isoformat(), charting.plain(bar.close)) for bar in reversed(history.bars[-30:])],
        "actions": list(reversed(history.actions))[:12],
        "price_unit": "" if instrument.quote_unit == "percent" else instrument.currency,
        "is_own": is_own,
        "price_form": form,
    }


@login_required
@require_GET
def chart(request: HttpRequest, instrument_id: int) -> JsonResponse:
    """The figures behind the price chart."""
    instrument = queries.visible_instrument(request.user, instrument_id)
    now = clock.now()
    code = charting.range_code(request.GET.get("range"))
    kind = "candles" if request.GET.get("kind") == "candles" else "line"
    history = charting.price_history(
        instrument, queries.latest_quote(instrument.pk, now=now), code=code, now=now
    )
    return JsonResponse(charting.chart(instrument, history, code=code, kind=kind, now=now))


@login_required
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Enter an instrument of one's own, with its first price if there is one."""
    now = clock.now()
    if request.method == "GET":
        form = OwnInstrumentForm(
            today=now.date(),
            initial={
                "currency": getattr(request.user, "base_currency", ""),
                "symbol": request.GET.get("symbol", "")[:40],
            },
        )
        return render(request, "marketdata/new.html", {"form": form})
    _may_change(request)
    form = OwnInstrumentForm(request.POST, today=now.date())
    if form.is_valid():
        given = form.cleaned_data

        def do() -> tuple[int, Any]:
            instrument = operations.create_instrument(
                owner=request.user,
                symbol=given["symbol"],
                name=given["name"],
                currency=given["currency"],
                asset_class=given["asset_class"],
                isin=given["isin"],
            )
            if given["price"] is not None:
                operations.record_price(
                    instrument_id=instrument.pk,
                    day=given["date"] or now.date(),
                    price=given["price"],
                    actor=request.user,
                    now=now,
                )
            return 201, {"id": instrument.pk}

        payload = {name: str(value) for name, value in given.items()}
        try:
            answer = once(
                key=given["form_token"],
                user=request.user,
                route="marketdata.new",
                fingerprint=fingerprint_of(payload),
                do=do,
            )
        except KeyReused:
            form.refuse_reuse()
        except DomainError as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
        else:
            if not answer.replayed:
                messages.success(request, f"{given['symbol']} was added. Only you see it.")
            return HttpResponseRedirect(reverse("marketdata:detail", args=[answer.body["id"]]))
    return render(request, "marketdata/new.html", {"form": form}, status=422)


@login_required
@require_POST
def record_price(request: HttpRequest, instrument_id: int) -> HttpResponse:
    """Enter a price of an instrument of one's own. A second entry for a day replaces the first."""
    instrument = queries.visible_instrument(request.user, instrument_id)
    _may_change(request)
    now = clock.now()
    form = PriceForm(request.POST, currency=instrument.currency, today=now.date())
    if form.is_valid():
        try:
            operations.record_price(
                instrument_id=instrument.pk,
                day=form.cleaned_data["date"],
                price=form.cleaned_data["price"],
                actor=request.user,
                now=now,
            )
        except ForbiddenError:
            raise
        except DomainError as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
        else:
            messages.success(request, f"The price of {instrument.symbol} was saved.")
            return HttpResponseRedirect(reverse("marketdata:detail", args=[instrument.pk]))
    return render(request, "marketdata/detail.html", _detail(request, instrument, form), status=422)


def _may_change(request: HttpRequest) -> None:
    if getattr(request.user, "is_read_only", False):
        raise ForbiddenError("Your role may look at this but not change it.")
