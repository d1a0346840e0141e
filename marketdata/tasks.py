"""Market data: background work."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task
from django.core.cache import cache

from marketdata import operations
from portfolio_site.kernel import clock
from portfolio_site.kernel.jobs import enqueue

_NO_REAL_PRICES = "marketdata:no-real-prices"
_IN_VAIN = "marketdata:no-real-prices:times"
_ADOPTING = "marketdata:adopting"
#: Who has been offline is noticed within so many seconds after they are back.
_LONGEST_PAUSE = 600
_LONGEST_ROUND = 900


@shared_task(name="marketdata.tasks.refresh_quotes")
def refresh_quotes() -> int:
    """Let the simulated market tick; sent by beat every few seconds. Returns how many quotes were stored."""
    now = clock.now()
    stored = len(operations.refresh_quotes(now=now, providers=["simulated"]).stored)
    # The first refresh of a day (or of a site that was off for some) asks for the daily bars up to yesterday.
    if cache.add(f"marketdata:history:{now.date()}", 1, timeout=timedelta(days=1).total_seconds()):
        enqueue(prepare_partitions)
        enqueue(extend_history)
    return stored


@shared_task(name="marketdata.tasks.poll_quotes")
def poll_quotes() -> None:
    """Have each provider of the real world asked for what is due from it, apart from the others: one that hangs holds
    up nobody else."""
    for name in operations.asked_providers():
        if operations.is_in_use(name):
            enqueue(poll_provider, provider=name)


@shared_task(name="marketdata.tasks.poll_provider")
def poll_provider(provider: str) -> int:
    """Ask one provider for what is due from it. Returns how many quotes were stored."""
    return len(operations.refresh_quotes(now=clock.now(), providers=[provider]).stored)


@shared_task(name="marketdata.tasks.refresh_wanted")
def refresh_wanted() -> int:
    """Refresh the old prices that people are looking at. Returns how many were stored."""
    return len(operations.refresh_wanted_quotes(now=clock.now()).stored)


@shared_task(name="marketdata.tasks.extend_history")
def extend_history() -> int:
    """Add the daily bars and rates of the days that have passed, real rates first. Returns how many bars were added."""
    operations.refresh_fx_rates(now=clock.now())
    return operations.backfill_history(now=clock.now()).bars


@shared_task(name="marketdata.tasks.prepare_partitions")
def prepare_partitions() -> int:
    """Make the parts of coming years and days, and throw old minutes away. Returns how many parts were made."""
    return len(operations.prepare_partitions(now=clock.now()).made)


@shared_task(name="marketdata.tasks.fetch_history")
def fetch_history(job_id: int) -> bool:
    """Do a job that fetches the history of an instrument, the real one where it can be had. Returns whether there was
    something to do."""
    if cache.get(_NO_REAL_PRICES) is None:
        operations.adopt_wanted(job_id=job_id, now=clock.now())
    return operations.fetch_history(job_id=job_id, now=clock.now()) is not None


@shared_task(name="marketdata.tasks.resume_history")
def resume_history() -> int:
    """Send those jobs on that wait for their time, or whose worker is gone. Returns how many."""
    waiting = operations.waiting_history_jobs(now=clock.now())
    for job_id in waiting:
        enqueue(fetch_history, job_id=job_id)
    return len(waiting)


@shared_task(name="marketdata.tasks.find_gaps")
def find_gaps() -> int:
    """Look for trading days without a price and ask the sources for them. Returns how many gaps there are."""
    return operations.find_gaps(now=clock.now()).gaps


@shared_task(name="marketdata.tasks.refresh_fx_rates")
def refresh_fx_rates() -> int:
    """Fetch exchange rates that have been published. Returns how many were stored."""
    return sum(operations.refresh_fx_rates(now=clock.now()).stored.values())


@shared_task(name="marketdata.tasks.adopt_real_prices")
def adopt_real_prices() -> int:
    """Let simulated instruments go over to real prices where those can be had. Returns how many did.

    While nobody can be reached, or nothing is left to do, it looks more rarely; never twice at once.
    """
    if cache.get(_NO_REAL_PRICES) is not None or not cache.add(_ADOPTING, 1, timeout=_LONGEST_ROUND):
        return 0
    try:
        result = operations.adopt_real_prices(now=clock.now())
    finally:
        cache.delete(_ADOPTING)
    if result.adopted or (result.waiting and not result.unreachable):
        cache.delete(_IN_VAIN)
        return len(result.adopted)
    times = min(int(cache.get(_IN_VAIN, 0)), 6) + 1
    cache.set(_IN_VAIN, times, timeout=timedelta(days=1).total_seconds())
    cache.set(_NO_REAL_PRICES, 1, timeout=min(60 * 2**times, _LONGEST_PAUSE))
    return 0
