"""The print shop: its part of the API."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from portfolio_site.kernel import clock
from portfolio_site.kernel.api import idempotent
from portfolio_site.kernel.api.idempotent import IDEMPOTENCY_HEADER
from reports import operations, queries
from reports.api_serializers import ReportRequestSerializer, ReportSerializer
from reports.models import ReportJob


class ReportFilter(django_filters.FilterSet):
    """What a list of reports can be narrowed by."""

    class Meta:
        model = ReportJob
        fields = ("state", "kind", "format", "portfolio")


@extend_schema_view(
    list=extend_schema(summary="List reports", description="Reports you asked for, newest first."),
    retrieve=extend_schema(
        summary="Show a report",
        description="Poll this until `state` is `done` (then `document` is set) or `failed`.",
    ),
    destroy=extend_schema(summary="Delete a report", description="Its file goes with it."),
)
class ReportViewSet(
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.DestroyModelMixin,
    viewsets.GenericViewSet[ReportJob],
):
    """Reports of the signed-in person."""

    queryset = ReportJob.objects.none()
    serializer_class = ReportSerializer
    filterset_class = ReportFilter
    ordering = ("-created_at", "id")
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[ReportJob]:
        """Those of the person who asks."""
        return queries.reports_for(self.request.user)

    @extend_schema(
        summary="Ask for a report",
        description="The report is made in the background; the answer is its job.",
        request=ReportRequestSerializer,
        responses={201: ReportSerializer},
        parameters=[IDEMPOTENCY_HEADER],
    )
    def create(self, request: Request) -> Response:
        """Put a report on the list of what is to be made."""
        wanted = ReportRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        asked = wanted.validated_data

        def do() -> tuple[int, Any]:
            job = operations.request_report(
                actor=request.user,
                portfolio_id=asked["portfolio"],
                kind=asked["kind"],
                format=asked["format"],
                period_from=asked.get("period_from"),
                period_to=asked.get("period_to"),
                currency=asked.get("currency", ""),
                now=clock.now(),
            )
            return 201, ReportSerializer(job, context=self.get_serializer_context()).data

        return idempotent(request, route="reports.create", do=do)

    def perform_destroy(self, instance: ReportJob) -> None:
        """Delete by the operation."""
        operations.delete_report(job_id=instance.pk, actor=self.request.user, now=clock.now())
