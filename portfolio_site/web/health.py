"""The front hall: health. `/healthz` says the process answers, `/readyz` that it can do its work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.cache import cache
from django.db import DatabaseError, connection
from django.http import HttpResponse, JsonResponse
from redis.exceptions import RedisError

if TYPE_CHECKING:
    from django.http import HttpRequest


def healthz(request: HttpRequest) -> HttpResponse:
    """Answer 200 as long as the process serves requests."""
    return HttpResponse("ok", content_type="text/plain")


def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when database and cache answer, else 503 with what does not."""
    checks = {"database": _database(), "cache": _cache()}
    healthy = all(state == "ok" for state in checks.values())
    return JsonResponse(
        {"status": "ok" if healthy else "unavailable", **checks}, status=200 if healthy else 503
    )


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "unreachable"
    return "ok"


def _cache() -> str:
    try:
        cache.get("readyz")
    except (RedisError, OSError):
        return "unreachable"
    return "ok"
