"""Market data operations: quotes that a person sets and holds."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db import transaction

from marketdata.domain.validation import fault_in_quote, fault_in_sizes
from marketdata.models import Instrument, Quote
from marketdata.operations.providing import provider_named, ref_of
from marketdata.operations.quotes.storing import apply_quotes, store
from marketdata.providers.base import QuoteData
from marketdata.queries import BY_HAND, InstrumentNotFound, attention, latest_quotes
from marketdata.queries.quotes import remember
from portfolio_site.kernel.errors import DomainError


class QuoteRefused(DomainError):
    """A price that cannot be: not positive, bid above ask."""

    code = "quote_refused"


def set_quote(
    *,
    instrument_id: int,
    bid: Decimal,
    ask: Decimal,
    now: datetime,
    last: Decimal | None = None,
    bid_size: Decimal | None = None,
    ask_size: Decimal | None = None,
) -> None:
    """Set a quote by hand and hold it there until `release_quote`: no refresh moves it. Announced like any
    other.

    `last` is the middle of bid and ask unless given. Without sizes there is no end of units at either side.
    Raises `QuoteRefused` and `InstrumentNotFound`.
    """
    price = (bid + ask) / 2 if last is None else last
    fault = fault_in_quote(last=price, bid=bid, ask=ask, quoted_at=now, now=now) or fault_in_sizes(
        bid_size=bid_size, ask_size=ask_size
    )
    if fault:
        raise QuoteRefused(f"This quote cannot be set: {fault}.")
    instrument = Instrument.objects.filter(pk=instrument_id).first()
    if instrument is None:
        raise InstrumentNotFound
    quote = QuoteData(
        instrument_id=instrument_id,
        last=price,
        bid=bid,
        ask=ask,
        bid_size=bid_size,
        ask_size=ask_size,
        quoted_at=now,
        source=BY_HAND,
        is_simulated=instrument.is_simulated,
    )
    store([quote], now=now, by_hand=True)


def release_quote(*, instrument_id: int, now: datetime) -> bool:
    """Let refreshes move a held quote again, and refresh it at once where its market moves. False when it was
    not held."""
    with transaction.atomic():
        released = Quote.objects.filter(instrument_id=instrument_id, is_held=True).update(is_held=False)
        instrument = Instrument.objects.get(pk=instrument_id) if released else None
    if instrument is None:
        return False
    if instrument.is_simulated and settings.SIMULATED_TICKS:
        answers = provider_named(instrument.provider).quotes([ref_of(instrument)], now).quotes
        apply_quotes(quotes=answers, now=now, is_trusted=True)
        return True
    transaction.on_commit(lambda: remember(latest_quotes([instrument_id], now=now).values()))
    transaction.on_commit(lambda: attention.want([instrument_id]))
    return True
