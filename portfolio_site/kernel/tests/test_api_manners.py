"""What every API endpoint shares: exact decimals, problem details, limits, security headers."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from rest_framework import exceptions, serializers
from rest_framework.exceptions import ParseError

from accounts.tests.support import make_user
from portfolio_site.kernel.api.fields import DecimalString, plain
from portfolio_site.kernel.api.parsers import DecimalJSONParser
from portfolio_site.kernel.api.problems import problem_handler
from portfolio_site.kernel.errors import ConflictError


def parse(text: str) -> Any:
    """Read a body as the API does."""
    return DecimalJSONParser().parse(io.BytesIO(text.encode()))


class TestParser:
    def test_keeps_numbers_exactly_as_they_were_written(self) -> None:
        assert parse('{"a": 0.1, "b": 1e-05, "c": 3}') == {
            "a": Decimal("0.1"),
            "b": Decimal("0.00001"),
            "c": 3,
        }

    @pytest.mark.parametrize(
        "text", ["NaN", "[Infinity]", '{"a": 1e400}', "{", "", '{"a": 1e-400}', "[" * 100_000, '"\\ud800']
    )
    def test_refuses_what_is_no_number_and_no_json(self, text: str) -> None:
        with pytest.raises(ParseError):
            parse(text)


class TestDecimalString:
    @pytest.mark.parametrize(
        ("given", "read"),
        [("12.50", "12.50"), (Decimal("1E+2"), "100"), (7, "7"), ("-0.000001", "-0.000001")],
    )
    def test_reads_plain_decimals(self, given: Any, read: str) -> None:
        assert DecimalString().to_internal_value(given) == Decimal(read)

    @pytest.mark.parametrize("given", [1.5, True, None, "1e5", "NaN", "٣", "1,5", " ", "1" * 25, [], "--1"])
    def test_refuses_everything_else(self, given: Any) -> None:
        with pytest.raises(serializers.ValidationError):
            DecimalString().to_internal_value(given)

    @pytest.mark.parametrize(
        ("value", "text"), [("5.000", "5"), ("0.057436865", "0.057436865"), ("-0.00", "0"), ("1E+3", "1000")]
    )
    def test_writes_plain_notation_without_trailing_zeros(self, value: str, text: str) -> None:
        assert plain(Decimal(value)) == text

    def test_never_writes_a_float(self) -> None:
        with pytest.raises(TypeError):
            plain(0.1)


class TestProblems:
    def test_name_the_field_by_its_path(self) -> None:
        response = problem_handler(exceptions.ValidationError({"legs": [{"price": ["Too low."]}]}), {})
        assert response is not None
        assert response.data["code"] == "validation_failed"
        assert response.data["errors"] == [
            {"field": "legs[0].price", "code": "invalid", "message": "Too low."}
        ]

    def test_carry_code_status_and_details_of_a_refusal(self) -> None:
        refusal = ConflictError("Taken.", code="taken", field="name", details={"other": "1"})
        response = problem_handler(refusal, {})
        assert response is not None
        assert (response.status_code, response.data["type"], response.data["other"]) == (
            409,
            "/api/problems/taken",
            "1",
        )

    def test_leave_surprises_to_the_error_page(self) -> None:
        assert problem_handler(ZeroDivisionError(), {}) is None


@pytest.mark.django_db
class TestAnswers:
    def test_are_problem_details_with_a_request_id(self) -> None:
        response = Client().get("/api/v1/portfolios/")
        assert response.status_code == 401
        assert response.headers["Content-Type"].startswith("application/problem+json")
        body = json.loads(response.content)
        assert body["request_id"] == response.headers["X-Request-ID"]

    def test_tell_how_much_of_the_limit_is_left(self) -> None:
        client = Client()
        client.force_login(make_user())
        response = client.get("/api/v1/portfolios/")
        assert int(response.headers["RateLimit-Remaining"]) < int(response.headers["RateLimit-Limit"])

    def test_allow_no_inline_script_and_no_other_origin(self) -> None:
        response = Client().get("/")
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe-inline" not in policy
        assert "frame-ancestors 'none'" in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["X-Frame-Options"] == "DENY"

    def test_have_a_nonce_of_their_own(self) -> None:
        first, second = (Client().get("/").headers["Content-Security-Policy"] for _ in range(2))
        assert first != second

    def test_schema_is_whole_and_says_what_an_error_is(self) -> None:
        response = Client().get("/api/schema/", headers={"accept": "application/json"})
        schema = response.json()
        assert {"/api/v1/portfolios/", "/api/v1/orders/", "/api/v1/instruments/"} <= set(schema["paths"])
