"""Events: which of them a dispatcher takes next, and what becomes of their rows. A few statements for any number of events.

What a dispatcher takes it holds by advisory locks on the streams, until its transaction ends. Another dispatcher may have
delivered some of it, or failed to, between the look and the lock. Either that is found out when the events are marked, in
the same statement (`take`), or the rows are read in a second statement once the locks are held (`claim`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from portfolio_site.kernel.statements import Statement
from portfolio_site.kernel.writing import document, loaded

from .registry import Envelope, Lane, all_handlers, names_after

#: Events of one claim at most: each may hold a lock on a stream of its own, and the server has room for some thousands.
BATCH = 200

# An event that waits for another attempt holds back the later ones of its stream; events without a stream hold back
# nothing. (`next_attempt_at > created_at` finds those that ever failed by a small index of their own.)
_HELD = """
WITH held AS MATERIALIZED (
    SELECT stream, min(id) AS since FROM kernel_outboxevent
    WHERE dispatched_at IS NULL AND next_attempt_at > created_at AND lane = %(lane)s AND stream <> ''
      AND next_attempt_at > clock_timestamp()
    GROUP BY stream)"""
_FREE = """
    e.dispatched_at IS NULL AND e.lane = %(lane)s AND e.next_attempt_at <= clock_timestamp()
    AND NOT EXISTS (SELECT 1 FROM held h WHERE h.stream = e.stream AND h.since < e.id)"""

_KEY = "coalesce('#' || CASE WHEN stream = '' THEN id END, stream)"

_LOCK = f"""{_HELD},
waiting AS MATERIALIZED (
    SELECT e.id, e.stream FROM kernel_outboxevent e WHERE {_FREE} ORDER BY e.id LIMIT %(limit)s),
keys AS MATERIALIZED (
    SELECT stream, CASE WHEN stream = '' THEN id END AS single, max(id) AS last FROM waiting GROUP BY 1, 2)
SELECT stream, single, last FROM keys
WHERE pg_try_advisory_xact_lock(hashtextextended(coalesce('#' || single, stream), 7 + %(lane)s))
"""  # noqa: S608 - made of constants
_READ = f"""{_HELD}
SELECT e.id, e.name, e.stream, e.payload::text, e.request_id, e.created_at, e.attempts
FROM kernel_outboxevent e
WHERE {_FREE} AND e.id <= %(last)s AND (e.stream = ANY(%(streams)s) OR e.id = ANY(%(singles)s))
ORDER BY e.id LIMIT %(limit)s
"""  # noqa: S608 - made of constants

_HAND_ON = """
UPDATE kernel_outboxevent
SET lane = %(next)s, last_error = '',
    attempts = CASE WHEN name = ANY(%(later)s) THEN 0 ELSE attempts + 1 END,
    dispatched_at = CASE WHEN name = ANY(%(later)s) THEN NULL ELSE clock_timestamp() END
WHERE id = ANY(%(ids)s)
"""
# What another dispatcher has changed since it was looked at is not marked. Who hears of which event is one JSON document.
_TAKE = Statement(f"""{_HELD.replace("%(lane)s", "%(lane)s::smallint")},
waiting AS MATERIALIZED (
    SELECT e.id, e.name, e.stream, e.payload, e.request_id, e.created_at, e.attempts, {_KEY} AS key
    FROM kernel_outboxevent e WHERE {_FREE} ORDER BY e.id LIMIT %(limit)s),
keys AS MATERIALIZED (SELECT DISTINCT key FROM waiting),
locked AS MATERIALIZED (
    SELECT key FROM keys WHERE pg_try_advisory_xact_lock(hashtextextended(key, 7 + %(lane)s))),
found AS MATERIALIZED (
    SELECT w.*, %(later)s::jsonb ? w.name AS goes_on FROM waiting w JOIN locked USING (key)),
mine AS (
    UPDATE kernel_outboxevent e
    SET lane = %(lane)s + 1, last_error = '',
        attempts = CASE WHEN %(later)s::jsonb ? e.name THEN 0 ELSE e.attempts + 1 END,
        dispatched_at = CASE WHEN %(later)s::jsonb ? e.name THEN NULL ELSE clock_timestamp() END
    WHERE e.id = ANY(ARRAY(SELECT id FROM found))
      AND e.dispatched_at IS NULL AND e.lane = %(lane)s AND e.next_attempt_at <= clock_timestamp()
    RETURNING e.id),
heard AS (
    INSERT INTO kernel_eventreceipt (event_id, subscriber)
    SELECT f.id, s.subscriber
    FROM found f JOIN jsonb_to_recordset(%(handlers)s::jsonb) AS s(name text, subscriber text) USING (name)
    ORDER BY f.id ON CONFLICT DO NOTHING RETURNING event_id, subscriber)
