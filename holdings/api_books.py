"""The books' API: accounts, open lots, many entries at once, and putting a portfolio away."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from holdings import operations
from holdings.api import own_portfolio, shown_portfolio
from holdings.api_query import LotsQuery
from holdings.api_serializers import (
    AccountSerializer,
    EntrySerializer,
    PortfolioSerializer,
    TransactionSerializer,
)
from holdings.models import AccountKind, Lot
from portfolio_site.kernel import clock
from portfolio_site.kernel.api import CursorPagination, DecimalString, idempotent
from portfolio_site.kernel.api.idempotent import IDEMPOTENCY_HEADER
from portfolio_site.kernel.api.problems import ProblemSerializer
from portfolio_site.kernel.api.selection import SelectFieldsMixin
from portfolio_site.kernel.api.strict import StrictSerializer, read_query

MOST_ENTRIES = 1000
_PROBLEM = OpenApiResponse(ProblemSerializer, description="Problem details")


class NewAccountSerializer(StrictSerializer):
    """What it takes to open an account."""

    name = serializers.CharField(max_length=120)
    kind = serializers.ChoiceField(choices=AccountKind.choices)
    currency = serializers.CharField(max_length=8)
    cash_account_id = serializers.IntegerField(
        required=False, min_value=1, max_value=2**63 - 1, help_text="Where a securities account settles."
    )


class LotSerializer(serializers.ModelSerializer[Lot]):
    """An open parcel; a short one has a negative quantity. `_base` is in the portfolio's currency."""

    instrument_id = serializers.IntegerField()
    symbol = serializers.CharField(source="instrument.symbol")
    currency = serializers.CharField(source="instrument.currency")
    account_id = serializers.IntegerField(allow_null=True)
    opened = serializers.DateField(source="opened_date")
    quantity = DecimalString()
    cost = DecimalString()
    cost_base = DecimalString()
    fees = DecimalString()
    fees_base = DecimalString()

    class Meta:
        model = Lot
        fields = ("id", "key", "instrument_id", "symbol", "currency", "account_id", "is_pool", "opened", "held_since",
                  "quantity", "cost", "cost_base", "fees", "fees_base")  # fmt: skip
        read_only_fields = fields


class ManyEntriesSerializer(StrictSerializer):
    """Entries to book together, in this order where their times are equal."""

    entries = serializers.ListField(child=EntrySerializer(), min_length=1, max_length=MOST_ENTRIES)


class WaitingEntrySerializer(serializers.Serializer[Any]):
    """An entry of a later day, kept aside until then."""

    draft_id = serializers.IntegerField()
    date = serializers.DateField()


class ManyPostedSerializer(serializers.Serializer[Any]):
    """What was booked, and what waits for its day."""

    posted = TransactionSerializer(many=True)
    waiting = WaitingEntrySerializer(many=True)


class AccountsView(APIView):
    """The accounts of a portfolio."""

    @extend_schema(summary="List accounts", responses={200: AccountSerializer(many=True), 404: _PROBLEM})
    def get(self, request: Request, portfolio_id: int) -> Response:
        """All of them: there are few."""
        portfolio = shown_portfolio(request, portfolio_id)
        rows = portfolio.accounts.order_by("pk")
        return Response(AccountSerializer(rows, many=True).data)

    @extend_schema(
        summary="Open an account",
        parameters=[IDEMPOTENCY_HEADER],
        request=NewAccountSerializer,
        responses={201: AccountSerializer, 403: _PROBLEM, 404: _PROBLEM, 422: _PROBLEM},
    )
    def post(self, request: Request, portfolio_id: int) -> Response:
        """Open one, once per `Idempotency-Key`."""
        portfolio = own_portfolio(request, portfolio_id)
        given = NewAccountSerializer(data=request.data)
        given.is_valid(raise_exception=True)

        def do() -> tuple[int, Any]:
            made = operations.add_account(portfolio_id=portfolio.pk, now=clock.now(), **given.validated_data)
            return 201, AccountSerializer(made).data

        return idempotent(request, route=f"portfolio.{portfolio.pk}.accounts", do=do)


class _ByAge(CursorPagination):
    """The oldest first."""

    ordering = ("position", "id")


class LotsView(SelectFieldsMixin, GenericAPIView[Lot]):
    """What is held, parcel by parcel."""

    pagination_class = _ByAge
    filter_backends = ()
    serializer_class = LotSerializer
    queryset = Lot.objects.none()

    @extend_schema(
        summary="List open lots",
        description="The parcels that are held now, the oldest first. With a pooled cost method there is one pool for "
        "each instrument. Closed ones are under `realised/`.",
        parameters=[LotsQuery],
        responses={200: LotSerializer(many=True), 404: _PROBLEM},
    )
    def get(self, request: Request, portfolio_id: int) -> Response:
        """One page."""
        portfolio = shown_portfolio(request, portfolio_id)
        asked = read_query(request, LotsQuery)
        rows = Lot.objects.filter(portfolio_id=portfolio.pk, **asked).select_related("instrument")
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(LotSerializer(page, many=True).data)


class ManyTransactionsView(APIView):
    """Many entries at once."""

    @extend_schema(
        summary="Book many entries",
        description=f"Up to {MOST_ENTRIES}, all of them or none: a refusal (`422`) says in `rows` which is at fault. "
        "Each is as for booking one.",
        parameters=[IDEMPOTENCY_HEADER],
        request=ManyEntriesSerializer,
        responses={201: ManyPostedSerializer, 403: _PROBLEM, 404: _PROBLEM, 409: _PROBLEM, 422: _PROBLEM},
    )
    def post(self, request: Request, portfolio_id: int) -> Response:
        """Book them, once per `Idempotency-Key`."""
        portfolio = own_portfolio(request, portfolio_id)
        given = ManyEntriesSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        entries = [EntrySerializer.entry_of(row) for row in given.validated_data["entries"]]

        def do() -> tuple[int, Any]:
            posted = operations.post_transactions(
                portfolio_id=portfolio.pk, entries=entries, actor=request.user, now=clock.now()
            )
            waiting = [{"draft_id": row.pk, "date": row.occurred_date} for row in posted.drafts]
            return 201, ManyPostedSerializer({"posted": posted.transactions, "waiting": waiting}).data

        return idempotent(request, route=f"portfolio.{portfolio.pk}.transactions.many", do=do)


class ArchiveView(APIView):
    """Putting a portfolio away."""

    @extend_schema(
        summary="Archive a portfolio",
        description="It can be read, and nothing can be booked any more. Doing it twice changes nothing.",
        request=None,
        responses={200: PortfolioSerializer, 403: _PROBLEM, 404: _PROBLEM},
    )
    def post(self, request: Request, portfolio_id: int) -> Response:
        """Put it away."""
        portfolio = own_portfolio(request, portfolio_id)
        operations.archive_portfolio(portfolio_id=portfolio.pk, actor=request.user, now=clock.now())
        return Response(PortfolioSerializer(shown_portfolio(request, portfolio_id)).data)
