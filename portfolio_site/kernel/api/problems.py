"""API: errors as RFC 9457 problem details, with a stable `type` and the field named."""

from __future__ import annotations

from typing import Any

import structlog
from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions, serializers
from rest_framework.response import Response

from portfolio_site.kernel.errors import DomainError

CONTENT_TYPE = "application/problem+json"


class ProblemErrorSerializer(serializers.Serializer[Any]):
    """One fault of a request: where, which kind, and the sentence for a person."""

    field = serializers.CharField(help_text="Path of the input the fault is about; empty for the whole.")
    code = serializers.CharField()
    message = serializers.CharField()


class ProblemSerializer(serializers.Serializer[Any]):
    """RFC 9457 problem details: the body of every 4xx and 5xx answer."""

    type = serializers.CharField(help_text="Stable address of the kind of problem: /api/problems/<code>")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField()
    request_id = serializers.CharField(allow_null=True)
    errors = ProblemErrorSerializer(many=True)  # type: ignore[assignment]


def problem(
    *,
    status: int,
    code: str,
    detail: str,
    title: str = "",
    errors: list[dict[str, str]] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Return the body of a problem answer; `more` are further facts beside the standard members."""
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    return {
        **more,
        "type": f"/api/problems/{code}",
        "title": title or code.replace("_", " ").capitalize(),
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": str(request_id) if request_id else None,
        "errors": errors or [],
    }


def problem_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Answer an exception of an API view as problem details; None (a 500 page) for what nobody foresaw."""
    if isinstance(exc, Http404):
        exc = exceptions.NotFound()
    elif isinstance(exc, PermissionDenied):
        exc = exceptions.PermissionDenied()
    if isinstance(exc, DomainError):
        errors = [{"field": exc.field, "code": exc.code, "message": exc.message}] if exc.field else []
        body = problem(status=exc.status, code=exc.code, detail=exc.message, errors=errors, **exc.details)
        return _respond(exc.status, body, context)
    if not isinstance(exc, exceptions.APIException):
        return None
    if isinstance(exc, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        exc = _as_often(exc, context)
    headers = {}
    wait = getattr(exc, "wait", None)
    if wait is not None:
        headers["Retry-After"] = str(int(wait) + 1)
    challenge = getattr(exc, "auth_header", None)
    if challenge:
        headers["WWW-Authenticate"] = challenge
    if isinstance(exc, exceptions.ValidationError):
        errors = list(_flatten(exc.detail, exc.get_codes(), ""))
        body = problem(
            status=exc.status_code,
            code="validation_failed",
            detail=errors[0]["message"] if len(errors) == 1 else "Some fields are not right.",
            errors=errors,
        )
    else:
        codes = exc.get_codes()
        code = codes if isinstance(codes, str) else "error"
        body = problem(status=exc.status_code, code=code, detail=str(exc.detail))
    return _respond(exc.status_code, body, context, headers)


def _as_often(refusal: exceptions.APIException, context: dict[str, Any]) -> exceptions.APIException:
    """The refusal of somebody without a good key, or 429 for an address that was refused too often: limits of views are
    counted after it is known who asks, and so never for those of whom it is not."""
    # As below: it reads DRF's settings.
    from portfolio_site.kernel.api.throttling import AnonThrottle

    request, throttle = context.get("request"), AnonThrottle()
    if request is None or throttle.allow_request(request, context.get("view")):
        return refusal
    return exceptions.Throttled(throttle.wait())


def _respond(
    status: int, body: dict[str, Any], context: dict[str, Any], headers: dict[str, str] | None = None
) -> Response:
    # DRF reads its settings, which name this package, while it loads its views.
    from rest_framework.views import set_rollback

    set_rollback()
    # In a browser the problem stands in a page, which says itself what it is.
    renderer = getattr(context.get("request"), "accepted_renderer", None)
    is_page = getattr(renderer, "format", "") == "api"
    return Response(body, status=status, headers=headers, content_type=None if is_page else CONTENT_TYPE)


def _flatten(detail: Any, codes: Any, path: str) -> Any:
    if isinstance(detail, dict):
        for key, value in detail.items():
            name = "" if key == "non_field_errors" else str(key)
            yield from _flatten(value, codes[key], f"{path}.{name}".strip("."))
    elif isinstance(detail, list):
        for index, value in enumerate(detail):
            if isinstance(value, dict | list):
                yield from _flatten(value, codes[index], f"{path}[{index}]")
            else:
                code = codes[index] if isinstance(codes, list) else codes
                yield {"field": path, "code": str(code), "message": str(value)}
    else:
        yield {"field": path, "code": str(codes), "message": str(detail)}
