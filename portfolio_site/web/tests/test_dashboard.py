"""The dashboard adds up what a person tracks: their own, at today's rates, play money aside."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from accounts.tests.support import make_user
from holdings.queries import desk_of, desk_totals
from holdings.tests.support import NOW, make_instrument, make_portfolio, make_prices, make_rates, post
from portfolio_site.web.dashboard import chart_of, dashboard_for
from trading.operations import open_paper_account

D = Decimal


@pytest.fixture(autouse=True)
def _still() -> Any:
    cache.clear()
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def person(db: None) -> Any:
    """Somebody with 10 ACME in dollars, 100 euros of cash elsewhere, and a paper account."""
    make_rates(EURUSD="1.25", EURCHF="1.05")
    owner = make_user("desk@example.org", base_currency="EUR")
    acme = make_instrument()
    make_prices(acme, {"2026-05-28": "100", "2026-05-29": "110"})
    dollars = make_portfolio(owner, name="Dollars", base_currency="USD")
    post(dollars, "deposit", "2026-05-28", amount="1250", currency="USD")
    post(dollars, "buy", "2026-05-28", instrument_id=acme.pk, quantity="10", price="100")
    euros = make_portfolio(owner, name="Euros", base_currency="EUR")
    post(euros, "deposit", "2026-05-28", amount="100", currency="EUR")
    open_paper_account(owner=owner, name="Play", cash=D(99999), currency="USD", now=NOW)
    return owner


class TestTotals:
    def test_add_up_tracked_portfolios_at_todays_rates_without_play_money(self, person: Any) -> None:
        totals = desk_totals(desk_of(person, now=NOW), currency="EUR", now=NOW)
        # (10 × 110 + 250 dollars) ÷ 1.25 + 100 euros
        assert totals.value == D(1180)
        assert totals.cash == D(300)
        # 1 250 dollars ÷ 1.25 + 100 euros were put in
        assert totals.net_contributions == D(1100)
        assert totals.gain == D(80)

    def test_are_unknown_rather_than_wrong_without_a_rate(self, person: Any) -> None:
        totals = desk_totals(desk_of(person, now=NOW), currency="JPY", now=NOW)
        assert totals.value is None
        assert totals.missing


class TestChart:
    def test_ends_at_todays_total_and_carries_money_as_text(self, person: Any) -> None:
        chart = chart_of(person, now=NOW, range_code="MAX")
        value, invested = chart["series"]
        assert (chart["currency"], value["values"][-1], invested["values"][-1]) == (
            "EUR",
            "1180.00",
            "1100.00",
        )
        assert chart["labels"][-1] == "2026-06-01"
        assert all(isinstance(figure, str) for figure in value["values"])

    def test_says_so_when_there_is_nothing_yet(self, db: None) -> None:
        chart = chart_of(make_user("empty@example.org"), now=NOW, range_code="1Y")
        assert chart["labels"] == []
        assert chart["empty"]


class TestPage:
    def test_shows_only_ones_own(self, person: Any) -> None:
        stranger = make_user("stranger@example.org")
        assert dashboard_for(stranger, now=NOW, range_code="1Y")["portfolios"] == []
        client = Client()
        client.force_login(stranger)
        assert b"Dollars" not in client.get(reverse("web:home")).content

    def test_its_chart_can_be_read_as_a_table_without_scripts(self, person: Any) -> None:
        client = Client()
        client.force_login(person)
        page = client.get(reverse("web:home")).content.decode()
        assert "?range=1Y&amp;table=1#value-chart" in page
        rows = client.get(reverse("web:home"), {"table": "1"}).context["chart_rows"]
        assert rows[0] == (NOW.date(), D("1180.00"), D("1100.00"))

    def test_costs_the_same_however_much_one_has(
        self, person: Any, django_assert_max_num_queries: Any
    ) -> None:
        client = Client()
        client.force_login(person)
        client.get(reverse("web:home"))
        with django_assert_max_num_queries(20) as few:
            client.get(reverse("web:home"))
            spent = len(few)
        for number in range(5):
            post(
                make_portfolio(person, name=f"More {number}"),
                "deposit",
                "2026-05-28",
                amount="5",
                currency="EUR",
            )
        client.get(reverse("web:home"))
        with django_assert_max_num_queries(spent):
            assert b"More 4" in client.get(reverse("web:home")).content

    def test_shows_visitors_what_this_is(self, db: None) -> None:
        page = Client().get(reverse("web:home"))
        assert page.status_code == 200
        assert b"Sign up" in page.content
        assert "demo.example" not in page.content.decode()


class TestHealth:
    def test_says_that_the_process_answers(self) -> None:
        assert Client().get("/healthz").content == b"ok"

    def test_says_that_database_and_cache_answer(self, db: None) -> None:
        assert Client().get("/readyz").json() == {"status": "ok", "database": "ok", "cache": "ok"}

    def test_without_the_cache_it_still_serves_and_says_so(self, db: None, settings: Any) -> None:
        settings.REDIS_LOCATION = "redis://127.0.0.1:1/0"
        answer = Client().get("/readyz")
        assert (answer.status_code, answer.json()["status"], answer.json()["cache"]) == (
            200,
            "degraded",
            "unreachable",
        )
