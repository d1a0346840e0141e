"""The API's ground: what every endpoint shares, tried against bodies and headers that mean harm."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client, RequestFactory

from accounts.tests.support import make_user
from portfolio_site.kernel.api.throttling import LoginThrottle

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
