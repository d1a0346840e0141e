"""The ground floor: what every request passes through."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpResponse
from django.middleware.http import ConditionalGetMiddleware
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.utils.functional import SimpleLazyObject

from .errors import DomainError

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    GetResponse = Callable[[HttpRequest], HttpResponse]


class RequestIdHeaderMiddleware:
    """Answer with the request id that the log lines of this request carry."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request."""
        response = self.get_response(request)
        request_id = structlog.contextvars.get_contextvars().get("request_id")
        if request_id:
            response.headers.setdefault("X-Request-ID", str(request_id))
        return response


class ContentSecurityPolicyMiddleware:
    """Give each response a strict Content-Security-Policy with a nonce of its own (`request.csp_nonce`)."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request."""
        request.csp_nonce = SimpleLazyObject(lambda: secrets.token_urlsafe(16))  # type: ignore[attr-defined]
        response = self.get_response(request)
        if "Content-Security-Policy" not in response.headers:
            response.headers["Content-Security-Policy"] = self._policy(request)
        response.headers.setdefault(
            "Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()"
        )
        return response

    @staticmethod
    def _policy(request: HttpRequest) -> str:
        socket = (
            f"{'wss' if request.is_secure() else 'ws'}://{request.get_host()}" if _has_host(request) else ""
        )
        directives = dict(settings.CONTENT_SECURITY_POLICY)
        if request.path.startswith(settings.CONTENT_SECURITY_POLICY_RELAXED_STYLE_PATHS):
            directives["style-src"] += " 'unsafe-inline'"
        if request.path.startswith(settings.CONTENT_SECURITY_POLICY_WORKER_PATHS):
            directives["worker-src"] = "'self' blob:"
        policy = "; ".join(f"{name} {value}" for name, value in directives.items())
        return policy.format(nonce=request.csp_nonce, socket=socket)  # type: ignore[attr-defined]


def _has_host(request: HttpRequest) -> bool:
    try:
        return bool(request.get_host())
    except DisallowedHost:
        return False


class ApiConditionalGetMiddleware(ConditionalGetMiddleware):
    """Give what programs read an `ETag`, and answer 304 to who has it already (`If-None-Match`).

    Pages carry a nonce and differ each time: they are left alone.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Tag the answer of a GET below `/api/`; what is anybody's own may be kept only by who asked."""
        if not request.path.startswith("/api/"):
            return response
        # Who asks is said by a cookie or by this header: what is kept for the one is no answer to the other.
        patch_vary_headers(response, ("Authorization",))
        if response.status_code != 200:
            return response
        if request.method == "GET":
            response.headers.setdefault("Cache-Control", "private, no-cache")
        return super().process_response(request, response)


class DomainErrorMiddleware:
    """Turn a refusal that a page did not handle at a field into the error page of its status.

    The API has its own handler; this one is for pages and htmx fragments.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Render 404.html or 400.html with the sentence of the refusal; other exceptions go on."""
        if not isinstance(exception, DomainError):
            return None
        template = "404.html" if exception.status == 404 else "400.html"
        return render(request, template, {"error_message": exception.message}, status=exception.status)
