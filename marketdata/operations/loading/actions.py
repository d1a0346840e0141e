"""Market data operations: splits and dividends from a file into the table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from marketdata.operations.history import SIMULATED, announce_actions
from marketdata.operations.loading.prices import Counts, spans_of
from marketdata.operations.loading.symbols import KnownInstrument

_STAGE = "CREATE TEMP TABLE staged (sym int, ex_date date, kind text, value numeric, is_adjusted boolean) ON COMMIT DROP"
_SPLITS = """
WITH stored AS (
    INSERT INTO marketdata_corporateaction AS a (instrument_id, ex_date, kind, value, source)
    SELECT DISTINCT ON (n.id, s.ex_date) n.id, s.ex_date, 'split', s.value, %s::text
    FROM staged s JOIN unnest(%s::int[], %s::bigint[]) AS n(sym, id) ON n.sym = s.sym
    WHERE s.kind = 'split' AND s.value <> 1
    ORDER BY n.id, s.ex_date, s.ctid DESC
    ON CONFLICT (instrument_id, ex_date, kind) DO UPDATE SET value = EXCLUDED.value, source = EXCLUDED.source
    WHERE a.value <> EXCLUDED.value
    RETURNING (xmax = 0) AS is_new, instrument_id, id
)
SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new),
       COALESCE(array_agg(instrument_id), '{}'), COALESCE(array_agg(id), '{}') FROM stored
"""
# Two dividends with one ex-date (an ordinary and a special one) are one fact: their sum.
_DIVIDENDS = """
WITH dividends AS (
    SELECT g.id, s.ex_date, s.value * CASE WHEN %s = 'split' OR (%s = 'auto' AND s.is_adjusted) THEN g.price
                                           ELSE g.price / g.shares END AS value
    FROM staged s
    JOIN unnest(%s::int[], %s::bigint[], %s::date[], %s::date[], %s::numeric[], %s::numeric[])
         AS g(sym, id, since, until, price, shares)
      ON g.sym = s.sym AND s.ex_date >= g.since AND s.ex_date < g.until
    WHERE s.kind = 'dividend'
), stored AS (
    INSERT INTO marketdata_corporateaction AS a (instrument_id, ex_date, kind, value, source)
    SELECT id, ex_date, 'dividend', round(sum(value), 9), %s::text
    FROM dividends GROUP BY id, ex_date HAVING round(sum(value), 9) > 0
    ON CONFLICT (instrument_id, ex_date, kind) DO UPDATE SET value = EXCLUDED.value, source = EXCLUDED.source
    WHERE a.value <> EXCLUDED.value
    RETURNING (xmax = 0) AS is_new, instrument_id, id
)
SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new),
       COALESCE(array_agg(instrument_id), '{}'), COALESCE(array_agg(id), '{}') FROM stored
"""
_LATE_SPLITS = """
SELECT i.symbol FROM marketdata_instrument i
WHERE i.id = ANY(%s::bigint[]) AND EXISTS (
    SELECT 1 FROM marketdata_corporateaction a
    JOIN marketdata_pricebar b ON b.instrument_id = a.instrument_id AND b.date < a.ex_date
    WHERE a.instrument_id = i.id AND a.kind = 'split' AND a.source = %s AND b.source LIKE '%%, was split-adjusted'
)
ORDER BY i.symbol
"""


def stage(cursor: Any, rows: Iterable[tuple[int, str, str, str, bool]]) -> None:
    """Copy checked rows into a temporary table."""
    cursor.execute("DROP TABLE IF EXISTS pg_temp.staged")
    cursor.execute(_STAGE)
    with cursor.copy("COPY staged FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def merge(cursor: Any, known: Sequence[KnownInstrument], adjusted: str, *, source: str) -> Counts:
    """Bring the staged facts of known instruments into the table: splits first, then dividends as they were
    paid then.

    Dividends that the file has adjusted for later splits (`adjusted` split, or by its own word with auto) are
    multiplied back by the splits up to the file's last day.
    """
    if not known:
        return Counts()
    ids = sorted({instrument.instrument_id for instrument in known})
    cursor.execute("SELECT max(ex_date) FROM staged")
    through = cursor.fetchone()[0]
    cursor.execute(
        "DELETE FROM marketdata_corporateaction"
        " WHERE instrument_id = ANY(%s::bigint[]) AND source = %s AND ex_date <= %s::date",
        [ids, SIMULATED, through],
    )
    numbers = [instrument.number for instrument in known]
    cursor.execute(_SPLITS, [source, numbers, [instrument.instrument_id for instrument in known]])
    added, changed, *new_splits = cursor.fetchone()
    spans = spans_of(known, dict.fromkeys(ids, through) if through else {})
    cursor.execute(_DIVIDENDS, [adjusted, adjusted, *spans.columns(), source])
    more_added, more_changed, *new_dividends = cursor.fetchone()
    found: dict[int, list[int]] = {}
    for owners, facts in (new_splits, new_dividends):
        for instrument_id, action_id in zip(owners, facts, strict=True):
            found.setdefault(instrument_id, []).append(action_id)
    for instrument_id, action_ids in sorted(found.items()):
        announce_actions(instrument_id, action_ids)
    cursor.execute("SELECT count(*) FROM staged WHERE sym = ANY(%s::int[])", [numbers])
    staged = cursor.fetchone()[0]
    counts = Counts(added=added + more_added, changed=changed + more_changed)
    counts.unchanged = staged - counts.added - counts.changed
    if added or changed:
        cursor.execute(_LATE_SPLITS, [ids, source])
        late = [row[0] for row in cursor.fetchall()]
        if late:
            counts.notes.append(
                "splits came after split-adjusted prices were loaded; load those price files again for: "
                + ", ".join(late)
            )
    return counts
