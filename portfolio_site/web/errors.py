"""The front hall: error pages that need more than a template, and the same errors in the form of the API."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.template import loader
from django.views import defaults

from portfolio_site.kernel.api.problems import CONTENT_TYPE, problem

if TYPE_CHECKING:
    from django.http import HttpRequest

_API = "/api/"
#: A database that is started anew, or fails over, is back within seconds.
RETRY_SECONDS = 5


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Say that the form was too old or came from elsewhere, and that nothing was changed."""
    message = "This form had expired or did not come from this site. Nothing was changed: go back, reload, send again."
    return render(request, "403.html", {"error_message": message}, status=403)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """A request that the frame cannot read."""
    if request.path.startswith(_API):
        if isinstance(exception, RequestDataTooBig):
            return _problem(413, "body_too_large", "The request body is too large.")
        return _problem(400, "bad_request", "The request cannot be read.")
    return defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """What the frame does not allow."""
    if request.path.startswith(_API):
        return _problem(403, "permission_denied", "You may not do this.")
    return defaults.permission_denied(request, exception)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """An address that nobody knows."""
    if request.path.startswith(_API):
        return _problem(404, "not_found", "There is nothing at this address.")
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """A fault of ours: the log has it under the request id. 503 where the database was away or too slow."""
    if isinstance(sys.exc_info()[1], (OperationalError, InterfaceError)):
        return _unavailable(request)
    if request.path.startswith(_API):
        return _problem(500, "server_error", "This is our fault. The log has it under this request id.")
    return defaults.server_error(request)


def _unavailable(request: HttpRequest) -> HttpResponse:
    if request.path.startswith(_API):
        answer: HttpResponse = _problem(
            503, "database_unavailable", "The site's database did not answer in time. Try again in a moment."
        )
    else:
        answer = HttpResponse(loader.render_to_string("503.html"), status=503)
    answer.headers["Retry-After"] = str(RETRY_SECONDS)
    return answer


def _problem(status: int, code: str, detail: str) -> JsonResponse:
    return JsonResponse(
        problem(status=status, code=code, detail=detail), status=status, content_type=CONTENT_TYPE
    )
