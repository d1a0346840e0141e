"""Pages of market data: one instrument, and the search for one."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from marketdata import charting, queries
from marketdata.forms import PriceForm
from marketdata.models import Instrument
from marketdata.web.common import json_answer
from marketdata.web.history import history_context
from marketdata.web.watchlists import watching
from portfolio_site.kernel import clock


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
    # Where the browser may ask further when nothing was found here.
    further = {} if found else {"beyond": reverse("marketdata:beyond")}
    return JsonResponse(
        {
            **further,
            "results": [
                {
                    "value": instrument.pk,
                    "label": instrument.symbol,
                    "detail": " · ".join(
                        part
                        for part in (
                            instrument.name,
                            "your own" if instrument.owner_id else instrument.exchange,
                            instrument.currency,
                        )
                        if part
                    ),
                }
                for instrument in found
            ],
        }
    )


@login_required
@require_GET
def detail(request: HttpRequest, instrument_id: int) -> HttpResponse:
    """An instrument: price, chart, key data, what the person has of it."""
    instrument = queries.visible_instrument(request.user, instrument_id)
    return render(request, "marketdata/detail.html", _detail(request, instrument))


def _detail(request: HttpRequest, instrument: Instrument) -> dict[str, Any]:
    now = clock.now()
    choice = charting.ChartChoice.read(request.GET)
    quote = queries.latest_quote(instrument.pk, now=now)
    drawn = charting.price_chart(instrument, quote, choice=choice, now=now)
    is_own = instrument.owner_id == request.user.pk
    form = PriceForm(currency=instrument.currency, today=now.date()) if is_own else None
    where = [instrument.symbol, instrument.exchange, instrument.get_asset_class_display()]
    yearly = drawn.yearly_dividend
    day = queries.day_ranges([instrument], {instrument.pk: quote} if quote else {}).get(instrument.pk)
    year = drawn.year_range
    return {
        "instrument": instrument,
        "subtitle": " · ".join(part for part in where if part),
        "chart_title": f"Price of {instrument.symbol}",
        "columns": ["Time" if drawn.is_intraday else "Day", "Close"],
        "quote": quote,
        "session": queries.market_session(instrument, now),
        "year": year.with_prices(day.low, day.high) if year and day else year,
        "day": day,
        "choice": choice,
        "ranges": list(charting.RANGES),
        "kinds": charting.KINDS,
        "adjustments": charting.ADJUSTMENTS,
        "scales": charting.SCALES,
        "studies": charting.STUDIES,
        "marks": charting.MARKS,
        "chart_url": f"{reverse('marketdata:chart', args=[instrument.pk])}?{choice.query()}",
        "rows": drawn.table(),
        "actions": list(reversed(drawn.actions))[:12],
        "yearly_dividend": yearly,
        "dividend_yield": yearly / quote.last if yearly and quote and quote.last else None,
        "past_returns": drawn.past_returns(),
        "price_unit": "" if instrument.quote_unit == "percent" else instrument.currency,
        "is_own": is_own,
        "price_form": form,
        **watching(request, instrument),
        **_positions(request, instrument, quote),
        **history_context(request, instrument),
    }


def _positions(
    request: HttpRequest, instrument: Instrument, quote: queries.QuoteView | None
) -> dict[str, Any]:
    """What the person has of it, beside what that is worth at the price of now."""
    rows = []
    for held in queries.held_of(request.user, instrument.pk):
        value = held.value_at(quote.last) if quote is not None else None
        gain = None if value is None else value - held.cost_basis
        rows.append(
            {
                "held": held,
                "units": held.quantity * held.unit,
                "value": value,
                "gain": gain,
                "gain_fraction": gain / abs(held.cost_basis)
                if gain is not None and held.cost_basis
                else None,
            }
        )
    return {"positions": rows}


@login_required
@require_GET
def position(request: HttpRequest, instrument_id: int) -> HttpResponse:
    """The part of the page that says what the person has of it: fetched again when that changed."""
    instrument = queries.visible_instrument(request.user, instrument_id)
    quote = queries.latest_quote(instrument.pk, now=clock.now())
    context = {"instrument": instrument, **_positions(request, instrument, quote)}
    return render(request, "marketdata/instrument/_position.html", context)


@login_required
@require_GET
def chart(request: HttpRequest, instrument_id: int) -> HttpResponseBase:
    """The figures behind the price chart."""
    instrument = queries.visible_instrument(request.user, instrument_id)
    now = clock.now()
    choice = charting.ChartChoice.read(request.GET)
    quote = queries.cached_quotes([instrument.pk], now=now).get(instrument.pk)
    drawn = charting.price_chart(instrument, quote, choice=choice, now=now)
    wants_trades = "trades" in choice.shown
    body = drawn.body(
        trades=queries.trades_of(request.user, instrument.pk) if wants_trades else (),
        held=queries.held_of(request.user, instrument.pk) if wants_trades else (),
    )
    return json_answer(request, body)
