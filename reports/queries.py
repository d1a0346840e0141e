"""The print shop: reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet

from reports.errors import ReportNotFound
from reports.models import ReportJob


def reports_for(user: Any) -> QuerySet[ReportJob]:
    """The person's reports, newest first, with their portfolio and document."""
    return (
        ReportJob.objects.visible_to(user)
        .select_related("portfolio", "document")
        .order_by("-created_at", "id")
    )


def visible_report(user: Any, job_id: UUID) -> ReportJob:
    """One of the person's reports. Raises `ReportNotFound`, also for somebody else's."""
    job = reports_for(user).filter(pk=job_id).first()
    if job is None:
        raise ReportNotFound("There is no such report.")
    return job


def stalled_jobs(*, queued_before: datetime, silent_since: datetime) -> list[ReportJob]:
    """Jobs that nobody is at: waiting since before ``queued_before``, or running without a sign of life since
    ``silent_since``."""
    unfinished = ReportJob.objects.unfinished().order_by("created_at")
    waiting = unfinished.filter(state="queued", created_at__lt=queued_before)
    silent = unfinished.filter(state="running", heartbeat_at__lt=silent_since)
    return [*waiting, *silent]


@contextmanager
def snapshot() -> Iterator[None]:
    """Let every read inside see the database as of one moment, whatever is posted meanwhile.

    Raises `RuntimeError` inside a transaction: its isolation was settled by its first statement.
    """
    if connection.in_atomic_block:
        raise RuntimeError("a snapshot begins its own transaction")
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield
