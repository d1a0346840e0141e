"""Trading accounts over ``/api/v1/``: reading, settings, kill switch, beginning anew, closing positions."""

from __future__ import annotations

import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
from rest_framework.test import APIClient

from holdings import queries as books
from portfolio_site.kernel import clock
from trading.models import Order, TradingAccount
from trading.operations import open_paper_account
from trading.queries import account_of
from trading.tests.support import check_books, make_instrument, order, set_quote


@pytest.fixture
def share(db):
    """A share whose quote is of this moment."""
    instrument = make_instrument("ACME")
    set_quote(instrument, "100.00", "100.02", at=clock.now())
    return instrument


@pytest.fixture
def account(trader):
    """An account with margin."""
    return open_paper_account(
        owner=trader,
        name="Paper",
        cash=Decimal(10_000),
        currency="USD",
        multiplier=2,
        now=clock.now() - timedelta(days=2),
    )


@pytest.fixture
def api(trader):
    """The trader's program."""
    client = APIClient()
    client.force_authenticate(trader)
    return client


def url(account, rest=""):
    return f"/api/v1/portfolios/{account}/trading-account/{rest}"


class TestReading:
    def test_answers_figures_settings_and_what_was_paid(self, api, account, trader, share):
        order(account, trader, share, quantity=150, now=clock.now())
        found = api.get(url(account)).json()
        assert found["figures"]["cash"] == "-5003"
        assert found["figures"]["maintenance_margin"] == "4500.9"
        assert found["settings"]["max_margin_multiplier"] == 4
        assert found["paid"] == {"fees": "0", "interest": "0", "borrowing": "0", "accrued": "0"}
        assert found["margin_call"] is None
        assert found["is_paper"] is True

    def test_says_when_a_call_falls_due(self, api, account):
        TradingAccount.objects.update(margin_call_at=clock.now(), margin_call_amount=Decimal("12.5"))
        call = api.get(url(account)).json()["margin_call"]
        assert call["amount"] == "12.5"
        assert call["due_at"] > call["since"]

    def test_lists_the_accounts_of_the_person(self, api, account, outsider):
        assert [row["portfolio_id"] for row in api.get("/api/v1/trading-accounts/").json()] == [account]
        stranger = APIClient()
        stranger.force_authenticate(outsider)
        assert stranger.get("/api/v1/trading-accounts/").json() == []

    def test_curve_ends_with_the_equity(self, api, account):
        points = api.get(url(account, "equity/"), {"range": "All"}).json()
        assert points[0]["equity"] == points[-1]["equity"] == "10000"
        assert api.get(url(account, "equity/"), {"range": "2Y"}).status_code == 400

    def test_positions_have_sides(self, api, account, trader, share):
        order(account, trader, share, quantity=3, now=clock.now())
        (row,) = api.get(url(account, "positions/")).json()
        assert (row["symbol"], row["side"], row["quantity"], row["market_value"]) == (
            "ACME",
            "long",
            "3",
            "300.06",
        )


class TestOpening:
    def test_opens_one_for_each_key(self, api, trader):
        body = {"name": "Bold", "cash": "5000", "multiplier": 4}
        answers = [
            api.post("/api/v1/trading-accounts/", body, format="json", HTTP_IDEMPOTENCY_KEY="a")
            for _ in range(2)
        ]
        assert [answer.status_code for answer in answers] == [201, 201]
        assert answers[0].json() == answers[1].json()
        assert TradingAccount.objects.count() == 1

    def test_refuses_a_multiplier_there_is_none_of(self, api):
        body = {"name": "Bold", "cash": "5000", "multiplier": 3}
        assert api.post("/api/v1/trading-accounts/", body, format="json").status_code in {400, 422}

    def test_not_for_auditors(self, auditor):
        client = APIClient()
        client.force_authenticate(auditor)
        answer = client.post("/api/v1/trading-accounts/", {"name": "x", "cash": "1"}, format="json")
        assert answer.status_code == 403


