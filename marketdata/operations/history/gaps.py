"""Market data operations: trading days without a bar are looked for, and asked for once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import structlog
from django.db import connection, transaction

from marketdata.domain.missing_days import Gap, gaps_between
from marketdata.models import HistoryGap, HistoryStatus, Instrument
from marketdata.operations.history.asking import ask_history, history_providers, wait_after
from marketdata.operations.history.storing import note_trouble, store_history
from marketdata.providers.base import ProviderError

log = structlog.get_logger(__name__)

#: An instrument is looked through again after so long.
EVERY = timedelta(hours=20)
AT_ONCE = 100
#: So many questions about one instrument's gaps in one round; neighbours share one.
MOST_QUESTIONS = 5
NEIGHBOURS = timedelta(days=120)

_DAYS = """
SELECT array_agg(date ORDER BY date) FROM marketdata_pricebar
WHERE instrument_id = %s AND source NOT LIKE 'simulated%%'
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class GapsFound:
    """How many instruments were looked through, and how many gaps they have."""

    instruments: int
    gaps: int


def find_gaps(*, now: datetime, instrument_ids: Iterable[int] | None = None, ask: bool = True) -> GapsFound:
    """Look for trading days without a bar between the first bar and the last, and (`ask`) ask the sources for them.

    Without `instrument_ids`: those whose history was asked for before and that were not looked through for a day, the
    longest waiting first. Simulated history has no gaps. Providers are asked outside of any transaction; what they do
    not have either is marked as final and not asked for again by itself.
    """
    if instrument_ids is None:
        due = HistoryStatus.objects.filter(answered_at__isnull=False).exclude(scanned_at__gt=now - EVERY)
        ids = list(due.order_by("scanned_at").values_list("instrument_id", flat=True)[:AT_ONCE])
    else:
        ids = list(instrument_ids)
    instruments = list(Instrument.objects.active().filter(pk__in=ids).exclude(provider="simulated"))
    found, resting = 0, set[str]()
    for instrument in instruments:
        gaps = _scan(instrument, now=now)
        found += len(gaps)
        if ask and gaps and instrument.provider not in resting:
            try:
                ask_for_gaps(instrument_id=instrument.pk, now=now)
            except ProviderError as error:
                if wait_after(error) is not None:
                    resting.add(instrument.provider)
                note_trouble(instrument, str(error), now=now)
    return GapsFound(instruments=len(instruments), gaps=found)


def ask_for_gaps(*, instrument_id: int, now: datetime, again: bool = False) -> int:
    """Ask the sources for the gaps of an instrument (`again`: for the final ones too); return how many days came.

    Raises the `ProviderError` of the instrument's provider when nobody could answer. Not to be called inside a
    transaction.
    """
    instrument = Instrument.objects.get(pk=instrument_id)
    if not any(history_providers(instrument)):
        return 0
    gaps = HistoryGap.objects.filter(instrument=instrument).order_by("first_date")
    wanted = [gap for gap in gaps if again or not gap.is_final]
    today = now.astimezone(UTC).date()
    added = 0
    for start, end in _together(wanted)[:MOST_QUESTIONS]:
        answer = ask_history(instrument, start=start, end=end, actions_until=min(end, today))
        added += store_history(instrument=instrument, answer=answer, start=start, end=end, now=now).bars
        inside = HistoryGap.objects.filter(instrument=instrument, first_date__gte=start, last_date__lte=end)
        inside.update(asked_at=now, is_final=True)
    if added:
        log.info("gaps_filled", symbol=instrument.symbol, days=added)
    _scan(instrument, now=now)
    return added


def _together(gaps: Sequence[HistoryGap]) -> list[tuple[date, date]]:
    """Spans that hold the gaps: those close to each other in one."""
    spans: list[tuple[date, date]] = []
    for gap in gaps:
        if spans and gap.first_date - spans[-1][1] <= NEIGHBOURS:
            spans[-1] = spans[-1][0], gap.last_date
        else:
            spans.append((gap.first_date, gap.last_date))
    return spans


def _scan(instrument: Instrument, *, now: datetime) -> list[Gap]:
    """Compare the bars with the calendar and write down what is missing; return what is still worth asking for."""
    with connection.cursor() as cursor:
        cursor.execute(_DAYS, [instrument.pk])
        days = cursor.fetchone()[0] or []
    gaps = gaps_between(days, exchange=instrument.exchange, asset_class=instrument.asset_class)
    with transaction.atomic():
        status, _ = HistoryStatus.objects.select_for_update().get_or_create(instrument=instrument)
        known = {gap.first_date: gap for gap in HistoryGap.objects.filter(instrument=instrument)}
        final = [(gap.first_date, gap.last_date) for gap in known.values() if gap.is_final]
        wanted = {gap.first: gap for gap in gaps}
        HistoryGap.objects.filter(
            pk__in=[row.pk for first, row in known.items() if first not in wanted]
        ).delete()
        changed = []
        for first, gap in wanted.items():
            row = known.get(first)
            # A part of what nobody has is still what nobody has.
            is_final = any(since <= gap.first and gap.last <= until for since, until in final)
            if row is None:
                row = HistoryGap(instrument=instrument, first_date=first, found_at=now)
            row.last_date, row.days, row.is_final = gap.last, gap.days, is_final
            changed.append(row)
        HistoryGap.objects.bulk_create(
            changed,
            update_conflicts=True,
            unique_fields=["instrument", "first_date"],
            update_fields=["last_date", "days", "is_final"],
        )
        status.scanned_at = now
        status.save(update_fields=["scanned_at"])
    return [gap for gap in gaps if not any(a <= gap.first and gap.last <= b for a, b in final)]
