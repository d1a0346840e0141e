"""What the doors of accounts at brokers share: whose connection it is, what is told of it, and doing a thing once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiResponse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portfolio_site.kernel.api.permissions import IsAuthenticatedAndMayWrite
from portfolio_site.kernel.api.problems import ProblemSerializer
from portfolio_site.kernel.idempotency import Answer, earlier, fingerprint_of, once
from trading import operations, queries
from trading.api_broker_serializers import BrokerConnectionSerializer, connection_body

PROBLEM = OpenApiResponse(ProblemSerializer, description="Problem details")
AWAY = OpenApiResponse(ProblemSerializer, description="The broker could not be asked; nothing was changed.")
READ = {401: PROBLEM, 404: PROBLEM}
CHANGE = {200: BrokerConnectionSerializer, 400: PROBLEM, 403: PROBLEM, 422: PROBLEM, **READ}


class BrokerView(APIView):
    """A door of one's own accounts at brokers."""

    permission_classes = (IsAuthenticatedAndMayWrite,)


def own(request: Request, connection_id: UUID) -> None:
    """Refuse what is not there for this person (404), and who may only read it."""
    found = queries.broker_connection(request.user, connection_id)
    if found is None:
        raise operations.BrokerConnectionUnknownError
    if found.owner_id != request.user.pk:
        raise operations.ReadOnlyError


def body_of(request: Request, connection_id: UUID) -> dict[str, Any]:
    """The connection as it is told now."""
    found = queries.broker_connection(request.user, connection_id)
    if found is None:
        raise operations.BrokerConnectionUnknownError
    return connection_body(found)


def asked_once(
    request: Request,
    *,
    route: str,
    said: Mapping[str, Any],
    ask: Callable[[], Any],
    do: Callable[[Any], tuple[int, Any]],
) -> Response:
    """Ask the broker (`ask`, outside any transaction), and do with its answer what is done once for each `Idempotency-Key`.

    A key that was answered before gets that answer, and the broker is not asked again. `said` is what the request has to repeat
    under the same key.
    """
    kept: dict[str, Any] = {"user": request.user, "route": route, "fingerprint": fingerprint_of(dict(said))}
    key = request.headers.get("Idempotency-Key")
    if key is not None and (answer := earlier(key=key, **kept)) is not None:
        return _answered(answer)
    told = ask()
    if key is None:
        status, body = do(told)
        return Response(body, status=status)
    return _answered(once(key=key, do=lambda: do(told), **kept))


def _answered(answer: Answer) -> Response:
    headers = {"Idempotency-Replayed": "true"} if answer.replayed else None
    return Response(answer.body, status=answer.status, headers=headers)
