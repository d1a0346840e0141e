"""The cache when its server is killed, hangs and comes back: misses instead of errors, limits that still hold."""

from __future__ import annotations

import time
from typing import Any

import pytest
import redis
from django.core.cache import cache, caches
from rest_framework.test import APIRequestFactory

from portfolio_site.kernel import valkey
from portfolio_site.kernel.api.throttling import AnonThrottle
from portfolio_site.kernel.cache import CacheUnreachable
from portfolio_site.kernel.valkey import Outage
from tests.support.own_valkey import OwnValkey


@pytest.fixture
def server(own_valkey: OwnValkey, settings: Any) -> OwnValkey:
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": own_valkey.url}}
    settings.REDIS_LOCATION = own_valkey.url
    return own_valkey


class TestKilled:
    def test_everything_is_a_miss_and_nothing_raises(self, server: OwnValkey) -> None:
        cache.set("a", 1)
        assert cache.get("a") == 1
        server.kill()
        assert cache.get("a", "default") == "default"
        assert cache.get_many(["a", "b"]) == {}
        cache.set("a", 2)
        assert cache.set_many({"a": 1}) == ["a"]
        assert cache.get_or_set("a", lambda: 3) == 3
        assert "a" not in cache
        assert not cache.touch("b")
        cache.delete("a")
        cache.delete_many(["a"])
        with pytest.raises(ValueError, match="not found"):
            cache.incr("a")
        cache.clear()

    def test_of_many_that_want_to_be_first_one_is(self, server: OwnValkey) -> None:
        server.kill()
        assert [cache.add("first", 1, timeout=60) for _ in range(3)] == [True, False, False]

    def test_it_is_used_again_once_it_is_back(self, server: OwnValkey) -> None:
        server.kill()
        cache.set("a", 1)
        server.start()
        time.sleep(0.15)
        assert cache.get("a") is None
        cache.set("a", 2)
        assert cache.get("a") == 2

    def test_a_restart_between_two_calls_is_not_noticed(self, server: OwnValkey) -> None:
        cache.set("a", 1)
        server.kill()
        server.start()
        cache.set("a", 2)
        assert cache.get("a") == 2

    def test_what_must_be_gone_says_when_it_is_not(self, server: OwnValkey) -> None:
        cache.set("a", 1)
        backend: Any = caches["default"]
        server.kill()
        with pytest.raises(CacheUnreachable):
            backend.delete_surely("a")
        server.start()
        backend.delete_surely("a")

    def test_failures_are_counted_and_told_once_in_a_while(
        self, server: OwnValkey, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lines: list[dict[str, Any]] = []
        monkeypatch.setattr(valkey.log, "warning", lambda _event, **fields: lines.append(fields))
        backend: Any = caches["default"]
        server.kill()
        for _ in range(3):
            cache.get("a")
            time.sleep(0.11)
        assert backend.outage.failures >= 3
        assert len(lines) == 1


class TestHanging:
    def test_many_calls_cost_one_time_out(self, server: OwnValkey, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(valkey, "LONGEST_PAUSE_SECONDS", 5.0)
        monkeypatch.setattr(valkey, "PAUSE_SECONDS", 5.0)
        cache.set("a", 1)
        server.freeze()
        begun = time.monotonic()
        for _ in range(50):
            assert cache.get("a") is None
        assert time.monotonic() - begun < 2.5
        server.thaw()


class TestSharing:
    """What one use of the server finds away is away for the others."""

    def test_of_many_uses_one_waits(self, server: OwnValkey, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(valkey, "LONGEST_PAUSE_SECONDS", 60.0)
        monkeypatch.setattr(valkey, "PAUSE_SECONDS", 60.0)
        uses = [Outage("one"), Outage("two"), Outage("three")]
        elsewhere, sure = Outage("elsewhere", server="redis://elsewhere"), Outage("sure", alone=True)
        server.freeze()
        try:
            for use in uses:
                if not use.is_on():
                    with pytest.raises(valkey.UNREACHABLE) as found:
                        valkey.client().ping()
                    use.note(found.value)
            cache.get("a")
        finally:
            server.thaw()
        backend: Any = caches["default"]
        assert [use.failures for use in (*uses, backend.outage)] == [1, 0, 0, 0]
        assert not elsewhere.is_on()
        assert not sure.is_on()
        valkey.client().ping()
        uses[2].over()
        assert [use.is_on() for use in uses] == [True, False, False]

    def test_the_servers_own_refusal_is_no_absence(self, server: OwnValkey) -> None:
        use, other = Outage("one"), Outage("two")
        use.note(redis.ResponseError("OOM"))
        assert not use.is_on()
        assert not other.is_on()


class _Two(AnonThrottle):
    rate = "2/min"


class TestThrottles:
    def test_hold_for_this_process_while_the_cache_is_away(self, server: OwnValkey) -> None:
        server.kill()
        request: Any = APIRequestFactory().get("/")
        request._request, request.user = request, None
        assert [_Two().allow_request(request, None) for _ in range(3)] == [True, True, False]
