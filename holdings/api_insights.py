"""The insights' part of `/api/v1/`: performance, allocation, income, realised gains, and what a figure comes from.

Read-only. Money and quantities are strings, unrounded; rates and ratios are numbers or null, as `analyse` prints them.
"""

from __future__ import annotations

from typing import Any, cast

from django.http import HttpRequest
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from holdings.api_query import AllocationQuery, CurrencyQuery, ExplainQuery, PeriodQuery, RealisedQuery
from holdings.domain.types import PortfolioError
from holdings.queries.insights.allocation import allocation_of
from holdings.queries.insights.explaining import SubjectUnknown, explained, is_figure, value_of
from holdings.queries.insights.explaining.ratios import RATIOS
from holdings.queries.insights.income import income_of
from holdings.queries.insights.lens import Lens, problem_of
from holdings.queries.insights.performance import figures_of, years_of
from holdings.queries.insights.realised import realised_year, tax_year_named
from holdings.web.insights.common import asked_of, chosen_benchmark, chosen_period, lens_for
from portfolio_site.kernel.api import DecimalString
from portfolio_site.kernel.api.problems import ProblemSerializer
from portfolio_site.kernel.api.strict import read_query
from portfolio_site.kernel.errors import DomainError

_PROBLEM = OpenApiResponse(ProblemSerializer, description="Problem details")


class NotMeasurable(DomainError):
    """The figures need a price or an exchange rate that nobody knows, or there are no entries."""

    code = "not_measurable"


class StatementSerializer(serializers.Serializer[Any]):
    """From opening to closing value; the lines add up to the last digit."""

    opening_value = DecimalString()
    contributions = DecimalString()
    withdrawals = DecimalString()
    realised_gain = DecimalString()
    unrealised_gain = DecimalString()
    dividends = DecimalString()
    interest = DecimalString()
    fees = DecimalString()
    taxes = DecimalString()
    currency_gain = DecimalString()
    closing_value = DecimalString()


class PerformanceSerializer(serializers.Serializer[Any]):
    """A period (from, to] with its statement and its figures by name (numbers or null)."""

    start = serializers.DateField(help_text="The period begins at the end of this day.")
    end = serializers.DateField()
    currency = serializers.CharField()
    statement = StatementSerializer()
    figures = serializers.DictField(child=serializers.FloatField(allow_null=True))
    irr_status = serializers.ChoiceField(choices=["unique", "ambiguous", "none"])
    irr_roots = serializers.ListField(child=serializers.FloatField())
    has_simulated_prices = serializers.BooleanField(
        help_text="Whether some of what is held is priced by the simulated market."
    )


class AllocationPartSerializer(serializers.Serializer[Any]):
    """A part of the portfolio; `weight` and `target` are parts of securities and cash together."""

    key = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    value = DecimalString()
    weight = DecimalString(allow_null=True)
    target = DecimalString(allow_null=True)


class AllocationSerializer(serializers.Serializer[Any]):
    """The parts by one dimension, in the portfolio's currency."""

    dimension = serializers.CharField()
    total = DecimalString(allow_null=True)
    parts = AllocationPartSerializer(many=True)
    has_simulated_prices = serializers.BooleanField(
        help_text="Whether some of what is held is priced by the simulated market."
    )


class IncomeSumsSerializer(serializers.Serializer[Any]):
    """Gross income by kind, and the taxes booked with it."""

    dividends = DecimalString()
    interest = DecimalString()
    staking = DecimalString()
    taxes = DecimalString()
    gross = DecimalString()
    net = DecimalString()


class ExpectedSerializer(serializers.Serializer[Any]):
    """An estimate: what was paid a unit on `last_day`, for what is held now."""

    day = serializers.DateField()
    instrument_id = serializers.IntegerField()
    symbol = serializers.CharField()
    amount = DecimalString()
    last_day = serializers.DateField()
    per_unit = DecimalString()
    currency = serializers.CharField()
    quantity = DecimalString()


class IncomeSerializer(serializers.Serializer[Any]):
    """Income since the first entry and by calendar year, and what may come within a year (an estimate)."""

    currency = serializers.CharField()
    total = IncomeSumsSerializer()
    years = serializers.DictField(child=IncomeSumsSerializer())
    yield_on_cost = DecimalString(allow_null=True)
    current_yield = DecimalString(allow_null=True)
    expected = ExpectedSerializer(many=True)
    has_simulated_prices = serializers.BooleanField(
        help_text="Whether some of what is held is priced by the simulated market."
    )


