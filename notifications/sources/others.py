"""The bell: what a person is told of imports, reports and their sign-in."""

from __future__ import annotations

from django.urls import reverse

from accounts.events import SecurityNoticed
from holdings.events import ImportFinished
from notifications.messages import Message
from reports.events import ReportFailed, ReportReady


def import_finished(event: ImportFinished, _locale: str) -> Message:
    """A file was imported, or its import undone."""
    entries = "1 entry" if event.posted_count == 1 else f"{event.posted_count} entries"
    verb = "were taken back" if event.undone else "were booked"
    if event.posted_count == 1:
        verb = verb.replace("were", "was")
    return Message(
        user_id=event.user_id,
        kind="import.finished",
        level="info" if event.undone else "success",
        title=f"Import undone: {event.filename}" if event.undone else f"Imported: {event.filename}",
        body=f"{entries} {verb}.",
        url=reverse("holdings:detail", args=[event.portfolio_id]),
        refresh=(f"positions:{event.portfolio_id}",),
    )


def report_ready(event: ReportReady, _locale: str) -> Message:
    """A report can be downloaded."""
    return Message(
        user_id=event.user_id,
        kind="report.ready",
        level="success",
        title=f"Report ready: {event.title}",
        body=f"{event.filename} can be downloaded now.",
        url=reverse("documents:download", args=[event.document_id]),
        refresh=("reports", "documents"),
    )


def report_failed(event: ReportFailed, _locale: str) -> Message:
    """A report could not be made."""
    return Message(
        user_id=event.user_id,
        kind="report.failed",
        level="danger",
        title=f"Report failed: {event.title}",
        body=event.error,
        url=reverse("reports:index"),
        refresh=("reports",),
    )


def security_noticed(event: SecurityNoticed, _locale: str) -> Message:
    """Something happened to the person's access."""
    return Message(
        user_id=event.user_id,
        kind="security.noticed",
        level="warning",
        title=event.title,
        body=event.detail,
        url=reverse("accounts:security"),
    )
