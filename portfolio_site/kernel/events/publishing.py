"""Events: writing the outbox row, and asking for its delivery once the transaction has committed."""

import structlog
from django.db import connection, transaction

from portfolio_site.kernel.jobs import enqueue
from portfolio_site.kernel.models import OutboxEvent

from .registry import Event, encode, name_of


def publish(item: Event, *, stream: str = "") -> int:
    """Write `item` to the outbox within the current transaction and return the id of its row.

    `stream` names what events must stay in order with each other (`"portfolio:12"`). Raises `RuntimeError` outside a
    transaction: an event that could be told without what it tells of having been stored would be a lie.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("publish() belongs inside the transaction in which the thing happened")
    context = structlog.contextvars.get_contextvars()
    row = OutboxEvent.objects.create(
        name=name_of(type(item)),
        stream=stream,
        payload=encode(item),
        request_id=str(context.get("request_id") or "")[:64],
    )
    _ask_for_delivery()
    return row.pk


def _ask_for_delivery() -> None:
    """Send one delivery task for the transaction, however many events it publishes."""
    from portfolio_site.kernel.tasks import drain_outbox

    already = any(getattr(hook[1], "is_outbox_delivery", False) for hook in connection.run_on_commit)
    if already:
        return

    def deliver() -> None:
        enqueue(drain_outbox)

    deliver.is_outbox_delivery = True  # type: ignore[attr-defined]
    transaction.on_commit(deliver)
