"""Market data operations: exchange rates from a file into the table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from marketdata.operations.history import SIMULATED, simulated_currencies_replaced
from marketdata.operations.loading.prices import Counts
from marketdata.operations.loading.symbols import KnownPair

_UPSERT = """
WITH stored AS (
    INSERT INTO marketdata_fxrate AS f (base, quote, date, rate, source)
    SELECT DISTINCT ON (p.base, p.quote, s.date) p.base, p.quote, s.date, s.close, %s::text
    FROM staged s JOIN unnest(%s::int[], %s::text[], %s::text[]) AS p(sym, base, quote) ON p.sym = s.sym
    WHERE p.base <> p.quote
    ORDER BY p.base, p.quote, s.date, s.ctid DESC
    ON CONFLICT (base, quote, date) DO UPDATE SET rate = EXCLUDED.rate, source = EXCLUDED.source
    WHERE f.rate <> EXCLUDED.rate OR f.source = 'simulated'
    RETURNING (xmax = 0) AS is_new
)
SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM stored
"""


def merge(cursor: Any, pairs: Sequence[KnownPair], *, source: str) -> Counts:
    """Bring the staged rates into the table; simulated rates of currencies that now have real ones go."""
    replaced = simulated_currencies_replaced((pair.base, pair.quote) for pair in pairs)
    cursor.execute(
        "DELETE FROM marketdata_fxrate WHERE source = %s AND base = 'EUR' AND quote = ANY(%s::text[])",
        [SIMULATED, sorted(replaced)],
    )
    numbers = [pair.number for pair in pairs]
    cursor.execute(_UPSERT, [source, numbers, [pair.base for pair in pairs], [pair.quote for pair in pairs]])
    added, changed = cursor.fetchone()
    cursor.execute("SELECT count(*) FROM staged WHERE sym = ANY(%s::int[])", [numbers])
    staged = cursor.fetchone()[0]
    return Counts(added=added, changed=changed, unchanged=staged - added - changed)
