"""Every operation of the described API, asked a great many things, right and wrong, by schemathesis.

What it checks: no answer is a server error; status, content type, headers and body are as described; wrong input is
refused; a request without a good key is refused wherever one is needed; methods that are not described are not
allowed. The addresses are those of things that exist and belong to the asking person, and many questions differ from a
good one (tests/api/asked.py) in one part only, so that answers are more than 404: an operation that never did what it
was asked to fails. Each question finds the same books: what the one before it wrote is taken back. Only the JSON that was
described comes back; fields chosen by `fields=` are tested beside the views.

`API_EXAMPLES=100` asks that many things made up per operation (besides the edges of every field, which are always
asked), `API_EXAMPLES_OF=/orders/` asks those addresses only, `API_EXAMPLES_LOG=file` writes down how each operation
answered.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from django.conf import settings as site_settings
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, settings
from rest_framework.throttling import SimpleRateThrottle
from schemathesis.config import SchemathesisConfig
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection

from portfolio_site.kernel.api.idempotent import IDEMPOTENCY_HEADER
from portfolio_site.wsgi import application
from tests.api.asking import Teller, taken_back
from tests.api.book import described, filled_in, furnish

#: How many questions are made up for each operation.
EXAMPLES = int(os.environ.get("API_EXAMPLES", "8"))
#: Which addresses only, as a regular expression.
ONLY = os.environ.get("API_EXAMPLES_OF", "")
#: With what well-formed input may be refused: rules that a schema cannot say have their own statuses and sentences.
_ANSWERS = ["2xx", "400", "401", "403", "404", "409", "413", "422", "429"]
_CONFIG = SchemathesisConfig.from_dict(
    {"checks": {"positive_data_acceptance": {"expected-statuses": _ANSWERS}}}
)
DESCRIPTION = described()
_KEY = re.compile(IDEMPOTENCY_HEADER.type["pattern"])
_SIGNALS = (request_started, request_finished)
#: What a filter may name, and where the book has such a thing.
_NAMED = {
    "portfolio": "portfolio_id",
    "portfolio_id": "portfolio_id",
    "instrument_id": "asset_id",
    "order_id": "order_id",
    "benchmark": "asset_id",
}
#: Operations that did what they were asked to in no example, with the reason why none can.
_NEVER_DONE: dict[str, str] = {}


def from_here(environ: dict[str, Any], start_response: Any) -> Any:
    """The site, asked from an address: who signs in has one."""
    environ.setdefault("REMOTE_ADDR", "127.0.0.1")
    return application(environ, start_response)


schema = schemathesis.openapi.from_dict(DESCRIPTION, config=_CONFIG)
schema.app = from_here
asked_schema = schema.include(path_regex=ONLY) if ONLY else schema


@dataclass
class Asking:
    """Who asks, about what, and how it was answered."""

    book: dict[str, Any]
    teller: Teller
    token: dict[str, str]
    browser: dict[str, str]
    cookies: dict[str, str]
    answers: Counter[int] = field(default_factory=Counter)
    operation: str = ""
    good_ones: dict[str, Any] = field(default_factory=dict)

    def good(self, operation_id: str) -> Any:
        """The body of a request that is answered."""
        if operation_id not in self.good_ones:
            self.good_ones[operation_id] = self.teller.body_of(operation_id)
        return self.good_ones[operation_id]

    def credentials(self, case: Any) -> tuple[dict[str, str], dict[str, str]]:
        """Headers and cookies: a key, or what a browser sends where only the site's own sign-in counts."""
        kinds = {kind for way in case.operation.definition.raw.get("security", []) for kind in way}
        return (self.browser, self.cookies) if kinds == {"browserSession"} else (self.token, {})


