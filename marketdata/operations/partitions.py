"""Market data operations: the tables that are kept in parts by time. Parts are made ahead, and thrown away when
their time is over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import structlog
from django.conf import settings
from django.db import connection, transaction
from psycopg import sql

log = structlog.get_logger(__name__)

BARS = "marketdata_pricebar"
INTRADAY = "marketdata_intradaybar"
YEARS_AHEAD = 2
DAYS_AHEAD = 3
#: How long a statement may wait for its turn before it leaves the table to others; the next round tries again.
PATIENCE = "5s"
_MAKE = (
    "LOCK TABLE {rest} IN ACCESS EXCLUSIVE MODE",
    """CREATE TABLE {part} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES)
       WITH (fillfactor = {fill})""",
    """WITH moved AS (DELETE FROM {rest} WHERE {column} >= {since} AND {column} < {until} RETURNING *)
       INSERT INTO {part} SELECT * FROM moved""",
    "ALTER TABLE {table} ATTACH PARTITION {part} FOR VALUES FROM ({since}) TO ({until})",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionsPrepared:
    """Names of the parts that were made and that were thrown away."""

    made: list[str]
    dropped: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """One part of a table: rows of `column` from `since` up to, but without, `until`."""

    table: str
    column: str
    suffix: str
    since: str
    until: str
    fill_factor: int = 100

    @property
    def name(self) -> str:
        return f"{self.table}_{self.suffix}"


def prepare_partitions(*, now: datetime) -> PartitionsPrepared:
    """Make the parts of the coming years and days, and throw away minutes older than `INTRADAY_DAYS`.

    Safe to repeat and to run twice at once. A part whose rows went to the default part meanwhile takes them over.
    """
    today = now.astimezone(UTC).date()
    wanted = [_year(year) for year in range(today.year, today.year + YEARS_AHEAD + 1)]
    wanted += [_day(today + timedelta(days=n)) for n in range(-1, DAYS_AHEAD + 1)]
    known = _existing()
    made = [part.name for part in wanted if part.name not in known and _make(part)]
    oldest = today - timedelta(days=settings.INTRADAY_DAYS)
    dropped = [name for name in sorted(known) if (day := _day_of(name)) and day < oldest and _drop(name)]
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {INTRADAY}_default WHERE at < %s", [_midnight(oldest)])  # noqa: S608 - a constant
    if made or dropped:
        log.info("partitions_prepared", made=made, dropped=dropped)
    return PartitionsPrepared(made=made, dropped=dropped)


def _year(year: int) -> _Part:
    return _Part(
        table=BARS, column="date", suffix=f"y{year}", since=f"{year}-01-01", until=f"{year + 1}-01-01"
    )


def _day(day: date) -> _Part:
    return _Part(
        table=INTRADAY,
        column="at",
        suffix=f"d{day:%Y%m%d}",
        since=_midnight(day).isoformat(),
        until=_midnight(day + timedelta(days=1)).isoformat(),
        # The minute that is being written is overwritten with every tick: room for its next version on the page.
        fill_factor=70,
    )


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _day_of(name: str) -> date | None:
    """The day of a part of the minutes, by its name."""
    suffix = name.removeprefix(f"{INTRADAY}_d")
    return datetime.strptime(suffix, "%Y%m%d").date() if suffix.isdigit() else None  # noqa: DTZ007 - a day


def _existing() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid"
            " WHERE h.inhparent IN (%s::regclass, %s::regclass)",
            [BARS, INTRADAY],
        )
        return {row[0] for row in cursor.fetchall()}


def _make(part: _Part) -> bool:
    """Make the part beside the table and attach it: the table itself is never locked against readers."""
    names = {
        "part": sql.Identifier(part.name),
        "table": sql.Identifier(part.table),
        "rest": sql.Identifier(f"{part.table}_default"),
        "column": sql.Identifier(part.column),
        "since": sql.Literal(part.since),
        "until": sql.Literal(part.until),
        "fill": sql.Literal(part.fill_factor),
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{PATIENCE}'")
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [part.table])
        cursor.execute("SELECT to_regclass(%s)", [part.name])
        if cursor.fetchone()[0] is not None:
            return False
        for statement in _MAKE:
            cursor.execute(sql.SQL(statement).format(**names).as_string(connection.connection))
    return True


def _drop(name: str) -> bool:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{PATIENCE}'")
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [INTRADAY])
        cursor.execute(
            sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(name)).as_string(connection.connection)
        )
    return True
