"""The counter's part of ``/api/v1/``: trading accounts, their settings, their kill switch, beginning anew, their positions."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portfolio_site.kernel import clock
from portfolio_site.kernel.api.idempotent import IDEMPOTENCY_HEADER, idempotent
from portfolio_site.kernel.api.permissions import IsAuthenticatedAndMayWrite
from portfolio_site.kernel.api.problems import ProblemSerializer
from portfolio_site.kernel.api.strict import query_params, read_query
from trading import operations, queries
from trading.api_account_serializers import (
    CloseAllSerializer,
    ClosedSerializer,
    ClosePositionSerializer,
    EquityCurveSerializer,
    KillSwitchSerializer,
    NewTradingAccountSerializer,
    OpenPositionSerializer,
    ResetSerializer,
    SettingsSerializer,
    TradingAccountSerializer,
    account_body,
)
from trading.api_serializers import OrderSerializer
from trading.operations import AccountRefusedError
from trading.queries import AccountView
from trading.queries.brokers import badges_of

EquityCurveQuery = query_params(
    "EquityCurveQuery",
    range=serializers.ChoiceField(
        choices=list(queries.CURVE_RANGES), default="1M", help_text="How far it reaches back."
    ),
)
_PROBLEM = OpenApiResponse(ProblemSerializer, description="Problem details")
_ERRORS = {401: _PROBLEM, 403: _PROBLEM, 404: _PROBLEM, 422: _PROBLEM}


def _shown(request: Request, portfolio_id: int) -> AccountView:
    found = queries.visible_account(request.user, portfolio_id)
    if found is None:
        raise operations.PortfolioUnknownError
    return found


def _own(request: Request, portfolio_id: int) -> AccountView:
    found = _shown(request, portfolio_id)
    if found.owner_id != request.user.pk:
        raise operations.ReadOnlyError
    return found


class _View(APIView):
    permission_classes = (IsAuthenticatedAndMayWrite,)


class _TradeView(_View):
    """What a key that may trade, and no more, may do as well."""

    write_scope = "trade"


class TradingAccountsView(_View):
    """The person's trading accounts."""

    @extend_schema(
        summary="List trading accounts",
        description="Your accounts, on paper and at brokers, with their figures, the oldest first; archived ones are left out.",
        responses={200: TradingAccountSerializer(many=True), 401: _PROBLEM},
    )
    def get(self, request: Request) -> Response:
        """All of them."""
        cards = queries.account_cards(request.user, now=clock.now())
        badges = badges_of(card.account.portfolio_id for card in cards)
        return Response(
            [
                account_body(card.account, card.figures, money=badges.get(card.account.portfolio_id, "paper"))
                for card in cards
            ]
        )

    @extend_schema(
        summary="Open a paper account",
        description="With play money in one currency; as a cash account (`multiplier` 1) or with margin (2 or 4).",
        parameters=[IDEMPOTENCY_HEADER],
        request=NewTradingAccountSerializer,
        responses={201: TradingAccountSerializer, 400: _PROBLEM, 401: _PROBLEM, 409: _PROBLEM, 422: _PROBLEM},
    )
    def post(self, request: Request) -> Response:
        """Open one, once per key."""
        if getattr(request.user, "is_read_only", False):
            raise operations.ReadOnlyError
        given = NewTradingAccountSerializer(data=request.data)
        given.is_valid(raise_exception=True)

        def do() -> tuple[int, Any]:
            now = clock.now()
            portfolio_id = operations.open_paper_account(owner=request.user, now=now, **given.validated_data)
            return 201, _body(portfolio_id)

        return idempotent(request, route="trading.accounts.open", do=do)