class ParcelSerializer(serializers.Serializer[Any]):
    """A closed parcel. Unsuffixed money is in the instrument's currency, `_base` in the portfolio's."""

    transaction_id = serializers.IntegerField()
    instrument_id = serializers.IntegerField()
    symbol = serializers.CharField()
    account = serializers.CharField()
    currency = serializers.CharField()
    direction = serializers.CharField()
    opened = serializers.DateField()
    closed = serializers.DateField()
    quantity = DecimalString()
    proceeds = DecimalString()
    proceeds_base = DecimalString()
    cost = DecimalString()
    cost_base = DecimalString()
    fees = DecimalString()
    fees_base = DecimalString()
    gain = DecimalString()
    gain_base = DecimalString()
    holding_days = serializers.IntegerField()
    term = serializers.ChoiceField(choices=["short", "long"])
    lot = serializers.CharField()
    match = serializers.CharField()
    wash_sale_adjustment = DecimalString()
    wash_sale_adjustment_base = DecimalString()


class TermSumsSerializer(serializers.Serializer[Any]):
    """Sums in the portfolio's currency; `counted` is the gain after wash-sale adjustments."""

    parcels = serializers.IntegerField()
    proceeds = DecimalString()
    cost = DecimalString()
    fees = DecimalString()
    gain = DecimalString()
    wash_sale_adjustment = DecimalString()
    counted = DecimalString()


class RealisedYearSerializer(serializers.Serializer[Any]):
    """A tax year: from 6 April in the United Kingdom, the calendar year elsewhere."""

    label = serializers.CharField(source="tax_year.label")  # type: ignore[assignment]
    first = serializers.DateField(source="tax_year.first")
    last = serializers.DateField(source="tax_year.last")
    short = TermSumsSerializer()
    long = TermSumsSerializer()
    total = TermSumsSerializer()
    parcels = ParcelSerializer(many=True)


class ExplanationRowSerializer(serializers.Serializer[Any]):
    """A row of a sum, in the currency of the explanation."""

    label = serializers.CharField()  # type: ignore[assignment]
    amount = DecimalString()
    day = serializers.DateField(allow_null=True)
    transaction_id = serializers.IntegerField(allow_null=True)
    instrument_id = serializers.IntegerField(allow_null=True)
    quantity = DecimalString(allow_null=True)
    price = DecimalString(allow_null=True)
    price_day = serializers.DateField(allow_null=True)
    currency = serializers.CharField()
    rate = DecimalString(allow_null=True)


class ExplanationSerializer(serializers.Serializer[Any]):
    """A figure with its definition. A sum has rows that add up to `total` (`left_out` more are counted); a ratio a `value`."""

    figure = serializers.CharField()
    label = serializers.CharField(source="definition.label")  # type: ignore[assignment]
    definition = serializers.CharField(source="definition.sentence")
    formula = serializers.CharField(source="definition.formula")
    currency = serializers.CharField()
    total = DecimalString(allow_null=True)
    value = serializers.FloatField(allow_null=True)
    rows = ExplanationRowSerializer(many=True, source="money")
    left_out = serializers.IntegerField()


def _lens(request: Request, portfolio_id: int) -> Lens:
    return lens_for(cast("HttpRequest", request), portfolio_id)


def _check_year(asked: dict[str, Any], lens: Lens) -> None:
    """Refuse a year that the books do not have, where a page would show its usual range instead."""
    code = asked["range"]
    if code.isdigit() and lens.basis.values and code not in years_of(lens.basis):
        raise ValidationError({"range": [f"The books have nothing of {code}."]})


