"""The bell: its background work."""

from celery import shared_task

from notifications import operations
from portfolio_site.kernel import clock


@shared_task(name="notifications.tasks.prune")
def prune() -> None:
    """Forget what nobody will ask for any more. Called by beat."""
    operations.prune(now=clock.now())
