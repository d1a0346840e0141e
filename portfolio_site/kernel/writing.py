"""The ground floor: many writes as one statement.

Rows travel as one JSON document for each table, numbers in it as text, to their last digit. So the statement reads the same
however many rows there are, and PostgreSQL keeps its plan. What belongs together is written in one round trip; all parts
see what was there before, none sees another's rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

import orjson
from django.db import connection

from portfolio_site.kernel.statements import Statement


class Writing:
    """Writes that wait to be carried out together. Names of tables and columns come from code, never from outside."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._values: dict[str, Any] = {}

    def insert(
        self, table: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]], tail: str = ""
    ) -> None:
        """Add rows to a table. ``columns`` left out get the column's default; ``tail`` follows (ON CONFLICT …)."""
        if not rows:
            return
        place = self.place()
        self.add(_insertion(table, tuple(columns), place, tail), {place: document(rows)})

    def update(self, table: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
        """Set columns of rows that are there, each named by its ``id``."""
        if not rows:
            return
        place = self.place()
        self.add(_change(table, tuple(columns), place), {place: document(rows)})

    def place(self) -> str:
        """A name for a value that no other part uses."""
        return f"w{len(self._values)}"

    def add(self, statement: str, values: Mapping[str, Any]) -> None:
        """Add an INSERT, UPDATE or DELETE of one's own."""
        self._parts.append(statement)
        self._values.update(values)

    def execute(self) -> None:
        """Carry everything out. One statement; none where nothing waits. Raises ``RuntimeError`` outside a transaction."""
        if not self._parts:
            return
        if not connection.in_atomic_block:
            raise RuntimeError("what is written together belongs inside a transaction")
        _together(tuple(self._parts)).run(self._values)
        self._parts, self._values = [], {}


@lru_cache(maxsize=256)
def _insertion(table: str, columns: tuple[str, ...], place: str, tail: str) -> str:
    names = ", ".join(columns)
    return (
        f"INSERT INTO {table} ({names}) SELECT {names} "  # noqa: S608
        f"FROM jsonb_populate_recordset(NULL::{table}, %({place})s::jsonb) {tail}"
    )


@lru_cache(maxsize=256)
def _change(table: str, columns: tuple[str, ...], place: str) -> str:
    setting = ", ".join(f"{name} = n.{name}" for name in columns)
    return (
        f"UPDATE {table} t SET {setting} "  # noqa: S608
        f"FROM jsonb_populate_recordset(NULL::{table}, %({place})s::jsonb) n WHERE t.id = n.id"
    )


@lru_cache(maxsize=256)
def _together(parts: tuple[str, ...]) -> Statement:
    """The one statement of several. There are few combinations; each is put together once."""
    bodies = ", ".join(f"part{place} AS ({part})" for place, part in enumerate(parts))
    return Statement(f"WITH {bodies} SELECT 1")


def document(value: Any) -> str:
    """A value as JSON: decimals as text, times with their offset."""
    return orjson.dumps(value, default=_plain).decode()


def loaded(text: str | bytes) -> Any:
    """The value of a JSON document that the database made."""
    return orjson.loads(text)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"a row cannot carry {type(value).__name__}")
