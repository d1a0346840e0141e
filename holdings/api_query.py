"""The books' API: what its addresses may carry."""

from __future__ import annotations

from rest_framework import serializers

from holdings import queries
from holdings.domain.types import CostMethod
from holdings.models import ProposalState, TransactionType
from holdings.queries.insights.allocation import DIMENSIONS
from portfolio_site.kernel.api import DecimalString
from portfolio_site.kernel.api.strict import Truth, query_params


def _id(help_text: str = "", *, least: int = 1) -> serializers.IntegerField:
    return serializers.IntegerField(
        required=False, min_value=least, max_value=2**63 - 1, help_text=help_text or None
    )


PortfoliosQuery = query_params(
    "PortfoliosQuery", archived=Truth(default=False, help_text="With archived ones.")
)

TransactionsQuery = query_params(
    "TransactionsQuery",
    q=serializers.CharField(
        default="",
        allow_blank=True,
        max_length=100,
        help_text="Words in symbol, name, note, tags or outside id.",
    ),
    type=serializers.ChoiceField(choices=TransactionType.choices, required=False),
    account_id=_id(),
    instrument_id=_id(),
    since=serializers.DateField(required=False, help_text="From this day."),
    until=serializers.DateField(required=False, help_text="Up to and with this day."),
    amount_min=DecimalString(required=False, help_text="Money moved, without its sign, at least this."),
    amount_max=DecimalString(required=False, help_text="Money moved, without its sign, at most this."),
    tag=serializers.CharField(required=False, max_length=60, help_text="With exactly this tag."),
)

PositionsQuery = query_params(
    "PositionsQuery", closed=Truth(default=False, help_text="With those that are closed.")
)

LotsQuery = query_params("LotsQuery", instrument_id=_id())

RangeQuery = query_params(
    "RangeQuery", range=serializers.ChoiceField(choices=list(queries.RANGES), default="1Y")
)

ProposalsQuery = query_params(
    "ProposalsQuery",
    state=serializers.ChoiceField(choices=[*ProposalState.values, "all"], default="open"),
)

CURRENCY = serializers.RegexField(r"^[A-Za-z]{3}$", required=False, help_text="Else the portfolio's own.")

_PERIOD = {
    "range": serializers.RegexField(
        r"^(1D|1W|1M|3M|6M|YTD|1Y|3Y|5Y|MAX|(19|20)[0-9]{2})$",
        default="1Y",
        help_text="1D 1W 1M 3M 6M YTD 1Y 3Y 5Y MAX, or a calendar year.",
    ),
    "from": serializers.DateField(required=False, help_text="Instead of a range: from the end of this day."),
    "to": serializers.DateField(required=False, help_text="Instead of a range: to the end of this day."),
    "currency": CURRENCY,
    "benchmark": _id("The id of an instrument to compare with."),
    "dividends": serializers.ChoiceField(
        choices=["0", "1"], default="1", help_text="Whether the benchmark's dividends count."
    ),
}

PeriodQuery = query_params("PeriodQuery", **_PERIOD)

AllocationQuery = query_params(
    "AllocationQuery", by=serializers.ChoiceField(choices=list(DIMENSIONS), default="asset_class")
)

CurrencyQuery = query_params("CurrencyQuery", currency=CURRENCY)

RealisedQuery = query_params(
    "RealisedQuery",
    year=serializers.IntegerField(
        required=False,
        min_value=1900,
        max_value=2200,
        help_text="The calendar year it begins in, else the present.",
    ),
)

ExplainQuery = query_params(
    "ExplainQuery",
    **_PERIOD,
    instrument=_id("Narrow a sum to one holding."),
    other=_id("The second instrument of a correlation."),
    by=serializers.ChoiceField(
        choices=list(DIMENSIONS), required=False, help_text="The dimension of a part."
    ),
    part=serializers.CharField(
        required=False, max_length=100, help_text="The key of a part of the allocation."
    ),
    account=_id(),
    held=serializers.ChoiceField(choices=["long", "short"], required=False),
    method=serializers.ChoiceField(choices=[method.value for method in CostMethod], required=False),
    lot=_id(),
    entry=_id(),
    number=_id(least=0),
    year=serializers.RegexField(r"^[0-9]{4}$", required=False),
    term=serializers.ChoiceField(choices=["short", "long"], required=False),
)

PortfolioQuery = query_params(
    "PortfolioQuery",
    portfolio=_id("Which one, where there are several."),
)
