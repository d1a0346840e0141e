"""Market data, pure: how often a provider is asked for the price of an instrument."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Final

#: While a market is closed prices do not move; now and then somebody corrects one.
CLOSED_SECONDS: Final = 900.0
#: The last prices of a session are final a while after its end (delayed sources).
SETTLED_AFTER: Final = timedelta(minutes=20)
#: Nothing is asked for more often, whatever else speaks for it.
SHORTEST_SECONDS: Final = 1.0
#: Parts of a quota that polling may use up; the rest is for searching, history and people who press a button.
_SHARE_OF_MINUTE: Final = 0.7
_SHARE_OF_DAY: Final = 0.8
#: After failures an instrument is asked for ever less often, up to this many seconds, by why it failed.
_LONGEST_AFTER: Final = {
    "unavailable": 300.0,
    "limited": 300.0,
    "unknown_symbol": 6 * 3600.0,
    "not_authorised": 6 * 3600.0,
}
_LONGEST_ELSE: Final = 3600.0


def round_seconds(
    *, count: int, per_call: int, per_minute: int | None, per_day: int | None, wanted: float
) -> float:
    """Return how many seconds a round over `count` instruments may take at the least: `wanted`, or what the quota
    leaves."""
    calls = math.ceil(count / max(1, per_call))
    by_minute = calls * 60 / (per_minute * _SHARE_OF_MINUTE) if per_minute else 0.0
    by_day = calls * 86_400 / (per_day * _SHARE_OF_DAY) if per_day else 0.0
    return max(wanted, by_minute, by_day)


def closed_seconds(*, closed_at: datetime | None, now: datetime) -> float:
    """Return how old the last question may be while a market is closed: once after the session's prices are final,
    then rarely."""
    if closed_at is None:
        return CLOSED_SECONDS
    since_settled = (now - closed_at - SETTLED_AFTER).total_seconds()
    if since_settled <= 0:
        # Between the close and the final prices as while it was open, more or less.
        return 120.0
    return max(SHORTEST_SECONDS, min(CLOSED_SECONDS, since_settled))


def after_failures(seconds: float, *, times: int, kind: str) -> float:
    """Return how long to wait with an instrument that has failed `times` times in a row."""
    if times <= 0:
        return seconds
    longest = max(seconds, _LONGEST_AFTER.get(kind, _LONGEST_ELSE))
    return float(min(longest, max(seconds, SHORTEST_SECONDS) * 2 ** min(times, 16)))
