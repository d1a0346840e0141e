"""Splits and dividends that became known, against the books: how much was held, and whether they are booked already.

Pure: no Django, no clock. `entitlements` replays the entries of one instrument and says what was held when an action took
effect; `matching` finds the entry that is the same thing, booked by hand or by an import.
"""

from holdings.domain.proposals.entitlements import Action, Held, after_split, held_at, moment_of_split
from holdings.domain.proposals.matching import Known, Matched, match_dividends, match_splits

__all__ = [
    "Action",
    "Held",
    "Known",
    "Matched",
    "after_split",
    "held_at",
    "match_dividends",
    "match_splits",
    "moment_of_split",
]
