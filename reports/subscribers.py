"""The print shop: what it listens to: its own requests, so that one that commits is never forgotten."""

from __future__ import annotations

from portfolio_site.kernel.events import Envelope, subscribe
from portfolio_site.kernel.jobs import enqueue
from reports import tasks
from reports.events import ReportRequested


def register() -> None:
    """Register every subscriber of this room."""
    subscribe("reports.making", ReportRequested, _send)


def _send(event: ReportRequested, _envelope: Envelope) -> None:
    enqueue(tasks.make_report, job_id=str(event.job_id))
