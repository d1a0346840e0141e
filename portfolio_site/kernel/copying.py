"""The ground floor: very many new rows, copied into a table as PostgreSQL reads them, without models and without statements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection


def copy_rows(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Add rows to a table, as they come. Checks and triggers of the table hold as for any insert.

    Names come from code, never from outside. Raises what Django's cursor raises, `RuntimeError` outside a transaction.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("rows are copied inside a transaction: half of them would be worse than none")
    with connection.cursor() as cursor, connection.wrap_database_errors:
        statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
        with cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)


def reserved_ids(table: str, count: int) -> list[int]:
    """Ids that no other row of the table has or will have: what is copied has to bring its own where they are asked for."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)", [table, count]
        )
        return [row[0] for row in cursor.fetchall()]
