"""Market data: instruments of one's own in the API, and the prices a person keeps of them."""

from __future__ import annotations

from datetime import date
from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from marketdata import operations, queries
from marketdata.api_serializers import InstrumentSerializer
from marketdata.forms import MOST_BYTES
from marketdata.models import AssetClass, QuoteUnit
from portfolio_site.kernel import clock
from portfolio_site.kernel.api import DecimalString, idempotent
from portfolio_site.kernel.api.idempotent import IDEMPOTENCY_HEADER
from portfolio_site.kernel.api.problems import ProblemSerializer
from portfolio_site.kernel.api.strict import StrictSerializer

_PROBLEM = OpenApiResponse(ProblemSerializer, description="Problem details")
_DAY = OpenApiParameter("day", str, location=OpenApiParameter.PATH, description="YYYY-MM-DD.")


class OwnInstrumentSerializer(StrictSerializer):
    """An instrument of one's own to be entered."""

    symbol = serializers.CharField(max_length=40)
    name = serializers.CharField(max_length=200)
    asset_class = serializers.ChoiceField(choices=AssetClass.choices, default=AssetClass.PRIVATE)
    currency = serializers.CharField(min_length=3, max_length=8)
    isin = serializers.CharField(max_length=12, required=False, default="", allow_blank=True)
    sector = serializers.CharField(max_length=60, required=False, default="", allow_blank=True)
    country = serializers.CharField(max_length=2, required=False, default="", allow_blank=True)
    quote_unit = serializers.ChoiceField(choices=QuoteUnit.choices, required=False, default=QuoteUnit.UNIT)
    coupon_rate = DecimalString(required=False, allow_null=True, default=None)
    maturity_date = serializers.DateField(required=False, allow_null=True, default=None)


class OwnInstrumentChangeSerializer(StrictSerializer):
    """What is to change; what is left out stays."""

    symbol = serializers.CharField(max_length=40, required=False)
    name = serializers.CharField(max_length=200, required=False)
    asset_class = serializers.ChoiceField(choices=AssetClass.choices, required=False)
    currency = serializers.CharField(min_length=3, max_length=8, required=False)
    isin = serializers.CharField(max_length=12, required=False, allow_blank=True)
    sector = serializers.CharField(max_length=60, required=False, allow_blank=True)
    country = serializers.CharField(max_length=2, required=False, allow_blank=True)
    quote_unit = serializers.ChoiceField(choices=QuoteUnit.choices, required=False)
    coupon_rate = DecimalString(required=False, allow_null=True)
    maturity_date = serializers.DateField(required=False, allow_null=True)
    is_active = serializers.BooleanField(required=False)


class OwnPriceSerializer(StrictSerializer):
    """What one unit was worth at the end of a day."""

    price = DecimalString()


class RecordedPriceSerializer(serializers.Serializer[Any]):
    """A price on record, in the instrument's currency."""

    instrument_id = serializers.IntegerField()
    date = serializers.DateField()
    price = DecimalString(source="close")
    source = serializers.CharField()  # type: ignore[assignment]  # our field, not DRF's argument


class PriceFileSerializer(StrictSerializer):
    """A CSV file of prices: `date,close`."""

    file = serializers.FileField()


class FaultSerializer(serializers.Serializer[Any]):
    """A row that was not taken."""

    line = serializers.IntegerField()
    reason = serializers.CharField()


class PricesLoadedSerializer(serializers.Serializer[Any]):
    """What became of a file of prices."""

    rows = serializers.IntegerField()
    added = serializers.IntegerField()
    changed = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    fault_count = serializers.IntegerField()
    faults = FaultSerializer(many=True, help_text="The first 50.")


