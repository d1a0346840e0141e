"""Accounts: what every request passes through on behalf of the person behind it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import structlog
from allauth.usersessions.models import UserSession
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.models import User
from accounts.models.user import zone_or_utc
from accounts.requests import client_ip
from portfolio_site.kernel import clock
from portfolio_site.kernel.audit import audit_context

GetResponse = Callable[[HttpRequest], HttpResponse]

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class PreferencesMiddleware:
    """Shows times in the person's zone. Numbers and dates follow their locale in the template tags."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Activate the zone for this request only."""
        user = request.user
        if not isinstance(user, User):
            return self.get_response(request)
        with timezone.override(zone_or_utc(user.time_zone)):
            return self.get_response(request)


class AuditContextMiddleware:
    """Lets the audit trail say who changed something, from where and in which request."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Set the context around requests that may change something; a token adds its person later.

        Pages that note something while they are read ask for it themselves (`kernel.audit.audited`).
        """
        request.audit_facts = lambda: _facts(request)  # type: ignore[attr-defined]
        if request.method in SAFE_METHODS:
            return self.get_response(request)
        with audit_context(**_facts(request)):
            return self.get_response(request)


def _facts(request: HttpRequest) -> dict[str, Any]:
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    return {
        "user": request.user.pk,
        "ip": client_ip(request),
        "url": request.path,
        "request_id": str(request_id or ""),
    }


class ReadOnlyRolesMiddleware:
    """Auditors read and change nothing, whatever a page may offer: their own sign-in and settings aside."""

    OWN_PATHS = ("/accounts/", "/settings/", "/api/v1/me/", "/api/v1/tokens/", "/api/v1/auth/")

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Go on with the request."""
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_view: object) -> None:
        """Refuse a change asked for by an auditor's session with 403."""
        if request.method in SAFE_METHODS or request.path.startswith(self.OWN_PATHS):
            return
        if isinstance(request.user, User) and request.user.is_read_only:
            raise PermissionDenied("Auditors read and change nothing.")


class SessionActivityMiddleware:
    """Keeps "last seen" in the list of sessions, written at most every five minutes for each session."""

    RESOLUTION = timedelta(minutes=5)

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Note the visit after it was served."""
        response = self.get_response(request)
        key = request.session.session_key
        if key and request.user.is_authenticated:
            seen = cache.add(f"accounts.seen:{key}", 1, timeout=int(self.RESOLUTION.total_seconds()))
            if seen:
                UserSession.objects.filter(session_key=key).update(
                    last_seen_at=clock.now(),
                    ip=client_ip(request) or "0.0.0.0",  # noqa: S104
                )
        return response
