"""A provider that does what a test says, known to the registry like any other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache

from marketdata.operations.gateway import gate, local, records
from marketdata.providers import registry
from marketdata.providers.base import (
    BaseProvider,
    Capability,
    InstrumentRef,
    Limits,
    Provider,
    ProviderError,
    QuoteBatch,
    QuoteData,
)

Script = Callable[[Sequence[InstrumentRef], datetime], QuoteBatch]


class ScriptedProvider(BaseProvider):
    """Answers with `prices` by symbol; a price that is an exception is a fault of that symbol; `script` replaces
    it all."""

    capabilities = frozenset({Capability.QUOTES})

    def __init__(self, name: str) -> None:
        self.name = name
        self.limits = Limits(quotes_per_call=50)
        self.prices: dict[str, Any] = {}
        self.script: Script | None = None
        self.down: ProviderError | None = None
        self.asked: list[list[str]] = []
        self._lock = threading.Lock()

    def quotes(self, instruments: Sequence[InstrumentRef], at: datetime) -> QuoteBatch:
        """As the test wants it."""
        with self._lock:
            self.asked.append([ref.symbol for ref in instruments])
        if self.down is not None:
            raise self.down
        if self.script is not None:
            return self.script(instruments, at)
        batch = QuoteBatch(quotes=[], faults={})
        for ref in instruments:
            price = self.prices.get(ref.symbol)
            if isinstance(price, ProviderError):
                batch.faults[ref.instrument_id] = price
            elif isinstance(price, QuoteData):
                batch.quotes.append(price)
            elif price is not None:
                batch.quotes.append(
                    QuoteData(
                        instrument_id=ref.instrument_id,
                        last=Decimal(str(price)),
                        quoted_at=at,
                        source=self.name,
                    )
                )
        return batch


def forget_gateway() -> None:
    """Let the gateway know nothing of earlier tests, in this process and in Valkey."""
    local.forget()
    records.forget()
    gate.outage.forget()
    cache.clear()


def install(monkeypatch: pytest.MonkeyPatch, *names: str) -> list[ScriptedProvider]:
    """Make scripted providers and put them into the registry for the length of a test."""
    made = [ScriptedProvider(name) for name in names]
    for provider in made:
        monkeypatch.setitem(registry._PROVIDERS, provider.name, _maker(provider))
    registry._made.cache_clear()
    return made


def _maker(provider: ScriptedProvider) -> Callable[[registry.Options], Provider]:
    return lambda _options: provider
