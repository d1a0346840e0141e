"""Market data queries: what all processes know together of each provider: its bucket, its breaker, its day in numbers.

Kept in Valkey by `operations.gateway`; what has to outlive it is in `models.ProviderHealth`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

import orjson

from portfolio_site.kernel import valkey

_STATE: Final = "hf:gateway:state:"
_DAY: Final = "hf:gateway:day:"
_STREAM: Final = "hf:gateway:stream:"
#: What stands before the state in a stream's lease: the token of the process that holds it.
_TOKEN_LENGTH: Final = 16

#: Upper ends, in milliseconds, of the classes that calls are counted in by how long they took.
LATENCY_CLASSES: Final = (100, 250, 500, 1000, 2500, 5000, 10_000, 30_000)


#: Kinds of failures, as people read them.
ERROR_WORDS: Final = {
    "unavailable": "not reached",
    "limited": "told to wait (429)",
    "unknown_symbol": "unknown symbol",
    "wrong_currency": "other currency",
    "bad_answer": "unusable answer",
    "not_authorised": "refused (key)",
}


def state_key(provider: str) -> str:
    """The hash with a provider's bucket and breaker."""
    return _STATE + provider


def day_key(provider: str, day: date) -> str:
    """The hash with a provider's numbers of a UTC day."""
    return f"{_DAY}{provider}:{day.isoformat()}"


def stream_key(provider: str) -> str:
    """The lease of the process that streams from a provider, and how it is doing."""
    return _STREAM + provider


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamState:
    """A live stream: since when it is open (None: connecting), how much it watches, how many quotes it brought."""

    since: datetime | None
    watched: int
    stored: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DayNumbers:
    """A provider's UTC day. `by_kind`: failures and refusals by what they were."""

    calls: int = 0
    failures: int = 0
    refused: int = 0
    milliseconds: int = 0
    by_kind: dict[str, int] = field(default_factory=dict)
    by_latency: dict[int, int] = field(default_factory=dict)

    @property
    def errors(self) -> list[tuple[str, int]]:
        """Failures by kind in words, the most frequent first."""
        found = [(ERROR_WORDS[kind], count) for kind, count in self.by_kind.items() if kind in ERROR_WORDS]
        return sorted(found, key=lambda one: -one[1])

    @property
    def p95_ms(self) -> int | None:
        """A time that 95 % of the calls did not exceed, to the class."""
        return self.percentile_ms(0.95)

    @property
    def mean_ms(self) -> int | None:
        """How long a call took on average."""
        return self.milliseconds // self.calls if self.calls else None

    def percentile_ms(self, share: float) -> int | None:
        """A time that `share` of the calls did not exceed, to the class."""
        wanted, seen = share * sum(self.by_latency.values()), 0
        for upper in sorted(self.by_latency):
            seen += self.by_latency[upper]
            if seen >= wanted > 0:
                return upper
        return None


def stream_states(providers: Iterable[str]) -> dict[str, StreamState]:
    """Return the live streams that some process keeps open, by provider."""
    names = list(providers)
    if not names:
        return {}
    try:
        found: Any = valkey.client().mget([stream_key(name) for name in names])
    except valkey.UNREACHABLE:
        return {}
    states = {}
    for name, lease in zip(names, found, strict=True):
        if lease is not None:
            state = orjson.loads(lease[_TOKEN_LENGTH:])
            since = datetime.fromisoformat(state["since"]) if state["since"] else None
            states[name] = StreamState(since=since, watched=state["watched"], stored=state["stored"])
    return states


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What is left of a provider's quota now and today (None: no limit, or not known), and until when it is not
    asked."""

    left_now: int | None = None
    left_today: int | None = None
    rests_until: datetime | None = None
    open_until: datetime | None = None


def budgets(limits: Mapping[str, tuple[int | None, int | None]], *, now: datetime) -> dict[str, Budget]:
    """Return what is left by provider. `limits`: calls a minute and a day. Nothing while Valkey is away."""
    names = list(limits)
    if not names:
        return {}
    fields = ("tokens", "tokens_at", "day", "day_calls", "rests_until", "open_until")
    try:
        with valkey.client().pipeline(transaction=False) as pipe:
            pipe.time()
            for name in names:
                pipe.hmget(state_key(name), fields)
            (seconds, micro), *answers = pipe.execute()
    except valkey.UNREACHABLE:
        return {}
    instant = seconds * 1000 + micro // 1000
    return {
        name: _budget([float(value or 0) for value in answer], limits[name], instant, now)
        if any(value is not None for value in answer)
        else _untouched(limits[name])
        for name, answer in zip(names, answers, strict=True)
    }


def _untouched(limits: tuple[int | None, int | None]) -> Budget:
    per_minute, per_day = limits
    return Budget(left_now=math.ceil(per_minute / 3) if per_minute else None, left_today=per_day)


def _budget(known: list[float], limits: tuple[int | None, int | None], instant: int, now: datetime) -> Budget:
    tokens, tokens_at, day, day_calls, rests, opened = known
    per_minute, per_day = limits
    left_now = left_today = None
    if per_minute:
        # As in `operations.gateway.limits.Quota`: the bucket holds a third, the rest comes back in a minute.
        capacity = math.ceil(per_minute / 3)
        refill = max(1, per_minute - capacity)
        filled = tokens + (instant - tokens_at) * refill / 60_000 if tokens_at else capacity
        left_now = max(0, int(min(capacity, filled)))
    if per_day:
        spent = int(day_calls) if int(day) == instant // 86_400_000 else 0
        left_today = max(0, per_day - spent)
    return Budget(
        left_now=left_now,
        left_today=left_today,
        rests_until=now + timedelta(milliseconds=rests - instant) if rests > instant else None,
        open_until=now + timedelta(milliseconds=opened - instant) if opened > instant else None,
    )


def day_numbers(providers: Iterable[str], day: date) -> dict[str, DayNumbers]:
    """Return the numbers of a day by provider; empty ones for who was not asked, nothing while Valkey is away."""
    names = list(providers)
    if not names:
        return {}
    try:
        with valkey.client().pipeline(transaction=False) as pipe:
            for name in names:
                pipe.hgetall(day_key(name, day))
            answers = pipe.execute()
    except valkey.UNREACHABLE:
        return {}
    return {name: numbers_of(found) for name, found in zip(names, answers, strict=True)}


def numbers_of(found: dict[bytes, bytes]) -> DayNumbers:
    """Read the hash of a day."""
    plain = {key.decode(): int(value) for key, value in found.items()}
    return DayNumbers(
        calls=plain.get("calls", 0),
        failures=plain.get("failures", 0),
        refused=plain.get("refused", 0),
        milliseconds=plain.get("ms", 0),
        by_kind={key[5:]: value for key, value in plain.items() if key.startswith("kind:")},
        by_latency={int(key[3:]): value for key, value in plain.items() if key.startswith("le:")},
    )
