"""Market data queries: the prices a person keeps by hand."""

from __future__ import annotations

from datetime import date

from django.db.models import QuerySet

from marketdata.models import PriceBar
from marketdata.queries.bars import DatedPrice


def prices_of(instrument_id: int) -> QuerySet[PriceBar]:
    """Return all daily prices of an instrument, the latest first; to be cut into pages."""
    return PriceBar.objects.filter(instrument_id=instrument_id).order_by("-date")


def price_of_day(instrument_id: int, day: str) -> DatedPrice | None:
    """Return the price of exactly a day given as text; None where there is none, or the text is no day."""
    try:
        wanted = date.fromisoformat(day)
    except ValueError:
        return None
    close = prices_of(instrument_id).filter(date=wanted).values_list("close", flat=True).first()
    return None if close is None else DatedPrice(wanted, close)
