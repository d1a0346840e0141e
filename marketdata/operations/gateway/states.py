"""Market data operations: what is known of a provider before it is asked, and what follows from how it answered.

Two keepers of the same rules: `shared` (Valkey, a script for each step so that processes cannot come between) and
`local` (this process, while Valkey is away).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from marketdata.operations.gateway.refusals import Reason

#: So many failures in a row open the breaker.
FAILURES_TO_OPEN: Final = 4
#: How long it stays open at first; twice as long after each probe that fails, up to the longest.
FIRST_OPEN_SECONDS: Final = 15.0
LONGEST_OPEN_SECONDS: Final = 600.0
#: A provider that says 429 without Retry-After is left alone so long, and twice as long each time it says it again.
FIRST_REST_SECONDS: Final = 10.0
LONGEST_REST_SECONDS: Final = 900.0
#: What a provider may ask for at most; more is a mistake of its own.
LONGEST_RETRY_AFTER: Final = 86_400.0
#: A probe that has not come back by then is given up, and the next one may go.
PROBE_SECONDS: Final = 60.0


class Outcome(StrEnum):
    """How a call ended, as far as the provider as a whole goes."""

    ANSWERED = "answered"
    FAILED = "failed"
    LIMITED = "limited"


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Whether a call may go out. `reason` is None when it may; else it may be tried in `retry_in` seconds."""

    reason: Reason | None = None
    retry_in: float = 0.0
    is_probe: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a provider stands after a call. Seconds from now; 0: not."""

    rests_for: float = 0.0
    open_for: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What outlives Valkey: what a new bucket and breaker start from. Seconds from now; 0: not."""

    rests_for: float = 0.0
    open_for: float = 0.0
    calls_today: int = 0
    was_asked_just_now: bool = False


def rest_seconds(retry_after: float | None, times: int) -> float:
    """How long to leave a provider alone that has said 429 `times` times in a row."""
    if retry_after is not None and retry_after >= 0:
        return min(retry_after, LONGEST_RETRY_AFTER)
    return float(min(LONGEST_REST_SECONDS, FIRST_REST_SECONDS * 2 ** (min(times, 20) - 1)))


def open_seconds(times: int) -> float:
    """How long the breaker stays open that has opened `times` times in a row."""
    return float(min(LONGEST_OPEN_SECONDS, FIRST_OPEN_SECONDS * 2 ** (min(times, 20) - 1)))
