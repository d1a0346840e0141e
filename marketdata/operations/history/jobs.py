"""Market data operations: the history of an instrument comes the first time somebody uses it, while they watch."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from marketdata.events import HistoryFetched, HistoryRequested
from marketdata.models import HistoryJob, HistoryStatus, Instrument
from marketdata.models.history import HistoryJobState
from marketdata.operations.gateway import call
from marketdata.operations.history.asking import (
    HistoryAnswer,
    ask_history,
    history_providers,
    wait_after,
)
from marketdata.operations.history.extending import HISTORY_YEARS, OVERLAP, newest_bars
from marketdata.operations.history.storing import Stored, note_trouble, store_history
from marketdata.operations.intraday import store_minutes
from marketdata.operations.providing import provider_named, ref_of
from marketdata.providers.base import Capability, ProviderError
from portfolio_site.kernel.events import publish

log = structlog.get_logger(__name__)

#: A job that gave no sign of life for so long is taken up again.
SILENCE = timedelta(minutes=3)
#: After a failure an instrument is asked for again by itself only after so long.
REST = timedelta(hours=1)
MOST_ATTEMPTS = 5
PATIENCE = timedelta(seconds=20)
_OPEN = [HistoryJobState.QUEUED, HistoryJobState.RUNNING]


def request_history(
    *, instrument_id: int, reason: str, now: datetime, since: date | None = None, again: bool = False
) -> HistoryJob | None:
    """See to it that the history of an instrument is here or on its way; return the job that fetches it, if one does.

    None when nothing has to be done: its sources have no history, were asked back to `since` (January ten years ago
    unless told) and up to the last days, or failed within the hour (`again` asks all the same). However many ask at
    once, there is one job.
    """
    return request_histories(
        instrument_ids=[instrument_id], reason=reason, now=now, since=since, again=again
    ).get(instrument_id)


def request_histories(
    *,
    instrument_ids: Iterable[int],
    reason: str,
    now: datetime,
    since: date | None = None,
    again: bool = False,
) -> dict[int, HistoryJob]:
    """The same for several instruments: those that have a job, with it."""
    today = now.astimezone(UTC).date()
    wanted_from = min(since or today, date(today.year - HISTORY_YEARS, 1, 1))
    ids = sorted(set(instrument_ids))
    open_jobs = {
        job.instrument_id: job for job in HistoryJob.objects.filter(instrument__in=ids, state__in=_OPEN)
    }
    others = [pk for pk in ids if pk not in open_jobs]
    if not others:
        return open_jobs
    statuses = HistoryStatus.objects.in_bulk(others)
    candidates = [
        instrument
        for instrument in Instrument.objects.active().filter(pk__in=others)
        if any(history_providers(instrument))
    ]
    newest = newest_bars([instrument.pk for instrument in candidates], today=today)
    for instrument in candidates:
        status = statuses.get(instrument.pk)
        if again or _is_wanting(instrument, status, newest[instrument.pk], wanted_from, now=now):
            job = _open_job(instrument.pk, reason=reason, wanted_from=wanted_from, now=now)
            if job is not None:
                open_jobs[instrument.pk] = job
    return open_jobs


def _is_wanting(
    instrument: Instrument, status: HistoryStatus | None, newest: date | None, since: date, *, now: datetime
) -> bool:
    today = now.astimezone(UTC).date()
    if provider_named(instrument.provider).is_simulated:
        # What it has goes on by itself every hour.
        return newest is None
    if status is not None and status.trouble and status.asked_at and now - status.asked_at < REST:
        return False
    if status is None or status.asked_from is None or status.asked_through is None:
        return True
    return status.asked_from > since or status.asked_through < today - timedelta(days=4)


def _open_job(instrument_id: int, *, reason: str, wanted_from: date, now: datetime) -> HistoryJob | None:
    job = HistoryJob(
        instrument_id=instrument_id,
        reason=reason[:40],
        wanted_from=wanted_from,
        requested_at=now,
        not_before=now,
        stage="Waiting for its turn",
    )
    with transaction.atomic():
        # Whoever comes second finds the first one's job.
        HistoryJob.objects.bulk_create([job], ignore_conflicts=True)
        found = HistoryJob.objects.filter(instrument=instrument_id, state__in=_OPEN).first()
        if found is not None and found.attempts == 0 and found.requested_at == now:
            publish(
                HistoryRequested(job_id=found.pk, instrument_id=instrument_id),
                stream=f"instrument:{instrument_id}",
            )
    return found


def fetch_history(*, job_id: int, now: datetime) -> HistoryJob | None:
    """Do a job: the last year first, so that there is something to see, then the years before, then the minutes of the
    last days where a source keeps them. Its row says how far it is. Not to be called inside a transaction.

    Returns None when it is done already or somebody else is at it. A source that wants to be left alone is asked later;
    any other failure of all sources ends the job with the reason.
    """
    job = _claim(job_id, now=now)
    if job is None:
        return None
    instrument = job.instrument
    try:
        for start, end, stage, upto in _steps(job, now=now):
            _progress(job, stage=stage, now=now)
            stored, answer = _fetch(instrument, start, end, now=now)
            job.bars_added += stored.bars
            job.actions_added += stored.actions
            job.source = answer.provider
            job.progress = upto
        _progress(job, stage="Minutes of the last days", now=now)
        _fetch_minutes(instrument, now=now)
    except ProviderError as error:
        return _put_off(job, error, now=now)
    job.state, job.progress, job.stage, job.error = HistoryJobState.DONE, 100, "Done", ""
    return _finish(job, now=now)


def _finish(job: HistoryJob, *, now: datetime) -> HistoryJob:
    with transaction.atomic():
        job.finished_at = now
        job.save()
        publish(
            HistoryFetched(
                instrument_id=job.instrument_id,
                job_id=job.pk,
                is_done=job.state == HistoryJobState.DONE,
                bars_added=job.bars_added,
            ),
            stream=f"instrument:{job.instrument_id}",
        )
    return job


def _claim(job_id: int, *, now: datetime) -> HistoryJob | None:
    """Take the job if nobody has it (any more)."""
    free = Q(state=HistoryJobState.QUEUED) | Q(state=HistoryJobState.RUNNING, beat_at__lt=now - SILENCE)
    taken = HistoryJob.objects.filter(free, pk=job_id, not_before__lte=now).update(
        state=HistoryJobState.RUNNING, started_at=now, beat_at=now, attempts=F("attempts") + 1, progress=2
    )
    return HistoryJob.objects.select_related("instrument").get(pk=job_id) if taken else None


def _steps(job: HistoryJob, *, now: datetime) -> list[tuple[date, date, str, int]]:
    """Spans of days to ask for, with what is said meanwhile and the percent reached after it."""
    today = now.astimezone(UTC).date()
    end, recent = today - timedelta(days=1), today - timedelta(days=366)
    status = HistoryStatus.objects.filter(instrument=job.instrument_id).first()
    known_from = status.asked_from if status else None
    if known_from is not None and known_from <= job.wanted_from:
        newest = newest_bars([job.instrument_id], today=today)[job.instrument_id]
        since = newest - OVERLAP if newest else job.wanted_from
        return [(since, end, "The last days", 90)]
    steps = [(max(recent, job.wanted_from), end, "The last year", 35)]
    if job.wanted_from < recent:
        steps.append(
            (job.wanted_from, recent - timedelta(days=1), f"The years since {job.wanted_from.year}", 90)
        )
    return steps


def _fetch(instrument: Instrument, start: date, end: date, *, now: datetime) -> tuple[Stored, HistoryAnswer]:
    today = now.astimezone(UTC).date()
    # Splits and dividends of the whole time come with every span's end; today's belong to the last one.
    until = today if end >= today - timedelta(days=1) else end
    answer = ask_history(instrument, start=start, end=end, actions_until=until)
    return store_history(instrument=instrument, answer=answer, start=start, end=end, now=now), answer


def _fetch_minutes(instrument: Instrument, *, now: datetime) -> None:
    """Minutes are worth having, and not worth failing for."""
    provider = provider_named(instrument.provider)
    if Capability.INTRADAY not in provider.capabilities or provider.is_simulated:
        return
    ref = ref_of(instrument)
    start = now - timedelta(days=settings.INTRADAY_DAYS)
    try:
        bars = call(
            provider.name,
            "intraday",
            lambda: provider.intraday(ref, start, now),
            key=f"{instrument.pk}:{now.date()}",
        )
    except ProviderError as error:
        log.info("minutes_failed", provider=provider.name, symbol=instrument.symbol, error=str(error)[:200])
        return
    store_minutes(instrument_id=instrument.pk, bars=bars, source=provider.name, now=now)


def _progress(job: HistoryJob, *, stage: str, now: datetime) -> None:
    job.stage, job.beat_at = stage, now
    job.save(update_fields=["stage", "beat_at", "progress", "bars_added", "actions_added", "source"])


def _put_off(job: HistoryJob, error: ProviderError, *, now: datetime) -> HistoryJob:
    note_trouble(job.instrument, str(error), now=now)
    job.error = str(error)[:300]
    asked_to_wait = wait_after(error)
    if asked_to_wait is not None and job.attempts < MOST_ATTEMPTS:
        wait = min(max(asked_to_wait, 5.0), 3600.0)
        job.state, job.not_before = HistoryJobState.QUEUED, now + timedelta(seconds=wait)
        job.stage = f"Waiting until {job.not_before:%H:%M} UTC: the source cannot be asked before"
        job.save()
        return job
    job.state, job.stage = HistoryJobState.FAILED, "Failed"
    return _finish(job, now=now)


def waiting_history_jobs(*, now: datetime) -> list[int]:
    """Return the jobs that wait for their time to come or whose worker is gone, and forget what was finished a month
    ago."""
    free = Q(state=HistoryJobState.QUEUED) | Q(state=HistoryJobState.RUNNING, beat_at__lt=now - SILENCE)
    # A job that was asked for just now is on its way.
    waiting = HistoryJob.objects.filter(free, not_before__lte=now, requested_at__lt=now - PATIENCE)
    HistoryJob.objects.filter(finished_at__lt=now - timedelta(days=30)).delete()
    return list(waiting.order_by("not_before").values_list("pk", flat=True)[:100])
