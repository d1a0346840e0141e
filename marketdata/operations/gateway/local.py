"""Market data operations: bucket and breaker of each provider in this process, for while Valkey is away.

The same rules as in `shared`, with a share of the quota for each process, as they cannot count together.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from marketdata.operations.gateway.limits import Quota
from marketdata.operations.gateway.refusals import Reason
from marketdata.operations.gateway.states import (
    FAILURES_TO_OPEN,
    PROBE_SECONDS,
    Admission,
    Known,
    Outcome,
    Standing,
    open_seconds,
    rest_seconds,
)

#: How many processes are taken to ask at a time.
PROCESSES: Final = 4


@dataclass
class _State:
    """Instants by the wall clock, as they are told to and come from other processes; 0: not."""

    tokens: float | None = None
    tokens_at: float = 0.0
    day: int = 0
    day_calls: int = 0
    failures: int = 0
    opened: int = 0
    rested: int = 0
    rests_until: float = 0.0
    open_until: float = 0.0
    probe_until: float = 0.0
    lock: Lock = field(default_factory=Lock)


_states: dict[str, _State] = {}


def forget() -> None:
    """Begin anew, as in a new process."""
    _states.clear()


def admit(provider: str, quota: Quota, cost: int) -> Admission:
    """Take what a call costs from this process's bucket, or say why not."""
    share, state, now = quota.share(PROCESSES), _state(provider), time.time()
    with state.lock:
        if state.rests_until > now:
            return Admission(reason=Reason.RESTING, retry_in=state.rests_until - now)
        is_probe = False
        if state.open_until:
            ends = max(state.open_until, state.probe_until)
            if ends > now:
                return Admission(reason=Reason.OPEN, retry_in=ends - now)
            is_probe = True
        day = int(now // 86_400)
        spent = state.day_calls if state.day == day else 0
        # What is on record from before the outage is everybody's; from here on each call stands for one of each process.
        if quota.per_day and spent + cost * PROCESSES > quota.per_day:
            return Admission(reason=Reason.DAY, retry_in=(day + 1) * 86_400 - now)
        if share.capacity:
            tokens = share.capacity if state.tokens is None else state.tokens
            filled = tokens + (now - state.tokens_at) * share.refill_per_minute / 60
            tokens = min(share.capacity, filled) if state.tokens_at else tokens
            needed = min(cost, share.capacity)
            if tokens < needed:
                wait = (needed - tokens) * 60 / share.refill_per_minute
                return Admission(reason=Reason.MINUTE, retry_in=wait)
            state.tokens, state.tokens_at = tokens - cost, now
        state.day, state.day_calls = day, spent + cost * PROCESSES
        if is_probe:
            state.probe_until = now + PROBE_SECONDS
        return Admission(is_probe=is_probe)


def settle(provider: str, outcome: Outcome, *, was_probe: bool, retry_after: float | None) -> Standing:
    """Take in how a call ended."""
    state, now = _state(provider), time.time()
    with state.lock:
        if outcome is Outcome.ANSWERED:
            state.failures = state.opened = state.rested = 0
            state.open_until = state.probe_until = 0.0
        elif outcome is Outcome.LIMITED:
            state.rested += 1
            state.rests_until = max(state.rests_until, now + rest_seconds(retry_after, state.rested))
            state.probe_until = 0.0
        else:
            state.failures += 1
            if (was_probe or state.failures >= FAILURES_TO_OPEN) and state.open_until <= now:
                state.opened += 1
                state.open_until = now + open_seconds(state.opened)
                state.probe_until = 0.0
        return Standing(
            rests_for=max(0.0, state.rests_until - now), open_for=max(0.0, state.open_until - now)
        )


def learn(provider: str, known: Known) -> None:
    """Take over what is known from elsewhere, so that it holds if Valkey goes away now."""
    state, now = _state(provider), time.time()
    with state.lock:
        state.rests_until = now + known.rests_for if known.rests_for else 0.0
        state.open_until = now + known.open_for if known.open_for else 0.0
        if known.calls_today:
            state.day, state.day_calls = int(now // 86_400), known.calls_today


def reset(provider: str) -> None:
    """Forget what is known of a provider."""
    _states.pop(provider, None)


def _state(provider: str) -> _State:
    return _states.setdefault(provider, _State())
