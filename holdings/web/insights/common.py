"""What these pages share: the lens and the period that the address asks for."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse_lazy

from holdings.domain.ranges import Period
from holdings.domain.types import CostMethod
from holdings.models import Portfolio
from holdings.queries.insights.benchmarks import Benchmark, BenchmarkPrices, benchmark_prices
from holdings.queries.insights.explaining import Asked
from holdings.queries.insights.lens import Lens
from holdings.queries.insights.performance import DEFAULT_RANGE, RANGES, period_of, years_of
from holdings.web.common import may_write, person, shown_portfolio
from marketdata.models import Instrument
from marketdata.queries import find_by_symbol
from portfolio_site.kernel import clock
from portfolio_site.kernel.forms import ComboboxInput
from portfolio_site.kernel.money import is_currency

#: What the address may carry from page to page, and into explanations.
CARRIED = ("range", "from", "to", "currency", "benchmark", "dividends")
_METHODS = frozenset(method.value for method in CostMethod)
_OFFERED = ("EUR", "USD", "GBP", "CHF", "JPY", "CAD", "AUD", "SEK", "NOK", "DKK")


def lens_for(request: HttpRequest, portfolio_id: int) -> Lens:
    """A portfolio that this person may see, in the currency that the address names. Raises `PortfolioUnknown` (404)."""
    portfolio = shown_portfolio(request, portfolio_id)
    code = request.GET.get("currency", "").strip().upper()
    return Lens(portfolio, now=clock.now(), currency=code if is_currency(code) else "")


def chosen_period(request: HttpRequest, lens: Lens, *, default: str = DEFAULT_RANGE) -> Period | None:
    """The period that the address names; None where there is nothing to measure."""
    basis = lens.basis
    if not basis.values:
        return None
    start, end = _day(request.GET.get("from")), _day(request.GET.get("to"))
    return period_of(basis, request.GET.get("range") or default, start=start, end=end)


def chosen_instrument(request: HttpRequest, name: str) -> Instrument | None:
    """A thing named in the address by its number (or, typed without JavaScript, its symbol), if this person may see it."""
    text = request.GET.get(name, "")
    if not text and request.GET.get(f"{name}_text"):
        return find_by_symbol(user=person(request), symbol=request.GET[f"{name}_text"][:100])
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        return None
    found: Instrument | None = Instrument.objects.visible_to(person(request)).filter(pk=int(text)).first()
    return found


def asked_of(request: HttpRequest, lens: Lens) -> Asked:
    """What the address narrows a figure to."""
    get = request.GET
    method = get.get("method", "")
    return Asked(
        period=chosen_period(request, lens),
        instrument=chosen_instrument(request, "instrument"),
        other=chosen_instrument(request, "other"),
        benchmark=chosen_benchmark(request),
        by=get.get("by", ""),
        part=get.get("part"),
        account=_number(get.get("account")),
        held=get.get("held", "")[:8],
        method=CostMethod(method) if method in _METHODS else None,
        lot=_number(get.get("lot")),
        entry=_number(get.get("entry")),
        number=_number(get.get("number")) or 0,
        year=get.get("year", ""),
        term=get.get("term", ""),
        is_ranged=any(get.get(name) for name in ("range", "from", "to")),
    )


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= 18 else None


def chosen_benchmark(request: HttpRequest) -> Benchmark | None:
    """What the address compares with; `dividends=0` means its price alone."""
    found = chosen_instrument(request, "benchmark")
    return None if found is None else Benchmark(found, request.GET.get("dividends") != "0")


def page_context(
    request: HttpRequest, lens: Lens, *, current: str, carries: Iterable[str] = CARRIED
) -> dict[str, Any]:
    """What the frame of each page needs. `carries`: what of the address its figures depend on."""
    portfolio: Portfolio = lens.portfolio
    return {
        "portfolio": portfolio,
        "current": current,
        "currency": lens.currency,
        "currencies": _currencies(lens),
        "explain_query": carried(request, carries),
        "is_owner": portfolio.owner_id == request.user.pk,
        "may_write": may_write(request, portfolio),
        "missing": lens.snapshot.missing,
    }


def period_context(lens: Lens, period: Period | None) -> dict[str, Any]:
    """The choice of periods."""
    return {
        "ranges": RANGES,
        "years": years_of(lens.basis),
        "period": period,
        "range": period.name if period else "",
    }


def carried(request: HttpRequest, names: Iterable[str] = CARRIED) -> str:
    """The part of the address that chooses period, currency and benchmark, for links to other pages."""
    found = {name: request.GET[name] for name in names if request.GET.get(name)}
    if "benchmark" in names and "benchmark" not in found and request.GET.get("benchmark_text"):
        found["benchmark_text"] = request.GET["benchmark_text"]
    return urlencode(found)


def _currencies(lens: Lens) -> list[str]:
    used = {row.currency for row in lens.snapshot.holdings} | {row.currency for row in lens.snapshot.cash}
    return list(dict.fromkeys([lens.portfolio.base_currency, lens.currency, *sorted(used), *_OFFERED]))


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def benchmark_context(request: HttpRequest, lens: Lens, period: Period | None) -> dict[str, Any]:
    """The choice of a benchmark, and in words what its prices contain."""
    benchmark = chosen_benchmark(request)
    found = None
    if benchmark is not None and period is not None:
        found = benchmark_prices(benchmark, period, lens.currency)
    return {
        "benchmark": None if benchmark is None else benchmark.instrument,
        "benchmark_field": benchmark_field(request),
        "benchmark_prices": found,
        "benchmark_words": "" if found is None else benchmark_words(found),
    }


def benchmark_words(prices: BenchmarkPrices) -> str:
    """Whether dividends count."""
    if prices.counts_dividends:
        return "with dividends"
    return "price alone" if prices.has_dividends else "price alone: no dividends are known"


def benchmark_field(request: HttpRequest) -> str:
    """The search box for a benchmark, with the one that is chosen."""
    chosen = chosen_instrument(request, "benchmark")

    def label(_: str) -> str:
        return chosen.symbol if chosen is not None else ""

    widget = ComboboxInput(
        src=reverse_lazy("marketdata:search"),
        label_for=label,
        attrs={"placeholder": "Symbol or name", "id": "benchmark"},
    )
    return str(widget.render("benchmark", str(chosen.pk) if chosen is not None else ""))
