"""The print shop: making a report, and mending what a dead worker left.

Nothing slow happens in a transaction: figures are read in one snapshot, drawing and storing happen outside, and the row is
moved by short statements that name the attempt, so that a worker which was given up cannot disturb its successor.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F

from documents.errors import StoreUnreachable
from documents.operations import store_document
from documents.queries import DocumentView
from portfolio_site.kernel.errors import DomainError
from portfolio_site.kernel.events import publish
from reports.events import ReportFailed, ReportProgressed, ReportReady, ReportRequested, stream_of
from reports.kinds.base import Order, ReportKind
from reports.models import JobState, ReportJob
from reports.queries import snapshot, stalled_jobs
from reports.registry import KINDS
from reports.renderers.errors import RendererUnavailable

log = structlog.get_logger(__name__)

MOST_ATTEMPTS: Final = 3
#: A running job that was silent for longer has lost its worker. Longer than a task may run (reports.tasks).
STALE_AFTER: Final = timedelta(minutes=5)
#: A waiting job that was not begun by then is sent again: its message was lost with the broker.
RESEND_AFTER: Final = timedelta(seconds=30)
KEEP_REPORTS: Final = timedelta(days=90)
FAULT: Final = (
    "Something went wrong on this site while the report was made. It was noted; please try again later."
)
LOST: Final = (
    "The report was begun several times and never finished. Try a shorter period, or Excel instead of PDF."
)

Clock = Callable[[], datetime]


class GivenUp(Exception):
    """The job is no longer this worker's."""


def make_report(*, job_id: UUID, clock: Clock) -> bool:
    """Make the report of a waiting job; whether this call did it.

    Returns False when the job is not waiting (done, at another worker, thrown away) or was given up meanwhile. Failures
    end in the row: a refusal of the books or a missing library at once, faults of the site after three attempts.
    """
    job = _claim(job_id, clock())
    if job is None:
        return False
    with structlog.contextvars.bound_contextvars(report_job=str(job_id), attempt=job.attempts):
        try:
            document = _make(job, clock)
            _finish(job, document, clock())
        except GivenUp:
            log.info("report_given_up")
            return False
        except StoreUnreachable:
            # The store may be back by the next attempt.
            _again(job, clock)
        except (DomainError, RendererUnavailable) as error:
            _fail(job, getattr(error, "message", None) or str(error), clock())
        except Exception:
            log.exception("report_failed")
            _again(job, clock)
    return True


def mend_stalled(*, now: datetime) -> list[UUID]:
    """Put jobs that nobody is at back on the list, or give them up after three attempts; the ids to be sent again."""
    resend = []
    for job in stalled_jobs(queued_before=now - RESEND_AFTER, silent_since=now - STALE_AFTER):
        if job.state == JobState.QUEUED:
            resend.append(job.pk)
        elif job.attempts >= MOST_ATTEMPTS:
            _fail(job, LOST, now)
        elif _requeue(job):
            resend.append(job.pk)
    return resend


def prune(*, now: datetime) -> int:
    """Forget finished jobs whose file has gone, some time after it has; how many."""
    old = ReportJob.objects.filter(finished_at__lt=now - KEEP_REPORTS, document__isnull=True)
    deleted, _ = old.delete()
    return deleted


def _claim(job_id: UUID, now: datetime) -> ReportJob | None:
    claimed = ReportJob.objects.filter(pk=job_id, state=JobState.QUEUED).update(
        state=JobState.RUNNING,
        attempts=F("attempts") + 1,
        started_at=now,
        heartbeat_at=now,
        progress=0,
        stage="Reading the books",
    )
    if not claimed:
        return None
    return ReportJob.objects.select_related("owner", "portfolio").filter(pk=job_id).first()


def _make(job: ReportJob, clock: Clock) -> DocumentView:
    kind: ReportKind = KINDS[job.kind]
    tell = _teller(job, clock)
    tell(5, "Reading the books")
    with snapshot():
        data = kind.collect(
            Order(
                owner=job.owner,
                portfolio=job.portfolio,
                period_from=_day(job.parameters.get("from")),
                period_to=date.fromisoformat(job.parameters["to"]),
                currency=job.parameters["currency"],
                made_at=clock(),
            )
        )
    tell(30, "Drawing")
    content = kind.renderers[job.format](data, lambda percent, stage: tell(30 + percent * 60 // 100, stage))
    tell(92, "Putting it away")
    made_at = clock()
    return store_document(
        owner_id=job.owner_id,
        kind="report",
        filename=f"{kind.title} {job.portfolio.name} {job.parameters['to']}.{job.format}",
        content=io.BytesIO(content),
        now=made_at,
        source=f"report:{job.pk}",
        expires_at=made_at + KEEP_REPORTS,
    )


def _teller(job: ReportJob, clock: Clock) -> Callable[[int, str], None]:
    """A function that writes progress down at most twice a second, and tells open pages of it at most once a second."""
    written_at = told_at = float("-inf")

    def tell(percent: int, stage: str) -> None:
        nonlocal written_at, told_at
        moment = time.monotonic()
        if moment - written_at < 0.5:
            return
        written_at = moment
        with transaction.atomic():
            mine = _mine(job).update(
                progress=max(0, min(99, percent)), stage=stage[:80], heartbeat_at=clock()
            )
            if not mine:
                raise GivenUp
            if moment - told_at >= 1:
                told_at = moment
                publish(ReportProgressed(job_id=job.pk, user_id=job.owner_id), stream=stream_of(job.pk))

    return tell


def _finish(job: ReportJob, document: DocumentView, now: datetime) -> None:
    with transaction.atomic():
        done = _mine(job).update(
            state=JobState.DONE, progress=100, stage="", error="", document_id=document.id, finished_at=now
        )
        if not done:
            raise GivenUp
        publish(
            ReportReady(
                job_id=job.pk,
                user_id=job.owner_id,
                document_id=document.id,
                title=job.title,
                filename=document.filename,
            ),
            stream=stream_of(job.pk),
        )


def _fail(job: ReportJob, sentence: str, now: datetime) -> None:
    with transaction.atomic():
        if _mine(job).update(state=JobState.FAILED, stage="", error=sentence[:500], finished_at=now):
            publish(
                ReportFailed(job_id=job.pk, user_id=job.owner_id, title=job.title, error=sentence[:500]),
                stream=stream_of(job.pk),
            )


def _again(job: ReportJob, clock: Clock) -> None:
    """Once more, unless that was the last attempt."""
    if job.attempts >= MOST_ATTEMPTS:
        _fail(job, FAULT, clock())
    else:
        _requeue(job)


def _requeue(job: ReportJob) -> bool:
    with transaction.atomic():
        mine = _mine(job).update(state=JobState.QUEUED, progress=0, stage="Waiting for another attempt")
        if mine:
            publish(ReportRequested(job_id=job.pk, user_id=job.owner_id), stream=stream_of(job.pk))
    return bool(mine)


def _mine(job: ReportJob) -> Any:
    """The job's row, as long as it is at this attempt."""
    return ReportJob.objects.filter(pk=job.pk, state=JobState.RUNNING, attempts=job.attempts)


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