SELECT f.id, f.name, f.stream, f.payload::text, f.request_id, f.created_at, f.attempts,
       f.goes_on, f.id IN (SELECT id FROM mine), coalesce(h.subscribers, ARRAY[]::text[])
FROM found f
LEFT JOIN (SELECT event_id, array_agg(subscriber::text) AS subscribers FROM heard GROUP BY event_id) h ON h.event_id = f.id
ORDER BY f.id
""")  # noqa: S608 - made of constants

_RECEIVE = """
INSERT INTO kernel_eventreceipt (event_id, subscriber)
SELECT n.event_id, n.subscriber FROM unnest(%s::bigint[], %s::text[]) AS n(event_id, subscriber)
ON CONFLICT DO NOTHING RETURNING event_id, subscriber
"""
_RETURN = """
DELETE FROM kernel_eventreceipt r USING unnest(%s::bigint[], %s::text[]) AS n(event_id, subscriber)
WHERE r.event_id = n.event_id AND r.subscriber = n.subscriber
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """An event that this transaction holds."""

    id: int
    name: str
    payload: dict[str, Any]
    attempts: int
    envelope: Envelope


class Outdated(Exception):
    """Another dispatcher has delivered or put off some of the events since they were read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A batch: its events, which of their receipts are new, and how many have no lane before them."""

    rows: list[Claimed]
    fresh: set[tuple[int, str]]
    delivered: int


def take(lane: Lane, *, limit: int) -> Taken:
    """Take the oldest waiting events of a lane whose streams nobody else holds, in the order of their ids, give them to the next
    lane and write their receipts: for a transaction that is rolled back when any of them cannot be handled. One statement.

    Raises `Outdated`.
    """
    found = _TAKE.rows(
        {
            "lane": int(lane),
            "limit": limit,
            "later": document(names_after(lane)),
            "handlers": document(
                [
                    {"name": name, "subscriber": subscriber}
                    for name, handlers in all_handlers(lane).items()
                    for subscriber in handlers
                ]
            ),
        }
    )
    if not all(is_mine for *_, is_mine, _ in found):
        raise Outdated
    return Taken(
        rows=_claimed([row[:7] for row in found]),
        fresh={(row[0], subscriber) for row in found for subscriber in row[9]},
        delivered=sum(not row[7] for row in found),
    )


def _claimed(found: Sequence[tuple[Any, ...]]) -> list[Claimed]:
    return [
        Claimed(
            id=pk,
            name=name,
            payload=loaded(payload),
            attempts=attempts,
            envelope=Envelope(id=pk, created_at=created_at, stream=stream, request_id=request_id),
        )
        for pk, name, stream, payload, request_id, created_at, attempts in found
    ]


def claim(lane: Lane, *, limit: int) -> list[Claimed] | None:
    """Like `take`, and sure that they are as they were read. Two statements.

    None when there is nothing to take. An empty list means that another dispatcher has just delivered what was
    there: look again.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, {"lane": int(lane), "limit": limit})
        locked = cursor.fetchall()
        if not locked:
            return None
        cursor.execute(
            _READ,
            {
                "lane": int(lane),
                "limit": limit,
                "last": max(last for _, _, last in locked),
                "streams": [stream for stream, single, _ in locked if single is None],
                "singles": [single for _, single, _ in locked if single is not None],
            },
        )
        return _claimed(cursor.fetchall())


def write_receipts(pairs: Sequence[tuple[int, str]]) -> set[tuple[int, str]]:
    """Write a receipt for each (event, subscriber) that has none; returns those. One statement."""
    if not pairs:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(_RECEIVE, [[pk for pk, _ in pairs], [subscriber for _, subscriber in pairs]])
        return set(cursor.fetchall())


def take_back_receipts(pairs: Collection[tuple[int, str]]) -> None:
    """Delete receipts that were written too early. One statement, none where there are none."""
    if pairs:
        with connection.cursor() as cursor:
            cursor.execute(_RETURN, [[pk for pk, _ in pairs], [subscriber for _, subscriber in pairs]])


def hand_on(lane: Lane, rows: Sequence[Claimed]) -> int:
    """Give events that a lane has handled to the next one; those that nobody waits for there are delivered. Returns how
    many those are. One statement."""
    if not rows:
        return 0
    later = names_after(lane)
    with connection.cursor() as cursor:
        cursor.execute(_HAND_ON, {"next": lane + 1, "later": later, "ids": [row.id for row in rows]})
    return sum(row.name not in later for row in rows)


def put_off(failures: Mapping[int, str], until: Mapping[int, datetime]) -> None:
    """Note why events could not be delivered, and when that is tried again. One statement for each."""
    with connection.cursor() as cursor:
        for pk, error in failures.items():
            cursor.execute(
                "UPDATE kernel_outboxevent SET attempts = attempts + 1, last_error = %s, next_attempt_at = %s WHERE id = %s",
                [error, until[pk], pk],
            )
