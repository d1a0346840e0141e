"""The ground floor: many writes as one statement.

Rows travel as one JSON document for each table, numbers in it as text, to their last digit. So the statement reads the same
however many rows there are, and PostgreSQL keeps its plan. What belongs together is written in one round trip; all parts
see what was there before, none sees another's rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

import orjson
from django.db import connection

from portfolio_site.kernel.statements import Statement

#: How a part is written, and of what.
_Kind = tuple[Callable[[str, tuple[str, ...], str, str], str], str, tuple[str, ...], str]


class Writing:
    """Writes that wait to be carried out together. Names of tables and columns come from code, never from outside. What is of
    the same kind becomes one part, whoever added it: so several can write what is theirs into one statement."""

    def __init__(self) -> None:
        self._rows: dict[_Kind, list[Any]] = {}
        self._values: dict[str, Any] = {}

    def insert(
        self, table: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]], tail: str = ""
    ) -> None:
        """Add rows to a table. ``columns`` left out get the column's default; ``tail`` follows (ON CONFLICT …)."""
        self._gather((_insertion, table, tuple(columns), tail), rows)

    def update(self, table: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
        """Set columns of rows that are there, each named by its ``id``."""
        self._gather((_change, table, tuple(columns), ""), rows)

    def add(
        self, statement: str, rows: Sequence[Mapping[str, Any]], values: Mapping[str, Any] | None = None
    ) -> None:
        """Add an INSERT, UPDATE or DELETE of one's own over ``rows``, which are the JSON document ``%(rows)s`` in it. Other
        ``values`` are the same for whoever adds to it."""
        self._gather((_own, statement, (), ""), rows)
        self._values.update(values or {})

    def execute(self) -> None:
        """Carry everything out. One statement; none where nothing waits. Raises ``RuntimeError`` outside a transaction."""
        if not self._rows:
            return
        if not connection.in_atomic_block:
            raise RuntimeError("what is written together belongs inside a transaction")
        values = {f"w{number}": document(rows) for number, rows in enumerate(self._rows.values())}
        _together(tuple(self._rows)).run(self._values | values)
        self._rows, self._values = {}, {}

    def _gather(self, kind: _Kind, rows: Sequence[Any]) -> None:
        if rows:
            self._rows.setdefault(kind, []).extend(rows)


def _insertion(table: str, columns: tuple[str, ...], tail: str, place: str) -> str:
    names = ", ".join(columns)
    return (
        f"INSERT INTO {table} ({names}) SELECT {names} "  # noqa: S608
        f"FROM jsonb_populate_recordset(NULL::{table}, %({place})s::jsonb) {tail}"
    )


def _change(table: str, columns: tuple[str, ...], _tail: str, place: str) -> str:
    setting = ", ".join(f"{name} = n.{name}" for name in columns)
    return (
        f"UPDATE {table} t SET {setting} "  # noqa: S608
        f"FROM jsonb_populate_recordset(NULL::{table}, %({place})s::jsonb) n WHERE t.id = n.id"
    )


def _own(statement: str, _columns: tuple[str, ...], _tail: str, place: str) -> str:
    return statement.replace("%(rows)s", f"%({place})s")


@lru_cache(maxsize=256)
def _together(kinds: tuple[_Kind, ...]) -> Statement:
    """The one statement of several. There are few combinations; each is put together once."""
    parts = [
        make(name, columns, tail, f"w{number}") for number, (make, name, columns, tail) in enumerate(kinds)
    ]
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
