"""The counter's part of ``/api/v1/``: placing, reading and canceling orders, and buying power."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

import django_filters
from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from holdings import queries as books
from marketdata.queries import find_by_symbol
from portfolio_site.kernel import clock
from portfolio_site.kernel.api import CursorPagination
from portfolio_site.kernel.api.permissions import IsAuthenticatedAndMayWrite
from portfolio_site.kernel.api.problems import ProblemSerializer
from portfolio_site.kernel.api.selection import SelectFieldsMixin
from trading import operations, queries
from trading.api_serializers import (
    BuyingPowerSerializer,
    NewOrderSerializer,
    OrderDetailSerializer,
    OrderSerializer,
    ReplaceOrderSerializer,
)
from trading.models import SIDE_CHOICES, Order

PLACE_DESCRIPTION = """
Place an order in one of your trading accounts. It is checked, and its cash or shares are held. On paper it is filled
before the answer is given if the market allows: read `status`. At a broker it is sent after the answer.

**Sending it again is safe.** Give `client_order_id` (or the `Idempotency-Key` header, which then is the client
order id): the same order with the same id answers what is there (`200` instead of `201`); a different order with
the same id is refused with `409 client_order_id_taken`.

Refusals are problem details with a stable `code` and the `field` they are about. Nothing is stored then.

