"""Market data operations: prices kept by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from django.db import transaction

from marketdata.domain.validation import PRICE_LIMIT
from marketdata.models import Instrument, PriceBar
from marketdata.operations.quotes import apply_quotes
from marketdata.providers.base import QuoteData
from marketdata.queries import InstrumentNotFound
from portfolio_site.kernel.errors import DomainError, ForbiddenError

MANUAL_SOURCE = "manual"
EARLIEST = date(1800, 1, 1)


class PriceRefused(DomainError):
    """A price that cannot be entered like this; `field` says where."""

    code = "price_refused"


def record_price(*, instrument_id: int, day: date, price: Decimal, actor: Any, now: datetime) -> PriceBar:
    """Enter what a hand-kept instrument was worth at the end of a day; a second entry for a day replaces the
    first.

    The latest day's price becomes the quote. One's own instruments may be priced by oneself, shared ones by
    who may change prices in the admin, and only where no provider serves them. Raises `PriceRefused`,
    `ForbiddenError`, `InstrumentNotFound`.
    """
    if not price.is_finite() or price < 0 or price >= PRICE_LIMIT:
        raise PriceRefused("Enter a price of zero or more.", field="price")
    if day > now.astimezone(UTC).date():
        raise PriceRefused("A price cannot be of a day to come.", field="date")
    if day < EARLIEST:
        raise PriceRefused("That day is too long ago.", field="date")
    instrument = Instrument.objects.visible_to(actor).filter(pk=instrument_id).first()
    if instrument is None:
        raise InstrumentNotFound
    if instrument.provider != "manual":
        raise PriceRefused("This instrument gets its prices from a provider.", code="not_hand_kept")
    if instrument.owner_id != actor.pk and not (
        instrument.owner_id is None and actor.has_perm("marketdata.change_quote")
    ):
        raise ForbiddenError("You may only price instruments of your own.")
    with transaction.atomic():
        bar, _ = PriceBar.objects.update_or_create(
            instrument=instrument,
            date=day,
            defaults={"close": price, "open": None, "high": None, "low": None, "source": MANUAL_SOURCE},
        )
        newest = list(
            PriceBar.objects.filter(instrument=instrument).order_by("-date").values_list("date", "close")[:2]
        )
        if newest[0][0] == day and price > 0:
            apply_quotes(
                quotes=[
                    QuoteData(
                        instrument_id=instrument.pk,
                        last=price,
                        previous_close=newest[1][1] if len(newest) > 1 else None,
                        quoted_at=end_of(day, now),
                        source=MANUAL_SOURCE,
                    )
                ],
                now=now,
                is_trusted=True,
            )
    return bar


def end_of(day: date, now: datetime) -> datetime:
    """Return the last instant of a UTC day, or now where that is still to come."""
    return min(datetime.combine(day, time.max, tzinfo=UTC), now)