class OwnInstrumentsMixin:
    """What the viewset of instruments does with those of one's own."""

    @extend_schema(
        summary="Enter an instrument of your own",
        description="Something no provider quotes, such as property. Nobody else sees it; its prices are kept by hand.",
        request=OwnInstrumentSerializer,
        responses={201: InstrumentSerializer, 409: _PROBLEM, 422: _PROBLEM},
        parameters=[IDEMPOTENCY_HEADER],
    )
    def create(self, request: Request) -> Response:
        """Enter it by the operation."""
        given = OwnInstrumentSerializer(data=request.data)
        given.is_valid(raise_exception=True)

        def do() -> tuple[int, Any]:
            made = operations.create_instrument(owner=request.user, **given.validated_data)
            made.refresh_from_db()
            return 201, InstrumentSerializer(made, context={"request": request}).data

        return idempotent(request, route="instruments.create", do=do)

    @extend_schema(
        summary="Change an instrument of your own",
        description="Currency and quoting unit can change only while it has no prices and nothing refers to it "
        "(`instrument_in_use`).",
        request=OwnInstrumentChangeSerializer,
        responses={200: InstrumentSerializer, 403: _PROBLEM, 404: _PROBLEM, 409: _PROBLEM, 422: _PROBLEM},
    )
    def partial_update(self, request: Request, pk: int) -> Response:
        """Change what is given."""
        queries.visible_instrument(request.user, pk)
        given = OwnInstrumentChangeSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        changes = given.validated_data
        changed = operations.update_instrument(
            instrument_id=pk,
            actor=request.user,
            clear=[name for name, value in changes.items() if value is None],
            **changes,
        )
        return Response(InstrumentSerializer(changed, context={"request": request}).data)

    @extend_schema(
        summary="Delete an instrument of your own",
        description="With its prices; refused while something refers to it (`instrument_in_use`, which says what).",
        responses={204: None, 403: _PROBLEM, 404: _PROBLEM, 409: _PROBLEM},
    )
    def destroy(self, request: Request, pk: int) -> Response:
        """Remove it by the operation."""
        operations.delete_instrument(instrument_id=pk, actor=request.user)
        return Response(status=204)

    @extend_schema(
        methods=["PUT"],
        summary="Enter or correct a price of your own instrument",
        description="What one unit was worth at the end of a day. The price of the latest day is its quote.",
        request=OwnPriceSerializer,
        parameters=[_DAY],
        responses={200: RecordedPriceSerializer, 403: _PROBLEM, 404: _PROBLEM, 422: _PROBLEM},
    )
    @extend_schema(
        methods=["DELETE"],
        summary="Delete a price of your own instrument",
        parameters=[_DAY],
        responses={204: None, 403: _PROBLEM, 404: _PROBLEM},
    )
    @action(detail=True, methods=["put", "delete"], url_path="prices/<str:day>")
    def price(self, request: Request, pk: int, day: str) -> Response:
        """One day."""
        queries.visible_instrument(request.user, pk)
        try:
            wanted = date.fromisoformat(day)
        except ValueError as error:
            raise ValidationError({"day": ["Give a day as YYYY-MM-DD."]}) from error
        if request.method == "DELETE":
            operations.delete_price(instrument_id=pk, day=wanted, actor=request.user, now=clock.now())
            return Response(status=204)
        given = OwnPriceSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        bar = operations.record_price(
            instrument_id=pk,
            day=wanted,
            price=given.validated_data["price"],
            actor=request.user,
            now=clock.now(),
        )
        return Response(RecordedPriceSerializer(bar).data)

    @extend_schema(
        summary="Add a file of prices to your own instrument",
        description="CSV with the columns `date` and `close`. Good rows are stored, faulty ones named by line.",
        request={"multipart/form-data": PriceFileSerializer},
        responses={200: PricesLoadedSerializer, 403: _PROBLEM, 404: _PROBLEM, 413: _PROBLEM, 422: _PROBLEM},
    )
    @action(detail=True, methods=["post"], url_path="prices", parser_classes=[MultiPartParser])
    def prices(self, request: Request, pk: int) -> Response:
        """Load it by the operation."""
        queries.visible_instrument(request.user, pk)
        given = PriceFileSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        upload = given.validated_data["file"]
        if upload.size > MOST_BYTES:
            raise operations.PriceRefused("A file may have 5 MB at most.", field="file", status=413)
        loaded = operations.load_own_prices(
            instrument_id=pk, file=upload.file, actor=request.user, now=clock.now()
        )
        return Response(PricesLoadedSerializer(loaded).data)
