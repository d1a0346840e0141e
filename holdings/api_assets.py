"""The short API (`/api/portfolio/…`): one list of assets per person, coins and everything else, without ceremony."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from holdings import operations, queries
from holdings.api_query import PortfolioQuery
from holdings.models import Portfolio
from marketdata.queries import CRYPTO, STOCK, kind_of
from portfolio_site.kernel import clock
from portfolio_site.kernel.api import DecimalString, idempotent
from portfolio_site.kernel.api.fields import plain
from portfolio_site.kernel.api.idempotent import IDEMPOTENCY_HEADER
from portfolio_site.kernel.api.problems import ProblemSerializer
from portfolio_site.kernel.api.strict import StrictSerializer, read_query

_PROBLEM = OpenApiResponse(ProblemSerializer, description="Problem details")
_PORTFOLIO = PortfolioQuery
_TAGS = ["assets"]


class AssetSerializer(serializers.Serializer[Any]):
    """One asset. `value`, `cost_basis` and `gain` are in the portfolio's currency, `price` in `price_currency`."""

    id = serializers.IntegerField(source="instrument_id")
    symbol = serializers.CharField()
    name = serializers.CharField()
    type = serializers.SerializerMethodField()
    quantity = DecimalString()
    price = DecimalString(source="price.price", allow_null=True, default=None)
    price_currency = serializers.CharField(source="currency")
    price_time = serializers.DateTimeField(source="price.at", allow_null=True, default=None)
    price_source = serializers.CharField(source="price.source", allow_null=True, default=None)
    is_simulated = serializers.BooleanField(source="price.is_simulated", allow_null=True, default=None)
    is_stale = serializers.BooleanField(source="price.is_stale", allow_null=True, default=None)
    value = DecimalString(source="market_value_base", allow_null=True)
    average_cost = DecimalString(help_text="Of one unit, in `price_currency`.")
    cost_basis = DecimalString(source="cost_basis_base")
    gain = DecimalString(source="unrealised_gain_base", allow_null=True)
    gain_fraction = DecimalString(source="unrealised_fraction", allow_null=True, help_text="0.01 is 1 %.")
    weight = DecimalString(allow_null=True, help_text="Of the portfolio; 0.01 is 1 %.")

    def get_type(self, row: Any) -> str:
        """`crypto` or `stock` (which is everything else)."""
        return kind_of(row.asset_class)


class AssetListSerializer(serializers.Serializer[Any]):
    """Assets of one kind and what they are worth together (null where a price is missing)."""

    currency = serializers.CharField()
    value = DecimalString(allow_null=True)
    cost_basis = DecimalString()
    gain = DecimalString(allow_null=True)
    assets = AssetSerializer(many=True)


class GroupSerializer(serializers.Serializer[Any]):
    """Totals of one kind."""

    count = serializers.IntegerField()
    value = DecimalString(allow_null=True)
    cost_basis = DecimalString()
    gain = DecimalString(allow_null=True)
    weight = DecimalString(allow_null=True)


class AssetSummarySerializer(serializers.Serializer[Any]):
    """The totals of a portfolio in its currency."""

    portfolio_id = serializers.IntegerField(allow_null=True)
    portfolio = serializers.CharField()
    currency = serializers.CharField()
    total_value = DecimalString(allow_null=True, help_text="Assets and cash, less liabilities.")
    cash = DecimalString(allow_null=True)
    cost_basis = DecimalString()
    gain = DecimalString(allow_null=True)
    gain_fraction = DecimalString(allow_null=True)
    crypto = GroupSerializer()
    stocks = GroupSerializer()
    missing = serializers.ListField(child=serializers.CharField())
    is_simulated = serializers.BooleanField()
    is_stale = serializers.BooleanField()


class NewAssetSerializer(StrictSerializer):
    """An asset to add."""

    symbol = serializers.CharField(max_length=40)
    quantity = DecimalString(positive=True)
    type = serializers.ChoiceField(
        choices=[CRYPTO, STOCK], required=False, help_text="Where a symbol means a coin and a share."
    )
    price = DecimalString(
        positive=True, required=False, help_text="What one unit cost; else the day's price."
    )
    date = serializers.DateField(required=False, help_text="Since when; else today.")


