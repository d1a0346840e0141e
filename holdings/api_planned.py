"""The books' API: planned entries: what was sent with a day to come, and waits for it."""

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
from holdings.entries import Entry
from holdings.models import DraftTransaction
from portfolio_site.kernel import clock
from portfolio_site.kernel.api import CursorPagination, DecimalString
from portfolio_site.kernel.api.problems import ProblemSerializer
from portfolio_site.kernel.api.selection import SelectFieldsMixin

_PROBLEM = OpenApiResponse(ProblemSerializer, description="Problem details")


class PlannedEntrySerializer(serializers.Serializer[Any]):
    """An entry that waits for its day. What it leaves out is found then: accounts, rates, the day's price."""

    id = serializers.IntegerField()
    date = serializers.DateField(source="row.occurred_date")
    type = serializers.CharField(source="entry.type")
    account_id = serializers.IntegerField(source="entry.account_id", allow_null=True)
    to_account_id = serializers.IntegerField(source="entry.to_account_id", allow_null=True)
    cash_account_id = serializers.IntegerField(source="entry.cash_account_id", allow_null=True)
    instrument_id = serializers.IntegerField(source="entry.instrument_id", allow_null=True)
    to_instrument_id = serializers.IntegerField(source="entry.to_instrument_id", allow_null=True)
    quantity = DecimalString(source="entry.quantity", allow_null=True)
    price = DecimalString(source="entry.price", allow_null=True)
    amount = DecimalString(source="entry.amount", allow_null=True)
    fees = DecimalString(source="entry.fees")
    taxes = DecimalString(source="entry.taxes")
    currency = serializers.CharField(source="entry.currency")
    ratio = serializers.CharField(source="entry.ratio")
    note = serializers.CharField(source="entry.note")
    tags = serializers.ListField(child=serializers.CharField(), source="entry.tags")
    created_at = serializers.DateTimeField(source="row.created_at")
    refusal = serializers.CharField(
        source="row.refusal", help_text="Why it could not be booked when its day came; empty as a rule."
    )


class _NextFirst(CursorPagination):
    """The next to come first."""

    ordering = ("occurred_at", "id")


class PlannedEntriesView(SelectFieldsMixin, GenericAPIView[DraftTransaction]):
    """What waits for its day."""

    pagination_class = _NextFirst
    filter_backends = ()
    serializer_class = PlannedEntrySerializer
    queryset = DraftTransaction.objects.none()

    @extend_schema(
        operation_id="portfolios_planned_list",
        summary="List planned entries",
        description="Entries that were sent with a day to come (`202`), the next first. Each is booked on its day by itself.",
        responses={200: PlannedEntrySerializer(many=True), 404: _PROBLEM},
    )
    def get(self, request: Request, portfolio_id: int) -> Response:
        """One page."""
        portfolio = shown_portfolio(request, portfolio_id)
        page = self.paginate_queryset(DraftTransaction.objects.filter(portfolio_id=portfolio.pk)) or []
        rows = [{"id": row.pk, "row": row, "entry": Entry.from_json(row.entry)} for row in page]
        return self.get_paginated_response(PlannedEntrySerializer(rows, many=True).data)


class PlannedEntryView(APIView):
    """One of them."""

    @extend_schema(
        operation_id="portfolios_planned_destroy",
        summary="Take back a planned entry",
        description="It is not booked when its day comes. To change one, take it back and send it again.",
        responses={204: None, 403: _PROBLEM, 404: _PROBLEM},
    )
    def delete(self, request: Request, portfolio_id: int, draft_id: int) -> Response:
        """Forget it."""
        portfolio = own_portfolio(request, portfolio_id)
        operations.remove_draft(
            portfolio_id=portfolio.pk, draft_id=draft_id, actor=request.user, now=clock.now()
        )
        return Response(status=204)
