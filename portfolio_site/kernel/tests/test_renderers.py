"""JSON by orjson says what Django REST framework's own renderer says."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest
from django.utils.functional import lazystr
from rest_framework.renderers import JSONRenderer
from rest_framework.utils.serializer_helpers import ReturnDict, ReturnList

from portfolio_site.kernel.api.renderers import FastJSONRenderer


class Side(StrEnum):
    """A choice."""

    BUY = "buy"


def _by_serializer(value: Any) -> Any:
    """What `serializer.data` is: a mapping or list that remembers where it comes from."""
    kind: Any = ReturnDict if isinstance(value, dict) else ReturnList
    return kind(value, serializer=None)


@pytest.mark.parametrize(
    "value",
    [
        {
            "at": datetime(2026, 3, 2, 14, 30, tzinfo=UTC),
            "exact": datetime(2026, 3, 2, 1, 2, 3, 4, tzinfo=UTC),
        },
        {"there": datetime(2026, 3, 2, 14, 30, tzinfo=timezone(timedelta(hours=2))), "day": date(2026, 3, 2)},
        {"amount": Decimal("1.2300"), "id": uuid.UUID(int=7), "side": Side.BUY, "word": lazystr("later")},
        [1, -5, 2**63, 2**64, 10**30, 0.1, 1e300, True, None, "“ü”\n\t\\ \U0001f600"],
        {1: "a", "2": [(), {}, [[]]]},
        _by_serializer({"a": 1}),
        _by_serializer([{"a": 1}]),
        "text",
        {},
    ],
)
def test_says_the_same(value: Any) -> None:
    ours, theirs = FastJSONRenderer().render(value), JSONRenderer().render(value)
    assert json.loads(ours) == json.loads(theirs)
    assert ours == theirs


def test_has_no_body_where_there_is_nothing() -> None:
    assert FastJSONRenderer().render(None) == b""


def test_an_indent_is_kept_where_one_is_asked_for() -> None:
    assert b"\n" in FastJSONRenderer().render({"a": 1}, "application/json; indent=2", {})
