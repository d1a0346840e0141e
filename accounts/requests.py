"""Accounts: what a request says about where it came from. For the edge only: pages, API, admin, allauth's hooks."""

from __future__ import annotations

import structlog
from allauth.account.adapter import get_adapter
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from accounts.origin import Origin


def origin_of(request: HttpRequest) -> Origin:
    """The address (behind as many proxies as are trusted), program and request id of a request."""
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    return Origin(
        ip=client_ip(request),
        user_agent=request.META.get("HTTP_USER_AGENT", "")[:300],
        request_id=str(request_id or ""),
    )


def client_ip(request: HttpRequest) -> str | None:
    """The address of the client; None when it cannot be told (a unix socket without a proxy's header)."""
    try:
        ip: str = get_adapter().get_client_ip(request)
    except PermissionDenied:
        return None
    return ip or None
