"""Market data operations: a source says something else about a past day than it did. Nothing is overwritten until
somebody decides."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import structlog
from django.db import connection, transaction

from marketdata.models import Instrument, RestatedBar, Restatement
from marketdata.models.history import RestatementState
from marketdata.operations.history.revising import revise
from portfolio_site.kernel.errors import DomainError, ForbiddenError, NotFoundError

log = structlog.get_logger(__name__)

#: Closes that differ by more than this part are another statement; below it sources round and nobody minds.
SAME_SOURCE = Decimal("0.0005")
#: Two sources differ by auctions, venues and late trades; more than this is worth a look.
OTHER_SOURCE = Decimal("0.01")
#: The range of a day is what sources differ about most.
RANGE = 4

# What was looked at before and kept, the source saying the same then, is not brought up again.
_DIFFERENT = """
SELECT n.date, n.open, n.high, n.low, n.close, n.volume, b.open, b.high, b.low, b.close, b.volume, b.source
FROM new_bars n
JOIN marketdata_pricebar b ON b.instrument_id = %(id)s AND b.date = n.date
CROSS JOIN LATERAL (
    SELECT CASE WHEN b.source IN (%(source)s::text, %(source)s::text || ', restated') THEN %(same)s::numeric
                ELSE %(other)s::numeric END AS part
) allowed
WHERE b.date BETWEEN %(start)s::date AND %(end)s::date AND b.source NOT LIKE 'simulated%%'
  AND (abs(n.close - b.close) > allowed.part * greatest(n.close, b.close)
       OR abs(n.open - b.open) > %(range)s * allowed.part * greatest(n.open, b.open)
       OR abs(n.high - b.high) > %(range)s * allowed.part * greatest(n.high, b.high)
       OR abs(n.low - b.low) > %(range)s * allowed.part * greatest(n.low, b.low))
  AND NOT EXISTS (
      SELECT 1 FROM marketdata_restatedbar k JOIN marketdata_restatement r ON r.id = k.restatement_id
      WHERE r.instrument_id = %(id)s AND r.source = %(source)s::text AND r.state = 'kept' AND k.date = n.date
            AND abs(k.close - n.close) <= %(same)s * n.close AND abs(k.old_close - b.close) <= %(same)s * b.close
  )
ORDER BY n.date
"""
_TAKE_OVER = """
UPDATE marketdata_pricebar b
SET open = k.open, high = k.high, low = k.low, close = k.close, volume = COALESCE(k.volume, b.volume), source = %s
FROM marketdata_restatedbar k
WHERE k.restatement_id = %s AND b.instrument_id = %s AND b.date = k.date
"""
_REMEMBER_OLD = """
UPDATE marketdata_restatedbar k
SET old_open = b.open, old_high = b.high, old_low = b.low, old_close = b.close, old_volume = b.volume,
    old_source = b.source
