"""What the dashboard costs somebody who holds a lot, once caches are warm."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from accounts.tests.support import make_user
from holdings.tests.support import NOW, make_instrument, make_portfolio, make_prices, make_rates, post
from marketdata.models import Instrument
from marketdata.operations import apply_quotes
from marketdata.operations.gateway import gate
from marketdata.providers.base import QuoteData
from portfolio_site.web.dashboard import dashboard_for

THINGS = 200


@pytest.fixture
def owner(db: None) -> Any:
    """Somebody with 200 things in two portfolios, all quoted a moment ago."""
    cache.clear()
    with time_machine.travel(NOW, tick=False):
        make_rates(EURUSD="1.25")
        person = make_user("wide@example.org", base_currency="USD")
        portfolios = [make_portfolio(person, name=name, base_currency="USD") for name in ("One", "Two")]
        quotes = []
        for portfolio in portfolios:
            post(portfolio, "deposit", "2026-05-28", amount="100000", currency="USD")
        for number in range(THINGS):
            thing = make_instrument(f"W{number:03}")
            make_prices(thing, {"2026-05-28": "100", "2026-05-29": "110"})
            post(
                portfolios[number % 2], "buy", "2026-05-28", instrument_id=thing.pk, quantity="1", price="100"
            )
            quotes.append(QuoteData(instrument_id=thing.pk, last=Decimal(120), quoted_at=NOW, source="test"))
        apply_quotes(quotes=quotes, now=NOW, is_trusted=True)
        yield person


class TestDashboardOfTwoHundredThings:
    def test_warm_it_takes_five_statements_and_asks_no_provider(
        self, owner: Any, django_assert_max_num_queries: Any, monkeypatch: Any
    ) -> None:
        client = Client()
        client.force_login(owner)
        client.get(reverse("web:home"))
        asked: list[Any] = []
        monkeypatch.setattr(gate, "admit", lambda provider, *_, **__: asked.append(provider))
        # The person with their roles, the portfolios, their books, the latest orders, the bell. The session, what the
        # banner says and every price come from the cache.
        with django_assert_max_num_queries(5):
            page = client.get(reverse("web:home"))
        assert page.context["totals"].value == 200_000 + THINGS * (120 - 100)
        assert asked == []

    def test_its_figures_follow_a_price_at_once(
        self, owner: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        before = dashboard_for(owner, now=NOW, range_code="1Y")["totals"].value
        tick = QuoteData(
            instrument_id=Instrument.objects.get(symbol="W007").pk,
            last=Decimal(150),
            quoted_at=NOW,
            source="test",
        )
        with django_capture_on_commit_callbacks(execute=True):
            apply_quotes(quotes=[tick], now=NOW, is_trusted=True)
        assert dashboard_for(owner, now=NOW, range_code="1Y")["totals"].value - before == 30
