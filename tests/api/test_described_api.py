"""Every operation of the described API, asked a great many things, right and wrong, by schemathesis.

What it checks: no answer is a server error; status, content type, headers and body are as described; wrong input is
refused; a request without a good key is refused wherever one is needed; methods that are not described are not
allowed. The addresses are those of things that exist and belong to the asking person, so that answers are more than
404. Only the JSON that was described comes back; fields chosen by `fields=` are tested beside the views.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, settings
from rest_framework.throttling import SimpleRateThrottle
from schemathesis.config import SchemathesisConfig
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation import GenerationMode

from accounts.models import User
from accounts.operations import create_token
from portfolio_site.kernel import clock
from portfolio_site.wsgi import application
from tests.test_every_url import belongings

__all__ = ["belongings"]

#: With what well-formed input may be refused: rules that a schema cannot say have their own statuses and sentences.
_ANSWERS = ["2xx", "400", "401", "403", "404", "409", "413", "422", "429"]
_CONFIG = SchemathesisConfig.from_dict(
    {"checks": {"positive_data_acceptance": {"expected-statuses": _ANSWERS}}}
)
_DESCRIPTION = json.loads(json.dumps(SchemaGenerator().get_schema(request=None, public=True), default=str))
#: Whose id `{id}` is, by the first part of the address.
_OF_ID = {
    "portfolios": "portfolio_id",
    "orders": "order_id",
    "documents": "document_id",
    "instruments": "instrument_id",
    "notifications": "notification_id",
    "reports": "job_id",
    "tokens": "token_id",
    "watchlists": "watchlist_id",
}

schema = schemathesis.openapi.from_dict(_DESCRIPTION, config=_CONFIG)
schema.app = application


@pytest.fixture
def key(belongings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A key with every right of the owner, no limits, and requests that leave the test's transaction alone."""
    monkeypatch.setattr(
        SimpleRateThrottle, "THROTTLE_RATES", dict.fromkeys(("user", "anon", "login"), "1000000/s")
    )
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    owner = User.objects.get(email="owner@example.com")
    yield create_token(user=owner, name="all rights", now=clock.now()).key
    for signal in signals:
        signal.connect(close_old_connections)


def _belonging(path: str, name: str, belongings: dict[str, Any]) -> int | str:
    value = belongings[_OF_ID[path.split("/")[3]] if name == "id" else name]
    return value if isinstance(value, int) else str(value)


@schema.parametrize()
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_answers_as_described(case: Any, belongings: dict[str, Any], key: str) -> None:
    """One operation, asked many things."""
    path = case.meta.components.get(ParameterLocation.PATH) if case.meta else None
    if path is None or path.mode is GenerationMode.POSITIVE:
        for name in case.path_parameters:
            case.path_parameters[name] = _belonging(case.path, name, belongings)
    if case.query:
        case.query.pop("fields", None)
    case.call_and_validate(headers={"Authorization": f"Token {key}", "Accept-Encoding": "identity"})
