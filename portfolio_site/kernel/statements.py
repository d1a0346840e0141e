"""The ground floor: SQL that is written down once and asked over and over.

A `Statement` is read once, at import: its named values become PostgreSQL's own numbered parameters. Every value travels as
text and takes its type from its place in the statement, so there is one prepared statement whatever the values are: the usual
way makes another for each size of a number, and reads a long text anew each time.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any

from django.db import connection
from psycopg import RawCursor

_PLACE = re.compile(r"%(?:\((\w+)\)s|(%))")


class Statement:
    """A statement of our own with values named ``%(name)s``; a value whose type its place does not say is cast
    (``%(day)s::date``). Texts come from code, never from outside."""

    def __init__(self, text: str) -> None:
        names: dict[str, int] = {}

        def numbered(found: re.Match[str]) -> str:
            if found[2]:
                return "%"
            return f"${names.setdefault(found[1], len(names) + 1)}"

        self._sql = _PLACE.sub(numbered, text)
        self._names = tuple(names)

    def run(self, values: Mapping[str, Any]) -> None:
        """Carry it out. Raises what Django's cursor raises."""
        self._executed(values)

    def row(self, values: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """Its first row; None where there is none."""
        found: tuple[Any, ...] | None = self._executed(values).fetchone()
        return found

    def rows(self, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """All its rows."""
        return self._executed(values).fetchall()

    def _executed(self, values: Mapping[str, Any]) -> RawCursor[tuple[Any, ...]]:
        texts = [as_text(values[name]) for name in self._names]
        connection.close_if_health_check_failed()
        connection.ensure_connection()
        connection.validate_no_broken_transaction()
        cursor: RawCursor[tuple[Any, ...]] = RawCursor(connection.connection)
        execute: Callable[..., Any] = partial(_execute, cursor)
        for wrapper in reversed(connection.execute_wrappers):
            execute = partial(wrapper, execute)
        execute(self._sql, texts, False, {"connection": connection, "cursor": cursor})
        return cursor


def _execute(
    cursor: RawCursor[tuple[Any, ...]], sql: str, texts: Sequence[str | None], _many: bool, _context: Any
) -> None:
    with connection.wrap_database_errors:
        if not connection.queries_logged:
            cursor.execute(sql, texts)
            return
        began = time.monotonic()
        try:
            cursor.execute(sql, texts)
        finally:
            took = time.monotonic() - began
            connection.queries_log.append({"sql": sql, "time": f"{took:.3f}"})


def as_text(value: Any) -> str | None:
    """A value as PostgreSQL reads it: null, text, whole numbers, decimals, UUIDs, days, times, and lists of whole numbers."""
    if value is None or type(value) is str:
        return value
    if type(value) is bool:
        return "t" if value else "f"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return "{" + ",".join(str(int(part)) for part in value) + "}"
    return str(value)
