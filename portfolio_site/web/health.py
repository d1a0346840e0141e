"""The front hall: health. `/healthz` says the process answers, `/readyz` that it can do its work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import DatabaseError, connection
from django.http import HttpResponse, JsonResponse

from portfolio_site.kernel import valkey

if TYPE_CHECKING:
    from django.http import HttpRequest


def healthz(request: HttpRequest) -> HttpResponse:
    """Answer 200 as long as the process serves requests."""
    return HttpResponse("ok", content_type="text/plain")


def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when the site can serve people, else 503; and which of its servers answer.

    Without the cache pages still come (slower), so that a proxy must not take the site away for it: 200, `degraded`.
    """
    checks = {"database": _database(), "cache": _cache()}
    if checks["database"] != "ok":
        return JsonResponse({"status": "unavailable", **checks}, status=503)
    return JsonResponse({"status": "ok" if checks["cache"] == "ok" else "degraded", **checks})


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "unreachable"
    return "ok"


def _cache() -> str:
    try:
        valkey.client().ping()
    except valkey.UNREACHABLE:
        return "unreachable"
    return "ok"
