"""Market data operations: instruments that none of their sources had a price for, on record until one has."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import orjson
from django.db import connection

from marketdata.models import TroubleKind
from marketdata.operations.gateway.calling import kind_of
from marketdata.providers.base import ProviderError

_LONGEST: Final = 300

_UPSERT: Final = """
INSERT INTO marketdata_instrumenttrouble AS known (instrument_id, kind, provider, message, faults, since, last_at, times)
SELECT n.id, n.kind, n.provider, n.message, n.faults, %(now)s, %(now)s, 1
FROM unnest(%(ids)s::bigint[], %(kinds)s::text[], %(providers)s::text[], %(messages)s::text[], %(faults)s::jsonb[])
     AS n(id, kind, provider, message, faults)
WHERE EXISTS (SELECT 1 FROM marketdata_instrument i WHERE i.id = n.id)
ORDER BY n.id
ON CONFLICT (instrument_id) DO UPDATE SET
    kind = EXCLUDED.kind, provider = EXCLUDED.provider, message = EXCLUDED.message, faults = EXCLUDED.faults,
    last_at = EXCLUDED.last_at, times = known.times + 1
"""


class PriceRefusedHere(ProviderError):
    """The answer was understood, and cannot be right."""


def record_troubles(faults: Mapping[int, Mapping[str, ProviderError]], *, now: datetime) -> None:
    """Write down, for each instrument, what each of its sources said instead of a price; the first one counts."""
    if not faults:
        return
    rows = []
    for pk, by_provider in sorted(faults.items()):
        first, error = next(iter(by_provider.items()))
        texts = {name: str(fault)[:_LONGEST] for name, fault in by_provider.items()}
        rows.append((pk, trouble_kind(error), first, str(error)[:_LONGEST], orjson.dumps(texts).decode()))
    ids, kinds, providers, messages, details = (list(column) for column in zip(*rows, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(
            _UPSERT,
            {
                "now": now,
                "ids": ids,
                "kinds": kinds,
                "providers": providers,
                "messages": messages,
                "faults": details,
            },
        )


def trouble_kind(error: ProviderError) -> str:
    """The kind under which an error is put on record."""
    if isinstance(error, PriceRefusedHere):
        return TroubleKind.REFUSED.value
    kind = kind_of(error)
    return kind if kind in TroubleKind.values else TroubleKind.UNAVAILABLE.value
