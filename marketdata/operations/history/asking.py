"""Market data operations: asking for daily history, first the instrument's provider, then those that stand in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import structlog

from marketdata.domain.bar_checks import checked_bars
from marketdata.models import Instrument
from marketdata.operations.gateway import NotAsked, call
from marketdata.operations.providing import provider_named, ref_of
from marketdata.providers import registry
from marketdata.providers.base import (
    ActionData,
    BarData,
    Capability,
    ProviderError,
    RateLimited,
    SymbolUnknown,
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryAnswer:
    """What a provider said about start..end, checked. `faults` says in words what was left out."""

    provider: str
    is_simulated: bool
    bars: list[BarData]
    actions: list[ActionData]
    faults: list[str]


def ask_history(instrument: Instrument, *, start: date, end: date, actions_until: date) -> HistoryAnswer:
    """Return daily bars of start..end, and splits and dividends up to `actions_until`, of the first provider that has any.

    Not to be called inside a transaction. Simulated history never stands in for another provider's. Raises the
    `ProviderError` of the instrument's own provider when none of them could answer, `SymbolUnknown` when none can be
    asked.
    """
    first_error: ProviderError | None = None
    empty: HistoryAnswer | None = None
    for name in history_providers(instrument):
        provider = provider_named(name)
        ref = ref_of(instrument, name)
        if not ref.symbol:
            continue
        try:
            answer = call(
                name,
                "history",
                lambda provider=provider, ref=ref: provider.history(ref, start, actions_until),  # type: ignore[misc]
                key=f"{instrument.pk}:{start}:{actions_until}",
            )
        except ProviderError as error:
            log.warning("history_failed", provider=name, symbol=instrument.symbol, error=str(error)[:200])
            first_error = first_error or error
            continue
        bars, faults = checked_bars(answer.bars, start=start, end=end)
        found = HistoryAnswer(
            provider=name,
            is_simulated=provider.is_simulated,
            bars=bars,
            actions=[fact for fact in answer.actions if _is_good(fact, actions_until)],
            faults=[*answer.faults, *faults],
        )
        if faults:
            log.warning(
                "history_faults",
                provider=name,
                symbol=instrument.symbol,
                count=len(faults),
                examples=faults[:3],
            )
        if bars or found.actions:
            return found
        empty = empty or found
    if empty is not None:
        return empty
    raise first_error or SymbolUnknown(f"no source of {instrument.symbol} has a history")


def history_providers(instrument: Instrument) -> Iterator[str]:
    """Yield the names of the providers that can be asked for its history, its own first."""
    for place, name in enumerate([instrument.provider, *instrument.fallback_providers]):
        if name not in registry.names():
            continue
        provider = provider_named(name)
        if Capability.HISTORY in provider.capabilities and (place == 0 or not provider.is_simulated):
            yield name


def _is_good(fact: ActionData, until: date) -> bool:
    """A split of 1 changes nothing; a fact of a day to come is told again when it has come."""
    if fact.ex_date > until or not fact.value.is_finite() or fact.value <= 0:
        return False
    return fact.kind == "dividend" or (fact.kind == "split" and fact.value != 1)


def wait_after(error: ProviderError) -> float | None:
    """In how many seconds a question can be put again that was not answered for now; None where waiting does not help."""
    if isinstance(error, NotAsked):
        return error.retry_in
    if isinstance(error, RateLimited):
        return error.retry_after or 30.0
    return None