class TestSettings:
    def test_changes_what_is_named_and_nothing_else(self, api, account):
        before = account_of(account)
        body = {
            "max_order_notional": "2500",
            "participation": "0.1",
            "fee_schedule": "none",
            "no_shorting": True,
        }
        answer = api.patch(url(account), body, format="json")
        assert answer.status_code == 200
        assert {name: answer.json()["settings"][name] for name in body} == body
        api.patch(
            url(account),
            {"max_order_notional": None, "participation": None, "fee_schedule": None, "no_shorting": False},
            format="json",
        )
        assert account_of(account) == before

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"slippage_bps": "2000"}, "slippage_bps"),
            ({"slippage_bps": None}, "slippage_bps"),
            ({"participation": "0"}, "participation"),
            ({"fee_schedule": "free"}, "fee_schedule"),
            ({"max_open_orders": 0}, "max_open_orders"),
            ({"max_order_quantity": "-1"}, "max_order_quantity"),
            ({"price_collar": "1e400"}, "price_collar"),
            ({"multiplier": 4}, "multiplier"),
            ({"model_seed": 2**40}, "model_seed"),
        ],
    )
    def test_refuses_nonsense_whole(self, api, account, body, field):
        before = account_of(account)
        answer = api.patch(url(account), {"no_shorting": True, **body}, format="json")
        assert answer.status_code in {400, 422}
        assert field in answer.content.decode()
        assert account_of(account) == before

    def test_others_and_auditors_change_nothing(self, account, outsider, auditor):
        before = account_of(account)
        client = APIClient()
        for who, status in ((outsider, 404), (auditor, 403)):
            client.force_authenticate(who)
            assert client.patch(url(account), {"no_shorting": True}, format="json").status_code == status
            assert (
                client.post(url(account, "kill-switch/"), {"on": True}, format="json").status_code == status
            )
            assert client.post(url(account, "reset/"), {"confirm": "x"}, format="json").status_code == status
        assert account_of(account) == before


class TestSwitchAndReset:
    def test_switch_stops_orders(self, api, account):
        assert api.post(url(account, "kill-switch/"), {"on": True, "reason": "Test"}, format="json").json()[
            "is_blocked"
        ]
        assert not api.post(url(account, "kill-switch/"), {"on": False}, format="json").json()["is_blocked"]

    def test_reset_takes_the_number_and_is_done_once(self, api, account, trader, share):
        order(account, trader, share, quantity=3, now=clock.now())
        number = account_of(account).account_number
        assert api.post(url(account, "reset/"), {"confirm": "PA0"}, format="json").status_code == 422
        body = {"confirm": number, "cash": "700"}
        first = api.post(url(account, "reset/"), body, format="json", HTTP_IDEMPOTENCY_KEY="k")
        assert first.json()["figures"]["equity"] == "700"
        order(account, trader, share, quantity=3, now=clock.now())
        again = api.post(url(account, "reset/"), body, format="json", HTTP_IDEMPOTENCY_KEY="k")
        assert again.json() == first.json()
        assert books.position_quantity(account, share.pk) == 3
        check_books()


class TestClosing:
    def test_closes_a_part_once(self, api, account, trader, share):
        order(account, trader, share, quantity=8, now=clock.now())
        body = {"percentage": "25", "client_order_id": str(uuid.uuid4())}
        answers = [
            api.post(url(account, f"positions/{share.pk}/close/"), body, format="json") for _ in range(2)
        ]
        assert {answer.json()["id"] for answer in answers} == {answers[0].json()["id"]}
        assert books.position_quantity(account, share.pk) == 6

    def test_closes_all_and_says_what_could_not_be(self, api, account, trader, share):
        other = make_instrument("BETA")
        set_quote(other, "50", "50", at=clock.now())
        order(account, trader, share, quantity=2, now=clock.now())
        order(account, trader, other, quantity=2, now=clock.now())
        set_quote(other, "50", "50", at=clock.now() - timedelta(days=3))
        rows = api.post(url(account, "positions/"), {}, format="json").json()
        assert [(row["symbol"], row["order"] is not None) for row in rows] == [
            ("ACME", True),
            ("BETA", False),
        ]
        assert rows[1]["error"]["code"] == "price_stale"
        assert Order.objects.count() == 3
