"""The counter's part of ``/api/v1/``: accounts at brokers. Keys go in, and are in no answer and no log."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.views.decorators.debug import sensitive_variables
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.requests import origin_of
from portfolio_site.kernel import clock
from portfolio_site.kernel.api.idempotent import IDEMPOTENCY_HEADER
from portfolio_site.kernel.api.problems import ProblemSerializer
from portfolio_site.kernel.api.strict import query_params, read_query
from portfolio_site.kernel.idempotency import Answer, earlier, fingerprint_of, once
from trading import operations, queries
from trading.api_broker_serializers import (
    AccountBesideSerializer,
    BringingSerializer,
    BringSerializer,
    BrokerConnectionSerializer,
    BrokerKeysSerializer,
    BroughtSerializer,
    CorrectedSerializer,
    LiveMoneySerializer,
    NewBrokerConnectionSerializer,
    OpenBrokerPortfolioSerializer,
    PauseSerializer,
    connection_body,
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
_PROBLEM = OpenApiResponse(ProblemSerializer, description="Problem details")
_AWAY = OpenApiResponse(ProblemSerializer, description="The broker could not be asked; nothing was changed.")
_READ = {401: _PROBLEM, 404: _PROBLEM}
_CHANGE = {200: BrokerConnectionSerializer, 400: _PROBLEM, 403: _PROBLEM, 422: _PROBLEM, **_READ}


class _View(APIView):
    permission_classes = (IsAuthenticated,)


class BrokerConnectionsView(_View):
    """The person's connections."""

    @extend_schema(
        summary="List broker connections",
        description=(
            "Your accounts at brokers, those in use first. Keys are never told: `key_hint` is the end of the key id."
        ),
        responses={200: BrokerConnectionSerializer(many=True), 401: _PROBLEM},
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
        responses={201: BrokerConnectionSerializer, 400: _PROBLEM, 401: _PROBLEM, 403: _PROBLEM, 409: _PROBLEM,
                   422: _PROBLEM, 503: _AWAY},
    )  # fmt: skip
    @sensitive_variables()
    def post(self, request: Request) -> Response:
        """Connect it, once per key."""
        if getattr(request.user, "is_read_only", False):
            raise operations.ReadOnlyError
        given = NewBrokerConnectionSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        data = given.validated_data
        # The secret is left out: of it not even a hash is kept.
        kept: dict[str, Any] = {
            "user": request.user,
            "route": "trading.brokers.connect",
            "fingerprint": fingerprint_of({name: data[name] for name in data if name != "secret"}),
        }
        key = request.headers.get("Idempotency-Key")
        if key is not None and (answer := earlier(key=key, **kept)) is not None:
            return _answer(answer)
        # The broker is asked before any transaction begins.
        tried = operations.try_keys(actor=request.user, **data)

        def do() -> tuple[int, Any]:
            made = operations.keep_connection(
                actor=request.user, tried=tried, now=clock.now(), origin=origin_of(request)
            )
            return 201, _body(request, made)

        if key is None:
            status, body = do()
            return Response(body, status=status)
        return _answer(once(key=key, do=do, **kept))


class BrokerConnectionView(_View):
    """One connection."""

    @extend_schema(
        summary="A broker connection",
        description="How it does, the broker's figures when it last told them, and what differs from the books.",
        responses={200: BrokerConnectionSerializer, **_READ},
    )
    def get(self, request: Request, connection_id: UUID) -> Response:
        """How it does."""
        return Response(_body(request, connection_id))

    @extend_schema(
        summary="Disconnect from a broker",
        description=(
            "The keys are deleted. What was not sent is taken back; orders that the broker has stay there and are no longer "
            "followed. The portfolio stays to be read. New keys of the same account connect it again."
        ),
        responses=_CHANGE,
    )
    def delete(self, request: Request, connection_id: UUID) -> Response:
        """Forget its keys."""
        _own(request, connection_id)
        operations.disconnect_broker(
            connection_id=connection_id, actor=request.user, now=clock.now(), origin=origin_of(request)
        )
        return Response(_body(request, connection_id))


