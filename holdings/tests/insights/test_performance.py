"""Performance and explanations: what is shown adds up, is what `analyse` says, and is nobody else's business."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse

from holdings.domain.analysis import analyse
from holdings.domain.explain import REGISTRY
from holdings.domain.ranges import Period
from holdings.models import Portfolio
from holdings.operations import archive_portfolio
from holdings.queries.insights.benchmarks import Benchmark
from holdings.queries.insights.explaining import Asked, definition_of, explained, value_of
from holdings.queries.insights.explaining.ratios import RATIOS
from holdings.queries.insights.lens import Lens
from holdings.queries.insights.performance import calendar_returns, figures_of, measured, parts_of, period_of
from holdings.tests.support import NOW, D, make_instrument, make_portfolio, make_prices, make_rates, post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]
TOTALS = [name for name in REGISTRY if not name.startswith("statement.")]
FIGURES = [name.replace("statement.", "statement-") for name in REGISTRY] + list(RATIOS)


@pytest.fixture
def paper_example(owner: Any) -> Portfolio:
    """The worked example of the documentation: 4 days, a deposit and a withdrawal, closes 110, 120, 130, 143."""
    portfolio = make_portfolio(owner, base_currency="USD")
    thing = make_instrument("EXM")
    make_prices(thing, {"2026-01-01": "110", "2026-01-02": "120", "2026-01-03": "130", "2026-01-04": "143"})
    post(portfolio, "buy", "2026-01-01", instrument_id=thing.pk, quantity="10", price="100")
    post(portfolio, "deposit", "2026-01-02", amount="1000", currency="USD")
    post(portfolio, "withdrawal", "2026-01-03", amount="500", currency="USD")
    portfolio.refresh_from_db()
    return portfolio


def lens_of(portfolio: Portfolio, currency: str = "") -> Lens:
    return Lens(portfolio, now=NOW, currency=currency)


def page(name: str, portfolio: Portfolio, query: str = "") -> str:
    return reverse(f"holdings:{name}", args=[portfolio.pk]) + query


class TestPerformance:
    def test_time_weighted_return_of_the_paper_example(self, paper_example):
        lens = lens_of(paper_example)
        period = period_of(lens.basis, "2026")
        done = figures_of(lens, period).performance
        assert done is not None
        assert done.twr == pytest.approx(0.291772, abs=1e-6)

    @pytest.mark.parametrize("code", ["1M", "YTD", "MAX", "2026", "2025"])
    def test_statement_adds_up_and_is_what_analyse_says(self, filled, code):
        lens = lens_of(filled)
        period = period_of(lens.basis, code)
        statement = figures_of(lens, period).statement
        assert statement is not None
        assert statement.difference() == 0
        again = analyse(lens_of(filled).whole, start=period.start, end=period.end)
        assert statement == again.statement

    def test_statement_adds_up_in_another_currency(self, filled):
        lens = lens_of(filled, "CHF")
        statement = figures_of(lens, period_of(lens.basis, "MAX")).statement
        own = figures_of(lens_of(filled), period_of(lens.basis, "MAX")).statement
        assert statement is not None
        assert own is not None
        assert statement.difference() == 0
        assert statement.closing_value == own.closing_value * D("1.05")

    def test_later_prices_move_the_closing_value_without_a_replay(
        self, filled, acme, django_assert_max_num_queries
    ):
        lens_of(filled).statement(period_of(lens_of(filled).basis, "MAX"))
        from marketdata.operations import set_quote

        set_quote(instrument_id=acme.pk, bid=D("139"), ask=D("141"), now=NOW)
        with django_assert_max_num_queries(14):
            lens = lens_of(filled)
            statement = lens.statement(period_of(lens.basis, "MAX"))
        assert statement.difference() == 0
        shown = lens.snapshot
        assert statement.closing_value == shown.market_value + shown.cash_value
        assert lens.basis.part(period_of(lens.basis, "MAX")).at(-1) == statement.closing_value

    def test_year_is_the_product_of_its_months(self, filled):
        (row, *_) = calendar_returns(lens_of(filled).basis)
        product = 1.0
        for month in row.months:
            product *= 1 + (month or 0.0)
        assert row.total == pytest.approx(product - 1, abs=1e-12)
        assert row.months[6:] == (None,) * 6

    def test_gains_of_accounts_add_up_to_the_gain(self, filled):
        lens = lens_of(filled)
        period = period_of(lens.basis, "MAX")
        parts = parts_of(lens, period, "account")
        assert sum(part.gain for part in parts) == figures_of(lens, period).gain

    def test_from_and_to_win_over_the_range_and_stay_within_the_books(self, filled):
        basis = lens_of(filled).basis
        from datetime import date

        assert period_of(basis, "1Y", start=date(1990, 1, 1), end=date(2026, 3, 1)) == Period(
            "", basis.first_day, date(2026, 3, 1)
        )
        assert period_of(basis, "nonsense").name == "1Y"

    def test_says_which_rate_is_missing(self, as_owner, filled):
        answer = as_owner.get(page("performance", filled, "?currency=SEK"))
        assert answer.status_code == 200
        assert "exchange rate" in answer.content.decode()

    def test_benchmark_is_compared_and_drawn(self, as_owner, filled, acme):
        body = as_owner.get(page("performance", filled, f"?range=MAX&benchmark={acme.pk}"))
        assert "Against ACME" in body.content.decode()
        chart = as_owner.get(page("performance_chart", filled, f"?range=MAX&benchmark={acme.pk}")).json()
        assert [series["key"] for series in chart["series"]] == ["twr", "benchmark"]
        assert {marker["kind"] for marker in chart["markers"]} == {"buy", "sell", "dividend"}

    def test_chart_ends_with_the_value_now(self, as_owner, filled):
        chart = as_owner.get(page("performance_chart", filled, "?range=MAX&view=value")).json()
        shown = lens_of(filled).snapshot
        assert Decimal(chart["series"][0]["values"][-1]) == round(shown.net_worth or D(0), 2)

    def test_cost_in_statements_does_not_grow(self, as_owner, filled, django_assert_max_num_queries):
        url = page("performance", filled, "?range=MAX")
        assert as_owner.get(url).status_code == 200
        with django_assert_max_num_queries(20):
            as_owner.get(url)

    def test_empty_and_archived_portfolios_have_a_page(self, as_owner, empty, filled, owner):
        assert "no entries yet" in as_owner.get(page("performance", empty)).content.decode()
        archive_portfolio(portfolio_id=filled.pk, actor=owner, now=NOW)
        assert as_owner.get(page("performance", filled)).status_code == 200


class TestExplain:
    @pytest.mark.parametrize("figure", TOTALS)
    def test_rows_of_a_total_add_up_to_what_the_overview_shows(self, filled, figure):
        lens = lens_of(filled)
        shown = {
            "market_value": lens.snapshot.market_value,
            "cash": lens.snapshot.cash_value,
            "liabilities": lens.snapshot.liabilities_value,
        }
        found = explained(lens, figure, Asked())
        assert found.total == shown.get(figure, getattr(lens.snapshot, figure, None))
        assert sum(row.amount for row in found.money) == found.total

    @pytest.mark.parametrize("name", [name for name in REGISTRY if name.startswith("statement.")])
    def test_rows_of_a_line_add_up_to_the_statement(self, filled, name):
        lens = lens_of(filled)
        period = period_of(lens.basis, "3M")
        found = explained(lens, name.replace("statement.", "statement-"), Asked(period=period))
        assert found.total == getattr(lens.statement(period), name.removeprefix("statement."))

    @pytest.mark.parametrize("figure", RATIOS)
    def test_a_ratio_is_the_one_of_the_page(self, filled, acme, figure):
        lens = lens_of(filled)
        period = period_of(lens.basis, "MAX")
        done = measured(lens, lens.basis, period, benchmark=Benchmark(acme))
        assert explained(lens, figure, Asked(period=period, benchmark=Benchmark(acme))).value == value_of(
            done, figure
        )

    def test_factors_multiply_to_the_time_weighted_return(self, paper_example):
        lens = lens_of(paper_example)
        found = explained(lens, "twr", Asked(period=period_of(lens.basis, "MAX")))
        product = 1.0
        for row in found.table.rows:
            product *= float(row[4])
        assert found.value is not None
        assert product - 1 == pytest.approx(found.value, abs=1e-8)
        assert [row[2] for row in found.table.rows][:3] == [1000, 2100, 2200]

    def test_a_sum_can_be_narrowed_to_one_holding(self, filled, acme):
        other = make_instrument("OTHER", currency="USD")
        post(filled, "buy", "2026-05-01", instrument_id=other.pk, quantity="1", price="50")
        filled.refresh_from_db()
        whole = explained(lens_of(filled), "cost_basis", Asked())
        part = explained(lens_of(filled), "cost_basis", Asked(instrument=other))
        assert part.total == D("50") / D("1.25")
        assert part.total < (whole.total or 0)
        assert part.subject == "OTHER"

    def test_rows_name_symbols_and_accounts_and_lead_to_their_entries(self, as_owner, filled):
        text = as_owner.get(
            page("performance", filled).replace("performance", "explain/realised_gain")
        ).content.decode()
        assert "ACME · Securities" in text
        assert f"/portfolios/{filled.pk}/transactions/" in text

    @pytest.mark.parametrize("figure", FIGURES)
    def test_every_figure_has_a_page_and_a_part(self, as_owner, filled, figure):
        url = reverse("holdings:explain", args=[filled.pk, figure])
        whole, part = as_owner.get(url), as_owner.get(url, headers={"HX-Request": "true"})
        assert whole.status_code == part.status_code == 200
        assert definition_of(figure).sentence[:20] in whole.content.decode()
        assert "<html" in whole.content.decode()
        assert "<html" not in part.content.decode()

    def test_an_unknown_figure_is_not_found(self, as_owner, filled):
        assert as_owner.get(reverse("holdings:explain", args=[filled.pk, "nonsense"])).status_code == 404

    def test_overview_totals_lead_to_their_explanations(self, as_owner, filled):
        text = as_owner.get(reverse("holdings:detail", args=[filled.pk])).content.decode()
        for figure in ("net_worth", "total_gain", "unrealised_gain", "realised_gain", "dividends", "fees"):
            assert reverse("holdings:explain", args=[filled.pk, figure]) in text

    def test_stops_at_a_number_of_rows_and_still_counts_all(self, owner):
        make_rates(EURUSD="1.25")
        portfolio = make_portfolio(owner)
        from holdings.queries.insights import explaining

        for number in range(explaining.MOST_ROWS // 100):
            post(portfolio, "deposit", "2026-01-02", amount=str(number + 1), currency="EUR")
        portfolio.refresh_from_db()
        found = explained(lens_of(portfolio), "net_contributions", Asked())
        assert found.total == 10
        assert len(found.money) == 4
