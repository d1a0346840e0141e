"""The examples of the description: each is what the site answers, asked right now, in a form that stays.

`API_EXAMPLES_WRITE=1` writes them anew (and removes those of operations that are gone); without it, an operation that
has no example, or whose example is not what the site answers today, fails. The clock stands still and ids start anew,
so that nothing changes by itself; what is random in an answer is replaced by something that is not.
"""

from __future__ import annotations

import json
import os
import re
import uuid
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from openapi_schema_validator import OAS30Validator, oas30_format_checker

from accounts.operations import create_token
from portfolio_site.api_examples import FOLDER, PROBLEMS, example_of, name_of
from portfolio_site.kernel import clock
from tests.api.asked import requests_of
from tests.api.asking import Teller, taken_back
from tests.api.book import described, operations_of

WRITING = bool(os.environ.get("API_EXAMPLES_WRITE"))
DESCRIPTION = described()
OPERATIONS = operations_of(DESCRIPTION)
#: Longer lists are cut: an example shows what a row looks like.
ROWS = 3
_RANDOM = (
    (re.compile(r"hf_[A-Za-z0-9_-]{20,}"), "hf_0123456789abcdef0123456789abcdef01234567"),
    (re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+"), "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
    (re.compile(r"/(files|file)/[^/\"]{30,}"), r"/\1/signed-and-good-for-ten-minutes"),
)
_UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")


class Settled:
    """The same text in each run: what is random is replaced, each thing by the same as long as one example goes."""

    def __init__(self, operation: str) -> None:
        self.operation = operation
        self.known: dict[str, str] = {}

    def __call__(self, value: Any) -> Any:
        """The value with everything random replaced, and its lists cut."""
        if isinstance(value, bytes):
            return "(the bytes of the file)" if b"\x00" in value else value.decode()
        if isinstance(value, dict):
            # How far a file can be compressed depends on the random numbers in it.
            return {self(name): 1200 if name == "size" else self(part) for name, part in value.items()}
        if isinstance(value, list):
            return [self(part) for part in value[:ROWS]]
        if not isinstance(value, str):
            return value
        for pattern, instead in _RANDOM:
            value = pattern.sub(instead, value)
        return _UUID.sub(self._uuid, value)

    def _uuid(self, found: re.Match[str]) -> str:
        number = str(len(self.known))
        return self.known.setdefault(
            found[0], str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.operation}/{number}"))
        )


