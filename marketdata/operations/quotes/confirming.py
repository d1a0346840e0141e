"""Market data operations: a person decides about a price that is held for confirmation."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import structlog
from django.db import transaction

from marketdata.models import HeldQuote, Instrument, Quote
from marketdata.operations.quotes.storing import store
from marketdata.providers.base import QuoteData
from marketdata.queries import InstrumentNotFound
from portfolio_site.kernel.errors import DomainError, ForbiddenError

log = structlog.get_logger(__name__)


class NothingHeld(DomainError):
    """There is no price to decide about: another one came meanwhile."""

    code = "nothing_held"


def may_decide(instrument: Instrument, actor: Any) -> bool:
    """Whether this person may decide about the prices of an instrument: the owner, of shared ones administrators."""
    if instrument.owner_id is not None:
        return bool(instrument.owner_id == actor.pk)
    return bool(actor.has_perm("marketdata.change_quote"))


def confirm_held_quote(*, instrument_id: int, actor: Any, now: datetime) -> None:
    """Believe the price that is held: store and announce it.

    Raises `InstrumentNotFound`, `ForbiddenError`, `NothingHeld`.
    """
    with transaction.atomic():
        held = _locked(instrument_id, actor)
        quote = QuoteData(
            instrument_id=held.instrument_id,
            last=held.last,
            bid=held.bid,
            ask=held.ask,
            bid_size=held.bid_size,
            ask_size=held.ask_size,
            previous_close=held.previous_close,
            volume=held.volume,
            quoted_at=held.quoted_at,
            source=held.source,
        )
        store([quote], now=now)
        held.delete()
    log.info("held_quote_confirmed", instrument_id=instrument_id, actor_id=actor.pk, price=str(quote.last))


def dismiss_held_quote(*, instrument_id: int, actor: Any, now: datetime) -> None:
    """Do not believe the price that is held. If its source says it again, it is held again.

    Raises as `confirm_held_quote`.
    """
    with transaction.atomic():
        held = _locked(instrument_id, actor)
        held.delete()
    log.info("held_quote_dismissed", instrument_id=instrument_id, actor_id=actor.pk, price=str(held.last))


def _locked(instrument_id: int, actor: Any) -> HeldQuote:
    instrument = Instrument.objects.visible_to(actor).filter(pk=instrument_id).first()
    if instrument is None:
        raise InstrumentNotFound
    if not may_decide(instrument, actor):
        raise ForbiddenError("Only administrators decide about prices that everybody sees.")
    # In the order in which a refresh locks them.
    Quote.objects.select_for_update().filter(pk=instrument_id).first()
    held: HeldQuote | None = HeldQuote.objects.select_for_update().filter(instrument_id=instrument_id).first()
    if held is None:
        raise NothingHeld("There is nothing to decide any more: a newer price has come meanwhile.")
    return held
