"""The counter's API: executions."""

from __future__ import annotations

from typing import ClassVar

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from portfolio_site.kernel.api import CursorPagination
from portfolio_site.kernel.api.problems import ProblemSerializer
from portfolio_site.kernel.api.selection import SelectFieldsMixin
from trading import queries
from trading.api_serializers import FillSerializer
from trading.models import SIDE_CHOICES, Fill


class FillFilter(django_filters.FilterSet):
    """What a list of fills can be narrowed to."""

    portfolio_id = django_filters.NumberFilter(
        field_name="order__portfolio_id", min_value=1, max_value=2**63 - 1
    )
    order_id = django_filters.UUIDFilter()
    symbol = django_filters.CharFilter(
        field_name="order__instrument__symbol", lookup_expr="iexact", max_length=40
    )
    side = django_filters.ChoiceFilter(field_name="order__side", choices=SIDE_CHOICES)
    after = django_filters.IsoDateTimeFilter(field_name="executed_at", lookup_expr="gt")
    until = django_filters.IsoDateTimeFilter(field_name="executed_at", lookup_expr="lt")

    class Meta:
        model = Fill
        fields: ClassVar[list[str]] = []


class _Newest(CursorPagination):
    """Newest first."""

    ordering = ("-executed_at", "id")


class FillsView(SelectFieldsMixin, GenericAPIView[Fill]):
    """Executions of the person's orders."""

    serializer_class = FillSerializer
    pagination_class = _Newest
    filterset_class = FillFilter
    queryset = Fill.objects.none()

    def get_queryset(self) -> QuerySet[Fill]:
        """What the person may see."""
        rows: QuerySet[Fill] = queries.fills_queryset(self.request.user)
        return rows

    @extend_schema(
        summary="List fills",
        description="Executions of your orders, newest first; `after` and `until` are exclusive.",
        responses={
            200: FillSerializer(many=True),
            401: OpenApiResponse(ProblemSerializer, description="Problem details"),
        },
    )
    def get(self, _request: Request) -> Response:
        """A page of them."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response(FillSerializer(queries.fill_views(page), many=True).data)
