"""Market data: background work."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task
from django.core.cache import cache

from marketdata import operations
from portfolio_site.kernel import clock
from portfolio_site.kernel.jobs import enqueue


@shared_task(name="marketdata.tasks.refresh_quotes")
def refresh_quotes() -> int:
    """Fetch the latest quotes; sent by beat every few seconds. Returns how many were stored."""
    now = clock.now()
    stored = len(operations.refresh_quotes(now=now).stored)
    # The first refresh of a day (or of a site that was off for some) asks for the daily bars up to yesterday.
    if cache.add(f"marketdata:history:{now.date()}", 1, timeout=timedelta(days=1).total_seconds()):
        enqueue(prepare_partitions)
        enqueue(extend_history)
    return stored


@shared_task(name="marketdata.tasks.extend_history")
def extend_history() -> int:
    """Add the daily bars and rates of the days that have passed. Returns how many bars were added."""
    return operations.backfill_history(now=clock.now()).bars


@shared_task(name="marketdata.tasks.prepare_partitions")
def prepare_partitions() -> int:
    """Make the parts of coming years and days, and throw old minutes away. Returns how many parts were made."""
    return len(operations.prepare_partitions(now=clock.now()).made)
