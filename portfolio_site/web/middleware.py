"""The front hall: the log line of every request, and what is said with every answer of the API."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse
from django_structlog.middlewares import RequestMiddleware

from accounts.requests import client_ip
from marketdata.queries import simulated_prices_in_use

#: Header of every answer of the API while this site makes up prices. Answers that carry prices say it of each besides.
HEADER = "Simulated-Prices"
_REMEMBERED_SECONDS = 5.0


class RequestLogMiddleware(RequestMiddleware):
    """One line for each request when it is answered, with its id, person and address.

    The address is that which limits and the audit trail go by: only trusted proxies are believed.
    """

    @classmethod
    def bind_ip(cls, request: HttpRequest) -> None:
        """Let all lines of the request carry the address."""
        structlog.contextvars.bind_contextvars(ip=client_ip(request))


class SimulatedPricesHeaderMiddleware:
    """Says in every answer of the API, and with every file that goes out, that the simulated market is in use here."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response
        self._known = False
        self._until = 0.0

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Add the header where it holds."""
        response = self._get_response(request)
        speaks = request.path.startswith("/api/") or response.has_header("Content-Disposition")
        if speaks and self._in_use():
            response.headers[HEADER] = "true"
        return response

    def _in_use(self) -> bool:
        now = time.monotonic()
        if now >= self._until:
            self._known, self._until = simulated_prices_in_use(), now + _REMEMBERED_SECONDS
        return self._known
