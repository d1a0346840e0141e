"""Market data's API: the price of an instrument as a chart, ready for Chart.js, with its indicators."""

from __future__ import annotations

from typing import Any

from django.http import QueryDict
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from marketdata import charting, queries
from marketdata.api_query import ADJUSTMENTS
from marketdata.charting.choice import STUDIES
from marketdata.charting.ranges import RANGES
from portfolio_site.kernel import clock
from portfolio_site.kernel.api.charts import ChartSerializer, chart_js
from portfolio_site.kernel.api.problems import ProblemSerializer
from portfolio_site.kernel.api.strict import query_params, read_query

_STUDIES = [option.code for option in STUDIES]

PriceChartQuery = query_params(
    "PriceChartQuery",
    range=serializers.ChoiceField(choices=list(RANGES), default="1Y"),
    adjustment=serializers.ChoiceField(choices=list(ADJUSTMENTS), default="split"),
    indicators=serializers.RegexField(
        rf"^({'|'.join(_STUDIES)})(,({'|'.join(_STUDIES)}))*$",
        required=False,
        help_text=f"With commas between: {', '.join(_STUDIES)}.",
    ),
)


class PriceChartView(APIView):
    """The price of an instrument."""

    @extend_schema(
        summary="Chart the price",
        description="Closes of a range, at most some 600 points, with indicators worked out from every day.",
        parameters=[PriceChartQuery],
        responses={
            200: ChartSerializer,
            404: OpenApiResponse(ProblemSerializer, description="Problem details"),
        },
        tags=["charts"],
    )
    def get(self, request: Request, instrument_id: int) -> Response:
        """One range."""
        asked: dict[str, Any] = read_query(request, PriceChartQuery)
        instrument = queries.visible_instrument(request.user, instrument_id)
        now = clock.now()
        wanted = QueryDict(mutable=True)
        wanted["range"], wanted["adjust"] = asked["range"], str(ADJUSTMENTS[asked["adjustment"]])
        wanted.setlist("show", ["events", *asked.get("indicators", "").split(",")])
        quote = queries.cached_quotes([instrument.pk], now=now).get(instrument.pk)
        drawn = charting.price_chart(instrument, quote, choice=charting.ChartChoice.read(wanted), now=now)
        return Response(ChartSerializer(chart_js(drawn.body())).data)
