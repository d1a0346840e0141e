"""The wire's gate: everything under ``/alpaca`` is answered here, before the site's own middleware.

Programs bring no session, no cookie and no CSRF token, follow no redirect, and read every answer as JSON: 404, 405 and
500 too. So the gate does by itself what it needs of the rest: request id, log line, audit context, rate limit,
compression, and the last word about errors.
"""

from __future__ import annotations

import gzip
import time
import uuid
from collections.abc import Callable
from contextlib import nullcontext
from functools import cache
from typing import Any

import orjson
import structlog
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, get_resolver

from accounts.requests import client_ip
from marketdata.queries import simulated_prices_in_use
from portfolio_site.kernel import clock
from portfolio_site.kernel.audit import audit_context
from portfolio_site.kernel.errors import DomainError
from trading.operations import note_key_use
from trading.queries import KeyHolder
from trading.wire import limits
from trading.wire.auth import holder_for
from trading.wire.calls import Call, Endpoint, Handler, Reply
from trading.wire.errors import (
    INTERNAL,
    METHOD_NOT_ALLOWED,
    TOO_MANY,
    UNAVAILABLE,
    WireError,
    bad_request,
    not_found,
    unauthorized,
)
from trading.wire.refusals import wire_error_of

log = structlog.get_logger(__name__)

PREFIX = "/alpaca"
_URLS = "trading.wire.urls"
_READS = frozenset({"GET", "HEAD"})
#: Requests a minute of one address: without a key, and with keys that open nothing.
OPEN_LIMIT = 200
REFUSED_LIMIT = 600
_COMPRESS_FROM = 8 * 1024
#: On every answer while this site makes up prices.
SIMULATED_HEADER = "X-Holdfast-Simulated"
_REMEMBERED_SECONDS = 5.0


class WireGateMiddleware:
    """Answers what is under ``/alpaca`` and lets the rest through. Stands first in the list."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request."""
        path = request.path_info
        if path.startswith(PREFIX) and path[len(PREFIX) : len(PREFIX) + 1] in {"", "/"}:
            return answer(request)
        return self.get_response(request)


def answer(request: HttpRequest) -> HttpResponse:
    """Answer a request of a program; whatever happens, in the form that programs read."""
    began = time.perf_counter()
    request_id = str(uuid.uuid4())
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=request_id)
    visit = Visit(request)
    reply = told(visit.handle)
    response = _response(request, reply, visit.allowance)
    response.headers["X-Request-ID"] = request_id
    if simulation.is_on():
        # Its answers have no room for it: their form is that which programs know.
        response.headers[SIMULATED_HEADER] = "true"
    # One line for each request, written below; Django's own for refusals would be a second.
    response._has_been_logged = True  # type: ignore[attr-defined]
    log.info(
        "wire_request",
        method=request.method,
        path=request.path_info,
        status=response.status_code,
        key=visit.holder.key_id if visit.holder else None,
        ms=round((time.perf_counter() - began) * 1000, 2),
    )
    structlog.contextvars.clear_contextvars()
    return response


def told(work: Callable[[], Reply]) -> Reply:
    """What ``work`` answers, or what a program is told of whatever went wrong in it."""
    try:
        return work()
    except WireError as error:
        return _refusal(error)
    except DomainError as error:
        return _refusal(wire_error_of(error))
    except OperationalError:
        log.exception("wire_database_failed")
        return Reply({"code": UNAVAILABLE, "message": "the site's database cannot be reached"}, 503)
    except Exception:
        log.exception("wire_failed")
        return Reply({"code": INTERNAL, "message": "internal server error occurred"}, 500)


def _refusal(error: WireError) -> Reply:
    return Reply(error.body, error.status, error.headers)


