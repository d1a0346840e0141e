"""Market data operations: quotes checked, stored in one statement, announced, cached."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import structlog
from django.db import connection, transaction

from marketdata.domain.validation import fault_in_quote, fault_in_sizes, fault_in_volume
from marketdata.events import PricesRefreshed
from marketdata.operations.intraday import record_minutes_after_commit
from marketdata.operations.price_sources import share_sources
from marketdata.operations.quotes.jumping import Held, hold, weigh
from marketdata.providers.base import QuoteData
from marketdata.queries import quote_cache
from portfolio_site.kernel.events import publish

log = structlog.get_logger(__name__)

# Rows are locked in the order of their keys, quotes first, so that two refreshes cannot wait for each other. An
# instrument that got an answer has no trouble any more; one that got a price has nothing held for it.
_UPSERT: Final = f"""
WITH incoming AS (
    SELECT n.id, n.bid, n.ask, n.bid_size, n.ask_size, n.last, n.previous_close, n.day_low, n.day_high,
           n.volume, n.quoted_at, (%s::text[])[n.source] AS source, n.is_simulated
    FROM unnest(%s::bigint[], %s::numeric[], %s::numeric[], %s::numeric[], %s::numeric[], %s::numeric[], %s::numeric[],
                %s::numeric[], %s::numeric[], %s::numeric[], %s::timestamptz[], %s::int[], %s::boolean[])
         AS n(id, bid, ask, bid_size, ask_size, last, previous_close, day_low, day_high, volume, quoted_at, source,
              is_simulated)
    -- Simulated prices that were worked out before their instrument went over to real ones are late.
    WHERE EXISTS (SELECT 1 FROM marketdata_instrument i WHERE i.id = n.id AND (
        NOT n.is_simulated OR i.provider = 'simulated'))
), untroubled AS (
    DELETE FROM marketdata_instrumenttrouble WHERE instrument_id IN (
        SELECT t.instrument_id FROM marketdata_instrumenttrouble t JOIN incoming ON incoming.id = t.instrument_id
        ORDER BY 1 FOR UPDATE OF t)
), stored AS (
    INSERT INTO marketdata_quote AS known (instrument_id, bid, ask, bid_size, ask_size, last, previous_close, day_low,
                                           day_high, volume, quoted_at, received_at, source, is_simulated, is_held)
    SELECT id, bid, ask, bid_size, ask_size, last, previous_close, CASE WHEN day_low > 0 THEN least(day_low, last) END,
           CASE WHEN day_high > 0 THEN greatest(day_high, last) END, volume, quoted_at, %s::timestamptz, source,
           is_simulated, %s::boolean
    FROM incoming
    ORDER BY id
    ON CONFLICT (instrument_id) DO UPDATE SET
        bid = EXCLUDED.bid, ask = EXCLUDED.ask, bid_size = EXCLUDED.bid_size, ask_size = EXCLUDED.ask_size,
        last = EXCLUDED.last, previous_close = COALESCE(EXCLUDED.previous_close, known.previous_close),
        -- A source that tells no range leaves the one that is known of the same day, with its own price in it.
        day_low = COALESCE(EXCLUDED.day_low, CASE WHEN (known.quoted_at AT TIME ZONE 'UTC')::date =
            (EXCLUDED.quoted_at AT TIME ZONE 'UTC')::date AND known.day_low > 0 THEN least(known.day_low, EXCLUDED.last) END),
        day_high = COALESCE(EXCLUDED.day_high, CASE WHEN (known.quoted_at AT TIME ZONE 'UTC')::date =
            (EXCLUDED.quoted_at AT TIME ZONE 'UTC')::date AND known.day_high > 0
            THEN greatest(known.day_high, EXCLUDED.last) END),
        volume = EXCLUDED.volume, quoted_at = EXCLUDED.quoted_at, received_at = EXCLUDED.received_at,
        source = EXCLUDED.source, is_simulated = EXCLUDED.is_simulated, is_held = EXCLUDED.is_held
    WHERE %s::boolean OR (NOT known.is_held AND known.quoted_at <= EXCLUDED.quoted_at)
    RETURNING known.*
), unheld AS (
    DELETE FROM marketdata_heldquote WHERE instrument_id IN (
        SELECT h.instrument_id FROM marketdata_heldquote h JOIN stored ON stored.instrument_id = h.instrument_id
        ORDER BY 1 FOR UPDATE OF h)
)
SELECT q.instrument_id, {quote_cache.ENTRY_SQL},
       -- `before` is the row as this statement found it.
       (before.quoted_at, before.last, before.bid, before.ask, before.bid_size, before.ask_size, before.volume,
        before.previous_close, before.source, before.is_held)
       IS DISTINCT FROM
       (q.quoted_at, q.last, q.bid, q.ask, q.bid_size, q.ask_size, q.volume, q.previous_close, q.source, q.is_held)