@pytest.fixture
def asking(
    standing_clock: None,
    belongings: dict[str, Any],
    finder: None,
    broker: None,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Asking]:
    """The owner with every right, no limits, and requests that leave the test's transaction alone."""
    monkeypatch.setattr(
        SimpleRateThrottle, "THROTTLE_RATES", dict.fromkeys(("user", "key", "anon", "login"), "1000000/s")
    )
    book = furnish(belongings)
    teller = Teller(book, DESCRIPTION)
    session, secret = teller.browser.cookies[site_settings.SESSION_COOKIE_NAME].value, "c" * 32
    found = Asking(
        book=book,
        teller=teller,
        token={"Authorization": f"Token {teller.key}", "Accept-Encoding": "identity"},
        browser={"X-CSRFToken": secret, "Accept-Encoding": "identity"},
        cookies={site_settings.SESSION_COOKIE_NAME: session, site_settings.CSRF_COOKIE_NAME: secret},
    )
    yield found
    for signal in _SIGNALS:
        signal.connect(close_old_connections)
    _write_down(found)
    done = sum(count for status, count in found.answers.items() if 200 <= status < 300)
    assert done or found.operation in _NEVER_DONE, f"{found.operation} only ever refused: {found.answers}"


def _write_down(asking: Asking) -> None:
    if log := os.environ.get("API_EXAMPLES_LOG"):
        with Path(log).open("a") as file:
            file.write(json.dumps({"operation": asking.operation, "answers": asking.answers}) + "\n")


def _is_right(case: Any, location: ParameterLocation) -> bool:
    part = case.meta.components.get(location) if case.meta else None
    return part is None or part.mode is GenerationMode.POSITIVE


def _is_wrong_in_what_was_sent(case: Any, asking: Asking) -> bool:
    """Whether there is something to refuse: a browser's session is sent in place of one that was made up, headers that
    nobody described are none of a server's business, and a good file is good whatever it was made from."""
    good = asking.good(case.operation.definition.raw["operationId"])
    if isinstance(case.body, dict) and isinstance(good, dict) and isinstance(good.get("file"), bytes):
        sent = case.body.get("file")
        if good["file"] in (sent, sent.encode() if isinstance(sent, str) else sent):
            return False
    wrong = [place for place in ParameterLocation if not _is_right(case, place)]
    key = case.headers.get("Idempotency-Key", "x")
    return any(
        place is not ParameterLocation.COOKIE
        and (place is not ParameterLocation.HEADER or not _KEY.match(key))
        for place in wrong
    )


def _aim(case: Any, asking: Asking) -> None:
    """Point a question at what belongs to the asking person, two of three of them near one that is answered."""
    book = asking.book
    if _is_right(case, ParameterLocation.PATH):
        for name in case.path_parameters:
            case.path_parameters[name] = filled_in(case.path, name, book)
    # A browser's session is sent in place of one that was made up.
    case.cookies.pop(site_settings.SESSION_COOKIE_NAME, None)
    if case.query:
        case.query.pop("fields", None)
        if _is_right(case, ParameterLocation.QUERY) and zlib.crc32(repr(case.query).encode()) % 2:
            for name in set(case.query) & _NAMED.keys():
                value = book[_NAMED[name]]
                case.query[name] = value if isinstance(value, int) else str(value)
    good = asking.good(case.operation.definition.raw["operationId"])
    if not isinstance(case.body, dict) or not isinstance(good, dict):
        return
    if case.meta is None or case.meta.generation.mode is GenerationMode.POSITIVE:
        choice = zlib.crc32(repr(case.body).encode())
        if choice % 3 == 1:
            case.body = {**case.body, **good}
        elif choice % 3 == 2 and case.body:
            name = sorted(case.body)[choice // 3 % len(case.body)]
            case.body = {**good, name: case.body[name]}


@asked_schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_answers_as_described(case: Any, asking: Asking) -> None:
    """One operation, asked many things."""
    asking.operation = case.operation.label
    _aim(case, asking)
    given, cookies = asking.credentials(case)
    with taken_back():
        asking.teller.prepare(case.operation.definition.raw["operationId"])
        for signal in _SIGNALS:
            # The test client, which prepared, connects it again.
            signal.disconnect(close_old_connections)
        answer = case.call(headers=given, cookies=cookies)
        if case.method == case.operation.method.upper():
            asking.answers[answer.status_code] += 1
        case.validate_response(
            answer,
            # The cookies are named here too, so that they count as given, not as made up.
            headers={**given, "Cookie": cookies} if cookies else given,
            transport_kwargs={"headers": given},
            excluded_checks=[] if _is_wrong_in_what_was_sent(case, asking) else [negative_data_rejection],
        )
