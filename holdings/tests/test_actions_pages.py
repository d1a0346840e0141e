"""Dividends and splits to book, on pages and in the API."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from holdings.models import ActionProposal, Portfolio, Transaction
from holdings.tests.support import make_portfolio, make_prices, post
from marketdata.models import CorporateAction, Instrument
from marketdata.operations.history import announce_actions

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]
D = Decimal
API = "/api/v1"


@pytest.fixture
def portfolio(owner: Any, acme: Instrument, deliver_events: Callable[[], Any]) -> Portfolio:
    """10 ACME, of which a dividend and a split wait."""
    made = make_portfolio(owner, base_currency="USD")
    post(made, "buy", "2026-01-05", instrument_id=acme.pk, quantity="10", price="100")
    for day, kind, value in (("2026-03-10", "dividend", "0.35"), ("2026-04-10", "split", "0.125")):
        found = CorporateAction.objects.create(
            instrument=acme, ex_date=date.fromisoformat(day), kind=kind, value=D(value), source="test"
        )
        announce_actions(acme.pk, [found.pk])
    make_prices(acme, {"2026-04-10": "880"})
    deliver_events()
    return made


def dividend() -> ActionProposal:
    return ActionProposal.objects.get(kind="dividend")


def split() -> ActionProposal:
    return ActionProposal.objects.get(kind="split")


def address(name: str, proposal: ActionProposal) -> str:
    return reverse(f"holdings:{name}", args=[proposal.portfolio_id, proposal.pk])


def token(body: str) -> str:
    return body.partition('name="form_token" value="')[2].partition('"')[0]


class TestPanel:
    def test_says_on_the_portfolios_page_what_waits(self, portfolio: Portfolio, as_owner: Client) -> None:
        body = as_owner.get(reverse("holdings:detail", args=[portfolio.pk])).content.decode()
        assert "1 dividend and 1 split to book" in body
        assert address("action_book_now", dividend()) in body
        assert "3.50" in body

    def test_auditors_read_it_and_change_nothing(self, portfolio: Portfolio, as_auditor: Client) -> None:
        body = as_auditor.get(reverse("holdings:detail", args=[portfolio.pk])).content.decode()
        assert "1 dividend and 1 split to book" in body
        assert address("action_book_now", dividend()) not in body
        for name in ("action_book_now", "action_dismiss", "action_reopen", "action_book"):
            assert as_auditor.post(address(name, dividend())).status_code == 403

    def test_is_empty_when_nothing_waits(self, portfolio: Portfolio, as_owner: Client) -> None:
        ActionProposal.objects.all().delete()
        body = as_owner.get(reverse("holdings:actions_panel", args=[portfolio.pk])).content.decode()
        assert "to book" not in body
        assert 'id="proposals"' in body

    def test_costs_one_statement_more(
        self, portfolio: Portfolio, as_owner: Client, django_assert_max_num_queries: Any
    ) -> None:
        as_owner.get(reverse("holdings:actions_panel", args=[portfolio.pk]))
        with django_assert_max_num_queries(6):
            as_owner.get(reverse("holdings:actions_panel", args=[portfolio.pk]))


class TestBooking:
    def test_with_one_click(self, portfolio: Portfolio, as_owner: Client) -> None:
        for _ in range(2):
            answer = as_owner.post(address("action_book_now", dividend()), follow=True)
            assert "is booked" in answer.content.decode()
        assert Transaction.objects.filter(type="dividend").count() == 1

    def test_all_at_once(self, portfolio: Portfolio, as_owner: Client) -> None:
        answer = as_owner.post(reverse("holdings:actions_book_all", args=[portfolio.pk]), follow=True)
        assert "2 entries are booked" in answer.content.decode()
        assert not ActionProposal.objects.open().exists()

    def test_with_what_was_withheld(self, portfolio: Portfolio, as_owner: Client) -> None:
        form = address("action_book", dividend())
        body = as_owner.get(form).content.decode()
        sent = {
            "form_token": token(body),
            "day": "2026-04-01",
            "amount": "3.50",
            "taxes": "0.53",
            "note": "",
        }
        assert as_owner.post(form, sent).status_code == 303
        assert as_owner.post(form, sent).status_code == 303
        row = Transaction.objects.get(type="dividend")
        assert (row.occurred_date, row.taxes) == (date(2026, 4, 1), D("0.53"))

    def test_what_is_wrong_is_said_at_the_field(self, portfolio: Portfolio, as_owner: Client) -> None:
        form = address("action_book", dividend())
        body = as_owner.get(form).content.decode()
        answer = as_owner.post(
            form, {"form_token": token(body), "day": "2026-04-01", "amount": "3.50", "taxes": "9"}
        )
        assert answer.status_code == 422
        assert "between 0 and the dividend" in answer.content.decode()

    def test_a_split_offers_what_fractions_were_worth(self, portfolio: Portfolio, as_owner: Client) -> None:
        form = address("action_book", split())
        body = as_owner.get(form).content.decode()
        assert "1.25" in body
        assert "220.00" in body
        sent = {"form_token": token(body), "cash_quantity": "0.25", "cash": "220", "note": ""}
        assert as_owner.post(form, sent).status_code == 303
        row = Transaction.objects.get(type="split")
        assert (row.ratio, row.amount) == ("1:8", D(220))

    def test_dismissing_and_bringing_back(self, portfolio: Portfolio, as_owner: Client) -> None:
        as_owner.post(address("action_dismiss", dividend()))
        page = as_owner.get(reverse("holdings:actions", args=[portfolio.pk])).content.decode()
        assert "Dismissed" in page
        assert address("action_reopen", dividend()) in page
        as_owner.post(address("action_reopen", dividend()))
        assert dividend().state == "open"

    def test_is_nothing_to_outsiders(self, portfolio: Portfolio, as_outsider: Client) -> None:
        for name in ("action_book", "action_book_now", "action_dismiss", "action_reopen"):
            assert as_outsider.post(address(name, dividend())).status_code == 404
        for name in ("actions", "actions_panel"):
            assert as_outsider.get(reverse(f"holdings:{name}", args=[portfolio.pk])).status_code == 404
        assert dividend().state == "open"

    def test_under_another_portfolio_it_is_not_found(
        self, portfolio: Portfolio, owner: Any, as_owner: Client
    ) -> None:
        other = make_portfolio(owner, name="Other")
        address = reverse("holdings:action_book_now", args=[other.pk, dividend().pk])
        assert as_owner.post(address).status_code == 404

    def test_the_preference_is_among_the_settings(self, portfolio: Portfolio, as_owner: Client) -> None:
        body = as_owner.get(reverse("holdings:edit", args=[portfolio.pk])).content.decode()
        assert 'name="automatic_actions"' in body


class TestApi:
    def path(self, portfolio: Portfolio, rest: str = "") -> str:
        return f"{API}/portfolios/{portfolio.pk}/corporate-actions/{rest}"

    def test_lists_what_waits(self, portfolio: Portfolio, as_owner: Client, as_auditor: Client) -> None:
        for client in (as_owner, as_auditor):
            rows = client.get(self.path(portfolio)).json()
            assert [(row["kind"], row["amount"], row["ratio"]) for row in rows] == [
                ("split", None, "1:8"),
                ("dividend", "3.5", ""),
            ]
        assert as_owner.get(self.path(portfolio, "?state=booked")).json() == []
        assert len(as_owner.get(self.path(portfolio, "?state=all")).json()) == 2
        assert as_owner.get(self.path(portfolio, "?state=odd")).status_code == 400

    def test_books_once_however_often_it_is_asked(self, portfolio: Portfolio, as_owner: Client) -> None:
        for _ in range(2):
            answer = as_owner.post(
                self.path(portfolio, f"{dividend().pk}/book/"),
                {"taxes": "0.53", "day": "2026-04-01"},
                content_type="application/json",
                headers={"Idempotency-Key": "one"},
            )
            assert answer.status_code == 200
            assert (answer.json()["state"], answer.json()["taxes"]) == ("booked", "0.53")
        again = as_owner.post(
            self.path(portfolio, f"{dividend().pk}/book/"), {}, content_type="application/json"
        )
        assert again.status_code == 200
        assert Transaction.objects.filter(type="dividend").count() == 1

    def test_dismisses_and_reopens(self, portfolio: Portfolio, as_owner: Client) -> None:
        for what, state in (("dismiss", "dismissed"), ("reopen", "open")):
            answer = as_owner.post(self.path(portfolio, f"{dividend().pk}/{what}/"))
            assert answer.json()["state"] == state

    def test_refusals_are_problems(self, portfolio: Portfolio, as_owner: Client) -> None:
        answer = as_owner.post(
            self.path(portfolio, f"{dividend().pk}/book/"),
            {"taxes": "99"},
            content_type="application/json",
        )
        assert (answer.status_code, answer.json()["code"]) == (422, "proposal_refused")

    def test_is_the_owners(self, portfolio: Portfolio, as_outsider: Client, as_auditor: Client) -> None:
        assert as_outsider.get(self.path(portfolio)).status_code == 404
        for what in ("book", "dismiss", "reopen"):
            path = self.path(portfolio, f"{dividend().pk}/{what}/")
            assert as_outsider.post(path).status_code == 404
            assert as_auditor.post(path).status_code == 403

    def test_the_preference_can_be_set(self, portfolio: Portfolio, as_owner: Client) -> None:
        answer = as_owner.patch(
            f"{API}/portfolios/{portfolio.pk}/", {"automatic_actions": True}, content_type="application/json"
        )
        assert answer.json()["automatic_actions"] is True
