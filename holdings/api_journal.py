"""The books' API: the journal, entry by entry. Its pages are written row by row from columns, without serializers."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.utils.timezone import get_current_timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

from holdings import operations, queries
from holdings.api import own_portfolio, shown_portfolio
from holdings.api_query import TransactionsQuery
from holdings.api_serializers import EntrySerializer, TransactionSerializer
from holdings.models import DraftTransaction, Transaction
from holdings.operations import EntryUnknown
from portfolio_site.kernel import clock
from portfolio_site.kernel.api import CursorPagination, idempotent
from portfolio_site.kernel.api.idempotent import IDEMPOTENCY_HEADER
from portfolio_site.kernel.api.problems import ProblemSerializer
from portfolio_site.kernel.api.selection import SelectFieldsMixin
from portfolio_site.kernel.api.strict import read_query

_PROBLEM = OpenApiResponse(ProblemSerializer, description="Problem details")
_EVERYTHING = queries.EntryFilter()
_LONGEST_CURSOR = 80

POST_DESCRIPTION = """
Book one entry. It is complete with the fields its type needs; a refusal (`422`) names the field and the
reason, and nothing is stored.

| type | needs | may have |
| --- | --- | --- |
| `buy`, `sell` | `instrument_id`, `quantity`, `price` or `amount` | `fees`, `taxes`, `lots` (sell) |
| `deposit`, `withdrawal`, `fee`, `fee_refund`, `tax`, `tax_refund`, `interest_charge` | `amount` | `fees`, `taxes` |
| `dividend`, `distribution` | `instrument_id`, `amount` (cash) or `quantity` (in kind) | `fees`, `taxes` |
| `interest`, `staking` | `amount` or `quantity` | `instrument_id` |
| `transfer` | `to_account_id`, `amount` or `instrument_id` and `quantity` | `fees` |
| `delivery_in`, `delivery_out` | `instrument_id`, `quantity` | `cost`, `price` |
| `split` | `instrument_id`, `ratio` | `amount` (cash in lieu) |
| `spin_off`, `merger`, `symbol_change` | `instrument_id`, `to_instrument_id`, `ratio` | `amount` |
| `return_of_capital`, `liability` | `amount` | |

