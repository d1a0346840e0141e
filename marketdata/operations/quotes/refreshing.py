"""Market data operations: fetching the latest quotes: who is asked for what, and who is asked next when one cannot."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import structlog
from django.conf import settings

from marketdata.models import Instrument, Quote
from marketdata.operations import gateway
from marketdata.operations.gateway import NotAsked
from marketdata.operations.interest import instruments_that_matter
from marketdata.operations.providing import provider_named, ref_of
from marketdata.operations.quotes import claims
from marketdata.operations.quotes.candidates import Candidate, asked_providers, due_from, wanted_now
from marketdata.operations.quotes.jumping import Held
from marketdata.operations.quotes.storing import AppliedQuotes, apply_quotes
from marketdata.operations.quotes.troubles import PriceRefusedHere, record_troubles
from marketdata.providers.base import BadAnswer, ProviderError
from marketdata.queries import attention, is_market_open
from marketdata.queries.on_demand import note_simulated_tick

log = structlog.get_logger(__name__)

SIMULATED: Final = "simulated"
#: A simulated market of so many instruments ticks as a whole. Of a larger one only what matters does; the price of the
#: rest is worked out when somebody looks (`queries.on_demand`).
_WHOLE_MARKET: Final = 100


@dataclass(slots=True, kw_only=True)
class Refreshed:
    """What became of a refresh: ids stored; for the others what was refused, what is held, and what failed everywhere,
    by source."""

    stored: list[int] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)
    held: dict[int, Held] = field(default_factory=dict)
    failed: dict[int, dict[str, ProviderError]] = field(default_factory=dict)

    def take(self, applied: AppliedQuotes) -> None:
        """Add what became of a batch."""
        self.stored += applied.stored
        self.refused |= applied.refused
        self.held |= applied.held


def refresh_quotes(*, now: datetime, providers: Collection[str] | None = None) -> Refreshed:
    """Fetch what is due from the providers (all, or those named), and store it.

    The simulated market ticks; with `SIMULATED_TICKS=off` only what has no quote yet gets its one. Of other providers
    what matters now is asked for every `QUOTE_POLL_SECONDS` while its market is open, less often when it is closed or
    the quota is small, and the rest rarely. Who cannot answer for an instrument is followed by the next in its list; a
    failure leaves the last good price where it is and is put on record. Not to be called inside a transaction.
    """
    result = Refreshed()
    if providers is None or SIMULATED in providers:
        result.take(_tick_simulated(now))
    for name in asked_providers():
        if providers is None or name in providers:
            _ask_for(due_from(name, now=now), result, now=now)
    return result


def refresh_wanted_quotes(*, now: datetime) -> Refreshed:
    """Fetch what people are looking at and was found old."""
    result = Refreshed()
    ids = attention.take_wanted()
    if ids:
        _ask_for(wanted_now(ids, now=now), result, now=now)
    return result


def _tick_simulated(now: datetime) -> AppliedQuotes:
    """Move the simulated market on to `now`."""
    simulated = Instrument.objects.shared().active().filter(provider=SIMULATED)
    quoted = set(Quote.objects.filter(instrument__in=simulated).values_list("instrument_id", flat=True))
    if len(quoted) > _WHOLE_MARKET:
        idle = quoted - instruments_that_matter()
        simulated = simulated.exclude(pk__in=idle)
    due = [
        instrument
        for instrument in simulated
        if instrument.pk not in quoted or (settings.SIMULATED_TICKS and is_market_open(instrument, now))
    ]
    try:
        batch = provider_named(SIMULATED).quotes([ref_of(instrument) for instrument in due], now)
    except ProviderError as error:
        log.warning("provider_failed", provider=SIMULATED, instruments=len(due), error=str(error))
        return AppliedQuotes(stored=[])
    note_simulated_tick(now)
    if batch.faults:
        _log_faults(SIMULATED, batch.faults)
    return apply_quotes(quotes=batch.quotes, now=now, is_trusted=True)


def _ask_for(candidates: Iterable[Candidate], result: Refreshed, *, now: datetime) -> None:
    """Ask for prices, each instrument's sources in turn until one has a price that can be stored."""
    waiting = {one.instrument.pk: one for one in candidates}
    turn = dict.fromkeys(waiting, 0)
    failed: dict[int, dict[str, ProviderError]] = defaultdict(dict)
    while waiting:
        for name, group in _by_next_provider(waiting, turn):
            for chunk in _chunks(group, _per_call(name)):
                answered, faults = _ask(name, chunk, result, now=now)
                for pk in answered:
                    del waiting[pk]
                    failed.pop(pk, None)
                for pk, fault in faults.items():
                    if isinstance(fault, NotAsked) and fault.is_momentary and turn[pk] == 0:
                        # Nothing is wrong: its turn comes with the next refresh.
                        claims.give_back([pk])
                        del waiting[pk]
                        continue
                    failed[pk][name] = fault
        for pk in list(waiting):
            turn[pk] += 1
            if turn[pk] >= len(waiting[pk].providers):
                del waiting[pk]
    # What is held was answered; it waits for confirmation and is shown as such.
    result.failed = {pk: faults for pk, faults in failed.items() if pk not in result.held}
    record_troubles(result.failed, now=now)


def _by_next_provider(
    waiting: Mapping[int, Candidate], turn: Mapping[int, int]
) -> Iterator[tuple[str, list[Instrument]]]:
    groups: dict[str, list[Instrument]] = defaultdict(list)
    for pk, candidate in waiting.items():
        groups[candidate.providers[turn[pk]]].append(candidate.instrument)
    yield from groups.items()


def _chunks(group: Sequence[Instrument], size: int) -> Iterator[Sequence[Instrument]]:
    for start in range(0, len(group), size):
        yield group[start : start + size]


def _per_call(name: str) -> int:
    return max(1, provider_named(name).limits.quotes_per_call)


def _ask(
    name: str, instruments: Sequence[Instrument], result: Refreshed, *, now: datetime
) -> tuple[set[int], dict[int, ProviderError]]:
    """Put one question to one provider and store what can be. Returns the ids that are settled, and the faults of those
    that are not; a held price is neither: another source may confirm it."""
    provider, asked = provider_named(name), {one.pk for one in instruments}
    refs = [ref_of(one, name) for one in instruments]
    try:
        if provider.is_simulated:
            batch = provider.quotes(refs, now)
        else:
            batch = gateway.call(name, "quotes", lambda: provider.quotes(refs, now))
    except ProviderError as error:
        return set(), dict.fromkeys(asked, error)
    applied = apply_quotes(
        quotes=[quote for quote in batch.quotes if quote.instrument_id in asked],
        now=now,
        is_trusted=provider.is_simulated,
    )
    result.take(applied)
    faults: dict[int, ProviderError] = {
        pk: PriceRefusedHere(f"{reason} ({name})") for pk, reason in applied.refused.items()
    }
    answered = {quote.instrument_id for quote in batch.quotes} & asked
    for pk in asked - answered:
        faults[pk] = batch.faults.get(pk) or BadAnswer("no price in the answer")
    if faults:
        _log_faults(name, faults)
    for pk in answered - set(applied.held) - set(applied.refused):
        result.held.pop(pk, None)
    return answered - set(applied.held) - set(applied.refused), faults


def _log_faults(name: str, faults: Mapping[int, ProviderError]) -> None:
    log.warning(
        "provider_symbols_failed",
        provider=name,
        count=len(faults),
        examples={pk: str(fault) for pk, fault in list(faults.items())[:5]},
    )
