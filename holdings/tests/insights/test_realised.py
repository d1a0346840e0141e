"""Realised gains by tax year, their file, and the switch of method that shows its effect first."""

from __future__ import annotations

import csv
import io
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse

from holdings.models import Portfolio
from holdings.operations import archive_portfolio
from holdings.queries.insights.lens import Lens
from holdings.queries.insights.methods import method_effects
from holdings.queries.insights.realised import harmless, realised_year, tax_year_of
from holdings.tests.support import (
    NOW,
    assert_books_are_right,
    make_instrument,
    make_portfolio,
    make_prices,
    post,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]


@pytest.fixture
def sold(owner: Any) -> Portfolio:
    """In dollars: 10 at 100 in 2024, 10 at 140 in 2026, 5 sold at 150 on 5 April 2026 and 7 at 120 on 6 April."""
    portfolio = make_portfolio(owner, base_currency="USD")
    thing = make_instrument("=SUM(A1)")
    make_prices(thing, {"2024-01-02": "100", "2026-05-29": "130"})
    post(portfolio, "deposit", "2024-01-01", amount="5000", currency="USD")
    post(portfolio, "buy", "2024-01-02", instrument_id=thing.pk, quantity="10", price="100")
    post(portfolio, "buy", "2026-01-02", instrument_id=thing.pk, quantity="10", price="140")
    post(portfolio, "sell", "2026-04-05", instrument_id=thing.pk, quantity="5", price="150", fees="1")
    post(portfolio, "sell", "2026-04-06", instrument_id=thing.pk, quantity="7", price="120")
    portfolio.refresh_from_db()
    return portfolio


class TestTaxYear:
    @pytest.mark.parametrize(
        ("country", "day", "label", "first"),
        [
            ("GB", date(2026, 4, 5), "2025/26", date(2025, 4, 6)),
            ("GB", date(2026, 4, 6), "2026/27", date(2026, 4, 6)),
            ("GB", date(1999, 6, 1), "1999/00", date(1999, 4, 6)),
            ("US", date(2026, 4, 5), "2026", date(2026, 1, 1)),
            ("", date(2026, 12, 31), "2026", date(2026, 1, 1)),
        ],
    )
    def test_begins_where_the_country_says(self, country, day, label, first):
        found = tax_year_of(day, country)
        assert (found.label, found.first) == (label, first)
        assert found.first <= day <= found.last


