"""The books' part of `/api/v1/`: portfolios, entries, positions, cash, totals, valuations, imports."""

from __future__ import annotations

import hashlib
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from holdings import operations, queries
from holdings.api_query import PortfoliosQuery, PositionsQuery, RangeQuery
from holdings.api_serializers import (
    CashSerializer,
    ImportRequestSerializer,
    ImportResultSerializer,
    PortfolioChangeSerializer,
    PortfolioRequestSerializer,
    PortfolioSerializer,
    PositionSerializer,
    SummarySerializer,
    ValuationsSerializer,
)
from holdings.forms import too_large_message
from holdings.models import Portfolio
from holdings.operations import ImportRefused, PortfolioUnknown
from portfolio_site.kernel import clock
from portfolio_site.kernel.api import CursorPagination, idempotent
from portfolio_site.kernel.api.idempotent import IDEMPOTENCY_HEADER
from portfolio_site.kernel.api.problems import ProblemSerializer
from portfolio_site.kernel.api.selection import SelectFieldsMixin
from portfolio_site.kernel.api.strict import read_query
from portfolio_site.kernel.errors import ForbiddenError

_PROBLEM = OpenApiResponse(ProblemSerializer, description="Problem details")


class ByName(CursorPagination):
    """In order of opening."""

    ordering = ("id",)


def shown_portfolio(request: Request, portfolio_id: int) -> Portfolio:
    """A portfolio that this person may see; 404 else."""
    portfolio = queries.visible_portfolio(request.user, portfolio_id)
    if portfolio is None:
        raise PortfolioUnknown
    return portfolio


def own_portfolio(request: Request, portfolio_id: int) -> Portfolio:
    """A portfolio that this person may change: 404 for what they do not see, 403 for what they may only read."""
    portfolio = shown_portfolio(request, portfolio_id)
    if portfolio.owner_id != request.user.pk:
        raise ForbiddenError(
            "You can read this portfolio, but only its owner can change it.", code="read_only"
        )
    return portfolio


@extend_schema_view(
    list=extend_schema(
        summary="List portfolios",
        description="Your portfolios (for an auditor: everybody's). Archived ones with `archived=true`.",
        parameters=[PortfoliosQuery],
        responses={200: PortfolioSerializer(many=True), 401: _PROBLEM},
    )
)
class PortfolioViewSet(SelectFieldsMixin, GenericViewSet[Portfolio]):
    """Portfolios of the person (every one for an auditor, who changes nothing)."""

    serializer_class = PortfolioSerializer
    pagination_class = ByName
    lookup_value_converter = "int"

    def get_queryset(self) -> QuerySet[Portfolio]:
        """What this person may see."""
        if getattr(self, "swagger_fake_view", False):
            return Portfolio.objects.none()
        found: QuerySet[Portfolio] = Portfolio.objects.visible_to(self.request.user).prefetch_related(
            "accounts"
        )
        return found

    def list(self, request: Request) -> Response:
        """One page."""
        asked = read_query(request, PortfoliosQuery)
        rows = self.get_queryset()
        page = self.paginate_queryset(rows if asked["archived"] else rows.filter(archived_at=None))
        return self.get_paginated_response(PortfolioSerializer(page, many=True).data)

    @extend_schema(summary="Read a portfolio", responses={200: PortfolioSerializer, 404: _PROBLEM})
    def retrieve(self, request: Request, pk: int) -> Response:
        """One portfolio with its accounts."""
        return Response(PortfolioSerializer(shown_portfolio(request, pk)).data)

    @extend_schema(
        summary="Open a portfolio",
        description="Opens a tracked portfolio with a securities and a cash account.",
        parameters=[IDEMPOTENCY_HEADER],
        request=PortfolioRequestSerializer,
        responses={201: PortfolioSerializer, 400: _PROBLEM, 409: _PROBLEM, 422: _PROBLEM},
    )
    def create(self, request: Request) -> Response:
        """Open one, once per `Idempotency-Key`."""
        given = PortfolioRequestSerializer(data=request.data)
        given.is_valid(raise_exception=True)

        def do() -> tuple[int, Any]:
            made = operations.create_portfolio(owner=request.user, now=clock.now(), **given.validated_data)
            return 201, PortfolioSerializer(made).data

        return idempotent(request, route="portfolio.create", do=do)

    @extend_schema(
        summary="Change a portfolio's settings",
        description="What the figures follow from (method, short positions, tax rules) is recomputed at once.",
        request=PortfolioChangeSerializer,
        responses={200: PortfolioSerializer, 403: _PROBLEM, 404: _PROBLEM, 422: _PROBLEM},
    )
    def partial_update(self, request: Request, pk: int) -> Response:
        """Change what is given."""
        portfolio = own_portfolio(request, pk)
        given = PortfolioChangeSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        changed = operations.update_portfolio(
            portfolio_id=portfolio.pk, actor=request.user, now=clock.now(), **given.validated_data
        )
        return Response(PortfolioSerializer(changed).data)


