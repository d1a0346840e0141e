"""Every answer of the API that is no success is a problem that a program can read, whatever was wrong with the question."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from django.test import Client

from accounts.operations import create_token
from accounts.tests.support import make_user
from portfolio_site.kernel import clock
from tests.api.book import described, operations_of
from tests.api.test_hostile_input import _url
from tests.test_every_url import ALL, PUBLIC, url_of

OPERATIONS = operations_of(described())
#: Answered without Django REST framework: files and pages that describe the API.
PAGES = {"api-schema", "api-docs", "api-redoc", "api-events", "api-asyncapi"}
API = [address for address in ALL if address.name.startswith("api") and address.name not in PAGES]


def assert_is_problem(answer: Any, status: int, where: object = "") -> dict[str, Any]:
    """RFC 9457, with the request's id, at the status."""
    assert answer.status_code == status, (where, answer.status_code, answer.content[:200])
    assert answer.headers["Content-Type"].startswith("application/problem+json"), where
    body: dict[str, Any] = json.loads(answer.content)
    assert (body["status"], body["type"]) == (status, f"/api/problems/{body['code']}"), where
    assert body["title"], where
    assert body["detail"], where
    assert body["request_id"] == answer.headers["X-Request-ID"], where
    return body


def signed(book: dict[str, Any]) -> dict[str, str]:
    """The header of a key of every right."""
    return {"Authorization": f"Token {create_token(user=book['owner'], name='x', now=clock.now()).key}"}


class TestEveryAddress:
    def test_names_the_methods_it_has(self, book: dict[str, Any]) -> None:
        browser = Client()
        browser.force_login(book["owner"])
        for address in API:
            answer = browser.generic("BREW", url_of(address, book))
            assert_is_problem(answer, 405, address.name)
            assert "OPTIONS" in answer.headers["Allow"], address.name

    def test_speaks_json_alone(self, book: dict[str, Any]) -> None:
        headers = signed(book) | {"Accept": "application/xml"}
        for address in API:
            answer = Client().get(url_of(address, book), headers=headers)
            if answer.status_code != 405:
                assert_is_problem(answer, 406, address.name)

    def test_asks_strangers_for_a_key(self, book: dict[str, Any]) -> None:
        for address in API:
            if address.name not in PUBLIC:
                for method in ("GET", "POST"):
                    answer = Client().generic(method, url_of(address, book))
                    assert_is_problem(answer, 401, (method, address.name))
                    assert answer.headers["WWW-Authenticate"], address.name

    def test_keeps_what_is_anybodys_own_from_shared_caches(self, book: dict[str, Any]) -> None:
        headers = signed(book)
        for address in API:
            answer = Client().get(url_of(address, book), headers=headers)
            if answer.status_code == 200:
                assert "private" in answer.headers["Cache-Control"], address.name
                assert "Authorization" in answer.headers["Vary"], address.name

    @pytest.mark.parametrize(
        "kind", ["text/xml", "text/plain", "application/octet-stream", "nonsense", "a/b;\tc"]
    )
    def test_reads_no_other_kinds_of_body(self, book: dict[str, Any], kind: str) -> None:
        headers = signed(book)
        for name, (path, method, operation) in OPERATIONS.items():
            if "requestBody" in operation and any(operation.get("security", [])) and "tokens" not in path:
                answer = Client().generic(
                    method.upper(), _url(path, book, operation), b"<a/>", content_type=kind, headers=headers
                )
                assert_is_problem(answer, 415, name)

    def test_a_file_where_none_is_wanted_is_refused(self, book: dict[str, Any]) -> None:
        """Also under an idempotency key, which is made of what was sent."""
        headers = signed(book) | {"Idempotency-Key": "file"}
        body = (
            b'--x\r\nContent-Disposition: form-data; name="name"; filename="../../\\etc/passwd\r\nX: y"\r\n'
            b"Content-Type: text/html\r\n\r\n<b>\r\n--x--\r\n"
        )
        for name, (path, method, operation) in OPERATIONS.items():
            if method == "post" and any(operation.get("security", [])) and "tokens" not in path:
                answer = Client().generic(
                    "POST", _url(path, book, operation), body,
                    content_type="multipart/form-data; boundary=x", headers=headers,
                )  # fmt: skip
                assert answer.status_code < 500, (name, answer.status_code)