class TestRealisedYear:
    def test_sums_by_term_by_hand(self, sold):
        """Sold 5 × 150 − 1 − 500 = 249 long; 5 × 120 − 500 = 100 long; 2 × 120 − 280 = −40 short."""
        found = realised_year(sold, tax_year_of(date(2026, 1, 1), ""))
        assert (found.long.parcels, found.long.gain, found.long.fees) == (2, 349, 1)
        assert (found.short.parcels, found.short.gain) == (1, -40)
        assert found.total.gain == found.short.gain + found.long.gain == 309
        assert found.total.proceeds - found.total.cost == found.total.gain

    def test_the_sixth_of_april_divides_years_in_the_united_kingdom(self, sold):
        sold.tax_country = "GB"
        sold.save(update_fields=["tax_country"])
        before = realised_year(sold, tax_year_of(date(2026, 4, 5), "GB"))
        after = realised_year(sold, tax_year_of(date(2026, 4, 6), "GB"))
        assert [row.closed for row in before.parcels] == [date(2026, 4, 5)]
        assert {row.closed for row in after.parcels} == {date(2026, 4, 6)}

    def test_wash_sales_are_added_back(self, owner):
        portfolio = make_portfolio(owner, base_currency="USD", tax_country="US")
        thing = make_instrument("WASH")
        make_prices(thing, {"2025-11-01": "10"})
        post(portfolio, "deposit", "2025-10-01", amount="9000", currency="USD")
        post(portfolio, "buy", "2025-11-01", instrument_id=thing.pk, quantity="100", price="10")
        post(portfolio, "sell", "2026-03-01", instrument_id=thing.pk, quantity="100", price="7")
        post(portfolio, "buy", "2026-03-20", instrument_id=thing.pk, quantity="40", price="8")
        found = realised_year(portfolio, tax_year_of(date(2026, 1, 1), "US"))
        assert (found.total.gain, found.total.wash_sale_adjustment, found.total.counted) == (-300, 120, -180)

    def test_all_years_add_up_to_the_total_of_the_overview(self, as_owner, sold):
        answer = as_owner.get(reverse("holdings:realised", args=[sold.pk]))
        years = answer.context["years"]
        total = sum(realised_year(sold, year).total.gain for year in years)
        assert total == Lens(sold, now=NOW).snapshot.realised_gain

    def test_file_has_every_parcel_and_no_formula(self, as_owner, sold):
        answer = as_owner.get(reverse("holdings:realised_csv", args=[sold.pk]) + "?year=2026")
        assert answer.headers["Content-Type"].startswith("text/csv")
        assert "attachment" in answer.headers["Content-Disposition"]
        rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
        assert len(rows) == 3
        assert {row["instrument"] for row in rows} == {"'=SUM(A1)"}
        assert sum(Decimal(row["gain_USD"]) for row in rows) == 309
        assert [row["term"] for row in rows] == ["long", "long", "short"]

    @pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\tx"])
    def test_text_is_no_formula(self, text):
        assert harmless(text) == f"'{text}"
        assert harmless("ACME") == "ACME"

    @pytest.mark.parametrize("year", ["", "0000", "99999", "abcd", "²⁰²⁶"])
    def test_an_odd_year_shows_the_present_one(self, as_owner, sold, year):
        answer = as_owner.get(reverse("holdings:realised", args=[sold.pk]), {"year": year})
        assert answer.context["found"].tax_year.year == 2026

    def test_cost_in_statements(self, as_owner, sold, django_assert_max_num_queries):
        url = reverse("holdings:realised", args=[sold.pk])
        as_owner.get(url)
        with django_assert_max_num_queries(16):
            as_owner.get(url)


class TestMethod:
    def test_shows_every_method_before_it_is_applied(self, sold):
        """FIFO realises 309; LIFO 5 × 150 − 1 − 700 and 5 × 120 − 700 and 2 × 120 − 200 = 49 − 100 + 40 = −11."""
        effects = {row.code: row for row in method_effects(Lens(sold, now=NOW))}
        assert effects["fifo"].is_current
        assert (effects["fifo"].realised_gain, effects["lifo"].realised_gain) == (309, -11)
        assert len({row.total_gain for row in effects.values()}) == 1
        for row in effects.values():
            assert (row.realised_gain or 0) + (row.unrealised_gain or 0) == 309 + 8 * 130 - 8 * 140

    def test_applies_the_one_that_is_chosen(self, as_owner, sold):
        url = reverse("holdings:method", args=[sold.pk])
        shown = {row.code: row for row in as_owner.get(url).context["effects"]}
        assert as_owner.post(url, {"method": "lifo"}).status_code == 303
        sold.refresh_from_db()
        assert sold.cost_basis_method == "lifo"
        assert Lens(sold, now=NOW).snapshot.realised_gain == shown["lifo"].realised_gain
        assert_books_are_right(sold)

    def test_refuses_what_is_no_method(self, as_owner, sold):
        answer = as_owner.post(reverse("holdings:method", args=[sold.pk]), {"method": "magic"})
        assert answer.status_code == 422
        assert "not known" in answer.content.decode()

    def test_an_archived_portfolio_keeps_its_method(self, as_owner, sold, owner):
        archive_portfolio(portfolio_id=sold.pk, actor=owner, now=NOW)
        url = reverse("holdings:method", args=[sold.pk])
        assert "Use this" not in as_owner.get(url).content.decode()
        assert as_owner.post(url, {"method": "lifo"}).status_code == 422
