"""Market data providers: by hand. Prices come from people and files, so there is nothing to ask."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from marketdata.providers.base import (
    ActionData,
    BarData,
    Capability,
    InstrumentRef,
    QuoteData,
    RateData,
    SymbolData,
)


class ManualProvider:
    """For what is entered with `record_price` or loaded with `load_prices`: answers every question with
    nothing."""

    name = "manual"
    is_simulated = False
    capabilities: frozenset[Capability] = frozenset()

    def quotes(self, instruments: Sequence[InstrumentRef], at: datetime) -> list[QuoteData]:
        """Nothing moves a hand-kept price."""
        return []

    def bars(self, instrument: InstrumentRef, start: date, end: date) -> list[BarData]:
        """No history but the one entered."""
        return []

    def actions(self, instrument: InstrumentRef, start: date, end: date) -> list[ActionData]:
        """No splits or dividends but those entered."""
        return []

    def rates(self, currencies: Iterable[str], start: date, end: date) -> list[RateData]:
        """No rates but those loaded."""
        return []

    def search(self, text: str) -> list[SymbolData]:
        """Nothing to find."""
        return []
