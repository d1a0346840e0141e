"""The books' API: charts of a portfolio, ready for Chart.js, with the figures that the pages draw."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from django.http import HttpRequest
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from holdings import queries
from holdings.api_query import CURRENCY, AllocationQuery, PeriodQuery
from holdings.web.charts import value_chart_body
from holdings.web.insights.allocation import allocation_chart_body
from holdings.web.insights.income import income_chart_body
from holdings.web.insights.performance import performance_chart_body
from holdings.web.insights.risk import risk_chart_body
from portfolio_site.kernel.api.charts import ChartSerializer, chart_js
from portfolio_site.kernel.api.problems import ProblemSerializer
from portfolio_site.kernel.api.strict import StrictSerializer, query_params, read_query

_PROBLEM = OpenApiResponse(ProblemSerializer, description="Problem details")
_TAGS = ["charts"]
_View = TypeVar("_View", bound=Callable[..., Response])

ValueChartQuery = query_params(
    "ValueChartQuery",
    range=serializers.ChoiceField(choices=list(queries.RANGES), default="1Y"),
    view=serializers.ChoiceField(
        choices=["value", "performance"], default="value", help_text="Money, or the time-weighted return."
    ),
)
IncomeChartQuery = query_params(
    "IncomeChartQuery",
    view=serializers.ChoiceField(choices=["month", "year"], default="month", help_text="A bar for each."),
    currency=CURRENCY,
)


def _described(summary: str, description: str, params: type[StrictSerializer]) -> Callable[[_View], _View]:
    described: Callable[[_View], _View] = extend_schema(
        summary=summary,
        description=description,
        parameters=[params],
        responses={200: ChartSerializer, 404: _PROBLEM},
        tags=_TAGS,
    )
    return described


class _ChartView(APIView):
    """A chart of one portfolio."""

    params: type[StrictSerializer]
    body: Callable[[HttpRequest, int], dict[str, Any]]

    def answer(self, request: Request, portfolio_id: int) -> Response:
        """Check the address, draw."""
        read_query(request, self.params)
        body = type(self).body(cast("HttpRequest", request), portfolio_id)
        body.pop("urls", None)
        return Response(ChartSerializer(chart_js(body)).data)


class ValueChartView(_ChartView):
    """The value over time."""

    params = ValueChartQuery
    body = staticmethod(value_chart_body)

    @_described(
        "Chart the value", "The value and what was put in, or the return, over a range.", ValueChartQuery
    )
    def get(self, request: Request, portfolio_id: int) -> Response:
        """One range."""
        return self.answer(request, portfolio_id)


class PerformanceChartView(_ChartView):
    """The return of a period."""

    params = PeriodQuery
    body = staticmethod(performance_chart_body)

    @_described(
        "Chart the performance",
        "The time-weighted return of a period; with `benchmark`, that instrument's beside it.",
        PeriodQuery,
    )
    def get(self, request: Request, portfolio_id: int) -> Response:
        """One period."""
        return self.answer(request, portfolio_id)


class AllocationChartView(_ChartView):
    """What a portfolio is made of."""

    params = AllocationQuery
    body = staticmethod(allocation_chart_body)

    @_described("Chart the allocation", "A ring of the parts by one dimension.", AllocationQuery)
    def get(self, request: Request, portfolio_id: int) -> Response:
        """By one dimension."""
        return self.answer(request, portfolio_id)


class IncomeChartView(_ChartView):
    """What a portfolio paid."""

    params = IncomeChartQuery
    body = staticmethod(income_chart_body)

    @_described(
        "Chart the income", "Dividends, interest and staking, stacked, by month or year.", IncomeChartQuery
    )
    def get(self, request: Request, portfolio_id: int) -> Response:
        """By month or year."""
        return self.answer(request, portfolio_id)


class DrawdownChartView(_ChartView):
    """How far below its highest a portfolio was."""

    params = PeriodQuery
    body = staticmethod(risk_chart_body)

    @_described(
        "Chart the drawdown",
        "How far the time-weighted index was below its highest, day by day.",
        PeriodQuery,
    )
    def get(self, request: Request, portfolio_id: int) -> Response:
        """One period."""
        return self.answer(request, portfolio_id)