class BrokerKeysView(_View):
    """The keys of a connection: they can be replaced, and not be read."""

    @extend_schema(
        summary="Replace the keys of a broker connection",
        description=(
            "They are tried at once and must open the same account. This also connects again what was disconnected. Real "
            "money has to be switched on anew."
        ),
        request=BrokerKeysSerializer,
        responses={**_CHANGE, 503: _AWAY},
    )
    @sensitive_variables()
    def put(self, request: Request, connection_id: UUID) -> Response:
        """Replace them."""
        _own(request, connection_id)
        given = BrokerKeysSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        operations.renew_keys(
            connection_id=connection_id,
            actor=request.user,
            now=clock.now(),
            origin=origin_of(request),
            **given.validated_data,
        )
        return Response(_body(request, connection_id))


class BrokerCheckView(_View):
    """Trying a connection."""

    @extend_schema(
        summary="Test and refresh a broker connection",
        description=(
            "Asks the broker now: its figures are read and, where a portfolio is open for the account, every execution that "
            "is missing is booked and positions and cash are compared. `differences` says what does not agree."
        ),
        request=None,
        responses={**_CHANGE, 503: _AWAY},
    )
    def post(self, request: Request, connection_id: UUID) -> Response:
        """Ask it."""
        _own(request, connection_id)
        operations.check_connection_now(connection_id=connection_id, actor=request.user, clock=clock.now)
        return Response(_body(request, connection_id))


class BrokerLiveView(_View):
    """Real money."""

    @extend_schema(
        summary="Switch real money on",
        description=(
            "From now on orders of this account are executed with real money. `account_number` has to be the account's "
            "number at the broker; the site has to allow it as well (`is_live_allowed`)."
        ),
        request=LiveMoneySerializer,
        responses=_CHANGE,
    )
    def post(self, request: Request, connection_id: UUID) -> Response:
        """Switch it on."""
        _own(request, connection_id)
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
        return Response(_body(request, connection_id))

    @extend_schema(
        summary="Switch real money off",
        description="At once: no new order leaves, what waits is taken back, the broker is asked to cancel what is open.",
        responses=_CHANGE,
    )
    def delete(self, request: Request, connection_id: UUID) -> Response:
        """Switch it off."""
        _own(request, connection_id)
        operations.disable_live(
            connection_id=connection_id, actor=request.user, now=clock.now(), origin=origin_of(request)
        )
        return Response(_body(request, connection_id))


class BrokerPauseView(_View):
    """Pausing."""

    @extend_schema(
        summary="Pause a broker connection, or let it go on",
        description=(
            "While it is paused no new order leaves and what was not sent is taken back. Orders at the broker stay open, can "
            "be cancelled, and their fills are booked."
        ),
        request=PauseSerializer,
        responses=_CHANGE,
    )
    def post(self, request: Request, connection_id: UUID) -> Response:
        """Pause it or not."""
        _own(request, connection_id)
        given = PauseSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        operations.pause_connection(
            connection_id=connection_id,
            actor=request.user,
            on=given.validated_data["on"],
            now=clock.now(),
            origin=origin_of(request),
        )
        return Response(_body(request, connection_id))


class BrokerPortfolioView(_View):
    """The portfolio of a connection."""

    @extend_schema(
        summary="Open a portfolio for an account at a broker",
        description=(
            "It begins with the positions, the cash and the open orders that the broker has now. From then on its orders are "
            "executed by the broker. A connection has one; `portfolio_id` of the answer names it."
        ),
        parameters=[IDEMPOTENCY_HEADER],
        request=OpenBrokerPortfolioSerializer,
        responses={201: BrokerConnectionSerializer, 400: _PROBLEM, 403: _PROBLEM, 409: _PROBLEM, 422: _PROBLEM,
                   503: _AWAY, **_READ},
    )  # fmt: skip
    def post(self, request: Request, connection_id: UUID) -> Response:
        """Open it, once per key."""
        _own(request, connection_id)
        given = OpenBrokerPortfolioSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        kept: dict[str, Any] = {
            "user": request.user,
            "route": f"trading.brokers.{connection_id}.open",
            "fingerprint": fingerprint_of(given.validated_data),
        }
        key = request.headers.get("Idempotency-Key")
        if key is not None and (answer := earlier(key=key, **kept)) is not None:
            return _answer(answer)
        start = operations.read_start(connection_id=connection_id, actor=request.user, clock=clock.now)

        def do() -> tuple[int, Any]:
            operations.open_broker_account(
                connection_id=connection_id,
                actor=request.user,
                name=given.validated_data["name"],
                clock=clock.now,
                start=start,
            )
            return 201, _body(request, connection_id)

        if key is None:
            status, body = do()
            return Response(body, status=status)
        return _answer(once(key=key, do=do, **kept))