def places_of_ids() -> list[tuple[str, int]]:
    """Where each sequence stands, so that an example does not depend on those that were asked before it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT quote_ident(schemaname) || '.' || quote_ident(sequencename), last_value FROM pg_sequences"
            " WHERE last_value IS NOT NULL"
        )
        return [(str(name), int(last)) for name, last in cursor.fetchall()]


def taken(operation_id: str, teller: Teller, places: list[tuple[str, int]]) -> dict[str, Any]:
    """Ask once and write down what was asked and answered; what it changed is taken back, ids too."""
    settled = Settled(operation_id)
    with taken_back():
        with connection.cursor() as cursor:
            for name, last in places:
                cursor.execute("SELECT setval(%s, %s)", [name, last])
        told = teller.ask(operation_id)
    assert 200 <= told.status < 300, (operation_id, told.status, told.answer)
    found = {
        "operation": f"{told.method.upper()} {told.path}",
        "parameters": settled({**told.parameters, **told.query}),
        "request": settled(told.body),
        "status": told.status,
        "answer": settled(told.answer),
    }
    return {name: part for name, part in found.items() if part not in (None, {})}


def problems_of(schema: dict[str, Any], value: Any) -> list[str]:
    """What in a value is not as the description says."""
    whole = {**schema, "components": DESCRIPTION["components"]}
    return [
        f"{error.json_path}: {error.message}"
        for error in OAS30Validator(whole, format_checker=oas30_format_checker).iter_errors(value)
    ]


def refusals(book: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """One problem of each kind, as the site tells it."""
    owner, client = book["owner"], Client()
    full = f"Token {create_token(user=owner, name='all', now=clock.now()).key}"
    reading = f"Token {create_token(user=owner, name='reading', now=clock.now(), access='read').key}"
    new = {"name": "For the children", "base_currency": "EUR"}

    def ask(path: str = "portfolios/", body: Any = None, **headers: str) -> Any:
        headers = {"Authorization": full, **{name.replace("_", "-"): text for name, text in headers.items()}}
        kind = headers.pop("Content-Type", "application/json")
        if body is None:
            return client.get(f"/api/v1/{path}", headers=headers)
        return client.post(f"/api/v1/{path}", body, content_type=kind, headers=headers)

    with taken_back():
        ask(body=new, Idempotency_Key="one")
        reused = ask(body={**new, "name": "For me"}, Idempotency_Key="one")
    sale = {
        "type": "sell",
        "date": "2026-11-19",
        "instrument_id": book["asset_id"],
        "quantity": "900",
        "price": "9",
    }
    asked = [
        ask(body={"name": "", "base_currency": "EUR", "nmae": "x"}),
        ask(Authorization="Token hf_wrong"),
        ask(body=new, Authorization=reading),
        ask("portfolios/999999/"),
        ask(Accept="image/png"),
        reused,
        ask(body={"name": "x" * (6 * 1024 * 1024), "base_currency": "EUR"}),
        ask(body="name=x", Content_Type="text/plain"),
        ask(f"portfolios/{book['portfolio_id']}/transactions/", body=sale),
    ]
    cache.clear()
    monkeypatch.setattr("portfolio_site.kernel.api.throttling.UserThrottle.THROTTLE_RATES", {"user": "1/min"})
    ask()
    asked.append(ask())
    settled = Settled("problems")
    return {str(answer.status_code): settled(answer.json()) for answer in asked}


class TestProblems:
    def test_are_what_the_site_answers(self, book: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
        found = refusals(book, monkeypatch)
        assert sorted(found) == ["400", "401", "403", "404", "406", "409", "413", "415", "422", "429"]
        if WRITING:
            (FOLDER / PROBLEMS).write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
        else:
            assert json.loads((FOLDER / PROBLEMS).read_text()) == found
        for status, problem in found.items():
            assert problem["status"] == int(status)
            assert problems_of({"$ref": "#/components/schemas/Problem"}, problem) == []


class TestExamples:
    def test_are_what_the_site_answers(self, book: dict[str, Any]) -> None:
        teller, places, stale = Teller(book, DESCRIPTION), places_of_ids(), []
        for operation_id in sorted(OPERATIONS):
            found, file = taken(operation_id, teller, places), FOLDER / name_of(operation_id)
            if WRITING:
                file.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
            elif example_of(operation_id) != found:
                stale.append(operation_id)
        assert not stale, f"API_EXAMPLES_WRITE=1 pytest {__file__} writes these anew: {stale}"

    def test_are_of_operations_that_there_are(self) -> None:
        known = {name_of(operation_id) for operation_id in OPERATIONS}
        gone = [file for file in FOLDER.glob("*.json") if file.name not in known and file.name != PROBLEMS]
        if WRITING:
            for file in gone:
                file.unlink()
        else:
            assert gone == []

    def test_requests_of_operations_that_are_gone_are_gone_too(self, book: dict[str, Any]) -> None:
        assert set(requests_of(book)) <= set(OPERATIONS)

    @pytest.mark.parametrize("operation_id", sorted(OPERATIONS))
    def test_stand_in_the_description_and_are_as_it_says(self, operation_id: str) -> None:
        _, _, operation = OPERATIONS[operation_id]
        example = example_of(operation_id)
        answer = operation["responses"][str(example["status"])]
        if "answer" in example:
            (media,) = answer["content"].values()
            assert media["examples"]["asked"]["value"] == example["answer"]
            assert problems_of(media["schema"], example["answer"]) == []
        if "request" in example:
            (media,) = operation["requestBody"]["content"].values()
            assert media["examples"]["asked"]["value"] == example["request"]
            assert problems_of(media["schema"], example["request"]) == []
        else:
            assert not operation.get("requestBody", {}).get("required")
