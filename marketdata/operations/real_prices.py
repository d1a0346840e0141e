"""Market data operations: simulated prices give way to real ones, as soon as they can be had. See ADR on real prices.

An instrument changes whole and in one step: when a provider has a price of these days for it in its currency and,
where it has a simulated history, a real one to put in its place.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from math import prod
from typing import Final

import structlog
from django.conf import settings
from django.core.cache import cache
from django.db.models import Exists, OuterRef, QuerySet

from marketdata.domain.jumps import is_within, limit_of
from marketdata.models import ActionKind, HistoryJob, Instrument, PriceBar, Quote
from marketdata.operations import gateway
from marketdata.operations.gateway import NotAsked
from marketdata.operations.history import HISTORY_YEARS
from marketdata.operations.history.asking import HistoryAnswer, ask_history
from marketdata.operations.history.extending import newest_bars
from marketdata.operations.price_sources import SIMULATED
from marketdata.operations.providing import names_with, options_of, provider_named, ref_of
from marketdata.operations.simulated_use import used_at_simulated_prices
from marketdata.operations.switching import forget_late_minutes, switch_to_real
from marketdata.providers import registry
from marketdata.providers.base import Capability, ProviderError, QuoteData, SymbolUnknown
from marketdata.queries.real_prices import note_look

log = structlog.get_logger(__name__)

#: Who is asked whether it has an instrument, in this order, by asset class.
SOURCES: Final[Mapping[str, tuple[str, ...]]] = {
    "crypto": ("coingecko", "yahoo"),
    # What Yahoo has of gold and oil are contracts, which are not the thing itself.
    "commodity": (),
}
SOURCES_ELSE: Final = ("yahoo", "alpha_vantage")
#: Who prices one instrument a question, with some 25 questions a day, is there to stand in; nothing begins with it.
BEGINS_WITH: Final = frozenset({"yahoo", "coingecko"})
#: Whether anybody is there is found out with little patience.
PROBE_SECONDS: Final = 5.0
#: A price older than this is the last one of something that is no longer traded.
OLDEST_QUOTE: Final = timedelta(days=10)
#: In one go at most so many instruments are looked at, and so many histories fetched.
QUOTES_AT_ONCE: Final = 1000
HISTORIES_AT_ONCE: Final = 40
#: What a provider does not know is asked for again after this, and then once a day: it may have answered by halves.
AGAIN_FIRST_SECONDS: Final = 1800
AGAIN_AFTER_SECONDS: Final = 86_400


@dataclass(slots=True, kw_only=True)
class Adoption:
    """What became of an attempt: symbols by their new provider, and the others by why they stay simulated."""

    adopted: dict[str, str] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    #: Providers that could not be asked at all, and why.
    unreachable: dict[str, str] = field(default_factory=dict)
    #: How many wait for the next time: a provider's limits, or enough for one go.
    waiting: int = 0

    def take(self, other: Adoption) -> None:
        """Add what became of another part; the last word counts."""
        self.adopted |= other.adopted
        self.kept = {
            symbol: why for symbol, why in (self.kept | other.kept).items() if symbol not in self.adopted
        }
        self.unreachable = other.unreachable
        self.waiting = other.waiting


def adopt_real_prices(
    *,
    now: datetime,
    instrument_ids: Collection[int] | None = None,
    even_if_used: bool = False,
    with_history: bool = False,
) -> Adoption:
    """Ask real providers for what is simulated, and let those instruments go over that they have.

    Without `instrument_ids`: everything shared and active, a part at a time; what a provider does not know is left alone
    for a day. What something was traded in at simulated prices is kept unless `even_if_used`; what has a quote set by
    hand is kept. A real history is fetched in place of a simulated one, `with_history` for all.
    With `MARKET_DATA=simulated` nothing is done unless ids are given. Safe to repeat. Not to be called inside a
    transaction.
    """
    result = Adoption()
    if settings.MARKET_DATA == SIMULATED and instrument_ids is None:
        return result
    forget_late_minutes(now=now)
    candidates = _candidates(instrument_ids, result, even_if_used=even_if_used)
    quotes = _real_quotes(candidates, result, now=now)
    today = now.astimezone(UTC).date()
    wanting = {pk for pk, newest in newest_bars(list(quotes), today=today).items() if newest or with_history}
    histories = 0
    # Those that need no history first: they cost no further question.
    for instrument in sorted(candidates, key=lambda one: one.pk in wanting):
        if instrument.pk not in quotes:
            continue
        answer: HistoryAnswer | None = None
        if instrument.pk in wanting:
            if histories >= HISTORIES_AT_ONCE:
                result.waiting += 1
                continue
            try:
                answer = _history(instrument, result, now=now)
            except NotAsked:
                histories = HISTORIES_AT_ONCE
                result.waiting += 1
                continue
            if answer is None:
                continue
            histories += 1
        name, quote = quotes[instrument.pk]
        if doubt := _doubt(instrument, quote, answer):
            result.kept[instrument.symbol] = doubt
            continue
        _switch(instrument, name, quote, answer, result, now=now, even_if_used=even_if_used)
    if instrument_ids is None:
        note_look(unreachable=result.unreachable, now=now)
    if result.adopted or result.unreachable:
        log.info(
            "real_prices_adopted",
            adopted=len(result.adopted),
            kept=len(result.kept),
            waiting=result.waiting,
            unreachable=result.unreachable,
        )
    return result


def adopt_wanted(*, job_id: int, now: datetime) -> bool:
    """Before the history of a simulated instrument is made up for who wants it: see whether it can go over to real prices,
    history and all. Whether it did. Not to be called inside a transaction."""
    wanted = _simulated().filter(pk__in=HistoryJob.objects.filter(pk=job_id).values("instrument"))
    ids = list(wanted.values_list("pk", flat=True)) if settings.MARKET_DATA == "auto" else []
    return bool(ids and adopt_real_prices(now=now, instrument_ids=ids, with_history=True).adopted)


def assign_real_sources(instrument: Instrument) -> None:
    """Let an instrument that is not saved yet begin with a real source, or with none: for `MARKET_DATA=real`."""
    names = _names_for(instrument)
    first = next((name for name in names if name in BEGINS_WITH), "manual")
    instrument.provider, instrument.fallback_providers = first, [name for name in names if name != first]


def _switch(
    instrument: Instrument,
    name: str,
    quote: QuoteData,
    answer: HistoryAnswer | None,
    result: Adoption,
    *,
    now: datetime,
    even_if_used: bool,
) -> None:
    changed = switch_to_real(
        instrument_id=instrument.pk,
        provider=name,
        fallbacks=[other for other in _names_for(instrument) if other != name],
        quote=quote,
        history=answer,
        history_from=first_day(now),
        now=now,
        even_if_used=even_if_used,
    )
    if changed:
        result.adopted[instrument.symbol] = name
    else:
        result.waiting += 1


def sources_of(instrument: Instrument) -> list[str]:
    """Return who has real quotes of an instrument, by all that can be told without asking, best first."""
    return [name for name in _names_for(instrument) if name in BEGINS_WITH]


def _names_for(instrument: Instrument) -> list[str]:
    offered = set(names_with(Capability.QUOTES))
    names = SOURCES.get(instrument.asset_class, SOURCES_ELSE)
    return [name for name in names if name in offered and ref_of(instrument, name).symbol]


# --- who may go over
# ------------------------------------------------------------------------------------------------------


def _simulated() -> QuerySet[Instrument]:
    return Instrument.objects.shared().active().filter(provider=SIMULATED)


def _candidates(ids: Collection[int] | None, result: Adoption, *, even_if_used: bool) -> list[Instrument]:
    wanted = _simulated()
    if ids is not None:
        wanted = wanted.filter(pk__in=ids)
    bars = PriceBar.objects.filter(instrument_id=OuterRef("pk"))
    # Those with a history are those that people look at.
    everything = list(wanted.annotate(has_bars=Exists(bars)).order_by("-has_bars", "pk"))
    pks = [one.pk for one in everything]
    used = {} if even_if_used else used_at_simulated_prices(pks)
    by_hand = set(
        Quote.objects.filter(instrument_id__in=pks, is_held=True).values_list("instrument_id", flat=True)
    )
    left_alone = set() if ids is not None else _left_alone(pks)
    found: list[Instrument] = []
    for instrument in everything:
        if instrument.pk in used:
            result.kept[instrument.symbol] = f"traded at simulated prices: {used[instrument.pk]}"
        elif instrument.pk in by_hand:
            result.kept[instrument.symbol] = "its price is set by hand"
        elif not sources_of(instrument):
            result.kept[instrument.symbol] = "no provider has a name for it"
        elif instrument.pk in left_alone:
            result.kept[instrument.symbol] = "no provider had it when it was asked last"
        elif len(found) >= QUOTES_AT_ONCE:
            result.waiting += 1
        else:
            found.append(instrument)
    return found


def _left_alone(pks: Iterable[int]) -> set[int]:
    keys = {_key(pk): pk for pk in pks}
    return {keys[key] for key in cache.get_many(keys)}


def _leave_alone(instrument: Instrument, why: str, result: Adoption) -> None:
    result.kept[instrument.symbol] = why
    is_first = cache.add(f"{_key(instrument.pk)}:before", 1, timeout=7 * AGAIN_AFTER_SECONDS)
    cache.set(_key(instrument.pk), 1, timeout=AGAIN_FIRST_SECONDS if is_first else AGAIN_AFTER_SECONDS)


def _key(pk: int) -> str:
    return f"marketdata:no-real-price:{pk}"


# --- asking
# ------------------------------------------------------------------------------------------------------


def _real_quotes(
    candidates: Sequence[Instrument], result: Adoption, *, now: datetime
) -> dict[int, tuple[str, QuoteData]]:
    """Ask for a real price of each, its sources in turn."""
    found: dict[int, tuple[str, QuoteData]] = {}
    why: dict[int, str] = {}
    for turn in range(max((len(sources_of(one)) for one in candidates), default=0)):
        for name, group in _groups([one for one in candidates if one.pk not in found], turn):
            if name in result.unreachable:
                continue
            for pk, answer in _ask(name, group, result, now=now).items():
                if isinstance(answer, QuoteData):
                    found[pk] = (name, answer)
                else:
                    why[pk] = answer
    for instrument in candidates:
        if instrument.pk in found:
            continue
        if instrument.pk in why:
            _leave_alone(instrument, why[instrument.pk], result)
        else:
            result.waiting += 1
    return found


def _groups(candidates: Sequence[Instrument], turn: int) -> Iterator[tuple[str, list[Instrument]]]:
    """Those that have a source for this turn, by it, as many together as one question can price."""
    groups: dict[str, list[Instrument]] = defaultdict(list)
    for instrument in candidates:
        names = sources_of(instrument)
        if turn < len(names):
            groups[names[turn]].append(instrument)
    for name, group in groups.items():
        size = provider_named(name).limits.quotes_per_call
        for start in range(0, len(group), size):
            yield name, group[start : start + size]


def _ask(
    name: str, group: Sequence[Instrument], result: Adoption, *, now: datetime
) -> dict[int, QuoteData | str]:
    """Quotes of these instruments, or why there is none; nothing when the provider could not be asked."""
    # Whoever does not answer at once is not there: the site goes on without it.
    options = options_of(name)
    patience = min(PROBE_SECONDS, float(options.get("timeout", PROBE_SECONDS)))
    provider = registry.provider(name, {**options, "timeout": patience})
    refs = [ref_of(one, name) for one in group]
    try:
        batch = gateway.call(name, "quotes", lambda: provider.quotes(refs, now), tries=1)
    except ProviderError as error:
        result.unreachable[name] = str(error)
        return {}
    found: dict[int, QuoteData | str] = {one.pk: "no price in the answer" for one in group}
    found.update((pk, str(fault)) for pk, fault in batch.faults.items())
    for quote in batch.quotes:
        is_old = now - quote.quoted_at > OLDEST_QUOTE
        found[quote.instrument_id] = (
            f"its last real price is of {quote.quoted_at:%d %B %Y}" if is_old else quote
        )
    return found


def _history(instrument: Instrument, result: Adoption, *, now: datetime) -> HistoryAnswer | None:
    """The real history that takes the place of the simulated one; None where there is none worth it. Raises
    `NotAsked` when a limit is reached."""
    # Daily bars of many years come from who has them: of coins that is not who prices them.
    names = sorted(sources_of(instrument), key=lambda name: name != "yahoo")
    until = now.astimezone(UTC).date()
    start, end = first_day(now), until - timedelta(days=1)
    for name in names:
        asking = copy.copy(instrument)
        asking.provider, asking.fallback_providers = name, []
        try:
            answer = ask_history(asking, start=start, end=end, actions_until=until)
        except NotAsked:
            raise
        except SymbolUnknown:
            continue
        except ProviderError as error:
            result.kept[instrument.symbol] = f"its real history could not be had: {error}"
            return None
        newest = max((bar.date for bar in answer.bars), default=None)
        if newest is not None and until - newest <= OLDEST_QUOTE:
            return answer
    _leave_alone(instrument, "nobody has a real history of it that reaches to these days", result)
    return None


def _doubt(instrument: Instrument, quote: QuoteData, answer: HistoryAnswer | None) -> str:
    """Why a first real price is not believed, there being no earlier one to hold it against: it is far from the last close
    that the provider itself tells."""
    last = (
        max(
            (bar for bar in answer.bars if bar.date < quote.quoted_at.date()),
            key=lambda bar: bar.date,
            default=None,
        )
        if answer
        else None
    )
    known, of = (
        (last.close, datetime.combine(last.date, time(), UTC))
        if last
        else (quote.previous_close, quote.quoted_at)
    )
    if known is None or not known > 0:
        return ""
    splits = [
        fact.value
        for fact in (answer.actions if answer else ())
        if fact.kind == ActionKind.SPLIT and of.date() < fact.ex_date <= quote.quoted_at.date()
    ]
    limit = limit_of(instrument.asset_class, settings.QUOTE_JUMP_LIMITS, age=quote.quoted_at - of)
    expected = known / prod(splits)
    if is_within(quote.last, expected, limit):
        return ""
    return f"its first real price ({quote.last:f}) is far from its last close ({expected:f})"


def first_day(now: datetime) -> date:
    """Return the day that histories begin with."""
    return date(now.astimezone(UTC).year - HISTORY_YEARS, 1, 1)
