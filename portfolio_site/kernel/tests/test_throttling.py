"""The API's limits: exact however many ask at once, told in headers, and given back request by request."""

from __future__ import annotations

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from rest_framework.test import APIRequestFactory

from portfolio_site.kernel.api.throttling import AnonThrottle


class _Limit(AnonThrottle):
    rate = "30/min"


class _Short(AnonThrottle):
    rate = "3/s"


def request_from(address: str) -> Any:
    request: Any = APIRequestFactory().get("/", REMOTE_ADDR=address)
    request._request, request.user = request, None
    return request


@pytest.fixture
def address() -> str:
    return f"2001:db8::{uuid.uuid4().hex[:4]}:{uuid.uuid4().hex[:4]}"


class TestLimit:
    def test_counts_down_and_says_when_the_next_comes_back(self, address: str) -> None:
        told = []
        for _ in range(31):
            request, throttle = request_from(address), _Limit()
            told.append((throttle.allow_request(request, None), request.rate_limit, throttle.wait()))
        assert [allowed for allowed, _, _ in told] == [True] * 30 + [False]
        assert [state[:2] for _, state, _ in told] == [(30, 29 - n) for n in range(30)] + [(30, 0)]
        assert all(30 <= state[2] <= 61 and 30 <= wait <= 60 for _, state, wait in told)

    def test_lets_in_no_more_when_many_ask_at_once(self, address: str) -> None:
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: _Limit().allow_request(request_from(address), None), range(60)))
        assert sum(found) == 30

    def test_addresses_are_counted_apart(self, address: str) -> None:
        for _ in range(30):
            _Limit().allow_request(request_from(address), None)
        assert not _Limit().allow_request(request_from(address), None)
        assert _Limit().allow_request(request_from("192.0.2.77"), None)

    def test_a_request_no_longer_counts_after_its_span(self, address: str) -> None:
        """And never do more than the limit fit into one span: a refused one is not counted."""
        let_in = []
        until = time.monotonic() + 2.5
        while time.monotonic() < until:
            before = time.monotonic()
            if _Short().allow_request(request_from(address), None):
                let_in.append((before, time.monotonic()))
            time.sleep(0.02)
        assert len(let_in) >= 4
        for (before, _), (_, after) in zip(let_in, let_in[3:], strict=False):
            assert after - before >= 1
