"""API: rate limits per user, with headers that tell how much is left."""

from __future__ import annotations

from typing import Any

from rest_framework.throttling import AnonRateThrottle, ScopedRateThrottle, UserRateThrottle


class _Counted:
    """Remember the state on the request so that `RateLimitHeadersMixin` can tell it in headers."""

    def allow_request(self, request: Any, view: Any) -> bool:
        """Count the request; keep limit, remaining and reset time beside it."""
        allowed: bool = super().allow_request(request, view)  # type: ignore[misc]
        limit = getattr(self, "num_requests", None)
        if limit is not None and getattr(self, "key", None):
            history: list[float] = getattr(self, "history", [])
            now: float = getattr(self, "now", 0.0)
            duration: int = getattr(self, "duration", 60)
            reset = (history[-1] + duration - now) if history else duration
            request._request.rate_limit = (limit, max(0, limit - len(history)), max(0, int(reset) + 1))
        return allowed


class UserThrottle(_Counted, UserRateThrottle):
    """A limit for each signed-in user (and each address of those who are not)."""


class AnonThrottle(_Counted, AnonRateThrottle):
    """A limit for each address that is not signed in."""


class LoginThrottle(_Counted, ScopedRateThrottle):
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
