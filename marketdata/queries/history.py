"""Market data queries: how complete and how sure the history of instruments is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from marketdata.models import HistoryGap, HistoryJob, HistoryStatus, RestatedBar, Restatement
from marketdata.models.history import HistoryJobState, RestatementState

MOST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryJobView:
    """A job that fetches the history of an instrument; `progress` in percent."""

    id: int
    instrument_id: int
    state: str
    progress: int
    stage: str
    error: str
    bars_added: int
    source: str
    requested_at: datetime
    finished_at: datetime | None

    @property
    def is_open(self) -> bool:
        """Whether it is still waiting or running."""
        return self.state in (HistoryJobState.QUEUED, HistoryJobState.RUNNING)

    @property
    def has_failed(self) -> bool:
        """Whether it ended without an answer."""
        return self.state == HistoryJobState.FAILED


@dataclass(frozen=True, slots=True, kw_only=True)
class GapView:
    """Trading days in a row without a bar. `is_final`: the sources were asked and have none either."""

    id: int
    instrument_id: int
    symbol: str
    first: date
    last: date
    days: int
    found_at: datetime
    asked_at: datetime | None
    is_final: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RestatementView:
    """A source that says something else about past days than what is stored. `factor`: new close over old one, where
    it is the same on all days."""

    id: int
    instrument_id: int
    symbol: str
    currency: str
    source: str
    state: str
    first: date
    last: date
    days: int
    factor: Decimal | None
    found_at: datetime
    seen_at: datetime
    decided_at: datetime | None

    @property
    def is_open(self) -> bool:
        """Whether somebody has to decide."""
        return self.state == RestatementState.OPEN


@dataclass(frozen=True, slots=True, kw_only=True)
class RestatedDay:
    """One day of it: the close that was stored and the one that is told now."""

    date: date
    old_close: Decimal
    close: Decimal

    @property
    def change_fraction(self) -> Decimal | None:
        """The difference as a part of the old one."""
        return self.close / self.old_close - 1 if self.old_close else None


def history_job(instrument_id: int) -> HistoryJobView | None:
    """Return the latest job of an instrument, None when there was none. One statement."""
    row = HistoryJob.objects.filter(instrument=instrument_id).order_by("-pk").first()
    return None if row is None else job_view(row)


def job_view(row: HistoryJob) -> HistoryJobView:
    """Return a job as a plain value."""
    return HistoryJobView(
        id=row.pk,
        instrument_id=row.instrument_id,
        state=row.state,
        progress=row.progress,
        stage=row.stage,
        error=row.error,
        bars_added=row.bars_added,
        source=row.source,
        requested_at=row.requested_at,
        finished_at=row.finished_at,
    )


def gaps_for(
    user: Any, *, instrument_ids: Iterable[int] | None = None, with_final: bool = False, limit: int = MOST
) -> list[GapView]:
    """Return the gaps of instruments this person may see, the largest first. One statement."""
    rows = HistoryGap.objects.visible_to(user).select_related("instrument")
    if instrument_ids is not None:
        rows = rows.filter(instrument__in=list(instrument_ids))
    if not with_final:
        rows = rows.filter(is_final=False)
    return [
        GapView(
            id=row.pk,
            instrument_id=row.instrument_id,
            symbol=row.instrument.symbol,
            first=row.first_date,
            last=row.last_date,
            days=row.days,
            found_at=row.found_at,
            asked_at=row.asked_at,
            is_final=row.is_final,
        )
        for row in rows.order_by("-days", "instrument_id", "first_date")[:limit]
    ]


def restatements_for(
    user: Any,
    *,
    instrument_ids: Iterable[int] | None = None,
    open_only: bool = True,
    limit: int = MOST,
) -> list[RestatementView]:
    """Return the restatements of instruments this person may see, the latest first. One statement."""
    rows = Restatement.objects.visible_to(user).select_related("instrument")
    if instrument_ids is not None:
        rows = rows.filter(instrument__in=list(instrument_ids))
    if open_only:
        rows = rows.filter(state=RestatementState.OPEN)
    return [_restatement(row) for row in rows.order_by("-pk")[:limit]]


def visible_restatement(user: Any, restatement_id: int) -> RestatementView | None:
    """Return one of them, None where there is none or this person may not see it. One statement."""
    row = Restatement.objects.visible_to(user).select_related("instrument").filter(pk=restatement_id).first()
    return None if row is None else _restatement(row)


def restated_days(restatement_id: int, *, limit: int = MOST) -> list[RestatedDay]:
    """Return the days of a restatement, the latest first. One statement."""
    rows = RestatedBar.objects.filter(restatement=restatement_id).order_by("-date")
    return [
        RestatedDay(date=day, old_close=old, close=new)
        for day, old, new in rows.values_list("date", "old_close", "close")[:limit]
    ]


def history_trouble(instrument_ids: Iterable[int]) -> Mapping[int, str]:
    """Return why the last asking for the history of these instruments brought nothing, where it did not. One
    statement."""
    rows = HistoryStatus.objects.filter(instrument__in=list(instrument_ids)).exclude(trouble="")
    return dict(rows.values_list("instrument_id", "trouble"))


def _restatement(row: Restatement) -> RestatementView:
    return RestatementView(
        id=row.pk,
        instrument_id=row.instrument_id,
        symbol=row.instrument.symbol,
        currency=row.instrument.currency,
        source=row.source,
        state=row.state,
        first=row.first_date,
        last=row.last_date,
        days=row.days,
        factor=row.factor,
        found_at=row.found_at,
        seen_at=row.seen_at,
        decided_at=row.decided_at,
    )
