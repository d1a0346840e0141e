"""Market data, pure: when is a quote too old to be shown without a word."""

from __future__ import annotations

from datetime import datetime, timedelta

#: A source that ticks is missed after this long while its market is open.
OPEN_LIMIT = timedelta(minutes=20)
#: While the market is closed the last quote stands over a long weekend.
CLOSED_LIMIT = timedelta(days=5)
#: The simulated market ticks every few seconds.
SIMULATED_LIMIT = timedelta(minutes=2)
#: What is kept by hand is looked at now and then.
MANUAL_LIMIT = timedelta(days=35)

#: How long a cached quote is believed while nobody has replaced it: as long as it would mean little to be behind.
CACHED_OPEN = timedelta(seconds=30)
CACHED_CLOSED = timedelta(minutes=10)
#: From this age on somebody who looks at a quote has it refreshed, while he is shown the old one.
REVALIDATE_OPEN = timedelta(minutes=1)
REVALIDATE_CLOSED = timedelta(hours=6)


def cache_seconds(*, is_open: bool) -> float:
    """Return how long a cached quote may be shown without a look at the database, by the hours of its market."""
    return (CACHED_OPEN if is_open else CACHED_CLOSED).total_seconds()


def wants_refresh(*, quoted_at: datetime, now: datetime, is_open: bool) -> bool:
    """Say whether a quote that somebody looks at should be refreshed at once rather than in its turn."""
    return now - quoted_at > (REVALIDATE_OPEN if is_open else REVALIDATE_CLOSED)


def quote_is_stale(
    *,
    quoted_at: datetime,
    now: datetime,
    is_open: bool,
    is_simulated: bool = False,
    is_still: bool = False,
    by_hand: bool = False,
) -> bool:
    """Say whether a quote is older than its source should let it become.

    `is_still`: nothing is meant to move it (held by hand, or the simulated market is stopped): never stale.
    `by_hand`: kept by a person, weeks between entries are normal.
    """
    if is_still:
        return False
    age = now - quoted_at
    if by_hand:
        return age > MANUAL_LIMIT
    if not is_open:
        return age > CLOSED_LIMIT
    return age > (SIMULATED_LIMIT if is_simulated else OPEN_LIMIT)
