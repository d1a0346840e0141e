"""Market data: watchlists in the API."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from marketdata import operations, queries
from marketdata.models import Instrument, Watchlist
from marketdata.models.watchlists import NAME_LENGTH
from portfolio_site.kernel import clock
from portfolio_site.kernel.api import CursorPagination, idempotent
from portfolio_site.kernel.api.idempotent import IDEMPOTENCY_HEADER
from portfolio_site.kernel.api.problems import ProblemSerializer
from portfolio_site.kernel.api.strict import StrictSerializer

_PROBLEM = OpenApiResponse(ProblemSerializer, description="Problem details")


def _ids(**kwargs: Any) -> serializers.ListField:
    return serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        max_length=operations.MOST_ITEMS,
        help_text="Instrument ids in the order wanted; one named twice counts once.",
        **kwargs,
    )


class WatchlistItemSerializer(serializers.ModelSerializer[Instrument]):
    """An instrument on a list."""

    class Meta:
        model = Instrument
        fields = ["id", "symbol", "name", "asset_class", "currency"]
        read_only_fields = fields


class WatchlistSerializer(serializers.Serializer[Any]):
    """A list of instruments."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField(help_text="When its name or what is on it last changed.")
    instrument_ids = serializers.ListField(child=serializers.IntegerField(), help_text="In the list's order.")


class WatchlistDetailSerializer(WatchlistSerializer):
    """A list with what is on it."""

    instruments = WatchlistItemSerializer(many=True)


class NewWatchlistSerializer(StrictSerializer):
    """A list to be made."""

    name = serializers.CharField(
        max_length=NAME_LENGTH, help_text="New among your lists; capitals do not matter."
    )
    instrument_ids = _ids(required=False, default=list)


class WatchlistChangeSerializer(StrictSerializer):
    """What a list is to become: a new name, other instruments in this order, or both."""

    name = serializers.CharField(max_length=NAME_LENGTH, required=False)
    instrument_ids = _ids(required=False)


class WatchlistAddSerializer(StrictSerializer):
    """An instrument to be put on a list."""

    instrument_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1)


class ByPosition(CursorPagination):
    """In the order their owner keeps them in."""

    ordering = ("position", "created_at", "id")


class WatchlistViewSet(GenericViewSet[Watchlist]):
    """Watchlists of the person (every one for an auditor, who changes nothing)."""

    queryset = Watchlist.objects.none()
    serializer_class = WatchlistSerializer
    pagination_class = ByPosition
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Watchlist]:
        """What this person may see."""
        return Watchlist.objects.visible_to(self.request.user)

    @extend_schema(
        summary="List watchlists",
        description="Your watchlists in your order (for an auditor: everybody's).",
        responses={200: WatchlistSerializer(many=True), 401: _PROBLEM},
    )
    def list(self, request: Request) -> Response:
        """One page."""
        page = self.paginate_queryset(self.get_queryset())
        views = queries.watchlist_views(page or [])
        return self.get_paginated_response(WatchlistSerializer(views, many=True).data)

    @extend_schema(
        summary="Make a watchlist",
        description=f"At most {operations.MOST_WATCHLISTS} a person, {operations.MOST_ITEMS} instruments each.",
        request=NewWatchlistSerializer,
        responses={201: WatchlistDetailSerializer, 409: _PROBLEM, 422: _PROBLEM},
        parameters=[IDEMPOTENCY_HEADER],
    )
    def create(self, request: Request) -> Response:
        """Make it by the operation."""
        given = NewWatchlistSerializer(data=request.data)
        given.is_valid(raise_exception=True)

        def do() -> tuple[int, Any]:
            made = operations.create_watchlist(owner=request.user, now=clock.now(), **given.validated_data)
            return 201, self._body(made)

        return idempotent(request, route="watchlists.create", do=do)

    @extend_schema(
        summary="Show a watchlist",
        description="A list with its instruments in order. Their prices: `/quotes/?ids=`.",
        responses={200: WatchlistDetailSerializer, 404: _PROBLEM},
    )
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """One list."""
        return Response(self._body(queries.visible_watchlist(request.user, pk)))

    @extend_schema(
        summary="Change a watchlist",
        description="Rename it, or replace what is on it: the list then holds exactly `instrument_ids`, in that order.",
        request=WatchlistChangeSerializer,
        responses={200: WatchlistDetailSerializer, 404: _PROBLEM, 409: _PROBLEM, 422: _PROBLEM},
    )
    def partial_update(self, request: Request, pk: UUID) -> Response:
        """Another name, other items."""
        view = queries.visible_watchlist(request.user, pk)
        given = WatchlistChangeSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        wanted, now = given.validated_data, clock.now()
        if "instrument_ids" in wanted:
            view = operations.replace_watchlist(watchlist_id=pk, actor=request.user, now=now, **wanted)
        elif "name" in wanted:
            view = operations.rename_watchlist(
                watchlist_id=pk, actor=request.user, name=wanted["name"], now=now
            )
        return Response(self._body(view))

    @extend_schema(
        summary="Delete a watchlist",
        description="What was on it stays.",
        responses={204: None, 404: _PROBLEM},
    )
    def destroy(self, request: Request, pk: UUID) -> Response:
        """Delete it by the operation."""
        operations.delete_watchlist(watchlist_id=pk, actor=request.user)
        return Response(status=204)

    @extend_schema(
        summary="Add an instrument",
        description="Puts it at the end; one that is on the list stays where it is.",
        request=WatchlistAddSerializer,
        responses={200: WatchlistDetailSerializer, 404: _PROBLEM, 422: _PROBLEM},
    )
    @action(detail=True, methods=["post"], pagination_class=None)
    def items(self, request: Request, pk: UUID) -> Response:
        """Add one."""
        queries.visible_watchlist(request.user, pk)
        given = WatchlistAddSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        view = operations.add_to_watchlist(
            watchlist_id=pk,
            actor=request.user,
            instrument_id=given.validated_data["instrument_id"],
            now=clock.now(),
        )
        return Response(self._body(view))

    @extend_schema(
        summary="Remove an instrument",
        description="Takes it off the list and answers with what is left.",
        parameters=[
            OpenApiParameter(
                "instrument_id", OpenApiTypes.INT, OpenApiParameter.PATH, description="An instrument's id."
            )
        ],
        responses={200: WatchlistDetailSerializer, 404: _PROBLEM},
    )
    @action(
        detail=True,
        methods=["delete"],
        pagination_class=None,
        url_path="items/<int:instrument_id>",
        url_name="item",
    )
    def item(self, request: Request, pk: UUID, instrument_id: int) -> Response:
        """Remove one."""
        view = operations.remove_from_watchlist(
            watchlist_id=pk, actor=request.user, instrument_id=instrument_id, now=clock.now()
        )
        return Response(self._body(view))

    def _body(self, view: queries.WatchlistView) -> Any:
        instruments = queries.watchlist_instruments(view, user=self.request.user)
        return WatchlistDetailSerializer(
            {
                "id": view.id,
                "name": view.name,
                "created_at": view.created_at,
                "updated_at": view.updated_at,
                "instrument_ids": view.instrument_ids,
                "instruments": instruments,
            }
        ).data
