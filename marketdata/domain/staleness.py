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
