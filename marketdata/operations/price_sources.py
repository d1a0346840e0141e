"""Market data operations: who may write an instrument's prices, while that changes.

A simulated price is worked out first and stored after; an instrument may have gone over to real prices in between. So
whoever stores simulated prices holds the lock together with others and looks again; who changes the source holds it
alone, and finds nobody half-way.
"""

from __future__ import annotations

from typing import Any, Final

from marketdata.models import Instrument

SIMULATED: Final = "simulated"
_LOCK: Final = 0x70726963_65737263
#: Who changes a source waits for ticks that are being stored, and no longer than this.
_PATIENCE: Final = "5s"


def share_sources(cursor: Any) -> None:
    """Keep instruments from changing their source until the end of this transaction."""
    cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [_LOCK])


def change_sources(cursor: Any) -> None:
    """Let nobody store simulated prices until the end of this transaction. Raises `OperationalError` when that takes too
    long."""
    cursor.execute(f"SET LOCAL lock_timeout = '{_PATIENCE}'")
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def is_still_simulated(cursor: Any, instrument_id: int) -> bool:
    """Whether simulated prices of an instrument may be stored in this transaction."""
    share_sources(cursor)
    return Instrument.objects.filter(pk=instrument_id, provider=SIMULATED).exists()
