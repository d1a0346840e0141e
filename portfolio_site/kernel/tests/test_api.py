"""The API's ground: what every endpoint shares, tried against bodies and headers that mean harm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client, RequestFactory

from accounts.operations import create_token
from accounts.tests.support import make_user
from portfolio_site.kernel import clock
from portfolio_site.kernel.api.throttling import AnonThrottle, KeyThrottle, LoginThrottle, UserThrottle

ENDPOINT = "/api/v1/portfolios/"


@pytest.fixture
def signed_in(db: None) -> Client:
    client = Client()
    client.force_login(make_user("ada@example.com"))
    return client


class TestBodies:
    @pytest.mark.parametrize(
        "body",
        [
            b'{"name": "p", "base_currency": "USD", "cost_basis_method": "\\ud800"}',
            b'{"name": "p", "base_currency": "USD", "\\uDfff": 1}',
            b'{"name": ["\\ud83d"], "base_currency": "USD"}',
            b'"\\ud800"',
        ],
    )
    def test_half_a_character_is_refused_wherever_it_stands(self, signed_in: Client, body: bytes) -> None:
        """Neither the database nor an answer could hold it, so it must not get past the parser."""
        answer = signed_in.post(ENDPOINT, body, content_type="application/json")
        assert answer.status_code == 400
        assert answer.json()["code"] == "parse_error"

    def test_whole_characters_beyond_the_first_plane_pass(self, signed_in: Client) -> None:
        body = b'{"name": "\\ud83d\\ude80 \\\\ud800", "base_currency": "USD"}'
        answer = signed_in.post(ENDPOINT, body, content_type="application/json")
        assert answer.status_code == 201
        assert answer.json()["name"] == "\U0001f680 \\ud800"


class TestWhoIsLimited:
    @pytest.mark.parametrize(
        ("proxies", "expected"), [(0, "192.0.2.1"), (1, "203.0.113.9"), (2, "198.51.100.7")]
    )
    def test_only_trusted_proxies_are_believed(self, settings: Any, proxies: int, expected: str) -> None:
        settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": proxies}
        request = RequestFactory().get(
            "/", REMOTE_ADDR="192.0.2.1", headers={"X-Forwarded-For": "made up, 198.51.100.7, 203.0.113.9"}
        )
        assert LoginThrottle().get_ident(request) == expected

    def test_a_made_up_header_does_not_make_a_new_visitor(self) -> None:
        """No proxy is trusted unless the settings say so: else each made-up address had a limit of its own."""
        idents = {
            LoginThrottle().get_ident(
                RequestFactory().get("/", REMOTE_ADDR="192.0.2.1", headers={"X-Forwarded-For": f"10.0.0.{n}"})
            )
            for n in range(3)
        }
        assert idents == {"192.0.2.1"}


class TestLimits:
    """A key has a limit, and its person another; the headers tell the nearer one."""

    @pytest.fixture
    def limits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(UserThrottle, "THROTTLE_RATES", {"user": "5/min"})
        monkeypatch.setattr(KeyThrottle, "THROTTLE_RATES", {"key": "3/min"})
        monkeypatch.setattr(AnonThrottle, "THROTTLE_RATES", {"anon": "4/min"})
        cache.clear()

    @pytest.fixture
    def ask(self, db: None, limits: None) -> Callable[[str], Any]:
        keys = {
            name: create_token(user=user, name=name, now=clock.now()).key
            for user in (make_user("ada@example.com"), make_user("bob@example.com"))
            for name in (f"{user.email[0]}1", f"{user.email[0]}2")
        }
        return lambda name: Client().get(ENDPOINT, headers={"Authorization": f"Token {keys[name]}"})

    def test_of_an_address_holds_for_whoever_is_refused(self, ask: Callable[[str], Any]) -> None:
        """Without a key and with a wrong one: guessing is not for free. Who has a good key is not held up by it."""
        wrong = {"Authorization": "Token hf_000000000000_" + "0" * 43}
        answers = [Client().get(ENDPOINT, headers=headers) for headers in ({}, wrong) for _ in range(3)]
        assert [self.told(answer) for answer in answers[:4]] == [
            (401, "4", "3"), (401, "4", "2"), (401, "4", "1"), (401, "4", "0"),
        ]  # fmt: skip
        assert [answer.status_code for answer in answers[4:]] == [429, 429]
        assert answers[4].json()["code"] == "throttled"
        assert 0 < int(answers[4].headers["Retry-After"]) <= 61
        assert ask("a1").status_code == 200
        assert Client().get(ENDPOINT, REMOTE_ADDR="192.0.2.77").status_code == 401

    def test_of_an_address_holds_where_no_key_is_asked_for(self, limits: None, db: None) -> None:
        statuses = [Client().get("/api/schema/").status_code for _ in range(5)]
        assert statuses == [200] * 4 + [429]

    @staticmethod
    def told(answer: Any) -> tuple[int, str, str]:
        headers = answer.headers
        return answer.status_code, headers["RateLimit-Limit"], headers["RateLimit-Remaining"]

    def test_of_a_key_stops_that_key_only(self, ask: Callable[[str], Any]) -> None:
        assert [self.told(ask("a1")) for _ in range(3)] == [(200, "3", "2"), (200, "3", "1"), (200, "3", "0")]
        refused = ask("a1")
        assert self.told(refused) == (429, "3", "0")
        assert refused.json()["code"] == "throttled"
        assert 0 < int(refused.headers["Retry-After"]) <= 61
        assert 0 < int(refused.headers["RateLimit-Reset"]) <= 61
        assert ask("b1").status_code == 200

    def test_of_a_person_is_shared_by_their_keys(self, ask: Callable[[str], Any]) -> None:
        assert [ask(name).status_code for name in ("a1", "a2", "a1", "a2", "a1")] == [200] * 5
        assert self.told(ask("a2")) == (429, "5", "0")
        assert ask("b2").status_code == 200

    def test_of_a_person_holds_without_a_key(self, signed_in: Client, limits: None) -> None:
        assert [signed_in.get(ENDPOINT).status_code for _ in range(6)] == [200] * 5 + [429]
