"""The counter's part of ``/api/v1/``: what an account at a broker holds, beside our books and in them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portfolio_site.kernel import clock
from portfolio_site.kernel.api.idempotent import IDEMPOTENCY_HEADER
from portfolio_site.kernel.api.strict import query_params, read_query
from trading import operations
from trading.api_broker_common import AWAY, PROBLEM, READ, BrokerView, asked_once, body_of, own
from trading.api_broker_serializers import (
    AccountBesideSerializer,
    BringingSerializer,
    BringSerializer,
    BrokerConnectionSerializer,
    BroughtSerializer,
    CorrectedSerializer,
    OpenBrokerPortfolioSerializer,
)

ImportQuery = query_params(
    "ImportQuery",
    portfolio_id=serializers.IntegerField(
        min_value=1,
        max_value=2**63 - 1,
        required=True,
        help_text="A portfolio of yours that you keep by hand.",
    ),
)


class BrokerPortfolioView(BrokerView):
    """The portfolio of a connection."""

    @extend_schema(
        summary="Open a portfolio for an account at a broker",
        description=(
            "It begins with the positions, the cash and the open orders that the broker has now. From then on its orders are "
            "executed by the broker. A connection has one; `portfolio_id` of the answer names it."
        ),
        parameters=[IDEMPOTENCY_HEADER],
        request=OpenBrokerPortfolioSerializer,
        responses={201: BrokerConnectionSerializer, 400: PROBLEM, 403: PROBLEM, 409: PROBLEM, 422: PROBLEM,
                   503: AWAY, **READ},
    )  # fmt: skip
    def post(self, request: Request, connection_id: UUID) -> Response:
        """Open it, once per key."""
        own(request, connection_id)
        given = OpenBrokerPortfolioSerializer(data=request.data)
        given.is_valid(raise_exception=True)

        def open_it(start: Any) -> tuple[int, Any]:
            operations.open_broker_account(
                connection_id=connection_id,
                actor=request.user,
                name=given.validated_data["name"],
                clock=clock.now,
                start=start,
            )
            return 201, body_of(request, connection_id)

        return asked_once(
            request,
            route=f"trading.brokers.{connection_id}.open",
            said=given.validated_data,
            ask=lambda: operations.read_start(
                connection_id=connection_id, actor=request.user, clock=clock.now
            ),
            do=open_it,
        )


class BrokerPositionsView(BrokerView):
    """What an account at a broker holds."""

    @extend_schema(
        summary="Positions at a broker, beside the books",
        description="Asked now, nothing is changed. Without a portfolio of the connection, `ours` is 0.",
        responses={200: AccountBesideSerializer, 422: PROBLEM, 503: AWAY, **READ},
    )
    def get(self, request: Request, connection_id: UUID) -> Response:
        """Both books."""
        own(request, connection_id)
        found = operations.positions_beside(connection_id=connection_id, actor=request.user, clock=clock.now)
        return Response(AccountBesideSerializer(found).data)


class BrokerCorrectionsView(BrokerView):
    """Booking what differs."""

    @extend_schema(
        summary="Book the broker's figures",
        description=(
            "Compares anew, then books each difference of positions and cash as an entry of its own, named as a correction. "
            "Look first for what it comes from. Sent again, nothing is left to book."
        ),
        request=None,
        responses={200: CorrectedSerializer, 400: PROBLEM, 403: PROBLEM, 422: PROBLEM, 503: AWAY,
                   **READ},
    )  # fmt: skip
    def post(self, request: Request, connection_id: UUID) -> Response:
        """Book them; where the books agree, nothing is booked."""
        own(request, connection_id)

        count = operations.book_differences(connection_id=connection_id, actor=request.user, clock=clock.now)
        body = {"booked": count, "connection": body_of(request, connection_id)}
        return Response(body)


class BrokerImportView(BrokerView):
    """Bringing positions into a portfolio that is kept by hand."""

    @extend_schema(
        summary="What bringing a broker's positions over would book",
        description=(
            "Asks the broker now; nothing is booked. In the portfolio the positions lie in an account of their own, and what "
            "is booked is the difference to it: a second run books nothing."
        ),
        parameters=[ImportQuery],
        responses={200: BringingSerializer, 403: PROBLEM, 422: PROBLEM, 503: AWAY, **READ},
    )
    def get(self, request: Request, connection_id: UUID) -> Response:
        """The preview."""
        own(request, connection_id)
        found = operations.look_at_bringing(
            connection_id=connection_id,
            portfolio_id=read_query(request, ImportQuery)["portfolio_id"],
            actor=request.user,
            clock=clock.now,
        )
        return Response(BringingSerializer(found).data)

    @extend_schema(
        summary="Bring a broker's positions over",
        description=(
            "Books what the preview with this `token` showed, all of it or nothing. When the account or the portfolio has "
            "changed since, it is refused with `409 broker_positions_changed`."
        ),
        parameters=[IDEMPOTENCY_HEADER],
        request=BringSerializer,
        responses={201: BroughtSerializer, 400: PROBLEM, 403: PROBLEM, 409: PROBLEM, 422: PROBLEM, 503: AWAY,
                   **READ},
    )  # fmt: skip
    def post(self, request: Request, connection_id: UUID) -> Response:
        """Book it, once per key."""
        own(request, connection_id)
        given = BringSerializer(data=request.data)
        given.is_valid(raise_exception=True)

        def book(read: Any) -> tuple[int, Any]:
            count = operations.bring_positions(
                connection_id=connection_id,
                actor=request.user,
                clock=clock.now,
                read=read,
                **given.validated_data,
            )
            return 201, {"booked": count}

        return asked_once(
            request,
            route=f"trading.brokers.{connection_id}.import",
            said=given.validated_data,
            ask=lambda: operations.read_account(
                connection_id=connection_id, actor=request.user, clock=clock.now
            ),
            do=book,
        )