FROM stored q
JOIN marketdata_instrument i ON i.id = q.instrument_id
LEFT JOIN marketdata_quote before ON before.instrument_id = q.instrument_id
ORDER BY q.instrument_id
"""  # noqa: S608 - two constants


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedQuotes:
    """What became of a batch: ids stored, for the refused ones why, and those that are held until they are confirmed.
    The rest was the same as what is known, or older, or is held by hand."""

    stored: list[int]
    refused: dict[int, str] = field(default_factory=dict)
    held: dict[int, Held] = field(default_factory=dict)


def apply_quotes(*, quotes: Iterable[QuoteData], now: datetime, is_trusted: bool = False) -> AppliedQuotes:
    """Check quotes, store the good ones in one statement, and announce them (`PricesRefreshed`) in one
    transaction.

    A quote is refused when a price is not a positive finite number, the bid is above the ask or its time is
    in the future; held for confirmation when it is too far from the last one (`domain.jumps`; not where it
    `is_trusted`: entered by a person, or simulated); left alone when what is stored is newer or held by hand.
    Of several for one instrument the latest counts.
    """
    good: dict[int, QuoteData] = {}
    refused: dict[int, str] = {}
    for quote in quotes:
        fault = fault_of(quote, now)
        if fault:
            refused[quote.instrument_id] = fault
        elif quote.instrument_id not in good or good[quote.instrument_id].quoted_at <= quote.quoted_at:
            good[quote.instrument_id] = quote
    if refused:
        log.warning("quotes_refused", count=len(refused), examples=dict(list(refused.items())[:5]))
    held: dict[int, Held] = {}
    if not is_trusted:
        held = weigh([quote for quote in good.values() if not quote.is_simulated])
        for pk in held:
            del good[pk]
    if not good and not held:
        return AppliedQuotes(stored=[], refused=refused)
    with transaction.atomic():
        stored = store(list(good.values()), now=now) if good else []
        hold(held.values(), now=now)
    return AppliedQuotes(stored=stored, refused=refused, held=held)


def fault_of(quote: QuoteData, now: datetime) -> str | None:
    """Say in a few words why a quote cannot be taken, or None when it can."""
    return (
        fault_in_quote(last=quote.last, bid=quote.bid, ask=quote.ask, quoted_at=quote.quoted_at, now=now)
        or fault_in_volume(quote.volume)
        or fault_in_sizes(bid_size=quote.bid_size, ask_size=quote.ask_size)
    )


def store(quotes: Sequence[QuoteData], *, now: datetime, by_hand: bool = False) -> list[int]:
    """Store quotes that were checked, announce those that changed, cache them after the commit. Returns the ids of
    those that changed: the same answer again only says that it still holds.

    `by_hand`: held there until released. Runs in the transaction that is open, or in one of its own.
    """
    sources = sorted({quote.source for quote in quotes})
    place = {source: number for number, source in enumerate(sources, start=1)}
    columns: list[Any] = [
        [q.instrument_id for q in quotes],
        _numbers(q.bid for q in quotes),
        _numbers(q.ask for q in quotes),
        _numbers(q.bid_size for q in quotes),
        _numbers(q.ask_size for q in quotes),
        _numbers(q.last for q in quotes),
        _numbers(q.previous_close for q in quotes),
        _numbers(q.day_low for q in quotes),
        _numbers(q.day_high for q in quotes),
        _numbers(q.volume for q in quotes),
        [q.quoted_at for q in quotes],
        [place[q.source] for q in quotes],
        [q.is_simulated for q in quotes],
    ]
    with transaction.atomic(savepoint=False):
        with connection.cursor() as cursor:
            if any(quote.is_simulated for quote in quotes):
                share_sources(cursor)
            cursor.execute(_UPSERT, [sources, *columns, now, by_hand, by_hand])
            rows: list[tuple[int, str, bool]] = cursor.fetchall()
        changed = [pk for pk, _, is_news in rows if is_news]
        if changed:
            publish(PricesRefreshed(instrument_ids=changed, at=now))
        if rows:
            transaction.on_commit(lambda: quote_cache.write([(pk, entry) for pk, entry, _ in rows]))
            record_minutes_after_commit([pk for pk, _, _ in rows], now=now)
    return changed


def _numbers(values: Iterable[Decimal | None]) -> str:
    """An array in PostgreSQL's own writing: adapting ten thousand decimals one by one takes ten times as long."""
    return "{" + ",".join("NULL" if value is None else str(value) for value in values) + "}"
