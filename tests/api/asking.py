"""Asking the described API, operation by operation, with one good request each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.test.client import encode_multipart

from accounts.operations import create_token
from portfolio_site.kernel import clock
from tests.api.asked import Asked, requests_of
from tests.api.book import filled_in, operations_of

_BOUNDARY = "example"


@contextmanager
def taken_back() -> Iterator[None]:
    """What is written inside is gone afterwards, and what was cached about it too."""
    block = transaction.atomic()
    # As in a test's own transaction: what must be durable in earnest may be written here too.
    block._from_testcase = True  # type: ignore[attr-defined]  # what Django's own TestCase sets
    with block:
        yield
        transaction.set_rollback(True)
    cache.clear()


@dataclass(frozen=True, slots=True)
class Told:
    """What was asked and what was answered."""

    method: str
    path: str
    parameters: dict[str, Any]
    query: dict[str, Any]
    body: Any
    status: int
    answer: Any
    headers: dict[str, str]


class Teller:
    """Asks as the owner of a book: with a key of every right, or as a browser where only that counts."""

    def __init__(self, book: dict[str, Any], description: dict[str, Any]) -> None:
        self.book = book
        self.operations = operations_of(description)
        self.requests = requests_of(book)
        self.key = create_token(user=book["owner"], name="all rights", now=clock.now()).key
        self.browser = Client()
        self.browser.force_login(book["owner"])

    def ask(
        self,
        operation_id: str,
        *,
        body: Any = None,
        headers: dict[str, str] | None = None,
        prepare: bool = True,
    ) -> Told:
        """Ask one operation its good request; `body` instead of its own, `prepare` what has to be so for it."""
        path, method, operation = self.operations[operation_id]
        asked = self.requests.get(operation_id, Asked())
        if prepare:
            self.prepare(operation_id)
        sent = self.body_of(operation_id) if body is None else body
        parameters = {
            part["name"]: filled_in(path, part["name"], self.book)
            for part in operation.get("parameters", [])
            if part["in"] == "path"
        }
        url = path
        for name, value in parameters.items():
            url = url.replace(f"{{{name}}}", quote(str(value), safe=""))
        if asked.query:
            url += "?" + urlencode(asked.query)
        content, kind = _encoded(sent, operation)
        client, credentials = self._who(operation, asked)
        answer = client.generic(
            method.upper(), url, content, content_type=kind, headers={**credentials, **(headers or {})}
        )
        return Told(
            method=method,
            path=path,
            parameters=parameters,
            query=asked.query,
            body=sent,
            status=answer.status_code,
            answer=_decoded(answer),
            headers=dict(answer.headers),
        )

    def prepare(self, operation_id: str) -> None:
        """Clear away what is in the way of the good request, and do what it goes on from."""
        asked = self.requests.get(operation_id, Asked())
        for address in asked.clear:
            assert self.browser.delete(address).status_code < 300, address
        for name in asked.first:
            told = self.ask(name)
            assert told.status < 300, told

    def body_of(self, operation_id: str) -> Any:
        """The body of the good request."""
        body = self.requests.get(operation_id, Asked()).body
        return body(lambda name: self.ask(name).answer) if callable(body) else body

    def _who(self, operation: dict[str, Any], asked: Asked) -> tuple[Client, dict[str, str]]:
        ways = {kind for way in operation.get("security", []) for kind in way}
        if asked.token is not None:
            return Client(), {"Authorization": f"Token {asked.token()}"}
        if ways == {"browserSession"}:
            return self.browser, {}
        return Client(), {"Authorization": f"Token {self.key}"} if ways else {}


def _encoded(body: Any, operation: dict[str, Any]) -> tuple[bytes, str]:
    if body is None:
        return b"", "application/octet-stream"
    (kind,) = operation["requestBody"]["content"]
    if kind == "application/json":
        return json.dumps(body).encode(), kind
    files = {
        name: SimpleUploadedFile(f"{name}.csv", part) if isinstance(part, bytes) else part
        for name, part in body.items()
    }
    return encode_multipart(_BOUNDARY, files), f"multipart/form-data; boundary={_BOUNDARY}"


def _decoded(answer: Any) -> Any:
    if "json" in answer.headers.get("Content-Type", ""):
        return json.loads(answer.content)
    return None
