"""What means harm: SQL and templates in every filter, impossible pages, deep and huge bodies, a key that ends meanwhile.

Every query parameter of the description is tried, so a new filter is in it by itself. The answer is a documented 4xx (or
a 200 that took the text for text), never an error of the server, and never more rows than the honest question has.
"""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from django.db import connection
from django.test import Client

from accounts.operations import create_token, revoke_token
from accounts.tests.support import make_user
from portfolio_site.kernel import clock
from tests.api.asking import Teller, taken_back
from tests.api.book import described, filled_in, operations_of

OPERATIONS = operations_of(described())
MEANT = (
    "' OR '1'='1",
    "1); DROP TABLE holdings_portfolio; --",
    "'||pg_sleep(9)||'",
    "{{7*7}}${7*7}<%= 7*7 %>{% debug %}",
    "\x00",
    "9" * 400,
    "1e400",
    "\ud83d\ude80" * 200,
)
#: With which a question may be refused, and that it was taken for what it is.
ANSWERS = {200, 400, 404, 409, 422}
FILTERS = [
    (name, part["name"])
    for name, (_, method, operation) in sorted(OPERATIONS.items())
    if method == "get"
    for part in operation.get("parameters", [])
    if part["in"] == "query"
]
BODIES = sorted(
    name
    for name, (_, _, operation) in OPERATIONS.items()
    if "application/json" in operation.get("requestBody", {}).get("content", {})
)
NONSENSE = (
    b"",
    b"{",
    b"[]",
    b'"text"',
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b"\xff\xfe\x00",
    b'{"name": 1e999999999}',
    b'{"name": "' + b"x" * (6 * 1024 * 1024) + b'"}',
)


def _url(path: str, book: dict[str, Any], operation: dict[str, Any]) -> str:
    for part in operation.get("parameters", []):
        if part["in"] == "path":
            path = path.replace(
                f"{{{part['name']}}}", quote(str(filled_in(path, part["name"], book)), safe="")
            )
    return path


class TestFilters:
    def test_take_text_for_text_or_refuse_it(self, book: dict[str, Any]) -> None:
        teller, bad = Teller(book, described()), []
        for operation_id, name in FILTERS:
            path, _, operation = OPERATIONS[operation_id]
            url = _url(path, book, operation)
            for text in MEANT:
                sent = quote(text.encode("utf-16", "surrogatepass").decode("utf-16"))
                answer = teller.browser.get(f"{url}?{name}={sent}")
                if answer.status_code not in ANSWERS or b"49${49}" in answer.content:
                    bad.append((operation_id, name, text[:30], answer.status_code))
                elif answer.status_code == 400 and answer.json()["code"] == "validation_failed":
                    named = {error["field"].split("[")[0] for error in answer.json()["errors"]}
                    if name not in named:
                        bad.append((operation_id, name, text[:30], f"names {named}"))
        assert bad == [], bad

    def test_no_page_is_enormous(self, book: dict[str, Any]) -> None:
        teller = Teller(book, described())
        for operation_id, name in FILTERS:
            if name in {"page_size", "limit"}:
                path, _, operation = OPERATIONS[operation_id]
                url = _url(path, book, operation)
                for size in (0, -1, 100_000, 2**63, "1e3"):
                    answer = teller.browser.get(f"{url}?{name}={size}")
                    assert answer.status_code == 400, (operation_id, name, size)
                    assert name in answer.content.decode()


class TestBodies:
    def test_that_are_no_request_are_refused_and_store_nothing(self, book: dict[str, Any]) -> None:
        teller, bad = Teller(book, described()), []
        for operation_id in BODIES:
            path, method, operation = OPERATIONS[operation_id]
            url = _url(path, book, operation)
            for body in NONSENSE:
                with taken_back():
                    answer = teller.browser.generic(
                        method.upper(), url, body, content_type="application/json"
                    )
                wanted = {413} if len(body) > 5 * 1024 * 1024 else {400, 401, 404, 409, 422}
                if answer.status_code not in wanted and not _may_be_empty(body, operation):
                    bad.append((operation_id, body[:20], answer.status_code))
        assert bad == [], bad


def _may_be_empty(body: bytes, operation: dict[str, Any]) -> bool:
    return not body and not operation["requestBody"].get("required")


class TestAKeyInFlight:
    def test_revoked_while_a_request_is_at_work_does_not_begin_another(self, transactional_db: None) -> None:
        """What began with a good key ends; the next request with it is refused, on the connection that is open."""
        user = make_user("owner@example.com")
        issued = create_token(user=user, name="bot", now=clock.now())
        headers = {"Authorization": f"Token {issued.key}"}
        stop, answers = threading.Event(), []

        def ask() -> None:
            try:
                client = Client()
                while not stop.is_set():
                    answers.append(client.get("/api/v1/me/", headers=headers).status_code)
            finally:
                connection.close()

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            while not answers:
                thread.join(0.05)
            revoke_token(user=user, token_id=issued.token.pk, now=clock.now())
            after = Client().get("/api/v1/me/", headers=headers)
        finally:
            stop.set()
            thread.join(30)
        assert after.status_code == 401
        assert after.json()["code"] == "token_invalid"
        assert answers[0] == 200
        assert sorted(answers) == answers, "once refused, never taken again"


class TestKeys:
    def test_that_ended_open_nothing(self, book: dict[str, Any]) -> None:
        """Every operation that wants a key."""
        now = clock.now()
        ended = create_token(
            user=book["owner"], name="ended", now=now - timedelta(days=2), expires_at=now - timedelta(days=1)
        )
        for operation_id, (path, method, operation) in OPERATIONS.items():
            if any(operation.get("security", [])):
                answer = Client().generic(
                    method.upper(),
                    _url(path, book, operation),
                    b"{}",
                    content_type="application/json",
                    headers={"Authorization": f"Token {ended.key}"},
                )
                assert answer.status_code == 401, operation_id
