"""Doing it once: every POST of the description, sent twice.

With an `Idempotency-Key` the second answer is the first, and no table has a row more; with another body the key is
refused. A POST that takes no key stands below with the reason why it needs none, and sending it twice is tried too.
"""

from __future__ import annotations

import json
import threading
from decimal import Decimal, InvalidOperation
from typing import Any

from django.apps import apps
from django.db import connection
from django.test import Client

from accounts.operations import create_token
from accounts.tests.support import make_user
from holdings.models import Transaction
from holdings.operations import create_portfolio
from portfolio_site.kernel import clock
from portfolio_site.kernel.models import IdempotencyRecord
from tests.api.asking import Teller, taken_back
from tests.api.book import described, operations_of

DESCRIPTION = described()
POSTS = {
    name: operation for name, (_, method, operation) in operations_of(DESCRIPTION).items() if method == "post"
}
WITH_KEY = sorted(
    name
    for name, operation in POSTS.items()
    if any(part["name"] == "Idempotency-Key" for part in operation.get("parameters", []))
)
#: What hands out a secret: keeping the answer for a repetition would be keeping the secret.
SECRET = {"auth_login", "auth_logout", "auth_refresh", "auth_register", "auth_token_create", "tokens_create"}
#: What a repetition leaves as it is, without anything having been kept: it sets, reads, or finds what is there.
SAME_AGAIN = {
    "prices",
    "broker_connections_check_create",
    "broker_connections_corrections_create",
    "broker_connections_live_create",
    "broker_connections_pause_create",
    "documents_link_create",
    "instruments_beyond_create",
    "instruments_prices_create",
    "notifications_read_all_create",
    "notifications_read_create",
    "notifications_unread_create",
    "portfolios_archive_create",
    "portfolios_trading_account_kill_switch_create",
    "watchlists_items_create",
}
#: Where the key is the thing's own name, which is unique for good: the answer tells how the thing does by now.
BY_NAME = {"orders_create", "portfolios_rebalance_create"}
#: What may be written again by a repetition that changes nothing: that it was asked.
_TOLD = {"kernel", "pghistory", "sessions", "accounts.SecurityEvent"}


def rows(*, without: set[str] = frozenset()) -> dict[str, int]:  # type: ignore[assignment]
    """How many rows each table has."""
    tables = set(connection.introspection.table_names())
    return {
        model._meta.label: model._base_manager.count()
        for model in apps.get_models(include_auto_created=True)
        if model is not IdempotencyRecord
        and model._meta.db_table in tables
        and without.isdisjoint({model._meta.app_label, model._meta.label})
    }


def other(body: dict[str, Any]) -> dict[str, Any]:
    """Nearly the same request."""
    for name, value in body.items():
        if isinstance(value, bytes):
            return {**body, name: value + b"\n"}
        if isinstance(value, bool):
            return {**body, name: not value}
        if isinstance(value, str) and name in {"amount", "quantity", "cash", "percentage", "price"}:
            return {**body, name: _more(value)}
        if isinstance(value, list) and value and isinstance(value[0], dict):
            return {**body, name: [other(value[0]), *value[1:]]}
    for name in ("name", "note"):
        if name in body:
            return {**body, name: f"{body[name]} too"}
    return {**body, next(iter(body)): None}


def _more(text: str) -> str:
    try:
        return str(Decimal(text) + 1)
    except InvalidOperation:
        return text + "1"


class TestEveryPost:
    def test_takes_a_key_or_says_why_it_needs_none(self) -> None:
        assert set(POSTS) - set(WITH_KEY) == SECRET | SAME_AGAIN

    def test_with_a_key_is_done_once(self, book: dict[str, Any]) -> None:
        teller, key = Teller(book, DESCRIPTION), {"Idempotency-Key": "only-once"}
        for name in set(WITH_KEY) - BY_NAME:
            with taken_back():
                first = teller.ask(name, headers=key)
                assert 200 <= first.status < 300, (name, first.answer)
                assert "Idempotency-Replayed" not in first.headers, name
                counted = rows()
                again = teller.ask(name, headers=key, body=first.body, prepare=False)
                assert (again.status, again.answer) == (first.status, first.answer), name
                assert again.headers.get("Idempotency-Replayed") == "true", name
                assert rows() == counted, name
                if first.body:
                    refused = teller.ask(name, headers=key, body=other(first.body), prepare=False)
                    assert (refused.status, refused.answer["code"]) in {
                        (409, "idempotency_key_reused"),
                        # What is wrong in itself is told so before the key is looked at.
                        (400, "validation_failed"),
                    }, (name, refused)
                    assert rows() == counted, name

    def test_an_order_is_placed_once_by_its_name(self, book: dict[str, Any]) -> None:
        teller, key = Teller(book, DESCRIPTION), {"Idempotency-Key": "only-once"}
        body = {**teller.requests["orders_create"].body, "limit_price": "94"}
        del body["client_order_id"]
        first = teller.ask("orders_create", headers=key, body=body)
        assert (first.status, first.answer["client_order_id"]) == (201, "only-once")
        counted = rows()
        again = teller.ask("orders_create", headers=key, body=body)
        assert again.status in {200, 201}
        assert again.answer == first.answer
        refused = teller.ask("orders_create", headers=key, body={**body, "quantity": "2"})
        assert refused.status in {409, 422}, refused
        assert rows() == counted

    def test_a_basket_is_placed_once_by_its_name(self, book: dict[str, Any]) -> None:
        teller, key = Teller(book, DESCRIPTION), {"Idempotency-Key": "only-once"}
        first = teller.ask("portfolios_rebalance_create", headers=key)
        counted = rows()
        again = teller.ask("portfolios_rebalance_create", headers=key, prepare=False)
        assert (first.status, again.answer["id"]) == (201, first.answer["id"])
        assert rows() == counted

    def test_without_a_key_changes_nothing_by_being_sent_again(self, book: dict[str, Any]) -> None:
        teller = Teller(book, DESCRIPTION)
        for name in sorted(SAME_AGAIN):
            with taken_back():
                assert 200 <= teller.ask(name).status < 300, name
                counted = rows(without=_TOLD)
                assert 200 <= teller.ask(name, prepare=False).status < 300, name
                assert rows(without=_TOLD) == counted, name


class TestTwoAtOnce:
    def test_are_one(self, transactional_db: None) -> None:
        """Both arrive before either is answered: one books, the other is given its answer."""
        owner = make_user("owner@example.com")
        portfolio = create_portfolio(owner=owner, name="p", base_currency="USD", now=clock.now())
        key = create_token(user=owner, name="x", now=clock.now()).key
        url = f"/api/v1/portfolios/{portfolio.pk}/transactions/bulk/"
        body = {"entries": [{"type": "deposit", "date": "2026-01-05", "amount": "10", "currency": "USD"}]}
        headers = {"Authorization": f"Token {key}", "Idempotency-Key": "both"}
        ready, answers = threading.Barrier(2), []

        def send() -> None:
            try:
                ready.wait(10)
                answer = Client().post(url, body, content_type="application/json", headers=headers)
                answers.append((answer.status_code, answer.content, "Idempotency-Replayed" in answer.headers))
            finally:
                connection.close()

        threads = [threading.Thread(target=send) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert Transaction.objects.count() == 1
        assert [status for status, _, _ in answers] == [201, 201]
        assert json.loads(answers[0][1]) == json.loads(answers[1][1])
        assert sorted(replayed for _, _, replayed in answers) == [False, True]
