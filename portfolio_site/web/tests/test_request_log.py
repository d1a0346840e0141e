"""The log line of a request: one, with its id, and the address that limits go by."""

from __future__ import annotations

from typing import Any

import pytest
import structlog
from django.test import Client

from accounts.operations import create_token
from accounts.tests.support import make_user
from portfolio_site.kernel import clock
from portfolio_site.web import middleware

pytestmark = pytest.mark.django_db


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []

    class Log:
        def log(self, level: int, event: str, **facts: Any) -> None:
            if level >= 20:
                found.append({"event": event, **structlog.contextvars.get_contextvars(), **facts})

    monkeypatch.setattr("django_structlog.middlewares.request.logger", Log())
    monkeypatch.setattr(structlog.contextvars, "get_merged_contextvars", lambda _log: {})
    return found


def test_a_request_has_one_line_with_its_id_person_and_address(lines: list[dict[str, Any]]) -> None:
    user = make_user("logged@example.com")
    key = create_token(user=user, name="log", now=clock.now()).key
    answer = Client(headers={"Authorization": f"Token {key}"}).get("/api/v1/me/", REMOTE_ADDR="192.0.2.9")
    (line,) = lines
    assert line["event"] == "request_finished"
    assert line["code"] == 200
    assert line["request_id"] == answer.headers["X-Request-ID"]
    assert line["user_id"] == user.pk
    assert line["ip"] == "192.0.2.9"


def test_a_header_that_no_trusted_proxy_wrote_is_not_believed(lines: list[dict[str, Any]]) -> None:
    Client().get("/healthz", headers={"X-Forwarded-For": "203.0.113.1"}, REMOTE_ADDR="192.0.2.9")
    assert [line["ip"] for line in lines] == ["192.0.2.9"]


def test_middleware_is_the_first_that_knows_the_request(settings: Any) -> None:
    names = settings.MIDDLEWARE
    own = f"{middleware.__name__}.RequestLogMiddleware"
    assert names.index(own) < names.index("portfolio_site.kernel.middleware.RequestIdHeaderMiddleware")
