"""Market data operations: how often a provider may be asked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from django.conf import settings

from marketdata.operations.providing import provider_named
from marketdata.providers import registry

#: Made up, or told by people: nobody is asked.
_NOT_ASKED: Final = frozenset({"manual", "simulated"})


@dataclass(frozen=True, slots=True)
class Quota:
    """Calls a minute and calls a UTC day; None where there is no such limit.

    The bucket holds a third of a minute's calls and fills with the other two thirds in a minute, so that in no
    minute, wherever it begins, more than `per_minute` go out (one more where the limit is a single call).
    """

    per_minute: int | None = None
    per_day: int | None = None

    @property
    def capacity(self) -> int:
        """How many calls may follow each other at once; 0: no limit."""
        return math.ceil(self.per_minute / 3) if self.per_minute else 0

    @property
    def refill_per_minute(self) -> int:
        """How many calls come back in a minute."""
        return max(1, self.per_minute - self.capacity) if self.per_minute else 0

    def share(self, parts: int) -> Quota:
        """What one of several processes may take that cannot speak to each other."""
        return Quota(
            per_minute=max(1, self.per_minute // parts) if self.per_minute else None,
            per_day=max(1, self.per_day // parts) if self.per_day else None,
        )


def quota_of(provider_name: str) -> Quota:
    """What the site's settings allow, else what the vendor says it does."""
    if provider_name in settings.PROVIDER_LIMITS:
        per_minute, per_day = settings.PROVIDER_LIMITS[provider_name]
        return Quota(per_minute, per_day)
    limits = provider_named(provider_name).limits
    return Quota(limits.calls_per_minute, limits.calls_per_day)


def limits_by_provider() -> dict[str, tuple[int | None, int | None]]:
    """Return calls a minute and a day of every provider that is asked over a network."""
    names = [
        name for name in registry.names() if name not in _NOT_ASKED and provider_named(name).capabilities
    ]
    quotas = {name: quota_of(name) for name in names}
    return {name: (quota.per_minute, quota.per_day) for name, quota in quotas.items()}
