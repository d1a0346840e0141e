"""Market data's API: what its addresses may carry."""

from __future__ import annotations

from rest_framework import serializers

from marketdata.queries import Adjustment
from portfolio_site.kernel.api.strict import Truth, query_params

ADJUSTMENTS = {
    "raw": Adjustment.RAW,
    "split": Adjustment.SPLIT,
    "total_return": Adjustment.TOTAL_RETURN,
}


def _typed() -> serializers.CharField:
    return serializers.CharField(max_length=100, allow_blank=True, help_text="What was typed.")


SearchQuery = query_params(
    "SearchQuery",
    q=_typed(),
    limit=serializers.IntegerField(default=20, min_value=1, max_value=50),
)

BeyondQuery = query_params("BeyondQuery", q=_typed())

BarsQuery = query_params(
    "BarsQuery",
    **{
        "from": serializers.DateField(required=False, help_text="First day; a year ago unless told."),
        "to": serializers.DateField(required=False, help_text="Last day; today unless told."),
        "adjustment": serializers.ChoiceField(
            choices=list(ADJUSTMENTS), required=False, help_text="`split` unless told."
        ),
        "adjusted": Truth(default=True, help_text="Out of use: `false` means `adjustment=raw`."),
        "points": serializers.IntegerField(
            required=False,
            min_value=1,
            max_value=100_000,
            help_text="Join days so that there are at most this many bars.",
        ),
    },
)


QuotesQuery = query_params(
    "QuotesQuery",
    ids=serializers.RegexField(
        r"^[0-9]{1,18}( *, *[0-9]{1,18})*$", required=False, help_text="Instrument ids: `1,2,3`."
    ),
    symbols=serializers.RegexField(
        r"^ *[^ ,]", required=False, max_length=20_000, help_text="Symbols in any case: `AAPL,BTC-USD`."
    ),
)
