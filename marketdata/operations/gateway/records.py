"""Market data operations: how providers are doing, on record: one row each, for pages and for after a restart.

Written when a provider's state changes, and otherwise every few seconds at most.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

import structlog
from django.db import connection

from marketdata.models import ProviderHealth, ProviderState
from marketdata.operations.gateway.states import Known, Standing
from marketdata.queries.provider_state import DayNumbers

log = structlog.get_logger(__name__)

#: How often the numbers of a provider that goes on as before are written, by each process.
EVERY_SECONDS: Final = 15.0
#: Calls younger than this may still count in the vendor's own minute.
_JUST_NOW: Final = timedelta(minutes=1)
_LONGEST_TEXT: Final = 300

# `numbers` are of all processes where Valkey told them (they replace), else this process's own (they are added).
_UPSERT = """
INSERT INTO marketdata_providerhealth AS h (provider, state, since, last_success_at, last_failure_at, last_failure_kind,
    last_failure, closed_until, open_until, day, calls, failures, refused, latency_ms, updated_at)
VALUES (%(provider)s, %(state)s, %(now)s, %(success_at)s, %(failure_at)s, %(kind)s, %(text)s, %(closed_until)s,
    %(open_until)s, %(day)s, %(calls)s, %(failures)s, %(refused)s, %(latency)s, %(now)s)
ON CONFLICT (provider) DO UPDATE SET
    state = EXCLUDED.state,
    since = CASE WHEN h.state = EXCLUDED.state THEN h.since ELSE EXCLUDED.since END,
    last_success_at = COALESCE(EXCLUDED.last_success_at, h.last_success_at),
    last_failure_at = COALESCE(EXCLUDED.last_failure_at, h.last_failure_at),
    last_failure_kind = COALESCE(NULLIF(EXCLUDED.last_failure_kind, ''), h.last_failure_kind),
    last_failure = COALESCE(NULLIF(EXCLUDED.last_failure, ''), h.last_failure),
    closed_until = EXCLUDED.closed_until,
    open_until = EXCLUDED.open_until,
    day = EXCLUDED.day,
    calls = EXCLUDED.calls + CASE WHEN %(is_total)s OR h.day <> EXCLUDED.day THEN 0 ELSE h.calls END,
    failures = EXCLUDED.failures + CASE WHEN %(is_total)s OR h.day <> EXCLUDED.day THEN 0 ELSE h.failures END,
    refused = EXCLUDED.refused + CASE WHEN %(is_total)s OR h.day <> EXCLUDED.day THEN 0 ELSE h.refused END,
    latency_ms = COALESCE(EXCLUDED.latency_ms, h.latency_ms),
    updated_at = EXCLUDED.updated_at
"""


class _Memory:
    """What this process wrote last of a provider, and what it has counted since, for when Valkey cannot count."""

    def __init__(self) -> None:
        self.state = ""
        self.at = float("-inf")
        self.calls = self.failures = self.refused = 0


_memories: dict[str, _Memory] = {}
_lock = Lock()


def forget() -> None:
    """Begin anew, as in a new process."""
    with _lock:
        _memories.clear()


def row_of(provider: str) -> ProviderHealth | None:
    """What is on record of a provider."""
    return ProviderHealth.objects.filter(provider=provider).first()


def known(row: ProviderHealth | None, now: datetime) -> Known:
    """What a new bucket and breaker start from."""
    if row is None:
        return Known()
    return Known(
        rests_for=_seconds(row.closed_until, now),
        open_for=_seconds(row.open_until, now),
        calls_today=row.calls if row.day == now.date() else 0,
        was_asked_just_now=max(filter(None, (row.last_success_at, row.last_failure_at)), default=None)
        is not None
        and now - row.updated_at < _JUST_NOW,
    )


def state_of(standing: Standing, *, failed: bool) -> ProviderState:
    """A provider's state in one word."""
    if standing.rests_for > 0:
        return ProviderState.RESTING
    if standing.open_for > 0:
        return ProviderState.OPEN
    return ProviderState.FAILING if failed else ProviderState.OK


def tally(provider: str, *, calls: int = 0, failures: int = 0, refused: int = 0) -> None:
    """Count in this process what could not be counted together."""
    with _lock:
        memory = _memories.setdefault(provider, _Memory())
        memory.calls += calls
        memory.failures += failures
        memory.refused += refused


def is_due(provider: str, state: str) -> bool:
    """Whether a provider's row should be written now."""
    with _lock:
        memory = _memories.setdefault(provider, _Memory())
        return memory.state != state or time.monotonic() - memory.at >= EVERY_SECONDS


def write(
    provider: str,
    standing: Standing,
    *,
    now: datetime,
    numbers: DayNumbers | None,
    failure_kind: str = "",
    failure: str = "",
) -> None:
    """Write a provider's row. `numbers` are those of all processes, None when they could not be read."""
    failed = bool(failure_kind)
    state = state_of(standing, failed=failed)
    with _lock:
        memory = _memories.setdefault(provider, _Memory())
        mine = DayNumbers(calls=memory.calls, failures=memory.failures, refused=memory.refused)
        if memory.state and memory.state != state:
            log.warning(
                "provider_state", provider=provider, state=state.value, was=memory.state, error=failure
            )
        memory.state, memory.at = state.value, time.monotonic()
        memory.calls = memory.failures = memory.refused = 0
    told = mine if numbers is None else numbers
    with connection.cursor() as cursor:
        cursor.execute(
            _UPSERT,
            {
                "provider": provider,
                "state": state.value,
                "now": now,
                "success_at": None if failed else now,
                "failure_at": now if failed else None,
                "kind": failure_kind,
                "text": failure[:_LONGEST_TEXT],
                "closed_until": _instant(standing.rests_for, now),
                "open_until": _instant(standing.open_for, now),
                "day": now.date(),
                "calls": told.calls,
                "failures": min(told.failures, told.calls),
                "refused": told.refused,
                "latency": told.mean_ms,
                "is_total": numbers is not None,
            },
        )


def _seconds(until: datetime | None, now: datetime) -> float:
    return max(0.0, (until - now).total_seconds()) if until else 0.0


def _instant(seconds: float, now: datetime) -> datetime | None:
    return now + timedelta(seconds=seconds) if seconds > 0 else None
