"""Market data: the prices of many symbols at once, coins and shares mixed (`POST /api/prices`)."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from marketdata import queries
from portfolio_site.kernel import clock
from portfolio_site.kernel.api import DecimalString
from portfolio_site.kernel.api.problems import ProblemSerializer
from portfolio_site.kernel.api.strict import StrictSerializer

MAX_SYMBOLS = 200


class PricesRequestSerializer(StrictSerializer):
    """Which prices."""

    symbols = serializers.ListField(
        child=serializers.CharField(max_length=40),
        min_length=1,
        max_length=MAX_SYMBOLS,
        help_text="Tickers, coins (`BTC` or `BTC-USD`) and ISINs, mixed.",
    )
    currency = serializers.RegexField(
        r"^[A-Za-z]{3}\Z",
        required=False,
        help_text="Convert into this currency; else each price is in its own.",
    )


class PriceErrorSerializer(serializers.Serializer[Any]):
    """Why one symbol has no price."""

    code = serializers.ChoiceField(choices=["unknown_symbol", "no_price", "no_exchange_rate"])
    message = serializers.CharField()


class PriceAnswerSerializer(serializers.Serializer[Any]):
    """The price of one symbol, or its error: `error` is null exactly where there is a price."""

    symbol = serializers.CharField(help_text="As it was asked for.")
    name = serializers.CharField(allow_null=True)
    type = serializers.ChoiceField(choices=["crypto", "stock"], allow_null=True)
    price = DecimalString(allow_null=True)
    currency = serializers.CharField(allow_null=True)
    time = serializers.DateTimeField(allow_null=True, help_text="When the price was made, by its source.")
    age_seconds = serializers.IntegerField(allow_null=True)
    source = serializers.CharField(allow_null=True)  # type: ignore[assignment]
    is_simulated = serializers.BooleanField(allow_null=True)
    is_stale = serializers.BooleanField(allow_null=True)
    error = PriceErrorSerializer(allow_null=True)


class PricesAnswerSerializer(serializers.Serializer[Any]):
    """One answer for each symbol, in the order of the request."""

    prices = PriceAnswerSerializer(many=True)


class PricesView(APIView):
    """The latest prices of many symbols."""

    write_scope = "read"

    @extend_schema(
        operation_id="prices",
        summary="Latest prices",
        description="The latest prices of up to 200 symbols, coins and shares mixed. A symbol without a price gets its "
        "own error; the others keep their prices. Nothing is changed by it, so a key that may only read will do.",
        request=PricesRequestSerializer,
        responses={
            200: PricesAnswerSerializer,
            400: OpenApiResponse(ProblemSerializer, description="Problem details"),
            401: OpenApiResponse(ProblemSerializer, description="Problem details"),
        },
        tags=["prices"],
    )
    def post(self, request: Request) -> Response:
        """Look them up."""
        given = PricesRequestSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        answers = queries.price_answers(
            user=request.user,
            symbols=given.validated_data["symbols"],
            currency=given.validated_data.get("currency", "").upper(),
            now=clock.now(),
        )
        return Response(PricesAnswerSerializer({"prices": answers}).data)
