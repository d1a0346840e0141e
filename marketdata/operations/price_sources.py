"""Market data operations: who may write an instrument's prices, while that changes.

A simulated price is worked out first and stored after; an instrument may have gone over to real prices in between. So
whoever stores simulated prices holds the lock together with others and looks again; who changes the source holds it
alone, and finds nobody half-way. Whoever books at prices holds it together with others too (`share_sources`, before the
prices are read): what was bought at a simulated price is known to who changes the source, or bought at the new one.
"""

from __future__ import annotations

import time
from typing import Any, Final

from marketdata.models import Instrument

SIMULATED: Final = "simulated"
_LOCK: Final = 0x70726963_65737263
#: What is selected to hold the lock together with others until the end of the transaction.
SHARE_SQL: Final = f"pg_advisory_xact_lock_shared({_LOCK})"
#: Who changes a source waits for ticks and orders that are being stored, and no longer than this. It asks again and again:
#: in a queue for the lock it would hold up all who come after it.
_PATIENCE_SECONDS = 3.0
_BETWEEN_SECONDS: Final = 0.01


class SourcesBusyError(Exception):
    """Prices are being stored or booked at all the time; the next round may find a gap."""


def share_sources(cursor: Any) -> None:
    """Keep instruments from changing their source until the end of this transaction."""
    cursor.execute(f"SELECT {SHARE_SQL}")


def change_sources(cursor: Any) -> None:
    """Let nobody store simulated prices, or book at prices, until the end of this transaction. Raises `SourcesBusyError`
    when that takes too long."""
    ends_at = time.monotonic() + _PATIENCE_SECONDS
    while True:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        if cursor.fetchone()[0]:
            return
        if time.monotonic() > ends_at:
            raise SourcesBusyError
        time.sleep(_BETWEEN_SECONDS)


def is_still_simulated(cursor: Any, instrument_id: int) -> bool:
    """Whether simulated prices of an instrument may be stored in this transaction."""
    share_sources(cursor)
    return Instrument.objects.filter(pk=instrument_id, provider=SIMULATED).exists()
