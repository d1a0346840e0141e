"""Market data: what it listens to."""

from __future__ import annotations

from marketdata import tasks
from marketdata.events import HistoryRequested
from portfolio_site.kernel.events import Envelope, subscribe
from portfolio_site.kernel.jobs import enqueue


def fetch_history(event: HistoryRequested, envelope: Envelope) -> None:
    """Have a worker fetch the history that somebody waits for."""
    enqueue(tasks.fetch_history, job_id=event.job_id)


def register() -> None:
    """Register the subscribers of this room."""
    subscribe("marketdata.history", HistoryRequested, fetch_history)