FROM marketdata_pricebar b
WHERE k.restatement_id = %s AND b.instrument_id = %s AND b.date = k.date
"""


class RestatementRefused(DomainError):
    """It was decided about already."""

    code = "restatement_refused"


class RestatementUnknown(NotFoundError):
    """No such restatement, or not one this person may see."""

    def __init__(self) -> None:
        super().__init__("There is no such change of past prices.")


def compare_with_stored(
    cursor: Any, instrument_id: int, source: str, *, start: date, end: date, now: datetime
) -> int:
    """Compare the staged bars (`new_bars`) with those stored, and keep what differs in the one open restatement of the
    source. Days of start..end on which it agrees again leave it. Returns how many days differ."""
    cursor.execute(
        _DIFFERENT,
        {
            "id": instrument_id,
            "source": source,
            "start": start,
            "end": end,
            "same": SAME_SOURCE,
            "other": OTHER_SOURCE,
            "range": RANGE,
        },
    )
    rows = cursor.fetchall()
    known = (
        Restatement.objects.select_for_update()
        .filter(instrument_id=instrument_id, source=source, state=RestatementState.OPEN)
        .first()
    )
    if known is None and not rows:
        return 0
    if known is None:
        known = Restatement.objects.create(
            instrument_id=instrument_id,
            source=source,
            first_date=rows[0][0],
            last_date=rows[-1][0],
            days=len(rows),
            found_at=now,
            seen_at=now,
        )
        log.warning("history_restated", instrument=instrument_id, source=source, days=len(rows))
    RestatedBar.objects.filter(restatement=known, date__range=(start, end)).delete()
    RestatedBar.objects.bulk_create(
        (
            RestatedBar(
                restatement=known,
                date=row[0],
                open=row[1],
                high=row[2],
                low=row[3],
                close=row[4],
                volume=row[5],
                old_open=row[6],
                old_high=row[7],
                old_low=row[8],
                old_close=row[9],
                old_volume=row[10],
                old_source=row[11],
            )
            for row in rows
        ),
        batch_size=2000,
    )
    _sum_up(known, now=now)
    return len(rows)


def _sum_up(restatement: Restatement, *, now: datetime) -> None:
    bars = list(restatement.bars.order_by("date").values_list("date", "close", "old_close"))
    if not bars:
        restatement.state, restatement.decided_at = RestatementState.GONE, now
        restatement.save(update_fields=["state", "decided_at"])
        return
    ratios = [close / old for _, close, old in bars if old]
    same = ratios and max(ratios) - min(ratios) <= SAME_SOURCE * max(ratios)
    factor = sum(ratios) / len(ratios) if same and len(ratios) > 1 else None
    restatement.first_date, restatement.last_date, restatement.days = bars[0][0], bars[-1][0], len(bars)
    restatement.factor, restatement.seen_at = None if factor is None else round(Decimal(factor), 6), now
    restatement.save(update_fields=["first_date", "last_date", "days", "factor", "seen_at"])


def accept_restatement(*, restatement_id: int, actor: Any, now: datetime) -> Restatement:
    """Take over what the source says now; what was stored stays in the restatement's rows.

    For one's own instruments oneself, for shared ones who may change prices in the admin. Raises `RestatementUnknown`,
    `RestatementRefused` (decided already), `ForbiddenError`.
    """
    with transaction.atomic():
        found = _to_decide(restatement_id, actor)
        with connection.cursor() as cursor:
            cursor.execute(_REMEMBER_OLD, [found.pk, found.instrument_id])
            cursor.execute(_TAKE_OVER, [f"{found.source}, restated"[:60], found.pk, found.instrument_id])
        revise([found.instrument_id])
        return _decided(found, RestatementState.ACCEPTED, actor, now)


def keep_against_restatement(*, restatement_id: int, actor: Any, now: datetime) -> Restatement:
    """Leave what is stored as it is. It is not brought up again while the source says the same.

    Raises as `accept_restatement`.
    """
    with transaction.atomic():
        return _decided(_to_decide(restatement_id, actor), RestatementState.KEPT, actor, now)


def may_decide(instrument: Instrument, actor: Any) -> bool:
    """Whether this person decides about past prices of the instrument."""
    if instrument.owner_id is not None:
        return bool(instrument.owner_id == actor.pk and not getattr(actor, "is_read_only", False))
    return bool(actor.has_perm("marketdata.change_pricebar"))


def _to_decide(restatement_id: int, actor: Any) -> Restatement:
    found = (
        Restatement.objects.visible_to(actor)
        .select_for_update(of=("self",))
        .select_related("instrument")
        .filter(pk=restatement_id)
        .first()
    )
    if found is None:
        raise RestatementUnknown
    if not may_decide(found.instrument, actor):
        raise ForbiddenError("Past prices of shared instruments are decided about by administrators.")
    if found.state != RestatementState.OPEN:
        raise RestatementRefused("This was decided about already.")
    result: Restatement = found
    return result


def _decided(found: Restatement, state: str, actor: Any, now: datetime) -> Restatement:
    found.state, found.decided_at, found.decided_by = state, now, actor
    found.save(update_fields=["state", "decided_at", "decided_by"])
    return found
