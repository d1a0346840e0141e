"""The ground floor: remembering when a key was last used, at hardly any cost to the request that uses it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection

#: How often the time of the last use is written.
USE_RESOLUTION = timedelta(minutes=1)

_NOTE = "UPDATE {table} SET last_used_at = %s WHERE id = %s AND (last_used_at IS NULL OR last_used_at <= %s)"
# The setting lives as long as the statement's own transaction: nobody else's commit stops waiting for the disk.
_NOTE_UNHURRIED = (
    "WITH unhurried AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)) "
    "UPDATE {table} SET last_used_at = %s FROM unhurried "
    "WHERE id = %s AND (last_used_at IS NULL OR last_used_at <= %s)"
)


def note_use(table: str, *, pk: int, last_used_at: datetime | None, now: datetime) -> bool:
    """Remember in a table with `id` and `last_used_at` that a row was used; returns whether it was time to.

    Written at most once a minute, so that reading stays reading. The answer does not wait for the disk: what a power
    failure takes along is that the key was used in the second before. `table` comes from code, never from outside.
    """
    if last_used_at is not None and last_used_at > now - USE_RESOLUTION:
        return False
    statement = _NOTE if connection.in_atomic_block else _NOTE_UNHURRIED
    with connection.cursor() as cursor:
        cursor.execute(statement.format(table=table), [now, pk, now - USE_RESOLUTION])
    return True
