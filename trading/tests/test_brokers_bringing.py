"""Bringing a broker's positions into a portfolio kept by hand: shown first, booked once, and nothing doubled."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from holdings import queries as books
from holdings.models import Transaction
from holdings.operations import Entry, create_portfolio, post_transaction
from portfolio_site.kernel import clock
from portfolio_site.kernel.errors import DomainError
from trading import operations
from trading.tests.support import make_instrument, make_user
from trading.tests.test_brokers_api import Told, told
from trading.tests.test_brokers_web import KEY, SECRET

__all__ = ["told"]


@pytest.fixture
def user(db: Any) -> Any:
    """Whose portfolio it is."""
    return make_user("trader")


@pytest.fixture
def share(db: Any) -> Any:
    """A share that both sides know."""
    return make_instrument("ACME")


@pytest.fixture
def portfolio_id(user: Any) -> int:
    """A portfolio kept by hand."""
    return int(create_portfolio(owner=user, name="By hand", base_currency="USD", now=clock.now()).pk)


@pytest.fixture
def connection_id(user: Any, told: Told) -> Any:
    """A connection that nothing was opened for."""
    told.held["ACME"] = Decimal(4), Decimal(90)
    return operations.connect_broker(
        actor=user, name="My Alpaca", environment="paper", key_id=KEY, secret=SECRET, now=clock.now()
    )


def look(user: Any, connection_id: Any, portfolio_id: int) -> Any:
    return operations.look_at_bringing(
        connection_id=connection_id, portfolio_id=portfolio_id, actor=user, clock=clock.now
    )


def bring(user: Any, connection_id: Any, portfolio_id: int, **given: Any) -> int:
    given.setdefault("token", look(user, connection_id, portfolio_id).token)
    return operations.bring_positions(
        connection_id=connection_id, portfolio_id=portfolio_id, actor=user, clock=clock.now, **given
    )


class TestBringing:
    def test_books_what_was_shown_and_a_second_run_books_nothing(
        self, user: Any, connection_id: Any, portfolio_id: int, share: Any
    ):
        plan = look(user, connection_id, portfolio_id)
        assert [(line.symbol, line.change) for line in plan.lines] == [("ACME", 4), ("USD", 1000)]
        assert not Transaction.objects.filter(portfolio_id=portfolio_id).exists()
        assert bring(user, connection_id, portfolio_id) == 2
        assert books.position_quantity(portfolio_id, share.pk) == 4
        assert books.cash_balance(portfolio_id, "USD") == 1000
        assert bring(user, connection_id, portfolio_id) == 0
        assert Transaction.objects.filter(portfolio_id=portfolio_id).count() == 2
        call_command("verify_books", verbosity=0)

    def test_afterwards_books_what_the_broker_changed(
        self, user: Any, connection_id: Any, portfolio_id: int, share: Any, told: Told
    ):
        other = make_instrument("OTHER")
        bring(user, connection_id, portfolio_id)
        told.held = {"OTHER": (Decimal(2), Decimal(50))}
        told.cash = Decimal("900.25")
        assert bring(user, connection_id, portfolio_id) == 3
        assert books.position_quantities(portfolio_id) == {other.pk: 2}
        assert books.cash_balance(portfolio_id, "USD") == Decimal("900.25")
        call_command("verify_books", verbosity=0)

    def test_what_lies_elsewhere_in_the_portfolio_is_shown_and_left_alone(
        self, user: Any, connection_id: Any, portfolio_id: int, share: Any
    ):
        now = clock.now()
        post_transaction(
            portfolio_id=portfolio_id, actor=user, now=now,
            entry=Entry(type="delivery_in", occurred=now, instrument_id=share.pk, quantity=Decimal(7),
                        price=Decimal(1)),
        )  # fmt: skip
        line = look(user, connection_id, portfolio_id).lines[0]
        assert (line.elsewhere, line.ours, line.change) == (7, 0, 4)
        assert bring(user, connection_id, portfolio_id, keys=["cash:USD"]) == 1
        assert books.position_quantity(portfolio_id, share.pk) == 7
        assert bring(user, connection_id, portfolio_id) == 1
        assert books.position_quantity(portfolio_id, share.pk) == 11

    def test_is_refused_when_it_is_not_what_was_shown(
        self, user: Any, connection_id: Any, portfolio_id: int, told: Told
    ):
        token = look(user, connection_id, portfolio_id).token
        told.held["ACME"] = Decimal(5), Decimal(90)
        with pytest.raises(operations.BringingChangedError):
            bring(user, connection_id, portfolio_id, token=token)
        assert not Transaction.objects.filter(portfolio_id=portfolio_id).exists()

    def test_shorts_and_debts_stay_at_the_broker(
        self, user: Any, connection_id: Any, portfolio_id: int, told: Told
    ):
        told.held["ACME"] = Decimal(-4), Decimal(90)
        told.cash = Decimal(-10)
        plan = look(user, connection_id, portfolio_id)
        assert all(line.problem for line in plan.lines)
        assert bring(user, connection_id, portfolio_id) == 0

    def test_goes_into_portfolios_kept_by_hand_alone(self, user: Any, connection_id: Any):
        paper = operations.open_paper_account(
            owner=user, name="P", cash=Decimal(10), currency="USD", now=clock.now()
        )
        with pytest.raises(DomainError, match="keep by hand"):
            look(user, connection_id, paper)
        other = make_user("other")
        theirs = create_portfolio(owner=other, name="Theirs", base_currency="USD", now=clock.now())
        with pytest.raises(operations.PortfolioUnknownError):
            look(user, connection_id, theirs.pk)

    @pytest.mark.django_db(transaction=True)
    def test_two_at_once_book_it_once(self, user: Any, connection_id: Any, portfolio_id: int, share: Any):
        token = look(user, connection_id, portfolio_id).token
        start, results = threading.Barrier(2), []

        def run() -> None:
            try:
                start.wait(10)
                results.append(bring(user, connection_id, portfolio_id, token=token))
            except operations.BringingChangedError:
                results.append(0)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=run) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert sorted(results) == [0, 2]
        assert books.position_quantity(portfolio_id, share.pk) == 4


class TestPages:
    def test_shows_then_books(self, user: Any, connection_id: Any, portfolio_id: int, share: Any):
        client = Client()
        client.force_login(user)
        url = reverse("trading:bring_positions", args=[connection_id])
        assert "By hand" in client.get(url).content.decode()
        page = client.get(url, {"portfolio": portfolio_id})
        assert "What would be booked in By hand" in page.content.decode()
        sent = {"portfolio": portfolio_id, "token": page.context["plan"].token, "line": ["ACME", "cash:USD"]}
        stale = client.post(url, {**sent, "token": "x"})
        assert stale.status_code == 409
        assert "has changed since" in stale.content.decode()
        assert client.post(url, sent).headers["Location"] == reverse("holdings:detail", args=[portfolio_id])
        assert client.post(url, sent).status_code == 409
        assert "Nothing: it agrees" in client.get(url, {"portfolio": portfolio_id}).content.decode()
        assert client.get(url, {"portfolio": "x' or 1=1"}).status_code == 200
        assert client.get(url, {"portfolio": "9" * 17}).status_code == 404

    def test_others_find_nothing(self, connection_id: Any, portfolio_id: int, told: Told):
        client = Client()
        client.force_login(make_user("outsider"))
        url = reverse("trading:bring_positions", args=[connection_id])
        asked = told.asked
        for answer in (
            client.get(url, {"portfolio": portfolio_id}),
            client.post(url, {"portfolio": portfolio_id}),
        ):
            assert answer.status_code == 404
        assert told.asked == asked


class TestApi:
    def test_previews_and_books_once_per_key(
        self, user: Any, connection_id: Any, portfolio_id: int, share: Any, told: Told
    ):
        client = APIClient()
        client.force_authenticate(user)
        url = f"/api/v1/broker-connections/{connection_id}/import/"
        found = client.get(url, {"portfolio_id": portfolio_id}).json()
        assert [(line["symbol"], line["change"], line["price"]) for line in found["lines"]] == [
            ("ACME", "4", "90"), ("USD", "1000", None),
        ]  # fmt: skip
        body = {"portfolio_id": portfolio_id, "token": found["token"]}
        asked: dict[str, Any] = {"format": "json", "headers": {"Idempotency-Key": "k"}}
        assert client.post(url, body, **asked).json() == {"booked": 2}
        again = client.post(url, body, **asked)
        assert (again.status_code, again.json()) == (201, {"booked": 2})
        changed = client.post(url, body, format="json")
        assert (changed.status_code, changed.json()["code"]) == (409, "broker_positions_changed")
        assert books.position_quantity(portfolio_id, share.pk) == 4
        assert client.get(url).status_code in (400, 422)
        outsider = APIClient()
        outsider.force_authenticate(make_user("outsider"))
        assert outsider.get(url, {"portfolio_id": portfolio_id}).status_code == 404
        assert outsider.post(url, body, format="json").status_code == 404
        assert APIClient().get(url).status_code == 401
