"""Market data, pure: when is a price too far from the last one to be believed at once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from math import isqrt
from typing import Final

#: A price is confirmed by another that differs from it by no more than this part of the limit.
_AGREES: Final = Decimal("0.25")
#: And by this at most where limits are tight.
_AGREES_AT_LEAST: Final = Decimal("0.02")
#: What is compared with a price of long ago may have moved further: with the root of the days, up to this many times.
_LONGEST_DAYS: Final = 400
_DAY: Final = timedelta(days=1)


class Verdict(Enum):
    """What becomes of a price."""

    TAKE = "take"
    CONFIRMED = "confirmed"
    HOLD = "hold"


def limit_of(asset_class: str, limits: Mapping[str, Decimal], *, age: timedelta) -> Decimal:
    """Return how far a price may move, as a fraction, against one that is `age` old.

    A move grows with the square root of time: what would be absurd from one minute to the next is not after a year.
    """
    limit = limits.get(asset_class, limits["default"])
    days = min(age // _DAY, _LONGEST_DAYS)
    if days <= 1:
        return limit
    # The root in hundredths, without leaving exact numbers.
    return limit * isqrt(days * 10_000) / 100


def distance(one: Decimal, other: Decimal) -> Decimal:
    """Return how far two positive prices are apart: 1 for a price that doubled, and for one that halved."""
    return max(one, other) / min(one, other) - 1


def is_within(one: Decimal, other: Decimal, limit: Decimal) -> bool:
    """Whether two positive prices are no further apart than `limit`; cheaper than `distance`."""
    factor = 1 + limit
    return one <= other * factor and other <= one * factor


def judge(
    *,
    price: Decimal,
    quoted_at: datetime,
    source: str,
    known: Decimal,
    limit: Decimal,
    held: Decimal | None = None,
    held_at: datetime | None = None,
    held_source: str = "",
) -> Verdict:
    """Say whether a price is taken, taken because it confirms one that is held, or held.

    A price within `limit` of the known one is taken. One beyond is held, until a price near it comes: from another
    source, or from the same one as of a later instant (its next tick; the same answer again confirms nothing).
    """
    if is_within(price, known, limit):
        return Verdict.TAKE
    if held is None or held_at is None:
        return Verdict.HOLD
    agrees = is_within(price, held, max(limit * _AGREES, _AGREES_AT_LEAST))
    is_another_word = source != held_source or quoted_at > held_at
    return Verdict.CONFIRMED if agrees and is_another_word else Verdict.HOLD
