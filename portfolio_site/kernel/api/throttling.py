"""API: rate limits per user and per key, with headers that tell how much is left.

The requests of the last minute are kept in Valkey and counted there in one step: exact, whatever number of workers ask at
once, and one round trip. While it is away, each process counts for itself (`kernel.cache`).
"""

from __future__ import annotations

from operator import itemgetter
from typing import Any

from rest_framework.throttling import (
    AnonRateThrottle,
    ScopedRateThrottle,
    SimpleRateThrottle,
    UserRateThrottle,
)

from portfolio_site.kernel.valkey import UNREACHABLE, Outage, Script

# Kept are the instants (in microseconds since 2023) of the requests that were let in, the oldest first. Its arguments: how
# many may be in a span, and the span in microseconds. Answers whether this one is let in, how many there are now, and
# the microseconds until the oldest of them no longer counts.
_COUNT = Script("""
local clock = redis.call('TIME')
local now = (clock[1] - 1700000000) * 1000000 + clock[2]
local most, span = tonumber(ARGV[1]), tonumber(ARGV[2])
local oldest = redis.call('LINDEX', KEYS[1], 0)
while oldest and tonumber(oldest) <= now - span do
    redis.call('LPOP', KEYS[1])
    oldest = redis.call('LINDEX', KEYS[1], 0)
end
local used = redis.call('LLEN', KEYS[1])
local taken = 0
if used < most then
    taken, used = 1, used + 1
    redis.call('RPUSH', KEYS[1], string.format('%.0f', now))
    redis.call('PEXPIRE', KEYS[1], math.ceil(span / 1000))
end
return {taken, used, math.floor(tonumber(oldest or now) + span - now)}
""")
_outage = Outage("API limits")


class _Counted(SimpleRateThrottle):
    """Counts in one step, and remembers the state on the request so that `RateLimitHeadersMiddleware` can tell it."""

    num_requests: int
    duration: float
    _until_next: float | None = None

    def allow_request(self, request: Any, view: Any) -> bool:
        """Count the request; keep limit, remaining and reset time beside it."""
        if self.rate is None:
            return True
        key = self.get_cache_key(request, view)
        if key is None:
            return True
        counted = self._counted(key)
        if counted is None:
            allowed: bool = super().allow_request(request, view)
            used = len(self.history)
            self._until_next = self.history[-1] + self.duration - self.now if self.history else self.duration
        else:
            allowed, used, self._until_next = counted
        told = (self.num_requests, max(0, self.num_requests - used), max(0, int(self._until_next) + 1))
        before = getattr(request._request, "rate_limit", None)
        # Of several limits the one that is nearest is told.
        request._request.rate_limit = told if before is None else min(before, told, key=itemgetter(1))
        return allowed

    def _counted(self, key: str) -> tuple[bool, int, float] | None:
        if _outage.is_on():
            return None
        try:
            taken, used, left = _COUNT(
                f"hf:api:limit:{key}", self.num_requests, round(self.duration * 1_000_000)
            )
        except UNREACHABLE as error:
            _outage.note(error)
            return None
        _outage.over()
        return bool(taken), used, left / 1_000_000

    def wait(self) -> float | None:
        """Seconds until the next request is let in."""
        return self._until_next


class UserThrottle(UserRateThrottle, _Counted):
    """A limit for each signed-in user (and each address of those who are not)."""


class KeyThrottle(_Counted):
    """A limit for each API key. Who comes without one, by session or JWT, has the user's limit alone."""

    scope = "key"

    def get_cache_key(self, request: Any, view: Any) -> str | None:
        """Count by the key's id; None where there is no key."""
        number = getattr(request.auth, "pk", None)
        return None if number is None else self.cache_format % {"scope": self.scope, "ident": number}


class AnonThrottle(AnonRateThrottle, _Counted):
    """A limit for each address that is not signed in."""


class LoginThrottle(ScopedRateThrottle, _Counted):
    """A tight limit for signing in by API, for each address."""

    scope_attr = "throttle_scope"


class RateLimitHeadersMiddleware:
    """Tell `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset` (seconds) on API answers."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> Any:
        """Answer the request, with headers where a limit was counted."""
        response = self.get_response(request)
        state = getattr(request, "rate_limit", None)
        if state is not None:
            limit, remaining, reset = state
            response.headers["RateLimit-Limit"] = str(limit)
            response.headers["RateLimit-Remaining"] = str(remaining)
            response.headers["RateLimit-Reset"] = str(reset)
        return response