class AssetChangeSerializer(StrictSerializer):
    """How much of it there is now."""

    quantity = DecimalString(min_value=0)  # type: ignore[arg-type]
    price = DecimalString(
        positive=True, required=False, help_text="What one more unit cost; else the day's price."
    )
    date = serializers.DateField(required=False)


def _chosen(request: Request) -> int | None:
    found: int | None = read_query(request, PortfolioQuery).get("portfolio")
    return found


def _asset(portfolio: Portfolio, asset_id: int) -> dict[str, Any]:
    row = queries.asset_of(portfolio, asset_id, now=clock.now())
    return dict(AssetSerializer(row).data)


def _given(serializer: StrictSerializer) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    values = dict(serializer.validated_data)
    day: date | None = values.pop("date", None)
    return values | {"on": day}


def summary_body(summary: queries.AssetSummary) -> dict[str, Any]:
    """The totals as `AssetSummarySerializer` writes them, field by field without it: they are asked for often."""
    return {
        "portfolio_id": summary.portfolio_id,
        "portfolio": summary.portfolio,
        "currency": summary.currency,
        "total_value": _text(summary.total_value),
        "cash": _text(summary.cash),
        "cost_basis": plain(summary.cost_basis),
        "gain": _text(summary.gain),
        "gain_fraction": _text(summary.gain_fraction),
        "crypto": _group(summary.crypto),
        "stocks": _group(summary.stocks),
        "missing": list(summary.missing),
        "is_simulated": summary.is_simulated,
        "is_stale": summary.is_stale,
    }


def _group(group: queries.GroupTotal) -> dict[str, Any]:
    return {
        "count": group.count,
        "value": _text(group.value),
        "cost_basis": plain(group.cost_basis),
        "gain": _text(group.gain),
        "weight": _text(group.weight),
    }