class Visit:
    """One request from the door to the handler, and what is known of it on the way."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request
        self.holder: KeyHolder | None = None
        self.allowance: limits.Allowance | None = None
        self.now = clock.now()

    @property
    def known_holder(self) -> KeyHolder:
        """Whoever asks. Raises ``WireError`` (401) when nobody was admitted."""
        if self.holder is None:
            raise unauthorized()
        return self.holder

    def handle(self) -> Reply:
        """Find the handler, ask who it is, count, and do it."""
        endpoint, arguments = _endpoint_of(self.request)
        self.admit(is_open=endpoint.is_open)
        handler = endpoint.methods.get(self.request.method or "")
        if handler is None:
            allowed = ", ".join(sorted(endpoint.methods))
            raise WireError(METHOD_NOT_ALLOWED, "method not allowed", headers={"Allow": allowed})
        call = Call(self.request, self.now, self.holder)
        if self.request.method not in _READS and self.holder is not None:
            # Whatever the handler does: who looks on behalf of others changes nothing, not even of their own.
            call.refuse_read_only()
        with self._audited(handler):
            found = handler(call, **arguments)
        return found if isinstance(found, Reply) else Reply(found)

    def admit(self, *, is_open: bool = False) -> None:
        """Find out who asks and count the request. Raises ``WireError`` for whoever must stay outside."""
        self._check_door()
        try:
            self.holder = holder_for(self.request)
            if self.holder is None and not is_open:
                raise unauthorized()
        except WireError:
            self._count(f"refused:{client_ip(self.request)}", REFUSED_LIMIT)
            raise
        if self.holder is None:
            self._count(f"open:{client_ip(self.request)}", OPEN_LIMIT)
            return
        self._count(f"key:{self.holder.key_pk}", self.holder.rate_limit)
        note_key_use(key_pk=self.holder.key_pk, last_used_at=self.holder.last_used_at, now=self.now)

    def _check_door(self) -> None:
        try:
            self.request.get_host()
        except DisallowedHost:
            raise bad_request("unknown host") from None
        if getattr(settings, "SECURE_SSL_REDIRECT", False) and not self.request.is_secure():
            # A redirect would not be followed, and the key has crossed the network readable already.
            raise bad_request("use https: keys must not travel unencrypted")

    def _count(self, bucket: str, limit: int) -> None:
        self.allowance = limits.take(bucket, limit)
        if self.allowance.is_exceeded:
            raise WireError(
                TOO_MANY, "too many requests.", headers={"Retry-After": str(self.allowance.retry_after)}
            )

    def _audited(self, handler: Handler) -> Any:
        """Let what changes be kept with who changed it, from where."""
        if self.request.method in _READS or self.holder is None:
            return nullcontext()
        return audit_context(
            deferred=getattr(handler, "tells_by_lock", False),
            user=self.holder.user.pk,
            api_key=self.holder.key_id,
            ip=client_ip(self.request),
            url=self.request.path,
            request_id=structlog.contextvars.get_contextvars()["request_id"],
        )


def _endpoint_of(request: HttpRequest) -> tuple[Endpoint, dict[str, Any]]:
    """The endpoint of a path. A base URL that ends in a slash makes two of them; both spellings are answered."""
    path = "/" + request.path_info[len(PREFIX) :].strip("/")
    endpoint = _fixed_paths(_URLS).get(path)
    if endpoint is not None:
        return endpoint, {}
    try:
        found = get_resolver(_URLS).resolve(path)
    except Resolver404:
        raise not_found("endpoint not found") from None
    target: Any = found.func
    return target, dict(found.kwargs)


@cache
def _fixed_paths(urls: str) -> dict[str, Endpoint]:
    """The endpoints whose paths have nothing variable in them: most requests are for one of these, and the resolver
    would try forty patterns one after the other. What it says of each is what holds here."""
    resolver = get_resolver(urls)
    paths = ("/" + str(pattern.pattern) for pattern in resolver.url_patterns)
    found: dict[str, Any] = {path: resolver.resolve(path).func for path in paths if "<" not in path}
    return found


class Simulation:
    """Whether this site makes up prices, as each process remembers it for some seconds: orders do not wait for it."""

    def __init__(self) -> None:
        self._known = False
        self._until = 0.0

    def is_on(self) -> bool:
        """Whether any price here is made up."""
        if (now := time.monotonic()) >= self._until:
            try:
                self._known, self._until = simulated_prices_in_use(), now + _REMEMBERED_SECONDS
            except OperationalError:
                # The answer itself says what is wrong.
                return self._known
        return self._known

    def remember(self, known: bool, *, seconds: float = _REMEMBERED_SECONDS) -> None:
        """Believe this for so long."""
        self._known, self._until = known, time.monotonic() + seconds


simulation = Simulation()


def limit_headers(allowance: limits.Allowance | None) -> dict[str, str]:
    """What is left of the limit that a request counted against; nothing for one that was not counted."""
    if allowance is None:
        return {}
    return {
        "X-RateLimit-Limit": str(allowance.limit),
        "X-RateLimit-Remaining": str(allowance.remaining),
        "X-RateLimit-Reset": str(allowance.reset),
    }


def _response(request: HttpRequest, reply: Reply, allowance: limits.Allowance | None) -> HttpResponse:
    content = b"" if reply.body is None else orjson.dumps(reply.body)
    headers = {
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        **limit_headers(allowance),
        **reply.headers,
    }
    if len(content) >= _COMPRESS_FROM and "gzip" in request.META.get("HTTP_ACCEPT_ENCODING", ""):
        content = gzip.compress(content, compresslevel=1, mtime=0)
        headers["Content-Encoding"] = "gzip"
    response = HttpResponse(content, status=reply.status, content_type="application/json", headers=headers)
    if reply.body is None:
        del response.headers["Content-Type"]
    response.headers["Content-Length"] = str(len(content))
    return response
