"""The cellar: its part of the API."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from documents import operations, queries
from documents.api_serializers import DocumentSerializer, LinkSerializer
from documents.models import Document
from portfolio_site.kernel import clock


class DocumentFilter(django_filters.FilterSet):
    """What a list of documents can be narrowed by."""

    filename = django_filters.CharFilter(lookup_expr="icontains", help_text="Part of the name.")
    created_after = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Document
        fields = ("kind",)


@extend_schema_view(
    list=extend_schema(summary="List documents", description="Your private files, newest first."),
    retrieve=extend_schema(summary="Show a document", description="What is known of one of your files."),
    destroy=extend_schema(summary="Delete a document", description="The file is removed for good."),
)
class DocumentViewSet(
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.DestroyModelMixin,
    viewsets.GenericViewSet[Document],
):
    """Private files: reports and exports."""

    queryset = Document.objects.none()
    serializer_class = DocumentSerializer
    filterset_class = DocumentFilter
    ordering = ("-created_at", "id")
    lookup_value_converter = "uuid"

    @property
    def write_scope(self) -> str:
        """A link is for reading, though it is asked for by a POST; throwing a file away is not."""
        return "read" if self.action == "link" else "admin"

    def get_queryset(self) -> QuerySet[Document]:
        """Those of the person who asks."""
        return queries.documents_for(self.request.user, now=clock.now())

    def perform_destroy(self, instance: Document) -> None:
        """Delete by the operation."""
        operations.delete_document(document_id=instance.pk, actor=self.request.user, now=clock.now())

    @extend_schema(
        summary="Get a download link",
        description="A link that opens the file for five minutes, without credentials, for whoever holds it.",
        request=None,
        responses=LinkSerializer,
    )
    @action(detail=True, methods=["post"])
    def link(self, request: Request, pk: UUID | None = None, **_: Any) -> Response:
        """A fresh link to the file."""
        assert pk is not None
        link = operations.issue_link(document_id=pk, actor=request.user, now=clock.now(), is_bearer=True)
        body = {"url": request.build_absolute_uri(link.url), "expires_at": link.expires_at}
        return Response(LinkSerializer(body).data)
