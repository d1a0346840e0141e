"""Events: writing the outbox row, and asking for its delivery once the transaction has committed."""

from collections.abc import Sequence

import structlog
from django.db import connection, transaction

from portfolio_site.kernel.models import OutboxEvent
from portfolio_site.kernel.writing import Writing

from .registry import Event, content_of, encode, name_of
from .waking import wake_deliverer

_INSERT = """
INSERT INTO kernel_outboxevent (name, stream, payload, request_id, attempts, last_error)
SELECT n.item->>'name', n.item->>'stream', n.item->'payload', %(outbox_request)s::text, 0, ''
FROM jsonb_array_elements(%(rows)s::jsonb) WITH ORDINALITY AS n(item, place)
ORDER BY n.place
"""


def publish(item: Event, *, stream: str = "") -> int:
    """Write `item` to the outbox within the current transaction and return the id of its row.

    `stream` names what events must stay in order with each other (`"portfolio:12"`). Raises `RuntimeError` outside a
    transaction: an event that could be told without what it tells of having been stored would be a lie.
    """
    _require_transaction()
    row = OutboxEvent.objects.create(
        name=name_of(type(item)), stream=stream, payload=encode(item), request_id=_request_id()
    )
    _ask_for_delivery()
    return row.pk


def publish_within(writing: Writing, items: Sequence[tuple[Event, str]]) -> None:
    """Like `publish` for several events in this order, each with its stream, as a part of the caller's own statement."""
    if not items:
        return
    _require_transaction()
    writing.add(
        _INSERT,
        [
            {"name": name_of(type(item)), "stream": stream, "payload": content_of(item)}
            for item, stream in items
        ],
        {"outbox_request": _request_id()},
    )
    _ask_for_delivery()


def _require_transaction() -> None:
    if not connection.in_atomic_block:
        raise RuntimeError("publish() belongs inside the transaction in which the thing happened")


def _request_id() -> str:
    return str(structlog.contextvars.get_contextvars().get("request_id") or "")[:64]


def _ask_for_delivery() -> None:
    """Wake who delivers once for the transaction, however many events it publishes."""
    already = any(hook[1] is wake_deliverer for hook in connection.run_on_commit)
    if not already:
        transaction.on_commit(wake_deliverer)
