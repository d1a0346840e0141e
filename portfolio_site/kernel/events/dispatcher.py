"""Events: delivery. Several dispatchers may run at once; none delivers a stream out of order or an event twice.

An event is claimed with `FOR UPDATE SKIP LOCKED` and an advisory lock on its stream. A dispatcher that skips an
event because another holds its stream loses nothing: the holder looks again after each event it has delivered.
"""

from __future__ import annotations

from datetime import timedelta

import structlog
from django.db import DatabaseError, connection, transaction
from django.db.models.functions import Now

from portfolio_site.kernel import clock
from portfolio_site.kernel.models import EventReceipt, OutboxEvent

from .registry import Envelope, decode, handlers_of

log = structlog.get_logger(__name__)

#: Seconds before the n-th further attempt; the last one repeats until the event is delivered.
BACKOFF = (1, 5, 30, 120, 600)

# The oldest waiting event whose stream nobody else is delivering. An event that waits for another attempt holds
# back the later ones of its stream; events without a stream hold back nothing.
_CLAIM = """
SELECT e.id FROM kernel_outboxevent e
WHERE e.dispatched_at IS NULL AND e.next_attempt_at <= clock_timestamp()
  AND (e.stream = '' OR NOT EXISTS (
        SELECT 1 FROM kernel_outboxevent earlier
        WHERE earlier.dispatched_at IS NULL AND earlier.stream = e.stream AND earlier.id < e.id))
  AND (e.stream = '' OR pg_try_advisory_xact_lock(hashtextextended(e.stream, 7)))
ORDER BY e.id LIMIT 1 FOR UPDATE OF e SKIP LOCKED
"""


def dispatch_pending(*, limit: int = 10_000) -> int:
    """Deliver waiting events, oldest first, until none is left or `limit` were delivered; return how many.

    Handlers run in their own savepoint with a receipt; one that raises leaves the event waiting for a later attempt
    (the others keep what they did) and is logged with its traceback.
    """
    delivered = 0
    while delivered < limit and _dispatch_one():
        delivered += 1
    return delivered


def _dispatch_one() -> bool:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_CLAIM)
            found = cursor.fetchone()
        if found is None:
            return False
        row = OutboxEvent.objects.get(pk=found[0])
        with structlog.contextvars.bound_contextvars(
            request_id=row.request_id, event=row.name, event_id=row.pk
        ):
            failure = _deliver(row)
        if failure is None:
            OutboxEvent.objects.filter(pk=row.pk).update(
                dispatched_at=Now(), attempts=row.attempts + 1, last_error=""
            )
        else:
            wait = BACKOFF[min(row.attempts, len(BACKOFF) - 1)]
            OutboxEvent.objects.filter(pk=row.pk).update(
                attempts=row.attempts + 1,
                last_error=failure,
                next_attempt_at=clock.now() + timedelta(seconds=wait),
            )
    return True


def _deliver(row: OutboxEvent) -> str | None:
    """Call every subscriber that has no receipt yet; return what went wrong, or None."""
    handlers = handlers_of(row.name)
    if not handlers:
        return None
    try:
        item = decode(row.name, row.payload)
    except Exception as error:  # noqa: BLE001 - an event nobody can read must not stop all others behind it
        return _failed("decode", error)
    envelope = Envelope(id=row.pk, created_at=row.created_at, stream=row.stream, request_id=row.request_id)
    done = set(EventReceipt.objects.filter(event_id=row.pk).values_list("subscriber", flat=True))
    failure = None
    for subscriber, handler in handlers.items():
        if subscriber in done:
            continue
        try:
            with transaction.atomic():
                EventReceipt.objects.create(event_id=row.pk, subscriber=subscriber)
                handler(item, envelope)
        except DatabaseError as error:
            if connection.needs_rollback or not connection.is_usable():
                raise
            failure = _failed(subscriber, error)
        except Exception as error:  # noqa: BLE001 - a subscriber's fault must not stop the others; it is kept and logged
            failure = _failed(subscriber, error)
    return failure


def _failed(subscriber: str, error: Exception) -> str:
    log.error("event_handler_failed", subscriber=subscriber, exc_info=error)
    # PostgreSQL keeps no NUL; a fault that could not be written down would come back at once, for ever.
    return f"{subscriber}: {type(error).__name__}: {error}".replace("\x00", "")[:2000]
