"""Market data operations: noting that bars changed."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection, transaction

from marketdata.queries import forget_trends

_REVISE = """
INSERT INTO marketdata_historystatus (instrument_id, revision, source, trouble)
SELECT id, 1, '', '' FROM unnest(%s::bigint[]) AS n(id) ORDER BY id
ON CONFLICT (instrument_id) DO UPDATE SET revision = marketdata_historystatus.revision + 1
"""


def revise(instrument_ids: Sequence[int]) -> None:
    """Note that bars of these instruments are other than before: what was computed from them is out of date."""
    ids = sorted(instrument_ids)
    with connection.cursor() as cursor:
        cursor.execute(_REVISE, [ids])
    transaction.on_commit(lambda: forget_trends(ids))
