"""The ground floor: SQL that is written down once and asked over and over.

A `Statement` is read once, at import: its named values become PostgreSQL's own numbered parameters. Every value travels as
text and takes its type from its place in the statement, so there is one prepared statement whatever the values are: the usual
way makes another for each size of a number, and reads a long text anew each time.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
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
        db = connections[DEFAULT_DB_ALIAS]
        db.close_if_health_check_failed()
        db.ensure_connection()
        cursor: RawCursor[tuple[Any, ...]] = RawCursor(db.connection)
        if db.execute_wrappers or db.queries_logged:
            _execute_watched(db, cursor, self._sql, texts)
        else:
            _execute(db, cursor, self._sql, texts)
        return cursor


def _execute(
    db: BaseDatabaseWrapper, cursor: RawCursor[tuple[Any, ...]], sql: str, texts: Sequence[str | None]
) -> None:
    if db.needs_rollback:
        db.validate_no_broken_transaction()
    with db.wrap_database_errors:
        cursor.execute(sql, texts)


def _execute_watched(
    db: BaseDatabaseWrapper, cursor: RawCursor[tuple[Any, ...]], sql: str, texts: Sequence[str | None]
) -> None:
    """The same where somebody counts or guards statements, as Django's own cursor does it."""

    def execute(sql: str, texts: Sequence[str | None], _many: bool, _context: Any) -> None:
        _execute(db, cursor, sql, texts)

    for wrapper in reversed(db.execute_wrappers):
        execute = partial(wrapper, execute)
    began = time.monotonic()
    try:
        execute(sql, texts, False, {"connection": db, "cursor": cursor})
    finally:
        if db.queries_logged:
            db.queries_log.append({"sql": sql, "time": f"{time.monotonic() - began:.3f}"})


def take_time() -> None:
    """Let the statements of this transaction take as long as they need: the limit of a request (`DATABASE_STATEMENT_SECONDS`) is
    not meant for ten years of books at once."""
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")


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
