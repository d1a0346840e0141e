"""Pages of market data: what several of them need."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response

from portfolio_site.kernel.errors import ForbiddenError


def may_change(request: HttpRequest) -> None:
    """Raise `ForbiddenError` for a role that only looks."""
    if getattr(request.user, "is_read_only", False):
        raise ForbiddenError("Your role may look at this but not change it.")


def wants_part(request: HttpRequest, target: str) -> bool:
    """Whether htmx asks for the part of a page with this id."""
    return bool(getattr(request, "htmx", False)) and request.headers.get("HX-Target") == target


def json_answer(request: HttpRequest, body: Any) -> HttpResponseBase:
    """Answer with JSON that a browser may keep and ask about: 304 while its figures are still the same."""
    content = orjson.dumps(body)
    etag = f'"{blake2b(content, digest_size=16).hexdigest()}"'
    response = HttpResponse(content, content_type="application/json")
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = "private, no-cache"
    return get_conditional_response(request, etag=etag, response=response) or response