class PositionsView(SelectFieldsMixin, APIView):
    """What a portfolio holds."""

    selectable = PositionSerializer

    @extend_schema(
        summary="List positions",
        description="Everything held now, the largest first; closed positions with `closed=true`.",
        parameters=[PositionsQuery],
        responses={200: PositionSerializer(many=True), 404: _PROBLEM},
    )
    def get(self, request: Request, portfolio_id: int) -> Response:
        """All of them: there are few."""
        asked = read_query(request, PositionsQuery)
        snapshot = queries.snapshot(shown_portfolio(request, portfolio_id), now=clock.now())
        rows = [row for row in snapshot.holdings if row.quantity or asked["closed"]]
        return Response(PositionSerializer(rows, many=True).data)


class CashView(APIView):
    """Cash of a portfolio."""

    @extend_schema(summary="List cash balances", responses={200: CashSerializer(many=True), 404: _PROBLEM})
    def get(self, request: Request, portfolio_id: int) -> Response:
        """By account and currency."""
        snapshot = queries.snapshot(shown_portfolio(request, portfolio_id), now=clock.now())
        return Response(CashSerializer(snapshot.cash, many=True).data)


class SummaryView(APIView):
    """Totals of a portfolio."""

    @extend_schema(summary="Read the totals", responses={200: SummarySerializer, 404: _PROBLEM})
    def get(self, request: Request, portfolio_id: int) -> Response:
        """With the latest prices."""
        return Response(
            SummarySerializer(queries.snapshot(shown_portfolio(request, portfolio_id), now=clock.now())).data
        )


class ValuationsView(APIView):
    """The value of a portfolio over time."""

    @extend_schema(
        summary="Read the value series",
        description="At most 800 days of the range; the last is today at the latest prices.",
        parameters=[RangeQuery],
        responses={200: ValuationsSerializer, 404: _PROBLEM},
    )
    def get(self, request: Request, portfolio_id: int) -> Response:
        """One range."""
        portfolio = shown_portfolio(request, portfolio_id)
        code = read_query(request, RangeQuery)["range"]
        now = clock.now()
        snapshot = queries.snapshot(portfolio, now=now)
        series = queries.value_series(portfolio, snapshot, range_code=code, now=now)
        rows = zip(series.days, series.values, series.invested, series.index, strict=True)
        body = {
            "range": series.range,
            "base_currency": portfolio.base_currency,
            "problem": series.problem,
            "has_simulated_prices": snapshot.has_simulated_prices,
            "results": [{"date": d, "value": v, "invested": i, "index": x} for d, v, i, x in rows],
        }
        return Response(ValuationsSerializer(body).data)


class ImportView(APIView):
    """Importing a file in one go."""

    @extend_schema(
        summary="Import a file",
        description="A portfolio file or a Ghostfolio export. Duplicates and wrong rows are left out; a file that "
        "cannot be read is refused with a message per path. The pages offer a preview first.",
        parameters=[IDEMPOTENCY_HEADER],
        request={"multipart/form-data": ImportRequestSerializer},
        responses={201: ImportResultSerializer, 403: _PROBLEM, 404: _PROBLEM, 413: _PROBLEM, 422: _PROBLEM},
    )
    def post(self, request: Request, portfolio_id: int) -> Response:
        """Read and book."""
        portfolio = own_portfolio(request, portfolio_id)
        size = request.META.get("CONTENT_LENGTH") or "0"
        if size.isdigit() and int(size) > settings.UPLOAD_MAX_BYTES + 65536:
            raise ImportRefused(too_large_message(int(size)))
        given = ImportRequestSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        file = given.validated_data["file"]
        if file.size > settings.UPLOAD_MAX_BYTES:
            raise ImportRefused(too_large_message(file.size))
        content = file.read()

        def do() -> tuple[int, Any]:
            batch, _ = operations.import_entries(
                portfolio_id=portfolio.pk,
                filename=file.name,
                content=content,
                actor=request.user,
                now=clock.now(),
            )
            return 201, ImportResultSerializer(batch).data

        return idempotent(
            request,
            route=f"portfolio.{portfolio.pk}.imports",
            do=do,
            payload={"name": file.name, "sha256": hashlib.sha256(content).hexdigest()},
        )