class BrokerPositionsView(_View):
    """What an account at a broker holds."""

    @extend_schema(
        summary="Positions at a broker, beside the books",
        description="Asked now, nothing is changed. Without a portfolio of the connection, `ours` is 0.",
        responses={200: AccountBesideSerializer, 422: _PROBLEM, 503: _AWAY, **_READ},
    )
    def get(self, request: Request, connection_id: UUID) -> Response:
        """Both books."""
        _own(request, connection_id)
        found = operations.positions_beside(connection_id=connection_id, actor=request.user, clock=clock.now)
        return Response(AccountBesideSerializer(found).data)


class BrokerCorrectionsView(_View):
    """Booking what differs."""

    @extend_schema(
        summary="Book the broker's figures",
        description=(
            "Compares anew, then books each difference of positions and cash as an entry of its own, named as a correction. "
            "Look first for what it comes from. Sent again, nothing is left to book."
        ),
        request=None,
        responses={200: CorrectedSerializer, 400: _PROBLEM, 403: _PROBLEM, 422: _PROBLEM, 503: _AWAY,
                   **_READ},
    )  # fmt: skip
    def post(self, request: Request, connection_id: UUID) -> Response:
        """Book them; where the books agree, nothing is booked."""
        _own(request, connection_id)

        count = operations.book_differences(connection_id=connection_id, actor=request.user, clock=clock.now)
        body = {"booked": count, "connection": _body(request, connection_id)}
        return Response(body)


class BrokerImportView(_View):
    """Bringing positions into a portfolio that is kept by hand."""

    @extend_schema(
        summary="What bringing a broker's positions over would book",
        description=(
            "Asks the broker now; nothing is booked. In the portfolio the positions lie in an account of their own, and what "
            "is booked is the difference to it: a second run books nothing."
        ),
        parameters=[ImportQuery],
        responses={200: BringingSerializer, 403: _PROBLEM, 422: _PROBLEM, 503: _AWAY, **_READ},
    )
    def get(self, request: Request, connection_id: UUID) -> Response:
        """The preview."""
        _own(request, connection_id)
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
        responses={201: BroughtSerializer, 400: _PROBLEM, 403: _PROBLEM, 409: _PROBLEM, 422: _PROBLEM, 503: _AWAY,
                   **_READ},
    )  # fmt: skip
    def post(self, request: Request, connection_id: UUID) -> Response:
        """Book it, once per key."""
        _own(request, connection_id)
        given = BringSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        kept: dict[str, Any] = {
            "user": request.user,
            "route": f"trading.brokers.{connection_id}.import",
            "fingerprint": fingerprint_of(given.validated_data),
        }
        key = request.headers.get("Idempotency-Key")
        if key is not None and (answer := earlier(key=key, **kept)) is not None:
            return _answer(answer)
        read = operations.read_account(connection_id=connection_id, actor=request.user, clock=clock.now)

        def do() -> tuple[int, Any]:
            count = operations.bring_positions(
                connection_id=connection_id,
                actor=request.user,
                clock=clock.now,
                read=read,
                **given.validated_data,
            )
            return 201, {"booked": count}

        if key is None:
            status, body = do()
            return Response(body, status=status)
        return _answer(once(key=key, do=do, **kept))


def _own(request: Request, connection_id: UUID) -> None:
    found = queries.broker_connection(request.user, connection_id)
    if found is None:
        raise operations.BrokerConnectionUnknownError
    if found.owner_id != request.user.pk:
        raise operations.ReadOnlyError


def _body(request: Request, connection_id: UUID) -> dict[str, Any]:
    found = queries.broker_connection(request.user, connection_id)
    if found is None:
        raise operations.BrokerConnectionUnknownError
    return connection_body(found)


def _answer(answer: Answer) -> Response:
    headers = {"Idempotency-Replayed": "true"} if answer.replayed else None
    return Response(answer.body, status=answer.status, headers=headers)
