"""The ground floor: background tasks of the outbox."""

from datetime import timedelta

from celery import shared_task

from . import clock
from .events import dispatch_pending
from .models import EventReceipt, IdempotencyRecord, OutboxEvent

#: How long delivered events, receipts and idempotency records are kept.
KEEP_EVENTS = timedelta(days=3)
KEEP_IDEMPOTENCY = timedelta(days=7)


@shared_task(name="portfolio_site.kernel.tasks.drain_outbox")
def drain_outbox() -> int:
    """Deliver what waits in the outbox; sent by each commit that published, and by beat as a sweep."""
    return dispatch_pending()


@shared_task(name="portfolio_site.kernel.tasks.prune")
def prune() -> None:
    """Forget delivered events, their receipts, and idempotency keys that are older than anybody retries."""
    now = clock.now()
    OutboxEvent.objects.filter(dispatched_at__lt=now - KEEP_EVENTS).delete()
    EventReceipt.objects.filter(handled_at__lt=now - KEEP_EVENTS).delete()
    IdempotencyRecord.objects.filter(created_at__lt=now - KEEP_IDEMPOTENCY).delete()
