"""What the tests of the adapters share: providers that ask a vendor on this machine."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from marketdata.providers.base import InstrumentRef

#: A Friday afternoon in New York.
NOW = datetime(2026, 11, 20, 19, 30, tzinfo=UTC)


def ref(symbol: str = "AAPL", currency: str = "USD", *, number: int = 1, **fields: Any) -> InstrumentRef:
    """An instrument as a provider sees it."""
    return InstrumentRef(
        instrument_id=number, symbol=symbol, currency=currency, **{"asset_class": "equity", **fields}
    )
