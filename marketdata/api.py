"""Market data: its part of the API."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from marketdata import queries
from marketdata.api_finding import BeyondMixin
from marketdata.api_own import OwnInstrumentsMixin
from marketdata.api_query import ADJUSTMENTS, BarsQuery, QuotesQuery, SearchQuery
from marketdata.api_serializers import BarsSerializer, InstrumentSerializer, QuoteSerializer, QuotesSerializer
from marketdata.models import Instrument
from portfolio_site.kernel import clock
from portfolio_site.kernel.api.selection import SelectFieldsMixin
from portfolio_site.kernel.api.strict import read_query

MAX_QUOTES = 500


class InstrumentFilter(django_filters.FilterSet):
    """What the list of instruments can be narrowed by."""

    symbol = django_filters.CharFilter(method="exactly", help_text="Exactly this symbol, in any case.")

    class Meta:
        model = Instrument
        fields = ("asset_class", "currency", "exchange", "isin", "country", "is_active")

    def exactly(self, rows: QuerySet[Instrument], _name: str, value: str) -> QuerySet[Instrument]:
        """Compare symbols without regard to case."""
        return rows.filter(symbol_key=value.upper())


@extend_schema_view(
    list=extend_schema(
        summary="List instruments",
        description="The shared list and your own. To find one as people type, use `/instruments/search/`.",
    ),
    retrieve=extend_schema(summary="Show an instrument", description="Key data of an instrument."),
)
class InstrumentViewSet(
    SelectFieldsMixin,
    OwnInstrumentsMixin,
    BeyondMixin,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[Instrument],
):
    """Instruments: what can be held, quoted and traded."""

    queryset = Instrument.objects.none()
    serializer_class = InstrumentSerializer
    filterset_class = InstrumentFilter
    ordering = ("symbol_key", "id")
    selecting_actions = frozenset({"list", "retrieve", "search"})
    lookup_value_converter = "int"

    def get_queryset(self) -> QuerySet[Instrument]:
        """Those this person may see."""
        return Instrument.objects.visible_to(self.request.user)

    @extend_schema(
        summary="Search instruments",
        description="By symbol, ISIN, CUSIP, FIGI or words of the name; exact symbols come first. At most 50. What is not "
        "found here can be asked of the providers of prices: `/instruments/beyond/`.",
        parameters=[SearchQuery],
        responses=InstrumentSerializer(many=True),
        filters=False,
    )
    @action(detail=False, pagination_class=None)
    def search(self, request: Request) -> Response:
        """Ranked matches."""
        asked = read_query(request, SearchQuery)
        found = queries.search_instruments(user=request.user, text=asked["q"], limit=asked["limit"])
        return Response(InstrumentSerializer(found, many=True, context={"request": request}).data)

    @extend_schema(
        summary="Daily history",
        description=(
            "Open, high, low, close and volume by day, oldest first, in the instrument's currency. "
            "`adjustment=split` (default): prices before a split are divided by its ratio. `raw`: as traded. "
            "`total_return`: besides, each dividend is put into more shares at the close of its ex-date, "
            "so that the growth between two closes is what a holder had."
        ),
        parameters=[BarsQuery],
        responses=BarsSerializer,
        filters=False,
    )
    @action(detail=True, pagination_class=None)
    def bars(self, request: Request, pk: int) -> Response:
        """The bars of one instrument."""
        instrument = queries.visible_instrument(request.user, pk)
        today = clock.now().date()
        asked = read_query(request, BarsQuery)
        end = asked.get("to") or today
        start = asked.get("from") or end - min(timedelta(days=365), end - date.min)
        wanted = asked.get("adjustment") or ("split" if asked["adjusted"] else "raw")
        points = asked.get("points")
        found = queries.bars(instrument.pk, start, end, adjustment=ADJUSTMENTS[wanted], at_most=points)
        body = {
            "instrument_id": instrument.pk,
            "symbol": instrument.symbol,
            "currency": instrument.currency,
            "adjusted": wanted != "raw",
            "adjustment": wanted,
            "is_simulated": any(bar.source.startswith("simulated") for bar in found),
            "results": [_rounded(bar) for bar in found],
        }
        return Response(BarsSerializer(body).data)


class QuotesView(SelectFieldsMixin, APIView):
    """Latest quotes of several instruments at once."""

    selectable = QuoteSerializer

    @extend_schema(
        summary="Latest quotes",
        description=f"Name instruments by `ids` or `symbols`, separated by commas; at most {MAX_QUOTES}. "
        "What is simulated says so in `is_simulated`.",
        parameters=[QuotesQuery],
        responses=QuotesSerializer,
    )
    def get(self, request: Request) -> Response:
        """Quotes of those the person may see."""
        asked_for = read_query(request, QuotesQuery)
        wanted, symbols = _list(asked_for.get("ids")), _list(asked_for.get("symbols"))
        if not wanted and not symbols:
            raise ValidationError({"ids": ["Name instruments by ids or symbols."]})
        if len(wanted) + len(symbols) > MAX_QUOTES:
            raise ValidationError({"ids": [f"At most {MAX_QUOTES} at a time."]})
        ids = [_whole(text, "ids") for text in wanted]
        visible = Instrument.objects.visible_to(request.user)
        by_id = set(visible.filter(pk__in=ids).values_list("pk", flat=True)) if ids else set()
        by_symbol = queries.ids_by_symbol(user=request.user, symbols=symbols) if symbols else {}
        quotes = queries.latest_quotes([*by_id, *by_symbol.values()])
        asked = [(text, pk if pk in by_id else 0) for text, pk in zip(wanted, ids, strict=True)]
        asked += [(symbol, by_symbol.get(symbol.upper(), 0)) for symbol in symbols]
        body = {
            "results": [quotes[pk] for pk in dict.fromkeys(pk for _, pk in asked) if pk in quotes],
            "missing": [text for text, pk in asked if pk not in quotes],
        }
        return Response(QuotesSerializer(body).data)


def _list(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def _whole(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise ValidationError({name: ["Give whole numbers."]})
    return int(text)


def _rounded(bar: queries.BarView) -> dict[str, Any]:
    """Prices that went through a split's ratio have digits without meaning."""

    def cut(value: Decimal | None) -> Decimal | None:
        return None if value is None else round(value, 8)

    return {
        "date": bar.date,
        "open": cut(bar.open),
        "high": cut(bar.high),
        "low": cut(bar.low),
        "close": cut(bar.close),
        "volume": cut(bar.volume),
        "source": bar.source,
    }