def _text(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


class _KindView(APIView):
    """Assets of one kind."""

    kind = CRYPTO

    def answer(self, request: Request) -> Response:
        """The list and its totals."""
        person: Any = request.user
        portfolio = queries.chosen_portfolio(person, _chosen(request))
        now = clock.now()
        rows = queries.assets_of(portfolio, now=now, kind=self.kind)
        summary = queries.total_of(rows)
        body = {
            "currency": portfolio.base_currency if portfolio else person.base_currency,
            "value": summary.value,
            "cost_basis": summary.cost_basis,
            "gain": summary.gain,
            "assets": rows,
        }
        return Response(AssetListSerializer(body).data)


class CryptoView(_KindView):
    """Coins."""

    kind = CRYPTO

    @extend_schema(
        operation_id="portfolio_crypto",
        summary="My coins",
        description="What is held of coins, the largest first.",
        parameters=[_PORTFOLIO],
        responses={200: AssetListSerializer, 400: _PROBLEM, 401: _PROBLEM, 404: _PROBLEM},
        tags=_TAGS,
    )
    def get(self, request: Request) -> Response:
        """The coins."""
        return self.answer(request)


class StocksView(_KindView):
    """Everything but coins."""

    kind = STOCK

    @extend_schema(
        operation_id="portfolio_stocks",
        summary="My stocks",
        description="What is held of shares, funds, bonds and everything else that is no coin, the largest first.",
        parameters=[_PORTFOLIO],
        responses={200: AssetListSerializer, 400: _PROBLEM, 401: _PROBLEM, 404: _PROBLEM},
        tags=_TAGS,
    )
    def get(self, request: Request) -> Response:
        """The stocks."""
        return self.answer(request)


class PortfolioSummaryView(APIView):
    """The totals."""

    @extend_schema(
        operation_id="portfolio_totals",
        summary="My totals",
        description="What everything is worth, what it cost, and how it divides. Zero before the first asset.",
        parameters=[_PORTFOLIO],
        responses={200: AssetSummarySerializer, 400: _PROBLEM, 401: _PROBLEM, 404: _PROBLEM},
        tags=_TAGS,
    )
    def get(self, request: Request) -> Response:
        """The totals of the portfolio."""
        summary = queries.totals_now(request.user, _chosen(request), now=clock.now())
        return Response(summary_body(summary))


class AssetsView(APIView):
    """Adding to the list."""

    @extend_schema(
        operation_id="portfolio_asset_create",
        summary="Add an asset",
        description="Adds to what is held of it, at what one unit cost (or the day's price). No cash is booked. The "
        "first asset opens a portfolio.",
        parameters=[IDEMPOTENCY_HEADER, _PORTFOLIO],
        request=NewAssetSerializer,
        responses={
            201: AssetSerializer,
            400: _PROBLEM,
            401: _PROBLEM,
            404: _PROBLEM,
            409: _PROBLEM,
            422: _PROBLEM,
        },
        tags=_TAGS,
    )
    def post(self, request: Request) -> Response:
        """Add it, once per `Idempotency-Key`."""
        values = _given(NewAssetSerializer(data=request.data))
        kind, portfolio_id = values.pop("type", None), _chosen(request)

        def do() -> tuple[int, Any]:
            portfolio, asset_id = operations.add_asset(
                owner=request.user, kind=kind, portfolio_id=portfolio_id, now=clock.now(), **values
            )
            return 201, _asset(portfolio, asset_id)

        # Into another portfolio it is another request, though its body is the same.
        asked = request.data if portfolio_id is None else [request.data, portfolio_id]
        return idempotent(request, route="portfolio.assets", do=do, payload=asked)


class AssetView(APIView):
    """One asset of the list."""

    @extend_schema(
        operation_id="portfolio_asset",
        summary="Read an asset",
        description="One asset that is held.",
        parameters=[_PORTFOLIO],
        responses={200: AssetSerializer, 400: _PROBLEM, 401: _PROBLEM, 404: _PROBLEM},
        tags=_TAGS,
    )
    def get(self, request: Request, asset_id: int) -> Response:
        """As it is now."""
        portfolio = queries.chosen_portfolio(request.user, _chosen(request))
        return Response(AssetSerializer(queries.asset_of(portfolio, asset_id, now=clock.now())).data)

    @extend_schema(
        operation_id="portfolio_asset_update",
        summary="Change how much there is",
        description="More comes in at `price` (or the day's), less goes out today.",
        parameters=[_PORTFOLIO],
        request=AssetChangeSerializer,
        responses={
            200: AssetSerializer,
            204: None,
            400: _PROBLEM,
            401: _PROBLEM,
            404: _PROBLEM,
            422: _PROBLEM,
        },
        tags=_TAGS,
    )
    def put(self, request: Request, asset_id: int) -> Response:
        """Set the quantity; nothing is left to show of one that is set to zero (204)."""
        queries.require_asset(queries.chosen_portfolio(request.user, _chosen(request)), asset_id)
        values = _given(AssetChangeSerializer(data=request.data))
        portfolio = operations.update_asset(
            owner=request.user, asset_id=asset_id, portfolio_id=_chosen(request), now=clock.now(), **values
        )
        return Response(_asset(portfolio, asset_id)) if values["quantity"] else Response(status=204)

    @extend_schema(
        operation_id="portfolio_asset_delete",
        summary="Remove an asset",
        description="Entries that were all made by this API are voided, as if it had never been listed; otherwise "
        "what is held goes out today.",
        parameters=[_PORTFOLIO],
        responses={204: None, 400: _PROBLEM, 401: _PROBLEM, 404: _PROBLEM, 422: _PROBLEM},
        tags=_TAGS,
    )
    def delete(self, request: Request, asset_id: int) -> Response:
        """Take it off the list."""
        operations.remove_asset(
            owner=request.user, asset_id=asset_id, portfolio_id=_chosen(request), now=clock.now()
        )
        return Response(status=204)
