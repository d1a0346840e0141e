"""The print shop: its background work."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from portfolio_site.kernel import clock
from portfolio_site.kernel.jobs import enqueue
from reports import operations


# The limits are shorter than operations.STALE_AFTER: a worker that still lives is never taken for dead.
@shared_task(name="reports.tasks.make_report", soft_time_limit=240, time_limit=270)
def make_report(job_id: str) -> bool:
    """Make one report; safe to be sent twice."""
    return operations.make_report(job_id=UUID(job_id), clock=clock.now)


@shared_task(name="reports.tasks.sweep")
def sweep() -> None:
    """Send again what was left behind, and forget old jobs. Called by beat."""
    now = clock.now()
    for job_id in operations.mend_stalled(now=now):
        enqueue(make_report, job_id=str(job_id))
    operations.prune(now=now)
