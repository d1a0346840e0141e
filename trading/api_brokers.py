"""The counter's part of ``/api/v1/``: accounts at brokers. Keys go in, and are in no answer and no log."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.views.decorators.debug import sensitive_variables
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.requests import origin_of
from portfolio_site.kernel import clock
from portfolio_site.kernel.api.idempotent import IDEMPOTENCY_HEADER
from trading import operations, queries
from trading.api_broker_common import AWAY, CHANGE, PROBLEM, READ, BrokerView, asked_once, body_of, own
from trading.api_broker_serializers import (
    BrokerConnectionSerializer,
    BrokerKeysSerializer,
    LiveMoneySerializer,
    NewBrokerConnectionSerializer,
    PauseSerializer,
    connection_body,
)


class BrokerConnectionsView(BrokerView):
    """The person's connections."""

    @extend_schema(
        summary="List broker connections",
        description=(
            "Your accounts at brokers, those in use first. Keys are never told: `key_hint` is the end of the key id."
        ),
        responses={200: BrokerConnectionSerializer(many=True), 401: PROBLEM},
    )
    def get(self, request: Request) -> Response:
        """All of them."""
        return Response([connection_body(row) for row in queries.broker_connections_of(request.user)])

    @extend_schema(
        summary="Connect an account at a broker",
        description=(
            "The keys are tried at once and kept sealed; nothing is traded. No order of a `live` account leaves before "
            "real money is switched on, which is a request of its own. Open a portfolio for it next."
        ),
        parameters=[IDEMPOTENCY_HEADER],
        request=NewBrokerConnectionSerializer,
        responses={201: BrokerConnectionSerializer, 400: PROBLEM, 401: PROBLEM, 403: PROBLEM, 409: PROBLEM,
                   422: PROBLEM, 503: AWAY},
    )  # fmt: skip
    @sensitive_variables()
    def post(self, request: Request) -> Response:
        """Connect it, once per key."""
        if getattr(request.user, "is_read_only", False):
            raise operations.ReadOnlyError
        given = NewBrokerConnectionSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        data = given.validated_data

        @sensitive_variables()
        def ask() -> Any:
            return operations.try_keys(actor=request.user, **data)

        return asked_once(
            request,
            route="trading.brokers.connect",
            # The secret is left out: of it not even a hash is kept.
            said={name: data[name] for name in data if name != "secret"},
            ask=ask,
            do=lambda tried: (201, body_of(request, _kept(request, tried))),
        )


class BrokerConnectionView(BrokerView):
    """One connection."""

    @extend_schema(
        summary="A broker connection",
        description="How it does, the broker's figures when it last told them, and what differs from the books.",
        responses={200: BrokerConnectionSerializer, **READ},
    )
    def get(self, request: Request, connection_id: UUID) -> Response:
        """How it does."""
        return Response(body_of(request, connection_id))

    @extend_schema(
        summary="Disconnect from a broker",
        description=(
            "The keys are deleted. What was not sent is taken back; orders that the broker has stay there and are no longer "
            "followed. The portfolio stays to be read. New keys of the same account connect it again."
        ),
        responses=CHANGE,
    )
    def delete(self, request: Request, connection_id: UUID) -> Response:
        """Forget its keys."""
        own(request, connection_id)
        operations.disconnect_broker(
            connection_id=connection_id, actor=request.user, now=clock.now(), origin=origin_of(request)
        )
        return Response(body_of(request, connection_id))


class BrokerKeysView(BrokerView):
    """The keys of a connection: they can be replaced, and not be read."""

    @extend_schema(
        summary="Replace the keys of a broker connection",
        description=(
            "They are tried at once and must open the same account. This also connects again what was disconnected. Real "
            "money has to be switched on anew."
        ),
        request=BrokerKeysSerializer,
        responses={**CHANGE, 503: AWAY},
    )
    @sensitive_variables()
    def put(self, request: Request, connection_id: UUID) -> Response:
        """Replace them."""
        own(request, connection_id)
        given = BrokerKeysSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        operations.renew_keys(
            connection_id=connection_id,
            actor=request.user,
            now=clock.now(),
            origin=origin_of(request),
            **given.validated_data,
        )
        return Response(body_of(request, connection_id))


class BrokerCheckView(BrokerView):
    """Trying a connection."""

    @extend_schema(
        summary="Test and refresh a broker connection",
        description=(
            "Asks the broker now: its figures are read and, where a portfolio is open for the account, every execution that "
            "is missing is booked and positions and cash are compared. `differences` says what does not agree."
        ),
        request=None,
        responses={**CHANGE, 503: AWAY},
    )
    def post(self, request: Request, connection_id: UUID) -> Response:
        """Ask it."""
        own(request, connection_id)
        operations.check_connection_now(connection_id=connection_id, actor=request.user, clock=clock.now)
        return Response(body_of(request, connection_id))


class BrokerLiveView(BrokerView):
    """Real money."""

    @extend_schema(
        summary="Switch real money on",
        description=(
            "From now on orders of this account are executed with real money. `account_number` has to be the account's "
            "number at the broker; the site has to allow it as well (`is_live_allowed`)."
        ),
        request=LiveMoneySerializer,
        responses=CHANGE,
    )
    def post(self, request: Request, connection_id: UUID) -> Response:
        """Switch it on."""
        own(request, connection_id)
        given = LiveMoneySerializer(data=request.data)
        given.is_valid(raise_exception=True)
        try:
            operations.enable_live(
                connection_id=connection_id,
                actor=request.user,
                typed=given.validated_data["account_number"],
                now=clock.now(),
                origin=origin_of(request),
            )
        except operations.BrokerConnectionRefusedError as refusal:
            refusal.field = "account_number" if refusal.field == "typed" else refusal.field
            raise
        return Response(body_of(request, connection_id))

    @extend_schema(
        summary="Switch real money off",
        description="At once: no new order leaves, what waits is taken back, the broker is asked to cancel what is open.",
        responses=CHANGE,
    )
    def delete(self, request: Request, connection_id: UUID) -> Response:
        """Switch it off."""
        own(request, connection_id)
        operations.disable_live(
            connection_id=connection_id, actor=request.user, now=clock.now(), origin=origin_of(request)
        )
        return Response(body_of(request, connection_id))


class BrokerPauseView(BrokerView):
    """Pausing."""

    @extend_schema(
        summary="Pause a broker connection, or let it go on",
        description=(
            "While it is paused no new order leaves and what was not sent is taken back. Orders at the broker stay open, can "
            "be cancelled, and their fills are booked."
        ),
        request=PauseSerializer,
        responses=CHANGE,
    )
    def post(self, request: Request, connection_id: UUID) -> Response:
        """Pause it or not."""
        own(request, connection_id)
        given = PauseSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        operations.pause_connection(
            connection_id=connection_id,
            actor=request.user,
            on=given.validated_data["on"],
            now=clock.now(),
            origin=origin_of(request),
        )
        return Response(body_of(request, connection_id))


def _kept(request: Request, tried: Any) -> UUID:
    return operations.keep_connection(
        actor=request.user, tried=tried, now=clock.now(), origin=origin_of(request)
    )
