"""Market data operations: what a provider said about past days goes into the tables. What is there already stays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import structlog
from django.db import connection, transaction

from marketdata.events import CorporateActionFound
from marketdata.models import HistoryStatus, Instrument
from marketdata.operations.history.asking import HistoryAnswer
from marketdata.operations.history.restating import compare_with_stored
from marketdata.operations.history.revising import revise
from marketdata.operations.price_sources import SIMULATED, is_still_simulated
from marketdata.providers.base import ActionData, BarData
from portfolio_site.kernel.events import publish

log = structlog.get_logger(__name__)

__all__ = [
    "SIMULATED",
    "Stored",
    "announce_actions",
    "note_trouble",
    "raw_cursor",
    "store_actions",
    "store_bars",
    "store_history",
]

_NEW_BARS = """
CREATE TEMP TABLE IF NOT EXISTS new_bars
    (date date, open numeric, high numeric, low numeric, close numeric, volume numeric) ON COMMIT DROP
"""
_ADD = """
INSERT INTO marketdata_pricebar (instrument_id, date, open, high, low, close, volume, source)
SELECT %s, date, open, high, low, close, volume, %s FROM new_bars ON CONFLICT DO NOTHING
"""
_ADD_ACTIONS = """
INSERT INTO marketdata_corporateaction (instrument_id, ex_date, kind, value, source)
SELECT %s, n.ex_date, n.kind, n.value, %s
FROM unnest(%s::date[], %s::text[], %s::numeric[]) AS n(ex_date, kind, value)
ORDER BY n.ex_date, n.kind
ON CONFLICT (instrument_id, ex_date, kind) DO NOTHING
RETURNING id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """How many bars and actions were new, and how many stored days the source now tells otherwise."""

    bars: int = 0
    actions: int = 0
    restated: int = 0


def store_history(
    *, instrument: Instrument, answer: HistoryAnswer, start: date, end: date, now: datetime
) -> Stored:
    """Store what was not known, in one transaction, and announce new splits and dividends (`CorporateActionFound`).

    A day that is there already is left as it is; where the source now says something else about it, that is kept
    beside it for somebody to decide (`Restatement`).
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            if answer.is_simulated and not is_still_simulated(cursor, instrument.pk):
                return Stored()
            _stage(cursor, answer.bars)
            restated = (
                0
                if answer.is_simulated
                else compare_with_stored(
                    cursor, instrument.pk, answer.provider, start=start, end=end, now=now
                )
            )
            cursor.execute(_ADD, [instrument.pk, answer.provider])
            added = cursor.rowcount
        if added:
            revise([instrument.pk])
        found = store_actions(instrument.pk, answer.actions, source=answer.provider)
        _note_answer(instrument, answer, start=start, end=end, now=now)
    return Stored(bars=added, actions=len(found), restated=restated)


def store_bars(instrument_id: int, bars: Iterable[BarData], *, source: str) -> int:
    """Copy bars into the table; a day that is there already is left as it is. Inside the caller's transaction.
    Returns how many were new."""
    with connection.cursor() as cursor:
        _stage(cursor, bars)
        cursor.execute(_ADD, [instrument_id, source])
        added = int(cursor.rowcount)
    if added:
        revise([instrument_id])
    return added


def _stage(cursor: Any, bars: Iterable[BarData]) -> None:
    cursor.execute(_NEW_BARS)
    cursor.execute("TRUNCATE new_bars")
    with raw_cursor(cursor).copy("COPY new_bars FROM STDIN") as copy:
        for bar in bars:
            copy.write_row((bar.date, bar.open, bar.high, bar.low, bar.close, bar.volume))


def store_actions(instrument_id: int, facts: Sequence[ActionData], *, source: str) -> list[int]:
    """Store splits and dividends that are not known and announce them. Inside the caller's transaction; returns their
    ids."""
    if not facts:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            _ADD_ACTIONS,
            [
                instrument_id,
                source,
                [fact.ex_date for fact in facts],
                [fact.kind for fact in facts],
                [fact.value for fact in facts],
            ],
        )
        found = [row[0] for row in cursor.fetchall()]
    announce_actions(instrument_id, found)
    return found


def announce_actions(instrument_id: int, action_ids: Sequence[int]) -> None:
    """Tell the rooms above that splits or dividends of an instrument are new or changed. Inside a transaction."""
    if action_ids:
        publish(
            CorporateActionFound(instrument_id=instrument_id, action_ids=list(action_ids)),
            stream=f"instrument:{instrument_id}",
        )


def _note_answer(
    instrument: Instrument, answer: HistoryAnswer, *, start: date, end: date, now: datetime
) -> None:
    status, _ = HistoryStatus.objects.select_for_update().get_or_create(instrument=instrument)
    status.asked_from = min(start, status.asked_from or start)
    status.asked_through = max(end, status.asked_through or end)
    status.asked_at = status.answered_at = now
    status.source, status.trouble = answer.provider, ""
    status.save(update_fields=["asked_from", "asked_through", "asked_at", "answered_at", "source", "trouble"])


def note_trouble(instrument: Instrument, trouble: str, *, now: datetime) -> None:
    """Note that asking for the history brought nothing, and why."""
    HistoryStatus.objects.update_or_create(
        instrument=instrument, defaults={"asked_at": now, "trouble": trouble[:300]}
    )


def raw_cursor(cursor: Any) -> Any:
    """Return the driver's cursor behind Django's, for COPY."""
    return cursor.cursor
