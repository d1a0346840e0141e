"""API: POSTs that are done once per `Idempotency-Key`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework.response import Response

from portfolio_site.kernel.idempotency import fingerprint_of, once

IDEMPOTENCY_HEADER = OpenApiParameter(
    name="Idempotency-Key",
    type={"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]([ -~]{0,253}[!-~])?$"},
    location=OpenApiParameter.HEADER,
    required=False,
    description=(
        "Any text of 1 to 255 characters that is new for this request. Sent again with the same body, "
        "the first answer comes back (with `Idempotency-Replayed: true`) and nothing is done twice."
    ),
)


def idempotent(
    request: Any, *, route: str, do: Callable[[], tuple[int, Any]], payload: Any = None
) -> Response:
    """Answer a POST by `do() -> (status, body)`, once per key when the request carries one.

    `payload` says what was asked, where the body is a file: JSON that is equal when the requests are.

    Errors: 400 for a bad key, 409 when the key came before with another body.
    """
    key = request.headers.get("Idempotency-Key")
    if key is None:
        status, body = do()
        return Response(body, status=status)
    fingerprint = fingerprint_of(request.data if payload is None else payload)
    answer = once(key=key, user=request.user, route=route, fingerprint=fingerprint, do=do)
    headers = {"Idempotency-Replayed": "true"} if answer.replayed else None
    return Response(answer.body, status=answer.status, headers=headers)


class IdempotentCreateMixin:
    """`create` for viewsets: validates, calls `perform_create(serializer)`, answers once per `Idempotency-Key`."""

    def create(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """Create the thing and answer 201 with its representation."""
        view: Any = self
        serializer = view.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)

        def do() -> tuple[int, Any]:
            view.perform_create(serializer)
            return 201, serializer.data

        return idempotent(request, route=f"{view.basename}.create:{request.path}", do=do)
