"""The cellar: its background work."""

from celery import shared_task

from documents import operations
from portfolio_site.kernel import clock


@shared_task(name="documents.tasks.sweep")
def sweep() -> None:
    """Throw away what has expired, and remove the bytes of what is gone. Called by beat."""
    now = clock.now()
    operations.remove_expired(now=now)
    operations.remove_files(now=now)