class PerformanceView(APIView):
    """Performance of a period."""

    @extend_schema(
        summary="Read the performance of a period",
        parameters=[PeriodQuery],
        responses={200: PerformanceSerializer, 404: _PROBLEM, 422: _PROBLEM},
    )
    def get(self, request: Request, portfolio_id: int) -> Response:
        """The statement, returns, risk and, with a benchmark, the comparison."""
        lens = _lens(request, portfolio_id)
        _check_year(read_query(request, PeriodQuery), lens)
        asked = cast("HttpRequest", request)
        period = chosen_period(asked, lens)
        if period is None:
            raise NotMeasurable(lens.basis.problem)
        found = figures_of(lens, period, benchmark=chosen_benchmark(asked))
        done = found.performance
        if done is None:
            raise NotMeasurable(found.problem)
        body = {
            "start": period.start,
            "end": period.end,
            "currency": lens.currency,
            "statement": found.statement,
            "figures": {name: value_of(done, name) for name in RATIOS},
            "irr_status": done.irr.status,
            "irr_roots": list(done.irr.roots),
            "has_simulated_prices": lens.snapshot.has_simulated_prices,
        }
        return Response(PerformanceSerializer(body).data)


class AllocationView(APIView):
    """What a portfolio is made of."""

    @extend_schema(
        summary="Read the allocation",
        parameters=[AllocationQuery],
        responses={200: AllocationSerializer, 404: _PROBLEM},
    )
    def get(self, request: Request, portfolio_id: int) -> Response:
        """The parts by one dimension, the largest first."""
        by = read_query(request, AllocationQuery)["by"]
        lens = _lens(request, portfolio_id)
        own = Lens(lens.portfolio, now=lens.now)
        found = allocation_of(own, by)
        body = {
            "dimension": found.dimension,
            "total": found.total,
            "parts": found.parts,
            "has_simulated_prices": own.snapshot.has_simulated_prices,
        }
        return Response(AllocationSerializer(body).data)


class IncomeView(APIView):
    """What a portfolio pays."""

    @extend_schema(
        summary="Read the income",
        parameters=[CurrencyQuery],
        responses={200: IncomeSerializer, 404: _PROBLEM, 422: _PROBLEM},
    )
    def get(self, request: Request, portfolio_id: int) -> Response:
        """Since the first entry and by year, with an estimate of what may come."""
        read_query(request, CurrencyQuery)
        lens = _lens(request, portfolio_id)
        try:
            found = income_of(lens)
        except PortfolioError as error:
            raise NotMeasurable(problem_of(error)) from error
        body = {
            "currency": lens.currency,
            "total": found.total,
            "years": {str(year): sums for year, sums in found.years.items()},
            "yield_on_cost": found.yield_on_cost,
            "current_yield": found.current_yield,
            "expected": found.expected,
            "has_simulated_prices": lens.snapshot.has_simulated_prices,
        }
        return Response(IncomeSerializer(body).data)


class RealisedView(APIView):
    """Realised gains of a tax year."""

    @extend_schema(
        summary="Read the realised gains of a tax year",
        parameters=[RealisedQuery],
        responses={200: RealisedYearSerializer, 404: _PROBLEM},
    )
    def get(self, request: Request, portfolio_id: int) -> Response:
        """Parcels and sums."""
        asked = read_query(request, RealisedQuery)
        lens = _lens(request, portfolio_id)
        year = tax_year_named(str(asked.get("year", "")), lens.portfolio, today=lens.today)
        return Response(RealisedYearSerializer(realised_year(lens.portfolio, year)).data)


class ExplainView(APIView):
    """What a figure was computed from."""

    @extend_schema(
        summary="Explain a figure",
        description="Totals by their names (`net_worth`), lines of the statement as `statement-dividends`, returns and "
        "risk by theirs (`twr`). `instrument` narrows a sum to one holding.",
        parameters=[ExplainQuery],
        responses={200: ExplanationSerializer, 404: _PROBLEM, 422: _PROBLEM},
    )
    def get(self, request: Request, portfolio_id: int, figure: str) -> Response:
        """Rows, prices and rates, formula and definition."""
        lens = _lens(request, portfolio_id)
        _check_year(read_query(request, ExplainQuery), lens)
        asked = cast("HttpRequest", request)
        if not is_figure(figure):
            raise NotFound("There is no such figure.")
        try:
            found = explained(lens, figure, asked_of(asked, lens))
        except SubjectUnknown as error:
            raise NotFound("The books have nothing of that kind.") from error
        except PortfolioError as error:
            raise NotMeasurable(problem_of(error)) from error
        return Response(ExplanationSerializer(found).data)
