"""Market data operations: one instrument goes over from simulated to real prices, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import structlog
from django.db import DatabaseError, connection, transaction

from marketdata.events import CorporateActionFound
from marketdata.models import (
    ActionKind,
    CorporateAction,
    HeldQuote,
    HistoryStatus,
    Instrument,
    IntradayBar,
    PriceBar,
    PriceSourceChange,
    Quote,
)
from marketdata.operations.history.asking import HistoryAnswer
from marketdata.operations.history.revising import revise
from marketdata.operations.history.storing import store_history
from marketdata.operations.price_sources import SIMULATED, SourcesBusyError, change_sources
from marketdata.operations.quotes import apply_quotes
from marketdata.operations.simulated_use import used_at_simulated_prices
from marketdata.providers.base import QuoteData
from portfolio_site.kernel.events import publish

log = structlog.get_logger(__name__)

#: Two sources may tell of the same split on days that are so far apart.
_SAME_SPLIT = timedelta(days=7)
_LATELY = timedelta(hours=1)


class _Refused(Exception):
    """It cannot be done now; what was begun is taken back."""


def switch_to_real(
    *,
    instrument_id: int,
    provider: str,
    fallbacks: Sequence[str],
    quote: QuoteData,
    history: HistoryAnswer | None,
    history_from: date,
    now: datetime,
    even_if_used: bool = False,
) -> bool:
    """Remove all that is simulated of an instrument and put real prices in its place; say so in a `PriceSourceChange`.

    `history` is None for an instrument without one: it gets its own when somebody wants it. Bars, minutes and actions
    that are not simulated stay. False, and nothing changed, when it is no longer simulated, its quote is held by hand,
    something was traded in at simulated prices in this very moment (unless `even_if_used`), or it cannot be had for itself
    just now.
    """
    try:
        with transaction.atomic():
            _switch(instrument_id, provider, fallbacks, quote, history, history_from, now, even_if_used)
    except (_Refused, SourcesBusyError, DatabaseError) as error:
        # The next round finds it as it was.
        log.warning(
            "price_source_not_changed", instrument=instrument_id, reason=str(error) or type(error).__name__
        )
        return False
    return True


def _switch(
    instrument_id: int,
    provider: str,
    fallbacks: Sequence[str],
    quote: QuoteData,
    history: HistoryAnswer | None,
    history_from: date,
    now: datetime,
    even_if_used: bool,
) -> None:
    with connection.cursor() as cursor:
        change_sources(cursor)
    instrument = Instrument.objects.select_for_update().get(pk=instrument_id)
    known = Quote.objects.select_for_update().filter(instrument=instrument).first()
    if instrument.provider != SIMULATED or (known is not None and known.is_held):
        raise _Refused("no longer simulated, or held by hand")
    # Looked at before the providers were asked, too; that may be minutes ago.
    if not even_if_used and (by := used_at_simulated_prices([instrument_id])):
        raise _Refused(f"traded at simulated prices {by[instrument_id]}")
    removed = _remove_simulated(instrument, history)
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
    if apply_quotes(quotes=[quote], now=now).stored != [instrument_id]:
        raise _Refused("its real price was not taken")
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


def _remove_simulated(instrument: Instrument, history: HistoryAnswer | None) -> int:
    """Remove simulated bars, minutes, actions and quotes; returns how many bars."""
    removed, _ = PriceBar.objects.filter(instrument=instrument, source=SIMULATED).delete()
    IntradayBar.objects.filter(instrument=instrument, is_simulated=True).delete()
    gone, _ = CorporateAction.objects.filter(instrument=instrument, source=SIMULATED).delete()
    _remove_told_otherwise(instrument, history)
    if gone:
        # Who was proposed to book them looks again.
        publish(
            CorporateActionFound(instrument_id=instrument.pk, action_ids=[]),
            stream=f"instrument:{instrument.pk}",
        )
    if history is None:
        # How far the simulated market was asked says nothing of the real one.
        HistoryStatus.objects.filter(instrument=instrument).update(asked_from=None, asked_through=None)
    HeldQuote.objects.filter(instrument=instrument).delete()
    # A real price is some minutes older than a simulated one, and would not replace it.
    Quote.objects.filter(instrument=instrument, is_simulated=True).delete()
    return removed


def _remove_told_otherwise(instrument: Instrument, history: HistoryAnswer | None) -> None:
    """A split that the new source tells of a few days earlier or later is the same one; counted twice it makes a cliff."""
    told = [fact for fact in history.actions if fact.kind == ActionKind.SPLIT] if history is not None else []
    for known in CorporateAction.objects.filter(instrument=instrument, kind=ActionKind.SPLIT):
        if any(
            fact.value == known.value
            and fact.ex_date != known.ex_date
            and abs(fact.ex_date - known.ex_date) <= _SAME_SPLIT
            for fact in told
        ):
            known.delete()


def forget_late_minutes(*, now: datetime) -> None:
    """Remove the minute that was being made of a simulated price in the moment in which its instrument went over."""
    lately = PriceSourceChange.objects.filter(changed_at__gte=now - _LATELY).values("instrument")
    IntradayBar.objects.filter(instrument__in=lately, is_simulated=True).delete()