| status | code | meaning |
| --- | --- | --- |
| 422 | `insufficient_buying_power` | needs more cash than the account has free; `buying_power` and `required` say |
| 422 | `no_cash_in_currency` | the account holds no cash in the instrument's currency |
| 422 | `insufficient_quantity` | sells more than the position less what open sells hold; `available` says |
| 422 | `quantity_invalid`, `quantity_step`, `quantity_too_large` | not positive, beyond the step, absurd |
| 422 | `limit_price_required`, `limit_price_not_allowed`, `limit_price_invalid`, `limit_price_too_large` | |
| 422 | `sub_penny` | stocks: two decimals from 1.00 up, four below |
| 422 | `notional_too_small`, `notional_too_large` | worth less than 1 or more than 100 000 000 |
| 422 | `instrument_not_found`, `instrument_inactive`, `instrument_not_tradable` | |
| 422 | `price_missing`, `price_stale` | nothing to trade at; a market order needs a fresh price |
| 422 | `portfolio_not_tradable`, `portfolio_archived` | orders are taken in trading accounts |
| 422 | `client_order_id_invalid` | 1 to 128 printable characters |
| 403 | `read_only` | auditors look, and do not trade |
| 404 | `portfolio_not_found` | no such portfolio, or not yours |
| 409 | `client_order_id_taken` | the id belongs to a different order; `order_id` says which |
""".strip()

#: Of a replacement sent again: what has to be as it was the first time. A stop that trails moves by itself.
_COMPARED = ("quantity", "limit_price", "time_in_force")
_PROBLEM = OpenApiResponse(ProblemSerializer, description="Problem details")


class OrderFilter(django_filters.FilterSet):
    """What a list of orders can be narrowed to."""

    status = django_filters.CharFilter(
        method="by_status", help_text="open, closed, or one status such as filled"
    )
    portfolio_id = django_filters.NumberFilter(min_value=1, max_value=2**63 - 1)
    instrument_id = django_filters.NumberFilter(min_value=1, max_value=2**63 - 1)
    symbol = django_filters.CharFilter(field_name="instrument__symbol", lookup_expr="iexact", max_length=40)
    side = django_filters.ChoiceFilter(choices=SIDE_CHOICES)
    client_order_id = django_filters.CharFilter(max_length=128)
    after = django_filters.IsoDateTimeFilter(field_name="submitted_at", lookup_expr="gt")
    until = django_filters.IsoDateTimeFilter(field_name="submitted_at", lookup_expr="lt")

    class Meta:
        model = Order
        fields: ClassVar[list[str]] = []

    def by_status(self, rows: Any, _name: str, value: str) -> Any:
        """``open`` and ``closed`` name groups of statuses."""
        if value == "open":
            return rows.open()
        return rows.closed() if value == "closed" else rows.filter(status=value)


class OrderPagination(CursorPagination):
    """Newest first."""

    ordering = ("-submitted_at", "id")


@extend_schema_view(
    list=extend_schema(
        summary="List orders",
        description="Your orders, newest first; `after` and `until` are exclusive.",
        responses={200: OrderSerializer(many=True), 401: _PROBLEM},
    )
)
class OrderViewSet(SelectFieldsMixin, GenericViewSet[Order]):
    """Orders of the person's own portfolios (every order for an auditor, who cannot place or cancel)."""

    write_scope = "trade"

    serializer_class = OrderSerializer
    permission_classes = (IsAuthenticatedAndMayWrite,)
    pagination_class = OrderPagination
    filterset_class = OrderFilter
    lookup_value_converter = "uuid"
    queryset = Order.objects.none()

    def get_queryset(self) -> QuerySet[Order]:
        """What the person may see."""
        return queries.orders_queryset(self.request.user)

    def list(self, _request: Request) -> Response:
        """A page of orders."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        views = [queries.order_view(row) for row in page]
        return self.get_paginated_response(OrderSerializer(views, many=True).data)

    @extend_schema(
        summary="One order with its history and fills",
        responses={200: OrderDetailSerializer, 401: _PROBLEM, 404: _PROBLEM},
    )
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """One order."""
        return Response(_detail(request, pk))

    @extend_schema(
        summary="Place an order",
        description=PLACE_DESCRIPTION,
        request=NewOrderSerializer,
        parameters=[
            OpenApiParameter(
                "Idempotency-Key",
                OpenApiTypes.STR,
                OpenApiParameter.HEADER,
                description="Stands in for `client_order_id` when the body has none.",
            )
        ],
        responses={
            201: OrderSerializer,
            200: OpenApiResponse(OrderSerializer, description="The order was there already."),
            400: _PROBLEM,
            401: _PROBLEM,
            403: _PROBLEM,
            404: _PROBLEM,
            409: _PROBLEM,
            422: _PROBLEM,
            429: _PROBLEM,
        },
    )
    def create(self, request: Request) -> Response:
        """Place an order, once."""
        serializer = NewOrderSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        data = dict(serializer.validated_data)
        now = clock.now()
        order = operations.place_order(
            portfolio_id=data["portfolio_id"],
            actor=request.user,
            client_order_id=_client_order_id(request, data),
            instrument_id=_instrument_id(request, data),
            side=data["side"],
            type=data["type"],
            time_in_force=data["time_in_force"],
            quantity=data["quantity"],
            notional=data["notional"],
            limit_price=data["limit_price"],
            stop_price=data["stop_price"],
            trail_price=data["trail_price"],
            trail_percent=data["trail_percent"],
            extended_hours=data["extended_hours"],
            order_class=data["order_class"],
            take_profit=None if data["take_profit"] is None else operations.TakeProfit(**data["take_profit"]),
            stop_loss=None if data["stop_loss"] is None else operations.StopLoss(**data["stop_loss"]),
            now=now,
        )
        return Response(OrderSerializer(order).data, status=201 if order.submitted_at == now else 200)

    @extend_schema(
        summary="Replace an order",
        description=(
            "Changes an open order by putting a new one in its place: the answer is the new order (`replaces_id` names the "
            "old one), and what was filled stays. What the old one held is free for it. With a `client_order_id`, sending it "
            "again answers the order that is there. An order that cannot be replaced (any more) is refused with "
            "`422 order_not_replaceable` and its `order_status`."
        ),
        request=ReplaceOrderSerializer,
        responses={
            200: OrderSerializer,
            400: _PROBLEM,
            401: _PROBLEM,
            403: _PROBLEM,
            404: _PROBLEM,
            409: _PROBLEM,
            422: _PROBLEM,
        },
    )
    def partial_update(self, request: Request, pk: UUID) -> Response:
        """Replace an order, once for each name."""
        old = queries.visible_order(request.user, pk)
        if old is None:
            raise operations.OrderUnknownError
        given = ReplaceOrderSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        order = _replaced_before(request, old, given.validated_data)
        if order is None:
            order = operations.replace_order(
                order_id=pk, actor=request.user, now=clock.now(), **given.validated_data
            )
        return Response(OrderSerializer(order).data)

    @extend_schema(
        summary="Cancel an order",
        description=(
            "Take back what is open of it. Canceling a canceled order answers it again; an order that has come to "
            "its end by itself is refused with `422 order_not_cancelable` and its `order_status`."
        ),
        responses={200: OrderSerializer, 401: _PROBLEM, 403: _PROBLEM, 404: _PROBLEM, 422: _PROBLEM},
    )
    def destroy(self, request: Request, pk: UUID) -> Response:
        """Cancel an order."""
        order = operations.cancel_order(order_id=pk, actor=request.user, now=clock.now())
        return Response(OrderSerializer(order).data)


class BuyingPowerView(APIView):
    """What a portfolio can spend."""

    permission_classes = (IsAuthenticatedAndMayWrite,)

    @extend_schema(
        summary="Buying power",
        description="Cash less what open buy orders hold, for each currency of the account.",
        responses={200: BuyingPowerSerializer(many=True), 401: _PROBLEM, 404: _PROBLEM},
    )
    def get(self, request: Request, portfolio_id: int) -> Response:
        """One row per currency."""
        if books.visible_portfolio(request.user, portfolio_id) is None:
            raise operations.PortfolioUnknownError
        return Response(BuyingPowerSerializer(queries.buying_power(portfolio_id), many=True).data)


def _client_order_id(request: Request, data: dict[str, Any]) -> str:
    given = data.get("client_order_id") or request.headers.get("Idempotency-Key")
    if not given:
        raise operations.OrderRefusedError(
            "Give client_order_id, or the Idempotency-Key header: without a name an order that is sent twice "
            "would be placed twice.",
            code="client_order_id_required",
            field="client_order_id",
        )
    return str(given)


def _replaced_before(request: Request, old: queries.OrderView, wanted: dict[str, Any]) -> Any:
    """The order that an earlier request of this name put in the place of another; None where there was none.

    Raises ``ClientOrderIdTakenError`` where that request asked for something else.
    """
    new = queries.visible_order(request.user, old.replaced_by_id) if old.replaced_by_id else None
    if new is None or new.client_order_id != wanted.get("client_order_id"):
        return None
    # Of an order that was filled in part, what the new one works on is the rest.
    compared = _COMPARED if not old.filled_quantity else _COMPARED[1:]
    asked = {name: value for name, value in wanted.items() if name in compared}
    if any(getattr(new, name) != value for name, value in asked.items()):
        raise operations.ClientOrderIdTakenError(new.id)
    return new


def _instrument_id(request: Request, data: dict[str, Any]) -> int:
    if "instrument_id" in data:
        return int(data["instrument_id"])
    found = find_by_symbol(user=request.user, symbol=data["symbol"], tradable=True)
    if found is None:
        raise operations.OrderRefusedError(
            "There is no instrument with this symbol.", code="instrument_not_found", field="symbol"
        )
    return int(found.pk)


def _detail(request: Request, order_id: UUID) -> Any:
    order = queries.visible_order(request.user, order_id)
    if order is None:
        raise operations.OrderUnknownError
    fills = queries.fills_for(request.user, order_id=order_id, limit=200)
    return {
        **OrderSerializer(order).data,
        "trail": OrderDetailSerializer().fields["trail"].to_representation(order.trail),
        "fills": OrderDetailSerializer().fields["fills"].to_representation(fills),
    }
