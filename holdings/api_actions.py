"""The books' part of `/api/v1/`: dividends and splits that wait to be booked."""

from __future__ import annotations

from typing import Any

from django.db import models
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from holdings import queries
from holdings.api import own_portfolio, shown_portfolio
from holdings.api_query import ProposalsQuery
from holdings.models import ProposalKind, ProposalState
from holdings.operations import actions
from portfolio_site.kernel import clock
from portfolio_site.kernel.api import DecimalString, idempotent
from portfolio_site.kernel.api.idempotent import IDEMPOTENCY_HEADER
from portfolio_site.kernel.api.problems import ProblemSerializer
from portfolio_site.kernel.api.strict import StrictSerializer, read_query

_PROBLEM = OpenApiResponse(ProblemSerializer, description="Problem details")


class ProposalSerializer(serializers.Serializer[Any]):
    """A dividend or split of something that was held before its ex-date."""

    id = serializers.IntegerField()
    instrument_id = serializers.IntegerField()
    symbol = serializers.CharField()
    kind = serializers.ChoiceField(choices=ProposalKind.choices)
    ex_date = serializers.DateField()
    value = DecimalString(help_text="Cash per share, or new shares per old one.")
    quantity = DecimalString(
        help_text="Held when it took effect, in the shares before it; negative when short."
    )
    amount = DecimalString(allow_null=True, help_text="The dividend before what is withheld.")
    taxes = DecimalString(help_text="What is thought to be withheld, after the latest dividend of it.")
    currency = serializers.CharField()
    ratio = serializers.CharField(help_text="`4`, or `1:8`: new shares per old one.")
    state = serializers.ChoiceField(choices=ProposalState.choices)
    doubt = serializers.CharField(help_text="Why somebody should look at it before it is booked.")
    entry_ids = serializers.ListField(child=serializers.IntegerField(), help_text="The entries that are it.")
    is_automatic = serializers.BooleanField(help_text="Booked without being asked.")


class BookingSerializer(StrictSerializer):
    """What is otherwise than proposed; nothing has to be given."""

    day = serializers.DateField(
        required=False, help_text="When a dividend was paid; its ex-date unless told."
    )
    amount = DecimalString(required=False, help_text="The dividend before what was withheld.")
    taxes = DecimalString(required=False, help_text="What was withheld.")
    cash = DecimalString(required=False, help_text="What was paid for fractions at a split.")
    cash_quantity = DecimalString(required=False, help_text="The new units it was paid for.")
    note = serializers.CharField(required=False, max_length=1000)


class ProposalsView(APIView):
    """Dividends and splits of a portfolio."""

    @extend_schema(
        summary="List dividends and splits to book",
        description="What sources told of, for what was held before the ex-date; the latest first, at most "
        f"{queries.MOST_PROPOSALS}. Those that wait unless `state` is told; `all` for every one.",
        parameters=[ProposalsQuery],
        responses={200: ProposalSerializer(many=True), 404: _PROBLEM},
    )
    def get(self, request: Request, portfolio_id: int) -> Response:
        """Those of the state."""
        portfolio = shown_portfolio(request, portfolio_id)
        state = read_query(request, ProposalsQuery)["state"]
        found = queries.proposals_of(portfolio.pk, states=None if state == "all" else [state])
        return Response(ProposalSerializer(found, many=True).data)


class _OnProposal(APIView):
    """Deciding about one, once per `Idempotency-Key`."""

    def answer(self, request: Request, portfolio_id: int, proposal_id: int, what: str, do: Any) -> Response:
        portfolio = own_portfolio(request, portfolio_id)

        def done() -> tuple[int, Any]:
            row: models.Model = do(
                portfolio_id=portfolio.pk, proposal_id=proposal_id, actor=request.user, now=clock.now()
            )
            return 200, ProposalSerializer(queries.proposal_of(portfolio.pk, row.pk)).data

        return idempotent(request, route=f"portfolio.{portfolio.pk}.action.{proposal_id}.{what}", do=done)


class BookProposalView(_OnProposal):
    """Booking one."""

    @extend_schema(
        summary="Book a dividend or split",
        description="As proposed, or with the changes given. A dividend becomes an entry for each account that held "
        "something. Booked already: the same answer, and nothing is booked again.",
        parameters=[IDEMPOTENCY_HEADER],
        request=BookingSerializer,
        responses={
            200: ProposalSerializer,
            400: _PROBLEM,
            403: _PROBLEM,
            404: _PROBLEM,
            409: _PROBLEM,
            422: _PROBLEM,
        },
    )
    def post(self, request: Request, portfolio_id: int, proposal_id: int) -> Response:
        """Book it."""
        own_portfolio(request, portfolio_id)
        given = BookingSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        change = actions.Change(**given.validated_data)

        def do(**wanted: Any) -> Any:
            return actions.book_proposal(**wanted, change=change)

        return self.answer(request, portfolio_id, proposal_id, "book", do)


class DismissProposalView(_OnProposal):
    """Dismissing one."""

    @extend_schema(
        summary="Dismiss a dividend or split",
        description="It is not booked, and not brought up again. `reopen` brings it back.",
        parameters=[IDEMPOTENCY_HEADER],
        request=None,
        responses={200: ProposalSerializer, 403: _PROBLEM, 404: _PROBLEM, 422: _PROBLEM},
    )
    def post(self, request: Request, portfolio_id: int, proposal_id: int) -> Response:
        """Dismiss it."""
        return self.answer(request, portfolio_id, proposal_id, "dismiss", actions.dismiss_proposal)


class ReopenProposalView(_OnProposal):
    """Bringing one back."""

    @extend_schema(
        summary="Bring a dismissed dividend or split back",
        parameters=[IDEMPOTENCY_HEADER],
        request=None,
        responses={200: ProposalSerializer, 403: _PROBLEM, 404: _PROBLEM, 422: _PROBLEM},
    )
    def post(self, request: Request, portfolio_id: int, proposal_id: int) -> Response:
        """Bring it back."""
        return self.answer(request, portfolio_id, proposal_id, "reopen", actions.reopen_proposal)