class TradingAccountView(_View):
    """One trading account."""

    @extend_schema(
        summary="A trading account",
        description=(
            "Equity, cash, buying powers, margins, a margin call with when it falls due, what was paid, and every setting. "
            "Amounts are in `currency`."
        ),
        responses={200: TradingAccountSerializer, 401: _PROBLEM, 404: _PROBLEM},
    )
    def get(self, request: Request, portfolio_id: int) -> Response:
        """Its figures and settings."""
        _shown(request, portfolio_id)
        return Response(_body(portfolio_id))

    @extend_schema(
        summary="Change an account's settings",
        description=(
            "What is not named stays. Those of the simulated exchange are refused for an account at a broker. `null` takes "
            "a limit away, `participation` back to all that is quoted, and `fee_schedule` back to the site's. All of it "
            "is changed or nothing."
        ),
        request=SettingsSerializer,
        responses={200: TradingAccountSerializer, 400: _PROBLEM, **_ERRORS},
    )
    def patch(self, request: Request, portfolio_id: int) -> Response:
        """Change some of them."""
        _own(request, portfolio_id)
        given = SettingsSerializer(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        unknown = set(request.data) - set(given.fields)
        if unknown:
            raise AccountRefusedError("There is no such setting.", field=min(unknown))
        operations.change_settings(
            portfolio_id=portfolio_id, actor=request.user, changes=given.validated_data, now=clock.now()
        )
        return Response(_body(portfolio_id))


class ResetView(_View):
    """Beginning anew."""

    @extend_schema(
        summary="Reset a paper account",
        description=(
            "Open orders are cancelled, everything booked so far no longer counts, and the account holds `cash` (what it "
            "was opened with unless given). Orders and fills stay to be read and their ids stay taken. `confirm` is the "
            "account's number. Nobody can undo this."
        ),
        parameters=[IDEMPOTENCY_HEADER],
        request=ResetSerializer,
        responses={200: TradingAccountSerializer, 400: _PROBLEM, 409: _PROBLEM, **_ERRORS},
    )
    def post(self, request: Request, portfolio_id: int) -> Response:
        """Reset it, once per key."""
        account = _own(request, portfolio_id)
        given = ResetSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        if given.validated_data["confirm"] != account.account_number:
            raise AccountRefusedError("Give the account's number to confirm.", field="confirm")

        def do() -> tuple[int, Any]:
            operations.reset_account(
                portfolio_id=portfolio_id,
                actor=request.user,
                cash=given.validated_data["cash"],
                now=clock.now(),
            )
            return 200, _body(portfolio_id)

        return idempotent(request, route=f"trading.accounts.{portfolio_id}.reset", do=do)


class KillSwitchView(_TradeView):
    """The kill switch of an account."""

    @extend_schema(
        summary="Stop an account's trading, or let it go on",
        description="While it is on no new order is taken from anywhere; cancels still work.",
        request=KillSwitchSerializer,
        responses={200: TradingAccountSerializer, 400: _PROBLEM, **_ERRORS},
    )
    def post(self, request: Request, portfolio_id: int) -> Response:
        """Throw it or release it."""
        _own(request, portfolio_id)
        given = KillSwitchSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        operations.set_kill_switch(
            actor=request.user, portfolio_id=portfolio_id, now=clock.now(), **given.validated_data
        )
        return Response(_body(portfolio_id))


class EquityCurveView(_TradeView):
    """What an account was worth."""

    @extend_schema(
        summary="Equity curve of a trading account",
        description="At the end of each New York day, or every quarter of an hour for `1D`; the last point is now.",
        parameters=[EquityCurveQuery],
        responses={200: EquityCurveSerializer(many=True), 401: _PROBLEM, 404: _PROBLEM, 422: _PROBLEM},
    )
    def get(self, request: Request, portfolio_id: int) -> Response:
        """Its points, the oldest first."""
        account = _shown(request, portfolio_id)
        code = read_query(request, EquityCurveQuery)["range"]
        points = queries.equity_curve(account, range_code=code, now=clock.now())
        return Response(EquityCurveSerializer(points, many=True).data)


class OpenPositionsView(_TradeView):
    """The positions of a trading account."""

    @extend_schema(
        summary="Open positions of a trading account",
        description="At average entry price, with today's change; quantity, value and cost of a short one are negative.",
        responses={200: OpenPositionSerializer(many=True), 401: _PROBLEM, 404: _PROBLEM},
    )
    def get(self, request: Request, portfolio_id: int) -> Response:
        """All of them, by symbol."""
        _shown(request, portfolio_id)
        views = queries.positions_of(portfolio_id, now=clock.now())
        return Response(OpenPositionSerializer(views, many=True).data)

    @extend_schema(
        summary="Close all positions",
        description="A market order for each; one that cannot be closed does not hold up the others.",
        parameters=[IDEMPOTENCY_HEADER],
        request=CloseAllSerializer,
        responses={200: ClosedSerializer(many=True), 400: _PROBLEM, 409: _PROBLEM, **_ERRORS},
    )
    def post(self, request: Request, portfolio_id: int) -> Response:
        """Close them, once per key."""
        _own(request, portfolio_id)
        given = CloseAllSerializer(data=request.data)
        given.is_valid(raise_exception=True)

        def do() -> tuple[int, Any]:
            results = operations.close_all_positions(
                portfolio_id=portfolio_id, actor=request.user, now=clock.now(), **given.validated_data
            )
            return 200, ClosedSerializer(results, many=True).data

        return idempotent(request, route=f"trading.accounts.{portfolio_id}.close_all", do=do)


class ClosePositionView(_TradeView):
    """Closing one position."""

    @extend_schema(
        summary="Close a position or a part of it",
        description=(
            "By a market order: `quantity` units, or `percentage` of it, or all of it. Sent again with the same "
            "`client_order_id` (or the same `Idempotency-Key`), the order that was placed is answered."
        ),
        parameters=[IDEMPOTENCY_HEADER],
        request=ClosePositionSerializer,
        responses={201: OrderSerializer, 400: _PROBLEM, 409: _PROBLEM, **_ERRORS},
    )
    def post(self, request: Request, portfolio_id: int, instrument_id: int) -> Response:
        """Close it."""
        _own(request, portfolio_id)
        given = ClosePositionSerializer(data=request.data)
        given.is_valid(raise_exception=True)

        def do() -> tuple[int, Any]:
            order = operations.close_position(
                portfolio_id=portfolio_id,
                actor=request.user,
                instrument_id=instrument_id,
                now=clock.now(),
                **given.validated_data,
            )
            return 201, OrderSerializer(order).data

        return idempotent(request, route=f"trading.accounts.{portfolio_id}.close:{instrument_id}", do=do)


def _body(portfolio_id: int) -> dict[str, Any]:
    account = queries.account_of(portfolio_id)
    assert account is not None
    page = queries.account_page(account, now=clock.now())
    money = "paper"
    if account.broker_connection_id is not None:
        money = badges_of([portfolio_id]).get(portfolio_id, "paper")
    return account_body(account, page.figures, page.paid, money=money)