`amount`, `fees` and `taxes` are not negative: the type gives the sign. An entry of a later day than today is
kept aside until then (`202`).
Entries of a paper portfolio come from orders only (`422 paper_journal_closed`).
""".strip()


class JournalPagination(CursorPagination):
    """Newest first. A cursor names the entry that the page begins behind, so that no later entry can move it."""

    ordering = ("-occurred_at", "-sequence")

    def place_in(self, request: Request) -> queries.Place | None:
        """Where the page begins; None for the newest. 400 for a cursor that we did not make."""
        text = request.query_params.get(self.cursor_query_param)
        if not text:
            return None
        place = _place_of(text)
        if place is None:
            raise ValidationError({self.cursor_query_param: ["Follow `next` and `previous`."]})
        return place

    def answer(self, request: Request, page: queries.JournalPage) -> Response:
        """The page with its links."""
        return Response(
            {
                "next": self._link(request, page.older),
                "previous": self._link(request, page.newer),
                "results": written(page.rows),
            }
        )

    def _link(self, request: Request, place: queries.Place | None) -> str | None:
        if place is None:
            return None
        text = f"{'n' if place.is_towards_newer else 'o'}_{place.micros}_{place.sequence}"
        cursor = urlsafe_b64encode(text.encode()).decode("ascii")
        link: str = replace_query_param(request.build_absolute_uri(), self.cursor_query_param, cursor)
        return link


def _place_of(cursor: str) -> queries.Place | None:
    """What a cursor stands for; None for one that was not made here."""
    if len(cursor) > _LONGEST_CURSOR:
        return None
    try:
        side, micros, sequence = urlsafe_b64decode(cursor.encode("ascii")).decode("ascii").split("_")
        place = queries.Place(int(micros), int(sequence), {"o": False, "n": True}[side])
        year = place.at.year
    except (ValueError, KeyError, OverflowError):
        return None
    return place if 1800 < year < 2300 and 0 <= place.sequence < 2**63 else None


_NAMES = queries.JOURNAL_COLUMNS[:-1]


def written(rows: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
    """Rows of `JOURNAL_COLUMNS` as `TransactionSerializer` writes entries."""
    zone = get_current_timezone()
    # Entries of one import were posted at one instant.
    posted: dict[datetime, str] = {}
    found = []
    for row in rows:
        entry = dict(zip(_NAMES, row, strict=False))
        if entry["date"] is None:
            entry["date"] = row[-1].astimezone(UTC).isoformat().replace("+00:00", "Z")
        at = entry["posted_at"]
        if at not in posted:
            text = at.astimezone(zone).isoformat()
            posted[at] = f"{text[:-6]}Z" if text.endswith("+00:00") else text
        entry["posted_at"] = posted[at]
        found.append(entry)
    return found


class TransactionsView(SelectFieldsMixin, GenericAPIView[Transaction]):
    """The journal of a portfolio."""

    pagination_class = JournalPagination
    filter_backends = ()
    serializer_class = TransactionSerializer
    queryset = Transaction.objects.none()

    @extend_schema(
        summary="List entries",
        description="Entries that count, newest first.",
        parameters=[TransactionsQuery],
        responses={200: TransactionSerializer(many=True), 404: _PROBLEM},
    )
    def get(self, request: Request, portfolio_id: int) -> Response:
        """One page of entries."""
        asked = read_query(request, TransactionsQuery)
        pages = JournalPagination()
        size, place = pages.get_page_size(request), pages.place_in(request)
        wanted = queries.EntryFilter(text=asked.pop("q"), **asked)
        if wanted == _EVERYTHING:
            page = queries.journal_page(request.user, portfolio_id, size=size, place=place)
            if not page.rows:
                # Nothing there, or nothing that this person may see: that is another answer.
                shown_portfolio(request, portfolio_id)
        else:
            portfolio = shown_portfolio(request, portfolio_id)
            page = queries.filtered_journal_page(portfolio, wanted, size=size, place=place)
        return pages.answer(request, page)

    @extend_schema(
        summary="Book an entry",
        description=POST_DESCRIPTION,
        parameters=[IDEMPOTENCY_HEADER],
        request=EntrySerializer,
        responses={
            201: TransactionSerializer,
            202: OpenApiResponse(
                OpenApiTypes.OBJECT, description="Kept aside until its day: `draft_id`, `date`"
            ),
            400: _PROBLEM,
            403: _PROBLEM,
            404: _PROBLEM,
            409: _PROBLEM,
            422: _PROBLEM,
        },
    )
    def post(self, request: Request, portfolio_id: int) -> Response:
        """Book one, once per `Idempotency-Key`."""
        portfolio = own_portfolio(request, portfolio_id)
        given = EntrySerializer(data=request.data)
        given.is_valid(raise_exception=True)

        def do() -> tuple[int, Any]:
            posted = operations.post_transaction(
                portfolio_id=portfolio.pk, entry=given.entry(), actor=request.user, now=clock.now()
            )
            if isinstance(posted, DraftTransaction):
                return 202, {"draft_id": posted.pk, "date": posted.occurred_date.isoformat()}
            return 201, TransactionSerializer(posted).data

        return idempotent(request, route=f"portfolio.{portfolio.pk}.transactions", do=do)


class TransactionDetailView(APIView):
    """One entry."""

    @extend_schema(summary="Read an entry", responses={200: TransactionSerializer, 404: _PROBLEM})
    def get(self, request: Request, portfolio_id: int, transaction_id: int) -> Response:
        """An entry that counts."""
        return Response(TransactionSerializer(self._row(request, portfolio_id, transaction_id)).data)

    @extend_schema(
        summary="Correct an entry",
        description="The old row stays in the journal, voided; the answer is the new one, which names it in `replaces_id`.",
        request=EntrySerializer,
        responses={200: TransactionSerializer, 403: _PROBLEM, 404: _PROBLEM, 422: _PROBLEM},
    )
    def put(self, request: Request, portfolio_id: int, transaction_id: int) -> Response:
        """Replace it."""
        portfolio = own_portfolio(request, portfolio_id)
        row = self._row(request, portfolio_id, transaction_id)
        given = EntrySerializer(data=request.data)
        given.is_valid(raise_exception=True)
        corrected = operations.correct_transaction(
            portfolio_id=portfolio.pk,
            transaction_id=row.pk,
            entry=given.entry(),
            actor=request.user,
            now=clock.now(),
        )
        return Response(TransactionSerializer(corrected).data)

    @extend_schema(
        summary="Remove an entry",
        description="It no longer counts; the journal keeps it, with who removed it and when.",
        responses={204: None, 403: _PROBLEM, 404: _PROBLEM, 422: _PROBLEM},
    )
    def delete(self, request: Request, portfolio_id: int, transaction_id: int) -> Response:
        """Void it."""
        portfolio = own_portfolio(request, portfolio_id)
        operations.void_transaction(
            portfolio_id=portfolio.pk, transaction_id=transaction_id, actor=request.user, now=clock.now()
        )
        return Response(status=204)

    def _row(self, request: Request, portfolio_id: int, transaction_id: int) -> Transaction:
        row = queries.visible_entry(request.user, portfolio_id, transaction_id)
        if row is None or getattr(row, "void", None) is not None:
            raise EntryUnknown
        return row
