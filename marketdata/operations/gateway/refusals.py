"""Market data operations: why a provider was not asked."""

from __future__ import annotations

from enum import StrEnum

from marketdata.providers.base import ProviderError


class Reason(StrEnum):
    """What stood between a question and its provider."""

    RESTING = "resting"  # it asked to be left alone (429, Retry-After)
    OPEN = "open"  # it kept failing: the circuit breaker
    MINUTE = "minute"  # this minute's calls are spent
    DAY = "day"  # this day's calls are spent
    BUSY = "busy"  # somebody is asking the same and has not come back yet


_WORDS = {
    Reason.RESTING: "has asked to be left alone",
    Reason.OPEN: "kept failing and is not asked for a while",
    Reason.MINUTE: "has been asked as often as it allows in a minute",
    Reason.DAY: "has been asked as often as it allows in a day",
    Reason.BUSY: "is being asked the same already",
}


class NotAsked(ProviderError):
    """The question was not put, for `reason`; it can be put again in `retry_in` seconds."""

    def __init__(self, provider: str, reason: Reason, retry_in: float) -> None:
        super().__init__(f"{provider} {_WORDS[reason]}")
        self.provider, self.reason, self.retry_in = provider, reason, retry_in

    @property
    def is_momentary(self) -> bool:
        """Whether a little patience is all it takes: nothing is wrong with the provider."""
        return self.reason in (Reason.MINUTE, Reason.BUSY)
