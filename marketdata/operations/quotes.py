"""Market data operations: the latest quotes. Providers are asked outside any transaction, one statement
stores the answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import structlog
from django.conf import settings
from django.db import connection, transaction

from marketdata.domain.validation import fault_in_quote, fault_in_sizes, fault_in_volume
from marketdata.events import PricesRefreshed
from marketdata.models import Instrument, Quote
from marketdata.operations.intraday import record_minutes_after_commit
from marketdata.operations.providing import names_with, provider_named, ref_of
from marketdata.providers.base import Capability, ProviderError, QuoteData
from marketdata.queries import InstrumentNotFound, is_market_open, latest_quotes
from marketdata.queries.on_demand import note_simulated_tick
from marketdata.queries.quotes import remember
from portfolio_site.kernel.errors import DomainError
from portfolio_site.kernel.events import publish

log = structlog.get_logger(__name__)

# Rows are locked in the order of their keys, so that two refreshes cannot wait for each other.
_UPSERT = """
INSERT INTO marketdata_quote (instrument_id, bid, ask, bid_size, ask_size, last, previous_close, volume, quoted_at,
                              received_at, source, is_simulated, is_held)
SELECT n.id, n.bid, n.ask, n.bid_size, n.ask_size, n.last, n.previous_close, n.volume, n.quoted_at, %s::timestamptz,
       n.source, n.is_simulated, %s::boolean
FROM unnest(%s::bigint[], %s::numeric[], %s::numeric[], %s::numeric[], %s::numeric[], %s::numeric[], %s::numeric[],
            %s::numeric[], %s::timestamptz[], %s::text[], %s::boolean[])
     AS n(id, bid, ask, bid_size, ask_size, last, previous_close, volume, quoted_at, source, is_simulated)
WHERE EXISTS (SELECT 1 FROM marketdata_instrument i WHERE i.id = n.id)
ORDER BY n.id
ON CONFLICT (instrument_id) DO UPDATE SET
    bid = EXCLUDED.bid, ask = EXCLUDED.ask, bid_size = EXCLUDED.bid_size, ask_size = EXCLUDED.ask_size, last = EXCLUDED.last,
    previous_close = COALESCE(EXCLUDED.previous_close, marketdata_quote.previous_close),
    volume = EXCLUDED.volume, quoted_at = EXCLUDED.quoted_at, received_at = EXCLUDED.received_at,
    source = EXCLUDED.source, is_simulated = EXCLUDED.is_simulated, is_held = EXCLUDED.is_held
WHERE %s::boolean OR (NOT marketdata_quote.is_held AND marketdata_quote.quoted_at <= EXCLUDED.quoted_at)
RETURNING instrument_id
"""


class QuoteRefused(DomainError):
    """A price that cannot be: not positive, bid above ask."""

    code = "quote_refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedQuotes:
    """What became of a batch: ids stored, and for the refused ones why. The rest was older than what is
    known, or held."""

    stored: list[int]
    refused: dict[int, str] = field(default_factory=dict)


def apply_quotes(*, quotes: Iterable[QuoteData], now: datetime) -> AppliedQuotes:
    """Check quotes, store the good ones in one statement, and announce them (`PricesRefreshed`) in one
    transaction.

    A quote is refused when a price is not a positive finite number, the bid is above the ask or its time is
    in the future; left alone when what is stored is newer or held. Of several for one instrument the latest
    counts.
    """
    good: dict[int, QuoteData] = {}
    refused: dict[int, str] = {}
    for quote in quotes:
        fault = (
            fault_in_quote(last=quote.last, bid=quote.bid, ask=quote.ask, quoted_at=quote.quoted_at, now=now)
            or fault_in_sizes(bid_size=quote.bid_size, ask_size=quote.ask_size)
            or fault_in_volume(quote.volume)
        )
        if fault:
            refused[quote.instrument_id] = fault
        elif quote.instrument_id not in good or good[quote.instrument_id].quoted_at <= quote.quoted_at:
            good[quote.instrument_id] = quote
    if refused:
        log.warning("quotes_refused", count=len(refused), examples=dict(list(refused.items())[:5]))
    stored = _store(list(good.values()), now=now) if good else []
    return AppliedQuotes(stored=stored, refused=refused)


def _store(quotes: Sequence[QuoteData], *, now: datetime, hold: bool = False) -> list[int]:
    columns: list[Any] = [
        [q.instrument_id for q in quotes],
        [q.bid for q in quotes],
        [q.ask for q in quotes],
        [q.bid_size for q in quotes],
        [q.ask_size for q in quotes],
        [q.last for q in quotes],
        [q.previous_close for q in quotes],
        [q.volume for q in quotes],
        [q.quoted_at for q in quotes],
        [q.source for q in quotes],
        [q.is_simulated for q in quotes],
    ]
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_UPSERT, [now, hold, *columns, hold])
            stored = sorted(row[0] for row in cursor.fetchall())
        if stored:
            publish(PricesRefreshed(instrument_ids=stored, at=now))
            transaction.on_commit(lambda: remember(latest_quotes(stored, now=now).values()))
            record_minutes_after_commit(stored, now=now)
    return stored


def refresh_quotes(*, now: datetime) -> AppliedQuotes:
    """Ask the providers for the quotes of everything active whose market is open, and store what they answer.

    With `SIMULATED_TICKS=off` the simulated market stands still: only what has no quote yet gets its one. A
    provider that fails leaves the last good prices where they are and is logged. Not to be called inside a
    transaction.
    """
    instruments = Instrument.objects.shared().active().filter(provider__in=names_with(Capability.QUOTES))
    quoted = set(Quote.objects.values_list("instrument_id", flat=True))
    by_provider: dict[str, list[Instrument]] = {}
    for instrument in instruments:
        is_new = instrument.pk not in quoted
        if is_new or (_moves(instrument) and is_market_open(instrument, now)):
            by_provider.setdefault(instrument.provider, []).append(instrument)
    answers: list[QuoteData] = []
    for name, served in by_provider.items():
        try:
            batch = provider_named(name).quotes([ref_of(instrument) for instrument in served], now)
        except ProviderError as error:
            log.warning("provider_failed", provider=name, instruments=len(served), error=str(error))
            continue
        answers += batch.quotes
        if name == "simulated":
            note_simulated_tick(now)
        if batch.faults:
            log.warning(
                "provider_symbols_failed",
                provider=name,
                count=len(batch.faults),
                examples={pk: str(fault) for pk, fault in list(batch.faults.items())[:5]},
            )
    return apply_quotes(quotes=answers, now=now)


def _moves(instrument: Instrument) -> bool:
    return bool(settings.SIMULATED_TICKS) or not instrument.is_simulated


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
        source="set by hand",
        is_simulated=instrument.is_simulated,
    )
    _store([quote], now=now, hold=True)


def release_quote(*, instrument_id: int, now: datetime) -> bool:
    """Let refreshes move a held quote again, and refresh it at once where its market moves. False when it was
    not held."""
    with transaction.atomic():
        released = Quote.objects.filter(instrument_id=instrument_id, is_held=True).update(is_held=False)
        instrument = Instrument.objects.get(pk=instrument_id) if released else None
    if instrument is None:
        return False
    if instrument.provider in names_with(Capability.QUOTES) and _moves(instrument):
        answers = provider_named(instrument.provider).quotes([ref_of(instrument)], now).quotes
        apply_quotes(quotes=answers, now=now)
    else:
        transaction.on_commit(lambda: remember(latest_quotes([instrument_id], now=now).values()))
    return True
