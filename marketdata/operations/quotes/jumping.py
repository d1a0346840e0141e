"""Market data operations: prices that jump too far are held until something confirms them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

import structlog
from django.conf import settings
from django.db import connection

from marketdata.domain.jumps import Verdict, judge, limit_of
from marketdata.models import HeldQuote
from marketdata.providers.base import QuoteData

log = structlog.get_logger(__name__)

# Where nothing real is known, or a person holds the price, there is nothing to compare with.
_KNOWN: Final = """
SELECT q.instrument_id, i.asset_class, q.last, q.quoted_at, h.last, h.quoted_at, h.source
FROM marketdata_quote q
JOIN marketdata_instrument i ON i.id = q.instrument_id
LEFT JOIN marketdata_heldquote h ON h.instrument_id = q.instrument_id
WHERE q.instrument_id = ANY(%s::bigint[]) AND NOT q.is_simulated AND NOT q.is_held AND q.last > 0
"""
_SPLITS: Final = """
SELECT instrument_id, ex_date, value FROM marketdata_corporateaction
WHERE kind = 'split' AND instrument_id = ANY(%s::bigint[])
"""
#: What a held quote keeps of the quote.
_OF_QUOTE: Final = (
    "bid", "ask", "bid_size", "ask_size", "last", "previous_close", "volume", "quoted_at", "source"
)  # fmt: skip
_HIGHEST_LIMIT: Final = Decimal(999)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A quote that is not believed yet, what it jumped from, and how far was too far."""

    quote: QuoteData
    known_last: Decimal
    known_at: datetime
    limit: Decimal


@dataclass(frozen=True, slots=True)
class _Known:
    asset_class: str
    last: Decimal
    quoted_at: datetime
    held: Decimal | None
    held_at: datetime | None
    held_source: str


def weigh(quotes: Sequence[QuoteData]) -> dict[int, Held]:
    """Return the quotes that have to be confirmed first, by instrument. The others can be stored: they are near what is
    known, or confirm what is held."""
    if not quotes:
        return {}
    known = _known([quote.instrument_id for quote in quotes])
    held: dict[int, Held] = {}
    for quote in quotes:
        last = known.get(quote.instrument_id)
        # What is older than the stored one is left alone anyway.
        if last is None or quote.quoted_at < last.quoted_at:
            continue
        limit = limit_of(last.asset_class, settings.QUOTE_JUMP_LIMITS, age=quote.quoted_at - last.quoted_at)
        if _verdict(quote, last, last.last, limit) is Verdict.HOLD:
            held[quote.instrument_id] = Held(
                quote=quote, known_last=last.last, known_at=last.quoted_at, limit=limit
            )
    return _without_splits(held, known)


def hold(held: Iterable[Held], *, now: datetime) -> None:
    """Keep quotes until they are confirmed; a later one replaces an earlier one. Belongs inside a transaction."""
    rows = sorted(held, key=lambda one: one.quote.instrument_id)
    if not rows:
        return
    HeldQuote.objects.bulk_create(
        [_row(one, now) for one in rows],
        update_conflicts=True,
        unique_fields=["instrument"],
        update_fields=[*_OF_QUOTE, "known_last", "known_at", "limit", "seen_at"],
        batch_size=1000,
    )
    log.warning(
        "quotes_held",
        count=len(rows),
        examples={
            one.quote.instrument_id: f"{one.known_last} → {one.quote.last} ({one.quote.source})"
            for one in rows[:5]
        },
    )


def _row(one: Held, now: datetime) -> HeldQuote:
    return HeldQuote(
        instrument_id=one.quote.instrument_id,
        known_last=one.known_last,
        known_at=one.known_at,
        limit=min(one.limit, _HIGHEST_LIMIT),
        held_at=now,
        seen_at=now,
        **{name: getattr(one.quote, name) for name in _OF_QUOTE},
    )


def _verdict(quote: QuoteData, last: _Known, known: Decimal, limit: Decimal) -> Verdict:
    return judge(
        price=quote.last,
        quoted_at=quote.quoted_at,
        source=_vendor(quote.source),
        known=known,
        limit=limit,
        held=last.held,
        held_at=last.held_at,
        held_source=_vendor(last.held_source),
    )


def _vendor(source: str) -> str:
    """Whose word a source is: "yahoo" and "yahoo stream" are the same."""
    return source.partition(" ")[0]


def _known(ids: Collection[int]) -> dict[int, _Known]:
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, [list(ids)])
        return {
            pk: _Known(kind, last, at, held, held_at, held_source or "")
            for pk, kind, last, at, held, held_at, held_source in cursor.fetchall()
        }


def _without_splits(held: dict[int, Held], known: dict[int, _Known]) -> dict[int, Held]:
    """Leave out what a split on record explains: the price fell to the part that a new share is of an old one."""
    if not held:
        return held
    with connection.cursor() as cursor:
        cursor.execute(_SPLITS, [list(held)])
        splits = cursor.fetchall()
    ratios: dict[int, Decimal] = {}
    for pk, ex_date, ratio in splits:
        if known[pk].quoted_at.date() < ex_date <= held[pk].quote.quoted_at.date():
            ratios[pk] = ratios.get(pk, Decimal(1)) * ratio
    explained = {
        pk
        for pk, ratio in ratios.items()
        if _verdict(held[pk].quote, known[pk], held[pk].known_last / ratio, held[pk].limit)
        is not Verdict.HOLD
    }
    return {pk: one for pk, one in held.items() if pk not in explained}