class TestUnknownAddresses:
    @pytest.mark.parametrize(
        "path",
        ["/api/nothing", "/api/v1/nothing/", "/api/v2/portfolios/", "/api/v1/portfolios/x/", "/api/v1/orders/1/",
         "/api/portfolio/assets/x", "/api/v1/portfolios/../me/%00"],
    )  # fmt: skip
    @pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
    def test_are_problems_too(self, db: None, path: str, method: str) -> None:
        assert_is_problem(Client().generic(method, path), 404, path)


class TestForPeople:
    def test_a_fault_in_the_browsable_pages_is_a_page(self, book: dict[str, Any]) -> None:
        client = Client()
        client.force_login(book["owner"])
        for path, status in (
            ("/api/v1/portfolios/999999/", 404),
            ("/api/v1/portfolios/99999999999999999999/", 404),
            ("/api/v1/portfolios/?page_size=0", 400),
        ):
            answer = client.get(path, headers={"Accept": "text/html"})
            assert answer.status_code == status
            assert answer.headers["Content-Type"].startswith("text/html"), path
            assert b"<html" in answer.content


class TestPages:
    @pytest.mark.parametrize("cursor", ["%00", "!!!", "%2A%2A", "cD0x%20", "-_-_", "x" * 3])
    def test_a_cursor_that_was_not_made_here_is_refused(self, book: dict[str, Any], cursor: str) -> None:
        """Not answered by the first page: a program that follows it would never come to an end."""
        answer = Client().get(f"/api/v1/portfolios/?cursor={cursor}", headers=signed(book))
        assert assert_is_problem(answer, 400)["errors"][0]["field"] == "cursor"


class TestTags:
    def test_are_of_what_each_person_is_told(self, book: dict[str, Any]) -> None:
        """The tag of one person's answer gives another no 304, and a stranger 401 and no tag."""
        mine, theirs = signed(book), make_user("other@example.com")
        other = {"Authorization": f"Token {create_token(user=theirs, name='x', now=clock.now()).key}"}
        for path in ("/api/v1/portfolios/", "/api/portfolio/summary", "/api/v1/me/", "/api/v1/orders/"):
            tag = Client().get(path, headers=mine).headers["ETag"]
            assert Client().get(path, headers=mine | {"If-None-Match": tag}).status_code == 304, path
            assert Client().get(path, headers=other | {"If-None-Match": tag}).status_code == 200, path
            stranger = Client().get(path, headers={"If-None-Match": tag})
            assert_is_problem(stranger, 401, path)
            assert "ETag" not in stranger.headers

    def test_are_the_same_packed_or_not(self, book: dict[str, Any]) -> None:
        path = f"/api/v1/portfolios/{book['portfolio_id']}/valuations/?range=MAX"
        plain = Client().get(path, headers=signed(book))
        packed = Client().get(path, headers=signed(book) | {"Accept-Encoding": "gzip"})
        assert packed.headers["Content-Encoding"] == "gzip"
        # Some bytes of chance are in it against guessing from its length; what is said is the same.
        assert gzip.decompress(packed.content) == plain.content
        again = Client().get(
            path,
            headers=signed(book) | {"Accept-Encoding": "gzip", "If-None-Match": packed.headers["ETag"]},
        )
        assert again.status_code == 304


class TestIdempotencyKeys:
    def test_are_each_persons_own(self, book: dict[str, Any]) -> None:
        other = make_user("other@example.com")
        theirs = {"Authorization": f"Token {create_token(user=other, name='x', now=clock.now()).key}"}
        body = json.dumps({"name": "Same name", "base_currency": "USD"})
        key = {"Idempotency-Key": "the same"}
        answers = [
            Client().post("/api/v1/portfolios/", body, content_type="application/json", headers=who | key)
            for who in (signed(book), theirs)
        ]
        assert [answer.status_code for answer in answers] == [201, 201]
        assert "Idempotency-Replayed" not in answers[1].headers
        assert answers[0].json()["id"] != answers[1].json()["id"]

    @pytest.mark.parametrize("key", ["", "x" * 256, "a\x7fb"])
    def test_that_are_none_store_nothing(self, book: dict[str, Any], key: str) -> None:
        from documents.models import Document

        counted = Document.objects.count()
        answer = Client().post(
            "/api/v1/backups/",
            "{}",
            content_type="application/json",
            headers=signed(book) | {"Idempotency-Key": key},
        )
        assert assert_is_problem(answer, 400)["code"] == "idempotency_key_invalid"
        assert Document.objects.count() == counted
