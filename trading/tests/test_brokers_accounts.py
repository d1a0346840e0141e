"""An account at a broker on the pages and in the API of trading accounts: it is no paper account, and has none of its doors."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from holdings.models import Transaction
from portfolio_site.kernel import clock
from trading import operations
from trading.models import BrokerConnection, TradingAccount
from trading.tests.support import make_user
from trading.tests.test_brokers_api import Told, told
from trading.tests.test_brokers_web import KEY, SECRET

__all__ = ["told"]


@pytest.fixture
def user(db: Any) -> Any:
    """Whose account it is."""
    return make_user("trader")


@pytest.fixture
def account(user: Any, told: Told) -> int:
    """A portfolio at a broker."""
    connection_id = operations.connect_broker(
        actor=user, name="My Alpaca", environment="paper", key_id=KEY, secret=SECRET, now=clock.now()
    )
    portfolio_id: int = operations.open_broker_account(
        connection_id=connection_id, actor=user, name="At Alpaca", clock=clock.now
    )
    return portfolio_id


@pytest.fixture
def browser(user: Any) -> Client:
    """Their browser."""
    client = Client()
    client.force_login(user)
    return client


class TestPages:
    @pytest.mark.parametrize(
        "name",
        ["trading:account_page", "trading:account_settings", "trading:new", "trading:keys", "trading:account_switch",
         "trading:rebalance", "holdings:detail", "holdings:actions"],
    )  # fmt: skip
    def test_say_nothing_of_paper_or_of_a_reset(self, name: str, account: int, browser: Client):
        page = browser.get(reverse(name, args=[account]))
        assert page.status_code == 200
        text = page.content.decode()
        main = text[text.index("<main") : text.index("</main")]
        for word in ("paper account", "Paper account", "Paper<", "Reset", "play money again", "Slippage"):
            assert word not in main, word

    def test_the_choice_of_an_account_says_whose_money_each_moves(
        self, account: int, browser: Client, user: Any
    ):
        for name in ("P", "Q"):
            operations.open_paper_account(
                owner=user, name=name, cash=Decimal(10), currency="USD", now=clock.now()
            )
        text = browser.get(reverse("trading:choose")).content.decode()
        assert "Broker, paper" in text
        assert "At Alpaca" in text

    def test_the_ticket_says_ahead_what_the_broker_would_not_do(self, account: int, browser: Client):
        url = reverse("trading:new", args=[account])
        assert "To the connection" not in browser.get(url).content.decode()
        rows = BrokerConnection.objects.all()
        figures = rows.get().figures
        for change, sentence in (
            ({"figures": {**figures, "is_blocked": True}}, "has blocked this account"),
            ({"figures": {**figures, "status": "ACCOUNT_CLOSED"}}, "account closed, and not active"),
            ({"figures": figures, "paused_at": clock.now()}, "You have paused this connection"),
            ({"state": "failing", "last_error": "It is away."}, "It is away. An order waits here"),
        ):
            rows.update(**change)
            assert sentence in browser.get(url).content.decode()

    def test_the_account_says_what_the_broker_told(self, account: int, browser: Client):
        text = browser.get(reverse("trading:account_page", args=[account])).content.decode()
        assert "At a broker, with play money" in text
        assert "PA777" in text
        assert "Buying power there" in text

    def test_the_portfolio_leads_to_the_ticket_and_to_no_import(self, account: int, browser: Client):
        text = browser.get(reverse("holdings:detail", args=[account])).content.decode()
        assert reverse("trading:new", args=[account]) in text
        assert reverse("holdings:import", args=[account]) not in text

    def test_a_reset_is_refused_before_it_is_asked_for(self, account: int, browser: Client):
        url = reverse("trading:account_reset", args=[account])
        for answer in (browser.get(url), browser.post(url, {"cash": "5"})):
            assert answer.headers["Location"] == reverse("trading:account_page", args=[account])
        assert Transaction.objects.filter(portfolio_id=account).count() == 1

    def test_the_settings_keep_to_what_is_checked_here(self, account: int, browser: Client):
        url = reverse("trading:account_settings", args=[account])
        form = browser.get(url).context["form"]
        assert "slippage_bps" not in form.fields
        sent = {"max_margin_multiplier": "1", "fractional_trading": "on", "max_order_notional": "500"}
        assert browser.post(url, sent).status_code == 302
        assert TradingAccount.objects.get(portfolio_id=account).max_order_notional == 500


class TestApi:
    def test_says_whose_money_it_is_and_refuses_what_is_the_brokers(self, account: int, user: Any):
        operations.open_paper_account(owner=user, name="P", cash=Decimal(10), currency="USD", now=clock.now())
        client = APIClient()
        client.force_authenticate(user)
        rows = client.get("/api/v1/trading-accounts/").json()
        assert [(row["money"], row["is_paper"]) for row in rows] == [("broker_paper", False), ("paper", True)]
        url = f"/api/v1/portfolios/{account}/trading-account/"
        assert client.get(url).json()["broker_connection_id"]
        refused = client.patch(url, {"slippage_bps": "3"}, format="json")
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "slippage_bps")
        assert client.patch(url, {"suspend_trade": True}, format="json").status_code == 200
        body = {"confirm": client.get(url).json()["account_number"]}
        assert client.post(f"{url}reset/", body, format="json").status_code == 422
