"""Market data: its part of the API: how prices and their sources are doing."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from marketdata import operations
from marketdata.queries.health import (
    SEES_PROVIDERS,
    PriceProblem,
    ProviderView,
    person_health,
    provider_views,
)
from portfolio_site.kernel import clock
from portfolio_site.kernel.api.fields import DecimalString


class HeldPriceSerializer(serializers.Serializer[Any]):
    """A price that waits for confirmation."""

    last = DecimalString()
    known_last = DecimalString(help_text="The stored price that it jumped from.")
    quoted_at = serializers.DateTimeField()
    held_at = serializers.DateTimeField(help_text="Since when it waits.")
    source = serializers.CharField()  # type: ignore[assignment]


class TroubleSerializer(serializers.Serializer[Any]):
    """An instrument whose price is old, missing or doubted."""

    instrument = serializers.IntegerField()
    symbol = serializers.CharField()
    name = serializers.CharField()
    why = serializers.ListField(
        child=serializers.CharField(), help_text="Why it concerns you: held, watched, ordered, your own."
    )
    kind = serializers.CharField(
        help_text=(
            "stale, no_price, held, unavailable, limited, unknown_symbol, wrong_currency, bad_answer, not_authorised, "
            "refused, no_provider. New kinds may come."
        )
    )
    problem = serializers.CharField()
    remedy = serializers.CharField(help_text="What would help.")
    since = serializers.DateTimeField(allow_null=True)
    last = DecimalString(allow_null=True, help_text="The last good price, which stays in use.")
    quoted_at = serializers.DateTimeField(allow_null=True)
    source = serializers.CharField(allow_blank=True)  # type: ignore[assignment]
    is_simulated = serializers.BooleanField()
    told = serializers.DictField(child=serializers.CharField(), help_text="What each source said last.")
    held_price = HeldPriceSerializer(allow_null=True)
    may_retry = serializers.BooleanField(help_text="Whether asking again now can help.")


class ProviderSerializer(serializers.Serializer[Any]):
    """A provider of prices, for administrators and auditors."""

    name = serializers.CharField()
    state = serializers.CharField(
        help_text="ok, failing, resting (it asked for it), open (circuit breaker), unknown."
    )
    since = serializers.DateTimeField(allow_null=True)
    calls = serializers.IntegerField(help_text="Requests of this UTC day.")
    failures = serializers.IntegerField()
    not_asked = serializers.IntegerField(help_text="Calls that were not made to keep within limits.")
    mean_ms = serializers.IntegerField(allow_null=True)
    per_minute = serializers.IntegerField(allow_null=True)
    per_day = serializers.IntegerField(allow_null=True)
    left_now = serializers.IntegerField(allow_null=True)
    left_today = serializers.IntegerField(allow_null=True)
    rests_until = serializers.DateTimeField(allow_null=True)
    open_until = serializers.DateTimeField(allow_null=True)
    last_success_at = serializers.DateTimeField(allow_null=True)
    last_failure_at = serializers.DateTimeField(allow_null=True)
    last_failure = serializers.CharField(allow_blank=True)
    instruments_without_price = serializers.IntegerField()


class HealthSerializer(serializers.Serializer[Any]):
    """The state of the prices that concern the caller."""

    instruments = serializers.IntegerField(help_text="How many instruments concern you.")
    problems = TroubleSerializer(many=True)
    providers = ProviderSerializer(
        many=True, required=False, help_text="Only for administrators and auditors."
    )


class MarketDataHealthView(APIView):
    """How prices are doing."""

    @extend_schema(
        summary="Show the state of prices",
        description=(
            "Which of the prices that concern you (held, watched, ordered, your own instruments) are old, missing or "
            "doubted, since when, why, and what would help. The last good price always stays in use. Administrators and "
            "auditors also get the state of each provider."
        ),
        responses=HealthSerializer,
    )
    def get(self, request: Request) -> Response:
        """Answer with what the health page shows."""
        now = clock.now()
        mine = person_health(request.user, now=now)
        body: dict[str, Any] = {
            "instruments": mine.total,
            "problems": [_problem(one) for one in mine.problems],
        }
        if request.user.has_perm(SEES_PROVIDERS):
            limits = operations.limits_by_provider()
            body["providers"] = [_provider(one) for one in provider_views(limits, limits=limits, now=now)]
        return Response(HealthSerializer(body).data)


def _problem(one: PriceProblem) -> dict[str, Any]:
    return {
        "instrument": one.instrument.pk,
        "symbol": one.instrument.symbol,
        "name": one.instrument.name,
        "why": list(one.why),
        "kind": one.kind,
        "problem": one.explained.problem,
        "remedy": one.explained.remedy,
        "since": one.since,
        "last": one.quote.last if one.quote else None,
        "quoted_at": one.quote.quoted_at if one.quote else None,
        "source": one.quote.source if one.quote else "",
        "is_simulated": one.quote.is_simulated if one.quote else False,
        "told": dict(one.told),
        "held_price": one.held,
        "may_retry": one.may_retry,
    }


def _provider(one: ProviderView) -> dict[str, Any]:
    return {
        "name": one.name,
        "state": one.state,
        "since": one.since,
        "calls": one.day.calls,
        "failures": one.day.failures,
        "not_asked": one.day.refused,
        "mean_ms": one.day.mean_ms,
        "per_minute": one.per_minute,
        "per_day": one.per_day,
        "left_now": one.left_now,
        "left_today": one.left_today,
        "rests_until": one.rests_until,
        "open_until": one.open_until,
        "last_success_at": one.last_success_at,
        "last_failure_at": one.last_failure_at,
        "last_failure": one.last_failure,
        "instruments_without_price": one.troubled,
    }
