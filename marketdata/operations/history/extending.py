"""Market data operations: daily history goes on, day by day."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import structlog
from django.db import connection, transaction
from django.db.models import Q

from marketdata.models import HistoryStatus, Instrument
from marketdata.operations.history.asking import ask_history, wait_after
from marketdata.operations.history.rates import fill_simulated_rates
from marketdata.operations.history.storing import (
    Stored,
    note_trouble,
    store_actions,
    store_bars,
    store_history,
)
from marketdata.operations.interest import instruments_that_matter
from marketdata.operations.price_sources import is_still_simulated
from marketdata.operations.providing import names_with, provider_named, ref_of
from marketdata.providers.base import Capability, ProviderError
from marketdata.providers.starter import starter_instruments

log = structlog.get_logger(__name__)

HISTORY_YEARS = 10
#: Days that are asked for again: sources correct the last ones, and say so by telling them otherwise.
OVERLAP = timedelta(days=7)
#: After an attempt a source is left alone for so long about an instrument.
REST = timedelta(hours=6)
#: What matters to nobody just now goes on all the same, in steps.
SELDOM = timedelta(days=7)
#: Instruments asked about in one round; the others are next.
AT_ONCE = 200

# With a last day the parts of the table are walked through from the end.
_NEWEST = """
SELECT i.id, (SELECT max(date) FROM marketdata_pricebar b WHERE b.instrument_id = i.id AND b.date <= %s::date)
FROM unnest(%s::bigint[]) AS i(id)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillSummary:
    """How much was added."""

    bars: int
    actions: int
    rates: int


def backfill_history(
    *, now: datetime, instrument_ids: Iterable[int] | None = None, years: int = HISTORY_YEARS
) -> BackfillSummary:
    """Add the daily bars up to yesterday (UTC), the splits and dividends up to today, and the exchange rates that
    providers have and we have not.

    Each instrument continues after its newest bar, or starts in January `years` years ago. Without
    `instrument_ids`: those of the simulated market that have a history or belong to the core of the starter list, those
    of other providers that were asked for before, and simulated exchange rates too. What others want for the first time
    comes by `request_history`. Safe to repeat. One transaction per instrument; providers are asked outside of it.
    """
    today = now.astimezone(UTC).date()
    first = date(today.year - years, 1, 1)
    wanted = Instrument.objects.active().filter(provider__in=names_with(Capability.HISTORY))
    if instrument_ids is not None:
        wanted = wanted.filter(pk__in=list(instrument_ids))
    simulated = [name for name in names_with(Capability.HISTORY) if provider_named(name).is_simulated]
    made_up = list(wanted.filter(provider__in=simulated))
    real = wanted.exclude(provider__in=simulated)
    if instrument_ids is None:
        real = real.filter(pk__in=_due(now=now))
    newest = newest_bars([instrument.pk for instrument in made_up], today=today)
    if instrument_ids is None:
        core = {line.symbol for line in starter_instruments().values() if line.is_core}
        made_up = [one for one in made_up if newest[one.pk] or one.symbol in core]
    added = [_simulate(one, newest[one.pk], first=first, today=today) for one in made_up]
    added += _extend(list(real), first=first, today=today, now=now)
    rates = fill_simulated_rates(first, today - timedelta(days=1)) if instrument_ids is None else 0
    return BackfillSummary(
        bars=sum(stored.bars for stored in added),
        actions=sum(stored.actions for stored in added),
        rates=rates,
    )


def newest_bars(instrument_ids: Sequence[int], *, today: date) -> dict[int, date | None]:
    """Return the day of the newest bar of each instrument; None where there is none. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST, [today + timedelta(days=1), list(instrument_ids)])
        return dict(cursor.fetchall())


def _simulate(instrument: Instrument, last: date | None, *, first: date, today: date) -> Stored:
    """The simulated market costs nothing to ask and never changes its mind."""
    start = last + timedelta(days=1) if last else first
    provider, ref = provider_named(instrument.provider), ref_of(instrument)
    try:
        bars = provider.bars(ref, start, today - timedelta(days=1)) if start < today else []
        facts = provider.actions(ref, start, today)
    except ProviderError as error:
        log.warning(
            "history_failed", provider=instrument.provider, symbol=instrument.symbol, error=str(error)
        )
        return Stored()
    if not bars and not facts:
        return Stored()
    with transaction.atomic():
        with connection.cursor() as cursor:
            if not is_still_simulated(cursor, instrument.pk):
                return Stored()
        added = store_bars(instrument.pk, bars, source=instrument.provider)
        found = store_actions(instrument.pk, facts, source=instrument.provider)
    return Stored(bars=added, actions=len(found))


def _due(*, now: datetime) -> list[int]:
    """Instruments that were asked for before, not lately, and not up to yesterday: the longest waiting first. What matters
    to nobody just now is asked for once a week."""
    yesterday = now.astimezone(UTC).date() - timedelta(days=1)
    rows = HistoryStatus.objects.filter(asked_from__isnull=False, asked_at__lt=now - REST)
    matters = Q(instrument__in=instruments_that_matter()) | Q(asked_at__lt=now - SELDOM)
    return list(
        rows.filter(matters)
        .exclude(asked_through__gte=yesterday)
        .order_by("asked_at")
        .values_list("instrument_id", flat=True)[:AT_ONCE]
    )


def _extend(instruments: list[Instrument], *, first: date, today: date, now: datetime) -> list[Stored]:
    newest = newest_bars([instrument.pk for instrument in instruments], today=today)
    resting: set[str] = set()
    added = []
    for instrument in instruments:
        if instrument.provider in resting:
            continue
        last = newest[instrument.pk]
        start, end = (last - OVERLAP if last else first), today - timedelta(days=1)
        if start > end:
            continue
        try:
            answer = ask_history(instrument, start=start, end=end, actions_until=today)
        except ProviderError as error:
            note_trouble(instrument, str(error), now=now)
            if wait_after(error) is not None:
                resting.add(instrument.provider)
            continue
        added.append(store_history(instrument=instrument, answer=answer, start=start, end=end, now=now))
    return added
