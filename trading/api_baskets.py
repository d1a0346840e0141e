"""The counter's part of ``/api/v1/``: plans that bring a portfolio to its targets, and baskets placed as one."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from holdings import queries as books
from holdings.operations.targets import TargetsRefused, set_targets
from portfolio_site.kernel import clock
from portfolio_site.kernel.api import DecimalString
from portfolio_site.kernel.api.permissions import IsAuthenticatedAndMayWrite
from portfolio_site.kernel.api.problems import ProblemSerializer
from portfolio_site.kernel.api.strict import StrictSerializer, query_params, read_query
from trading import operations, queries
from trading.api_serializers import OrderSerializer
from trading.models import SIDE_CHOICES, BasketState, LineState
from trading.operations import AskedLine
from trading.queries import RebalancePlan
from trading.queries.rebalancing import DIMENSIONS

_PROBLEM = OpenApiResponse(ProblemSerializer, description="Problem details")
_ERRORS = {400: _PROBLEM, 401: _PROBLEM, 403: _PROBLEM, 404: _PROBLEM, 409: _PROBLEM, 422: _PROBLEM}
_DIMENSIONS = list(DIMENSIONS.items())


PlanQuery = query_params(
    "PlanQuery",
    by=serializers.ChoiceField(choices=_DIMENSIONS, default="instrument", help_text="What targets are by."),
    tolerance=DecimalString(
        min_value=Decimal(0), max_value=Decimal("0.5"), default=Decimal("0.01"), help_text="A part of 1."
    ),
    least=DecimalString(
        min_value=Decimal(0),
        max_value=Decimal(10**9),
        default=Decimal(25),
        help_text="The smallest order, in money.",
    ),
)


class PlanPartSerializer(serializers.Serializer[Any]):
    """Something that can have a target."""

    key = serializers.CharField(help_text="An instrument's id, an asset class, or cash.")
    name = serializers.CharField()
    value = DecimalString()
    weight = DecimalString()
    target = DecimalString(allow_null=True)


class PlanOrderSerializer(StrictSerializer):
    """An order of the plan; the same fields place it."""

    instrument_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    side = serializers.ChoiceField(choices=SIDE_CHOICES)
    quantity = DecimalString(positive=True)
    limit_price = DecimalString(
        positive=True, allow_null=True, default=None, help_text="Of a purchase; a sale is a market order."
    )
    amount = DecimalString(
        min_value=Decimal(0), default=Decimal(0), help_text="What it is reckoned to come to."
    )
    fees = DecimalString(min_value=Decimal(0), default=Decimal(0))


class PlanSerializer(serializers.Serializer[Any]):
    """The way from the weights of now to the targets."""

    currency = serializers.CharField()
    by = serializers.ChoiceField(choices=_DIMENSIONS)
    is_advice = serializers.BooleanField(help_text="The portfolio is tracked: nothing can be placed.")
    problem = serializers.CharField(help_text="Why there is no plan yet; empty when there is.")
    parts = PlanPartSerializer(many=True)
    total = DecimalString(allow_null=True)
    drift = DecimalString(allow_null=True, help_text="The part that is in the wrong place.")
    drift_after = DecimalString(allow_null=True)
    fees = DecimalString(allow_null=True)
    orders = PlanOrderSerializer(many=True, help_text="Sales first.")


class TargetsSerializer(StrictSerializer):
    """Target weights, parts of 1, together exactly 1."""

    by = serializers.ChoiceField(choices=_DIMENSIONS, default="instrument")
    weights = serializers.DictField(
        child=DecimalString(min_value=Decimal(0), max_value=Decimal(1)),
        help_text="By instrument id or asset class, and cash.",
    )


class NewBasketSerializer(StrictSerializer):
    """A basket to place."""

    id = serializers.UUIDField(
        required=False, help_text="Your id for it; sent again, the basket that is there answers."
    )
    orders = PlanOrderSerializer(many=True, allow_empty=False)


class BasketLineSerializer(serializers.Serializer[Any]):
    """One order of a basket."""

    number = serializers.IntegerField()
    instrument_id = serializers.IntegerField()
    symbol = serializers.CharField()
    side = serializers.CharField()
    quantity = DecimalString()
    limit_price = DecimalString(allow_null=True)
    state = serializers.ChoiceField(choices=LineState.choices)
    reason = serializers.CharField()
    order = OrderSerializer(allow_null=True)


class BasketSerializer(serializers.Serializer[Any]):
    """A basket and what has become of it."""

    id = serializers.UUIDField()
    portfolio_id = serializers.IntegerField()
    state = serializers.ChoiceField(choices=BasketState.choices)
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    lines = BasketLineSerializer(many=True)


class RebalanceView(APIView):
    """The plan for a portfolio, its targets, and placing it."""

    write_scope = "trade"
    permission_classes = (IsAuthenticatedAndMayWrite,)

    @extend_schema(
        summary="Plan a rebalancing",
        description=(
            "From the saved target weights to a basket of orders at the prices of this moment; reads only. Nothing within "
            "`tolerance` of its target is traded, and no order is worth less than `least`. For a tracked portfolio it is advice."
        ),
        parameters=[PlanQuery],
        responses={200: PlanSerializer, **_ERRORS},
    )
    def get(self, request: Request, portfolio_id: int) -> Response:
        """The plan."""
        portfolio = _shown(request, portfolio_id)
        return Response(_plan(portfolio, read_query(request, PlanQuery)))

    @extend_schema(
        summary="Save target weights",
        description="Replaces the targets of one dimension. Everything held has one; together, cash included, they are 1.",
        request=TargetsSerializer,
        responses={200: PlanSerializer, **_ERRORS},
    )
    def put(self, request: Request, portfolio_id: int) -> Response:
        """Save them."""
        portfolio = _own(request, portfolio_id)
        given = TargetsSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        data = given.validated_data
        if sum(data["weights"].values(), Decimal(0)) != 1:
            raise TargetsRefused("Together the targets have to be 1, cash included.", field="weights")
        set_targets(
            portfolio_id=portfolio_id,
            dimension=data["by"],
            weights=data["weights"],
            actor=request.user,
            now=clock.now(),
        )
        return Response(
            _plan(portfolio, {"by": data["by"], "tolerance": Decimal("0.01"), "least": Decimal(25)})
        )

    @extend_schema(
        summary="Place a basket",
        description=(
            "The orders of a plan (or your own), placed as one: all are checked before any is placed, sales go first, and "
            "purchases that the sales have to pay for wait for their fills. `details.lines` of a refusal says why, line by "
            "line. Give `id`, or the `Idempotency-Key` header, to be able to send it again."
        ),
        request=NewBasketSerializer,
        parameters=[OpenApiParameter("Idempotency-Key", OpenApiTypes.UUID, OpenApiParameter.HEADER)],
        responses={201: BasketSerializer, **_ERRORS},
    )
    def post(self, request: Request, portfolio_id: int) -> Response:
        """Place it, once."""
        _own(request, portfolio_id)
        given = NewBasketSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        basket_id = operations.place_basket(
            portfolio_id=portfolio_id,
            actor=request.user,
            basket_id=given.validated_data.get("id") or _key(request),
            lines=[AskedLine(**line) for line in given.validated_data["orders"]],
            now=clock.now(),
        )
        return Response(_basket(request, basket_id), status=201)


class BasketView(APIView):
    """A basket."""

    write_scope = "trade"
    permission_classes = (IsAuthenticatedAndMayWrite,)

    @extend_schema(
        summary="A basket and its orders", responses={200: BasketSerializer, 401: _PROBLEM, 404: _PROBLEM}
    )
    def get(self, request: Request, basket_id: uuid.UUID) -> Response:
        """What has become of it."""
        return Response(_basket(request, basket_id))

    @extend_schema(
        summary="Stop a basket",
        description="What waits is dropped and what is open is cancelled; what was filled stays.",
        responses={200: BasketSerializer, 401: _PROBLEM, 403: _PROBLEM, 404: _PROBLEM},
    )
    def delete(self, request: Request, basket_id: uuid.UUID) -> Response:
        """Stop it."""
        operations.stop_basket(basket_id=basket_id, actor=request.user, now=clock.now())
        return Response(_basket(request, basket_id))


def _shown(request: Request, portfolio_id: int) -> Any:
    portfolio = books.visible_portfolio(request.user, portfolio_id)
    if portfolio is None:
        raise operations.PortfolioUnknownError
    return portfolio


def _own(request: Request, portfolio_id: int) -> Any:
    portfolio = _shown(request, portfolio_id)
    if portfolio.owner_id != request.user.pk:
        raise operations.ReadOnlyError
    return portfolio


def _key(request: Request) -> uuid.UUID:
    given = request.headers.get("Idempotency-Key")
    if given is None:
        return uuid.uuid4()
    # One key, one basket: whatever text it is.
    return uuid.uuid5(uuid.NAMESPACE_URL, f"basket:{request.user.pk}:{given}")


def _plan(portfolio: Any, asked: dict[str, Any]) -> dict[str, Any]:
    found: RebalancePlan = queries.rebalance_plan(
        portfolio,
        dimension=asked["by"],
        tolerance=asked["tolerance"],
        least=asked["least"],
        now=clock.now(),
    )
    basket = found.basket
    row = {
        "currency": found.currency,
        "by": found.dimension,
        "is_advice": found.is_advice,
        "problem": found.problem,
        "parts": [
            {
                "key": part.key,
                "name": part.label,
                "value": round(part.value, 8),
                "weight": round(part.weight, 6),
                "target": part.target,
            }
            for part in found.parts
        ],
        "total": None if basket is None else round(basket.total, 8),
        "drift": None if basket is None else round(basket.drift, 6),
        "drift_after": None if basket is None else round(basket.drift_after, 6),
        "fees": None if basket is None else round(basket.fees, 8),
        "orders": []
        if basket is None
        else [
            {
                "instrument_id": leg.id,
                "side": leg.side,
                "quantity": leg.quantity,
                "limit_price": leg.price if leg.side == "buy" else None,
                "amount": leg.amount,
                "fees": leg.fees,
            }
            for leg in basket.legs
        ],
    }
    return dict(PlanSerializer(row).data)


def _basket(request: Request, basket_id: uuid.UUID) -> dict[str, Any]:
    found = queries.visible_basket(request.user, basket_id)
    if found is None:
        raise operations.BasketUnknownError
    return dict(BasketSerializer(found).data)
