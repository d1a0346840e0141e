"""Income: sums agree with the books, estimates say what they rest on."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.urls import reverse

from holdings.models import Portfolio
from holdings.queries.insights.income import income_of
from holdings.queries.insights.lens import Lens
from holdings.tests.support import NOW, D, make_instrument, make_portfolio, make_prices, post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]


@pytest.fixture
def paying(owner: Any) -> Portfolio:
    """In euros: 10 units bought at 100, dividends of 20 and 24 (taxes 3 and 4), 5 more units, interest, staking, a charge."""
    portfolio = make_portfolio(owner)
    thing, coin = (
        make_instrument("DIV", currency="EUR"),
        make_instrument("COIN", currency="EUR", asset_class="crypto"),
    )
    make_prices(thing, {"2025-01-01": "100", "2026-06-01": "120"})
    make_prices(coin, {"2025-01-01": "50"})
    post(portfolio, "deposit", "2025-01-01", amount="5000", currency="EUR")
    post(portfolio, "buy", "2025-01-02", instrument_id=thing.pk, quantity="10", price="100")
    post(portfolio, "dividend", "2025-03-10", instrument_id=thing.pk, amount="20", taxes="3")
    post(portfolio, "dividend", "2025-09-10", instrument_id=thing.pk, amount="24", taxes="4")
    post(portfolio, "buy", "2025-12-01", instrument_id=thing.pk, quantity="5", price="100")
    post(portfolio, "buy", "2025-12-01", instrument_id=coin.pk, quantity="2", price="50")
    post(portfolio, "staking", "2026-02-01", instrument_id=coin.pk, quantity="0.1")
    post(portfolio, "interest", "2026-03-01", amount="7", currency="EUR")
    post(portfolio, "interest_charge", "2026-04-01", amount="2", currency="EUR")
    portfolio.refresh_from_db()
    return portfolio


def lens_of(portfolio: Portfolio) -> Lens:
    return Lens(portfolio, now=NOW)


class TestIncome:
    def test_sums_are_those_of_the_books(self, paying):
        lens = lens_of(paying)
        total = income_of(lens).total
        assert (total.dividends, total.interest, total.staking, total.taxes) == (44, 5, 5, 7)
        assert total.dividends == lens.snapshot.dividends
        assert total.interest_and_staking == lens.snapshot.interest
        assert (total.gross, total.net) == (54, 47)

    def test_years_and_months_add_up_to_the_total(self, paying):
        found = income_of(lens_of(paying))
        assert sum(sums.gross for sums in found.years.values()) == found.total.gross
        assert sum(sums.gross for sums in found.months.values()) == found.total.gross
        assert {year: sums.gross for year, sums in found.years.items()} == {2026: 10, 2025: 44}

    def test_estimates_what_the_last_year_paid_for_what_is_held_now(self, paying):
        """24 for 10 units on 10 September is 2.40 a unit; 15 are held now. What was paid in March 2025 is too long ago."""
        (row,) = income_of(lens_of(paying)).expected
        assert (row.symbol, row.day, row.last_day) == ("DIV", date(2026, 9, 10), date(2025, 9, 10))
        assert (row.per_unit, row.quantity, row.amount) == (D("2.4"), 15, 36)

    def test_a_split_since_counts_in_new_units(self, paying):
        thing = paying_thing(paying)
        post(paying, "split", "2026-01-15", instrument_id=thing, ratio="3")
        paying.refresh_from_db()
        (row,) = income_of(lens_of(paying)).expected
        assert (row.per_unit, row.quantity, row.amount) == (D("0.8"), 45, 36)

    def test_yields_by_hand(self, paying):
        """Last year 24 on a cost of 1 500; 36 expected on a value of 15 × 120."""
        payer = next(row for row in income_of(lens_of(paying)).payers if row.symbol == "DIV")
        assert payer.yield_on_cost == D("0.016")
        assert payer.current_yield == D("0.02")

    def test_page_says_that_it_is_an_estimate_and_why(self, as_owner, paying):
        text = as_owner.get(reverse("holdings:income", args=[paying.pk])).content.decode()
        assert "Estimate" in text
        assert "no announcement" in text

    def test_bars_by_month_include_months_without_payments(self, as_owner, paying):
        body = as_owner.get(reverse("holdings:income_chart", args=[paying.pk])).json()
        assert body["labels"][0] == "Mar 2025"
        assert body["labels"][-1] == "Apr 2026"
        assert len(body["labels"]) == 14
        assert [series["key"] for series in body["series"]] == ["dividends", "interest", "staking"]
        by_year = as_owner.get(reverse("holdings:income_chart", args=[paying.pk]) + "?view=year").json()
        assert by_year["series"][0]["values"] == ["44", "0"]

    def test_cost_in_statements(self, as_owner, paying, django_assert_max_num_queries):
        url = reverse("holdings:income", args=[paying.pk])
        as_owner.get(url)
        with django_assert_max_num_queries(16):
            as_owner.get(url)


def paying_thing(portfolio: Portfolio) -> int:
    from marketdata.models import Instrument

    return int(Instrument.objects.get(symbol="DIV").pk)
