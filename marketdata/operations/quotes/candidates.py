"""Market data operations: which instruments' prices are due, and from whom."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.db.models import Q

from marketdata.domain.polling import after_failures, closed_seconds, round_seconds
from marketdata.models import Instrument
from marketdata.operations.gateway import quota_of
from marketdata.operations.interest import instruments_that_matter
from marketdata.operations.providing import names_with, provider_named
from marketdata.operations.quotes.claims import claim
from marketdata.providers.base import Capability
from marketdata.queries import is_market_open
from marketdata.queries.hours import last_close

#: How often one batch of what does not matter now is looked at, by each provider.
_REST_EVERY_SECONDS: Final = 60
#: What somebody waits for is asked for again after this at the earliest.
_WANTED_SECONDS: Final = 5.0

_FACTS: Final = """
SELECT i.id, COALESCE(q.is_held, FALSE), COALESCE(t.times, 0), COALESCE(t.kind, '')
FROM unnest(%s::bigint[]) AS i(id)
LEFT JOIN marketdata_quote q ON q.instrument_id = i.id
LEFT JOIN marketdata_instrumenttrouble t ON t.instrument_id = i.id
"""
# The longest unasked first; what never had a price before all others.
_REST: Final = """
SELECT i.id FROM marketdata_instrument i
LEFT JOIN marketdata_quote q ON q.instrument_id = i.id
LEFT JOIN marketdata_instrumenttrouble t ON t.instrument_id = i.id
WHERE i.is_active AND i.provider = %s AND (q.received_at IS NULL OR q.received_at < %s)
  AND (t.last_at IS NULL OR t.last_at < %s)
ORDER BY q.received_at NULLS FIRST, i.id
LIMIT %s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An instrument whose price is to be asked for, and from whom, in order."""

    instrument: Instrument
    providers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Facts:
    is_held: bool
    failures: int
    trouble: str


def asked_providers() -> list[str]:
    """Return the providers that have quotes and can be asked: those of the real world."""
    return [name for name in names_with(Capability.QUOTES) if not provider_named(name).is_simulated]


def is_in_use(provider: str) -> bool:
    """Whether any active instrument may ask this provider. Remembered for half a minute."""
    key = f"marketdata:in-use:{provider}"
    known: bool | None = cache.get(key)
    if known is None:
        known = (
            Instrument.objects.active()
            .filter(Q(provider=provider) | Q(fallback_providers__contains=[provider]))
            .exists()
        )
        cache.set(key, known, timeout=30)
    return known


def due_from(provider: str, *, now: datetime) -> list[Candidate]:
    """Claim what is due from a provider: what matters now by the hours of its market and as the quota allows, and a
    batch of the rest now and then."""
    matters = _served_by(provider, instruments_that_matter())
    rest = _rest_of(provider, now=now, without={one.pk for one in matters})
    return _claimed([*matters, *rest], provider=provider, matters=len(matters), now=now)


def wanted_now(ids: Collection[int], *, now: datetime) -> list[Candidate]:
    """Claim what somebody waits for, unless it was asked for a moment ago."""
    instruments = list(Instrument.objects.active().filter(pk__in=ids))
    facts = _facts(instruments)
    real = asked_providers()
    askable = [one for one in instruments if not facts[one.pk].is_held and _askable(one, real)]
    taken = claim(dict.fromkeys((one.pk for one in askable), _WANTED_SECONDS))
    return [_candidate(one, real) for one in askable if one.pk in taken]


def served_first_by(provider: str) -> list[Instrument]:
    """Return what matters now and asks this provider first, by id."""
    return sorted(_served_by(provider, instruments_that_matter()), key=lambda one: one.pk)


def _served_by(provider: str, ids: Collection[int]) -> list[Instrument]:
    """Those of the active instruments `ids` that ask this provider first."""
    if not ids:
        return []
    found = (
        Instrument.objects.active()
        .filter(pk__in=ids)
        .filter(Q(provider=provider) | Q(fallback_providers__contains=[provider]))
    )
    real = asked_providers()
    return [one for one in found if _askable(one, real)[:1] == [provider]]


def _rest_of(provider: str, *, now: datetime, without: Collection[int]) -> list[Instrument]:
    per_call = provider_named(provider).limits.quotes_per_call
    # Who prices one instrument a call has no calls to spare for what nobody looks at.
    if per_call <= 1 or not cache.add(f"marketdata:rest:{provider}", 1, timeout=_REST_EVERY_SECONDS):
        return []
    before = now - timedelta(hours=settings.QUOTE_REST_HOURS)
    with connection.cursor() as cursor:
        cursor.execute(_REST, [provider, before, before, per_call])
        ids = {row[0] for row in cursor.fetchall()} - set(without)
    return list(Instrument.objects.filter(pk__in=ids))


def _claimed(
    instruments: Sequence[Instrument], *, provider: str, matters: int, now: datetime
) -> list[Candidate]:
    if not instruments:
        return []
    facts, quota = _facts(instruments), quota_of(provider)
    per_call = provider_named(provider).limits.quotes_per_call
    open_seconds = round_seconds(
        count=matters,
        per_call=per_call,
        per_minute=quota.per_minute,
        per_day=quota.per_day,
        wanted=settings.QUOTE_POLL_SECONDS,
    )
    intervals: dict[int, float] = {}
    for place, instrument in enumerate(instruments):
        known = facts[instrument.pk]
        if known.is_held:
            continue
        if place >= matters:
            seconds = float(_REST_EVERY_SECONDS)
        elif is_market_open(instrument, now):
            seconds = open_seconds
        else:
            seconds = max(open_seconds, closed_seconds(closed_at=last_close(instrument, now), now=now))
        intervals[instrument.pk] = after_failures(seconds, times=known.failures, kind=known.trouble)
    taken = claim(intervals)
    real = asked_providers()
    return [_candidate(one, real) for one in instruments if one.pk in taken]


def _candidate(instrument: Instrument, real: Collection[str]) -> Candidate:
    # What is made up never stands in for a real price: what is bought at it would be worth another one tomorrow.
    return Candidate(instrument=instrument, providers=tuple(_askable(instrument, real)))


def _askable(instrument: Instrument, real: Collection[str]) -> list[str]:
    return [name for name in instrument.providers if name in real]


def _facts(instruments: Iterable[Instrument]) -> dict[int, _Facts]:
    with connection.cursor() as cursor:
        cursor.execute(_FACTS, [[one.pk for one in instruments]])
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return {row[0]: _Facts(*row[1:]) for row in rows}
