"""What the print shop announces."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from portfolio_site.kernel.events import Event, event


def stream_of(job_id: UUID) -> str:
    """The stream in which the events of a job stay in order."""
    return f"report:{job_id}"


@event("reports.report_requested")
@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRequested(Event):
    """A job waits to be made."""

    job_id: UUID
    user_id: int


@event("reports.report_progressed")
@dataclass(frozen=True, slots=True, kw_only=True)
class ReportProgressed(Event):
    """A job is further than it was (told at most once a second)."""

    job_id: UUID
    user_id: int


@event("reports.report_ready")
@dataclass(frozen=True, slots=True, kw_only=True)
class ReportReady(Event):
    """A job's document can be downloaded."""

    job_id: UUID
    user_id: int
    document_id: UUID
    title: str
    filename: str


@event("reports.report_failed")
@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFailed(Event):
    """A job was given up; ``error`` is a sentence for the person."""

    job_id: UUID
    user_id: int
    title: str
    error: str
