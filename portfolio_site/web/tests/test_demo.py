"""The demo site: believable, right to the last digit, and made once however often it is asked for."""

from __future__ import annotations

import json
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from holdings.models import Portfolio, Transaction
from holdings.queries import portfolios_for
from holdings.queries.verification import verify_portfolio
from marketdata.operations import load_starter_instruments
from marketdata.tests.support.internet import (
    CHARTS,
    QUOTES,
    charts_of_everything,
    everything,
    internet,
)
from marketdata.tests.support.vendor import vendor
from portfolio_site.kernel import clock
from portfolio_site.web.demo import making
from trading.models import Order

__all__ = ["internet", "vendor"]


@pytest.fixture
def logins(tmp_path: Path) -> list[making.Login]:
    """Fresh demo logins."""
    return making.demo_logins(tmp_path / "demo-logins.json")


class TestLogins:
    def test_are_random_kept_and_private(self, tmp_path: Path) -> None:
        path = tmp_path / "a" / "demo-logins.json"
        first = making.demo_logins(path)
        assert making.demo_logins(path) == first
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert len({login.password for login in first}) == 2
        assert json.loads(path.read_text())[0]["role"] == "trader"


class TestMakeDemo:
    def test_makes_a_history_whose_books_are_right_and_makes_it_once(
        self, db: None, logins: list[making.Login]
    ) -> None:
        now = clock.now()
        for _ in range(2):
            making.make_market(now=now)
            people = making.make_people(logins=logins, now=now)
            making.make_savings(owner=people["trader"], now=now)
            making.make_practice(owner=people["trader"], now=now)
        assert sorted(card.name for card in portfolios_for(people["trader"], now=now)) == [
            making.SAVINGS,
            making.PRACTICE,
        ]
        for portfolio in Portfolio.objects.all():
            assert verify_portfolio(portfolio.pk).problems == ()
        savings = Transaction.objects.filter(portfolio__name=making.SAVINGS)
        assert savings.earliest("occurred_at").occurred_at < now - timedelta(days=4.8 * 365)
        assert {"buy", "sell", "deposit", "dividend", "interest", "fee", "split"} <= set(
            savings.values_list("type", flat=True)
        )
        assert savings.values("currency").distinct().count() >= 4
        states = set(Order.objects.values_list("status", flat=True))
        assert states == {"filled", "new"}
        assert not people["trader"].is_staff
        assert people["administrator"].is_staff

    def test_is_made_of_real_prices_where_they_can_be_had(
        self, db: None, internet: Any, logins: list[making.Login]
    ) -> None:
        now = clock.now()
        load_starter_instruments()
        internet.on(QUOTES, everything(at=now - timedelta(minutes=15)))
        internet.on(
            CHARTS, charts_of_everything(now.date() - timedelta(days=1), [20.0 + n / 50 for n in range(1400)])
        )
        made = making.make_market(now=now)
        assert len(made.adopted) > 500
        people = making.make_people(logins=logins, now=now)
        making.make_savings(owner=people["trader"], now=now)
        for portfolio in Portfolio.objects.all():
            assert verify_portfolio(portfolio.pk).problems == ()
        bought = Transaction.objects.filter(portfolio__name=making.SAVINGS, type="buy").select_related(
            "instrument"
        )
        kinds = {row.instrument.symbol: row.instrument.provider for row in bought if row.instrument}
        assert kinds.pop("DE000BU2Z031") == kinds.pop("US91282CLW90") == "simulated"
        assert {name: kind for name, kind in kinds.items() if kind != "yahoo"} == {}
        assert all(
            20 <= row.price <= 48
            for row in bought
            if row.instrument and row.price and row.instrument.provider == "yahoo"
        )

    def test_is_refused_on_a_site_that_is_no_demo(self, db: None, settings: Any) -> None:
        settings.DEMO = False
        with pytest.raises(CommandError, match="not a demo"):
            call_command("make_demo")
        assert Portfolio.objects.count() == 0
