"""A provider of histories for tests: it says what it is told to say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal

from marketdata.providers import registry
from marketdata.providers.base import (
    ActionData,
    BarData,
    BaseProvider,
    Capability,
    History,
    InstrumentRef,
    IntradayBarData,
    ProviderError,
)

D = Decimal


class HistorySource(BaseProvider):
    """Keeps bars and actions by day; notes what it was asked."""

    def __init__(self, name: str = "scripted") -> None:
        self.name = name
        self.capabilities = frozenset({Capability.HISTORY, Capability.ACTIONS})
        self.days: list[BarData] = []
        self.facts: list[ActionData] = []
        self.minutes: list[IntradayBarData] = []
        self.asked: list[tuple[date, date]] = []
        self.error: ProviderError | None = None

    def close(self, day: str, close: str, **fields: Decimal) -> None:
        """A day with a close alone, unless told; a second one for the day replaces the first."""
        at = date.fromisoformat(day)
        self.days = [bar for bar in self.days if bar.date != at]
        values = {"open": None, "high": None, "low": None, **fields}
        self.days.append(BarData(date=at, close=D(close), **values))

    def weekdays(self, start: date, end: date, close: str = "100") -> None:
        """A close for every Monday to Friday."""
        for n in range((end - start).days + 1):
            day = start + timedelta(days=n)
            if day.weekday() < 5:
                self.close(day.isoformat(), close)

    def action(self, day: str, kind: str, value: str) -> None:
        """A split or a dividend."""
        self.facts.append(ActionData(ex_date=date.fromisoformat(day), kind=kind, value=D(value)))

    def history(self, instrument: InstrumentRef, start: date, end: date) -> History:
        """What it was told, of start..end."""
        self.asked.append((start, end))
        if self.error is not None:
            raise self.error
        return History(
            bars=[bar for bar in self.days if start <= bar.date <= end],
            actions=[fact for fact in self.facts if start <= fact.ex_date <= end],
        )

    def intraday(self, instrument: InstrumentRef, start: datetime, end: datetime) -> list[IntradayBarData]:
        """What it was told."""
        return [bar for bar in self.minutes if start <= bar.at < end]


@contextmanager
def listed(*providers: HistorySource) -> Iterator[None]:
    """Have them in the list of providers for a while."""
    for provider in providers:
        registry._PROVIDERS[provider.name] = lambda _options, provider=provider: provider  # type: ignore[misc]
    registry._made.cache_clear()
    try:
        yield
    finally:
        for provider in providers:
            del registry._PROVIDERS[provider.name]
        registry._made.cache_clear()
