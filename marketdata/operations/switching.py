"""Market data operations: one instrument goes over from simulated to real prices, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import structlog
from django.db import OperationalError, connection, transaction

from marketdata.models import (
    CorporateAction,
    HeldQuote,
    Instrument,
    IntradayBar,
    PriceBar,
    PriceSourceChange,
    Quote,
)
from marketdata.operations.history.asking import HistoryAnswer
from marketdata.operations.history.revising import revise
from marketdata.operations.history.storing import store_history
from marketdata.operations.price_sources import SIMULATED, change_sources
from marketdata.operations.quotes import apply_quotes
from marketdata.providers.base import QuoteData

log = structlog.get_logger(__name__)


def switch_to_real(
    *,
    instrument_id: int,
    provider: str,
    fallbacks: Sequence[str],
    quote: QuoteData,
    history: HistoryAnswer | None,
    history_from: date,
    now: datetime,
) -> bool:
    """Remove all that is simulated of an instrument and put real prices in its place; say so in a `PriceSourceChange`.

    `history` is None for an instrument without one: it gets its own when somebody wants it. Bars, minutes and actions
    that are not simulated stay. False, and nothing changed, when it is no longer simulated, its quote is held by hand, or
    it cannot be had for itself just now.
    """
    try:
        return _switch(instrument_id, provider, fallbacks, quote, history, history_from, now)
    except OperationalError as error:
        # Somebody else holds its rows; the next round finds it as it was.
        log.warning("price_source_busy", instrument=instrument_id, error=type(error).__name__)
        return False


def _switch(
    instrument_id: int,
    provider: str,
    fallbacks: Sequence[str],
    quote: QuoteData,
    history: HistoryAnswer | None,
    history_from: date,
    now: datetime,
) -> bool:
    with transaction.atomic():
        with connection.cursor() as cursor:
            change_sources(cursor)
        instrument = Instrument.objects.select_for_update().get(pk=instrument_id)
        known = Quote.objects.select_for_update().filter(instrument=instrument).first()
        if instrument.provider != SIMULATED or (known is not None and known.is_held):
            return False
        removed = _remove_simulated(instrument)
        instrument.provider, instrument.fallback_providers = provider, list(fallbacks)
        instrument.anchor_date = instrument.anchor_price = None
        instrument.save(update_fields=["provider", "fallback_providers", "anchor_date", "anchor_price"])
        added = 0
        if history is not None:
            yesterday = now.astimezone(UTC).date() - timedelta(days=1)
            added = store_history(
                instrument=instrument, answer=history, start=history_from, end=yesterday, now=now
            ).bars
        revise([instrument.pk])
        apply_quotes(quotes=[quote], now=now)
        PriceSourceChange.objects.create(
            instrument=instrument,
            changed_at=now,
            from_provider=SIMULATED,
            to_provider=provider,
            history_source=history.provider if history is not None else "",
            bars_removed=removed,
            bars_added=added,
        )
    log.info(
        "price_source_changed", symbol=instrument.symbol, to=provider, bars_removed=removed, bars_added=added
    )
    return True


def _remove_simulated(instrument: Instrument) -> int:
    """Remove simulated bars, minutes, actions and quotes; returns how many bars."""
    removed, _ = PriceBar.objects.filter(instrument=instrument, source=SIMULATED).delete()
    IntradayBar.objects.filter(instrument=instrument, is_simulated=True).delete()
    CorporateAction.objects.filter(instrument=instrument, source=SIMULATED).delete()
    HeldQuote.objects.filter(instrument=instrument).delete()
    # A real price is some minutes older than a simulated one, and would not replace it.
    Quote.objects.filter(instrument=instrument, is_simulated=True).delete()
    return removed
