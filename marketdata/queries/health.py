"""Market data queries: which prices are old or missing, since when and why, and how their sources are doing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Count

from marketdata.domain.troubles import (
    BY_HAND,
    HELD,
    NEVER,
    NEVER_BY_HAND,
    SILENT,
    Explained,
    explain,
    provider_label,
)
from marketdata.models import HeldQuote, Instrument, InstrumentTrouble, ProviderHealth
from marketdata.queries.personal import concerns_of
from marketdata.queries.provider_state import (
    Budget,
    DayNumbers,
    StreamState,
    budgets,
    day_numbers,
    stream_states,
)
from marketdata.queries.quotes import QuoteView, cached_quotes

#: The most rows that a list shows.
MOST: Final = 200
OWN_WORD: Final = "your own"
#: Who may see how providers are doing, and who may let them be asked again.
SEES_PROVIDERS: Final = "marketdata.view_providerhealth"
RUNS_PROVIDERS: Final = "marketdata.change_providerhealth"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPrice:
    """A price that waits for confirmation, beside the one that it jumped from."""

    last: Any
    known_last: Any
    quoted_at: datetime
    held_at: datetime
    source: str

    @property
    def change_fraction(self) -> Any:
        """How far it jumped, as a fraction of the known price."""
        return (self.last - self.known_last) / self.known_last


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceProblem:
    """An instrument whose price is old, missing or doubted: what is wrong, since when, and what would help.

    `why`: why it concerns the person ("held", "watched", …). `kind`: a word for programs. `told`: what each source
    said last, by its name on pages. `may_decide`: this person may confirm a held price; `may_choose`: may choose another
    source; `may_enter`: may enter prices.
    """

    instrument: Instrument
    why: tuple[str, ...]
    kind: str
    explained: Explained
    since: datetime | None
    quote: QuoteView | None
    sources: tuple[str, ...]
    told: tuple[tuple[str, str], ...] = ()
    times: int = 0
    held: HeldPrice | None = None
    may_decide: bool = False
    may_choose: bool = False
    may_enter: bool = False

    @property
    def may_retry(self) -> bool:
        """Whether asking its sources now can help."""
        return self.explained.may_retry and any(
            name not in ("manual", "simulated") for name in self.instrument.providers
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonHealth:
    """The state of the prices that concern a person."""

    ids: tuple[int, ...]
    problems: list[PriceProblem]

    @property
    def total(self) -> int:
        """How many instruments concern the person."""
        return len(self.ids)

    @property
    def held_count(self) -> int:
        """How many of the problems are with what the person holds."""
        return sum(1 for problem in self.problems if "held" in problem.why)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderView:
    """A provider: its state, its UTC day in numbers, what is left of its quota. None where it is not known or not
    limited."""

    name: str
    label: str
    state: str
    state_label: str
    since: datetime | None
    last_success_at: datetime | None
    last_failure_at: datetime | None
    last_failure: str
    rests_until: datetime | None
    open_until: datetime | None
    day: DayNumbers
    per_minute: int | None
    per_day: int | None
    left_now: int | None
    left_today: int | None
    stream: StreamState | None
    troubled: int

    @property
    def is_held_up(self) -> bool:
        """Whether it is not asked at present."""
        return self.rests_until is not None or self.open_until is not None


def person_health(user: Any, *, now: datetime) -> PersonHealth:
    """Return which of the prices that concern a person (held, watched, ordered, their own) are old, missing or doubted,
    what is held first. The number of statements does not depend on how many there are."""
    concerns = concerns_of(user)
    for pk in Instrument.objects.filter(owner=user.pk, is_active=True).values_list("pk", flat=True):
        concerns.setdefault(pk, []).append(OWN_WORD)
    problems = problems_of(concerns, user=user, now=now)
    return PersonHealth(ids=tuple(concerns), problems=problems)


def problems_of(concerns: Mapping[int, Sequence[str]], *, user: Any, now: datetime) -> list[PriceProblem]:
    """Return what is wrong with the prices of these instruments, as this person may see it."""
    instruments = Instrument.objects.visible_to(user).active().in_bulk(list(concerns))
    quotes = cached_quotes(instruments, now=now)
    troubles = InstrumentTrouble.objects.in_bulk(list(instruments))
    held = HeldQuote.objects.in_bulk(list(instruments))
    decides = bool(user.has_perm("marketdata.change_quote"))
    found = [
        problem
        for pk, instrument in instruments.items()
        if (
            problem := _problem(
                instrument,
                tuple(concerns[pk]),
                quotes.get(pk),
                troubles.get(pk),
                held.get(pk),
                is_own=instrument.owner_id == user.pk,
                decides=decides,
            )
        )
    ]
    return sorted(
        found, key=lambda one: ("held" not in one.why, one.instrument.symbol_key, one.instrument.pk)
    )


def troubled_instruments(*, user: Any, now: datetime) -> tuple[int, list[PriceProblem]]:
    """Return how many instruments have trouble or a doubted price, and the first of them: for administrators."""
    ids = set(InstrumentTrouble.objects.visible_to(user).values_list("pk", flat=True)[: 5 * MOST])
    ids |= set(HeldQuote.objects.visible_to(user).values_list("pk", flat=True)[: 5 * MOST])
    shown = sorted(ids)[:MOST]
    return len(ids), problems_of(dict.fromkeys(shown, ()), user=user, now=now)


def provider_views(
    names: Iterable[str], *, limits: Mapping[str, tuple[int | None, int | None]], now: datetime
) -> list[ProviderView]:
    """Return how providers are doing: what Valkey knows now, else what is on record. `limits`: calls a minute and a day
    by provider."""
    wanted = list(names)
    rows = ProviderHealth.objects.in_bulk(wanted)
    numbers = day_numbers(wanted, now.date())
    known = budgets(limits, now=now)
    streams = stream_states(wanted)
    troubled = dict(
        InstrumentTrouble.objects.filter(provider__in=wanted)
        .values_list("provider")
        .annotate(Count("pk"))
        .order_by("provider")
    )
    return [
        _provider(
            name, rows.get(name), numbers.get(name), known.get(name), limits.get(name, (None, None)),
            streams.get(name), troubled.get(name, 0), now,
        )
        for name in wanted
    ]  # fmt: skip


def _problem(
    instrument: Instrument,
    why: tuple[str, ...],
    quote: QuoteView | None,
    trouble: InstrumentTrouble | None,
    held: HeldQuote | None,
    *,
    is_own: bool,
    decides: bool,
) -> PriceProblem | None:
    kind, explained, since = _diagnosis(instrument, quote, trouble, held)
    if explained is None:
        return None
    by_hand = set(instrument.providers) == {"manual"}
    return PriceProblem(
        instrument=instrument,
        why=why,
        kind=kind,
        explained=explained,
        since=since,
        quote=quote,
        sources=tuple(provider_label(name) for name in instrument.providers),
        told=tuple((provider_label(name), text) for name, text in trouble.faults.items()) if trouble else (),
        times=trouble.times if trouble else 0,
        held=HeldPrice(
            last=held.last,
            known_last=held.known_last,
            quoted_at=held.quoted_at,
            held_at=held.held_at,
            source=held.source,
        )
        if held
        else None,
        may_decide=held is not None and (is_own or (instrument.owner_id is None and decides)),
        may_choose=is_own,
        may_enter=is_own and by_hand,
    )


def _diagnosis(
    instrument: Instrument,
    quote: QuoteView | None,
    trouble: InstrumentTrouble | None,
    held: HeldQuote | None,
) -> tuple[str, Explained | None, datetime | None]:
    if held is not None:
        return "held", HELD, held.held_at
    if trouble is not None:
        return trouble.kind, explain(trouble.kind, provider=trouble.provider), trouble.since
    by_hand = set(instrument.providers) == {"manual"}
    if quote is None:
        return "no_price", NEVER_BY_HAND if by_hand else NEVER, None
    if quote.is_stale:
        return "stale", BY_HAND if by_hand else SILENT, quote.quoted_at
    return "", None, None


def _provider(
    name: str,
    row: ProviderHealth | None,
    numbers: DayNumbers | None,
    budget: Budget | None,
    limits: tuple[int | None, int | None],
    stream: StreamState | None,
    troubled: int,
    now: datetime,
) -> ProviderView:
    if (numbers is None or not numbers.calls) and row is not None and row.day == now.date():
        numbers = DayNumbers(
            calls=row.calls,
            failures=row.failures,
            refused=row.refused,
            milliseconds=(row.latency_ms or 0) * row.calls,
        )
    known = budget or Budget()
    rests_until = _future(known.rests_until or (row.closed_until if row else None), now)
    open_until = _future(known.open_until or (row.open_until if row else None), now)
    state = row.state if row else "unknown"
    if state in ("resting", "open") and rests_until is None and open_until is None:
        # The wait is over and nobody has asked since.
        state = "unknown"
    return ProviderView(
        name=name,
        label=provider_label(name),
        state=state,
        state_label=_STATES[state],
        since=row.since if row else None,
        last_success_at=row.last_success_at if row else None,
        last_failure_at=row.last_failure_at if row else None,
        last_failure=row.last_failure if row else "",
        rests_until=rests_until,
        open_until=open_until,
        day=numbers or DayNumbers(),
        per_minute=limits[0],
        per_day=limits[1],
        left_now=known.left_now,
        left_today=known.left_today,
        stream=stream,
        troubled=troubled,
    )


_STATES: Final = {
    "unknown": "Not asked lately",
    "ok": "Answers",
    "failing": "Fails",
    "resting": "Wants to be left alone",
    "open": "Kept failing; not asked for a while",
}


def _future(instant: datetime | None, now: datetime) -> datetime | None:
    return instant if instant is not None and instant > now else None
