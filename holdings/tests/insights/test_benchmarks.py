"""A benchmark with its dividends put back in, or its price alone; the page says which."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from django.urls import reverse

from holdings.queries.insights.benchmarks import Benchmark, benchmark_prices
from holdings.queries.insights.lens import Lens
from holdings.queries.insights.performance import figures_of, period_of
from holdings.tests.support import NOW, D, make_instrument, make_prices
from marketdata.models import ActionKind, CorporateAction, Instrument

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]


@pytest.fixture
def payer(filled) -> Instrument:
    """In dollars: 100 at the end of 2025, then 102 after a dividend of 3 on 2 March, then 104."""
    made = make_instrument("PAYER")
    make_prices(made, {"2025-12-31": "100", "2026-02-27": "105", "2026-03-02": "102", "2026-05-29": "104"})
    CorporateAction.objects.create(
        instrument=made, ex_date=date(2026, 3, 2), kind=ActionKind.DIVIDEND, value=D(3), source="test"
    )
    return made


def page(name, portfolio, query):
    return reverse(f"holdings:{name}", args=[portfolio.pk]) + query


def twr_of(portfolio, benchmark, currency=""):
    lens = Lens(portfolio, now=NOW, currency=currency)
    done = figures_of(lens, period_of(lens.basis, "MAX"), benchmark=benchmark).performance
    assert done is not None
    assert done.benchmark is not None
    return done.benchmark


class TestBenchmark:
    def test_dividends_are_put_back_in_on_their_ex_date(self, filled, payer):
        # On the day: (102 + 3) / 105 of the close before; 104 / 102 after it.
        assert twr_of(filled, Benchmark(payer), "USD").twr == pytest.approx(1.05 * 1 * (104 / 102) - 1)
        assert twr_of(filled, Benchmark(payer, wants_dividends=False), "USD").twr == pytest.approx(0.04)

    def test_comparison_follows(self, filled, payer):
        counted, alone = twr_of(filled, Benchmark(payer)), twr_of(filled, Benchmark(payer, False))
        assert counted.comparison.tracking_error != alone.comparison.tracking_error

    def test_price_alone_where_no_dividend_is_known(self, filled, acme):
        lens = Lens(filled, now=NOW)
        found = benchmark_prices(Benchmark(acme), period_of(lens.basis, "MAX"), "EUR")
        assert (found.counts_dividends, found.has_dividends) == (False, False)
        assert found.series.at(date(2026, 5, 29).toordinal()) == D(130) / D("1.25")

    def test_page_and_chart_say_which(self, as_owner, filled, payer):
        query = f"?range=MAX&benchmark={payer.pk}"
        text = as_owner.get(page("performance", filled, query)).content.decode()
        assert "with dividends. Each dividend is put back in" in " ".join(text.split())
        assert 'dividends=0"' in text
        label = as_owner.get(page("performance_chart", filled, query)).json()["series"][1]["label"]
        assert label == "PAYER, with dividends"
        alone = as_owner.get(page("performance_chart", filled, f"{query}&dividends=0")).json()["series"][1]
        assert alone["label"] == "PAYER, price alone"
        assert Decimal(alone["values"][-1]) == D("0.04")

    def test_says_that_no_dividends_are_known(self, as_owner, filled, acme):
        text = as_owner.get(page("risk", filled, f"?range=MAX&benchmark={acme.pk}")).content.decode()
        assert "price alone: no dividends are known" in text
        assert "Dividends of the benchmark" not in text

    def test_choice_goes_along_into_explanations_and_the_api(self, as_owner, filled, payer):
        query = f"?range=MAX&currency=USD&benchmark={payer.pk}&dividends=0"
        text = as_owner.get(page("performance", filled, query)).content.decode()
        assert f"benchmark={payer.pk}&amp;dividends=0" in text
        explained = reverse("holdings:explain", args=[filled.pk, "benchmark_twr"]) + query
        assert "4.0000%" in as_owner.get(explained).content.decode()
        read = reverse("api:portfolio-performance", args=[filled.pk])
        assert as_owner.get(read + query).json()["figures"]["benchmark_twr"] == pytest.approx(0.04)
        counted = as_owner.get(read + query.replace("dividends=0", "dividends=1")).json()
        assert counted["figures"]["benchmark_twr"] == pytest.approx(0.0705882, abs=1e-6)
