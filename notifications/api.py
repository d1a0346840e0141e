"""The bell: its part of the API."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from notifications import operations, queries
from notifications.api_serializers import MarkedSerializer, NotificationSerializer
from notifications.models import Notification
from portfolio_site.kernel import clock


class NotificationFilter(django_filters.FilterSet):
    """What the inbox can be narrowed by."""

    unread = django_filters.BooleanFilter(
        field_name="read_at", lookup_expr="isnull", help_text="true: not read yet; false: read."
    )
    kind = django_filters.CharFilter(help_text="A kind such as order.filled.")

    class Meta:
        model = Notification
        fields = ("kind",)


@extend_schema_view(
    list=extend_schema(summary="List notifications", description="Your inbox, newest first."),
    retrieve=extend_schema(summary="Show a notification", description="One entry of your inbox."),
)
class NotificationViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Notification]
):
    """The inbox of the signed-in person."""

    queryset = Notification.objects.none()
    serializer_class = NotificationSerializer
    filterset_class = NotificationFilter
    ordering = ("-id",)
    lookup_value_converter = "int"

    def get_queryset(self) -> QuerySet[Notification]:
        """Those of the person who asks."""
        return queries.inbox(self.request.user)

    @extend_schema(summary="Mark as read", description="The time of first reading stays.", request=None)
    @action(detail=True, methods=["post"])
    def read(self, request: Request, pk: int, **_: Any) -> Response:
        """Mark one entry as read."""
        entry = operations.mark_read(notification_id=pk, actor=request.user, now=clock.now())
        return Response(self.get_serializer(entry).data)

    @extend_schema(summary="Mark as not read", description="The entry counts as new again.", request=None)
    @action(detail=True, methods=["post"])
    def unread(self, request: Request, pk: int, **_: Any) -> Response:
        """Mark one entry as not read."""
        entry = operations.mark_unread(notification_id=pk, actor=request.user)
        return Response(self.get_serializer(entry).data)

    @extend_schema(
        summary="Mark all as read",
        description="Everything in your inbox.",
        request=None,
        responses=MarkedSerializer,
    )
    @action(detail=False, methods=["post"], url_path="read-all", pagination_class=None, filterset_class=None)
    def read_all(self, request: Request, **_: Any) -> Response:
        """Mark every entry as read."""
        marked = operations.mark_all_read(actor=request.user, now=clock.now())
        return Response(MarkedSerializer({"marked": marked}).data)
