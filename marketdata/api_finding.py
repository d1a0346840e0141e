"""Market data: searching beyond the list in the API, and adding what was found."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from marketdata import operations
from marketdata.api_query import BeyondQuery
from marketdata.api_serializers import InstrumentSerializer
from portfolio_site.kernel.api.problems import ProblemSerializer
from portfolio_site.kernel.api.strict import StrictSerializer, read_query

_PROBLEM = OpenApiResponse(ProblemSerializer, description="Problem details")


class FoundSerializer(serializers.Serializer[Any]):
    """What a provider found. `instrument_id`: it is in the list; null: it can be added."""

    provider = serializers.CharField()
    provider_symbol = serializers.CharField()
    symbol = serializers.CharField()
    name = serializers.CharField()
    asset_class = serializers.CharField()
    currency = serializers.CharField(help_text="Empty where the provider does not say.")
    exchange = serializers.CharField(help_text="MIC, or empty.")
    isin = serializers.CharField()
    instrument_id = serializers.IntegerField(allow_null=True)


class FindingsSerializer(serializers.Serializer[Any]):
    """What the providers found, who was asked, and who could not answer."""

    results = FoundSerializer(many=True)
    asked = serializers.ListField(child=serializers.CharField())
    failed = serializers.ListField(child=serializers.CharField())


class AddFoundSerializer(StrictSerializer):
    """Which of the findings to add: as the search answered it, with what was searched for."""

    provider = serializers.CharField(max_length=20)
    provider_symbol = serializers.CharField(max_length=100)
    q = serializers.CharField(max_length=100)


class BeyondMixin:
    """What the viewset of instruments does with those that are not in the list."""

    @extend_schema(
        methods=["GET"],
        summary="Search with the providers of prices",
        description="For what `/instruments/search/` does not find. Answers are remembered for a quarter of an hour; a "
        "provider that cannot be reached is named in `failed`.",
        parameters=[BeyondQuery],
        responses=FindingsSerializer,
        filters=False,
    )
    @extend_schema(
        methods=["POST"],
        summary="Add what a provider found",
        description="Puts it into the shared list with the provider's symbol. What is there already is answered.",
        request=AddFoundSerializer,
        responses={200: InstrumentSerializer, 403: _PROBLEM, 422: _PROBLEM, 503: _PROBLEM},
    )
    @action(detail=False, methods=["get", "post"], pagination_class=None)
    def beyond(self, request: Request) -> Response:
        """Ask, or add."""
        if request.method == "POST":
            given = AddFoundSerializer(data=request.data)
            given.is_valid(raise_exception=True)
            added = operations.add_found_instrument(
                actor=request.user,
                provider=given.validated_data["provider"],
                provider_symbol=given.validated_data["provider_symbol"],
                text=given.validated_data["q"],
            )
            added.refresh_from_db()
            return Response(InstrumentSerializer(added, context={"request": request}).data)
        found = operations.search_providers(user=request.user, text=read_query(request, BeyondQuery)["q"])
        body = {
            "results": [_found(finding) for finding in found.found],
            "asked": found.asked,
            "failed": found.failed,
        }
        return Response(FindingsSerializer(body).data)


def _found(finding: operations.Finding) -> dict[str, Any]:
    hit = finding.hit
    return {
        "provider": hit.provider,
        "provider_symbol": hit.provider_symbol,
        "symbol": hit.symbol,
        "name": hit.name,
        "asset_class": hit.asset_class,
        "currency": hit.currency,
        "exchange": hit.exchange,
        "isin": hit.isin,
        "instrument_id": finding.instrument.pk if finding.instrument else None,
    }
