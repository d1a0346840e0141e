"""Market data, pure: what a price must be before it is stored."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

#: Clocks differ a little; more than this ahead of ours is a mistake.
CLOCK_TOLERANCE = timedelta(minutes=1)
#: More than any share, coin or index costs; what numeric(28,12) can hold is larger still.
PRICE_LIMIT = Decimal(10) ** 12
#: What numeric(28,12) can hold.
AMOUNT_LIMIT = Decimal(10) ** 16


def fault_in_quote(
    *, last: Decimal, bid: Decimal | None, ask: Decimal | None, quoted_at: datetime, now: datetime
) -> str | None:
    """Say in a few words why a quote cannot be taken, or None when it can."""
    for name, value in (("last price", last), ("bid", bid), ("ask", ask)):
        if value is None:
            continue
        if not value.is_finite():
            return f"the {name} is not a number"
        if value <= 0:
            return f"the {name} is not positive"
        if value >= PRICE_LIMIT:
            return f"the {name} is absurdly high"
    if bid is not None and ask is not None and bid > ask:
        return "the bid is above the ask"
    if quoted_at > now + CLOCK_TOLERANCE:
        return "its time is in the future"
    return None


def fault_in_volume(volume: Decimal | None) -> str | None:
    """Say why a volume cannot be taken, or None when it can (or is not told)."""
    return _fault_in_amount("volume", volume)


def fault_in_sizes(*, bid_size: Decimal | None, ask_size: Decimal | None) -> str | None:
    """Say why the units on offer cannot be taken, or None when they can (or are not told)."""
    return _fault_in_amount("bid size", bid_size) or _fault_in_amount("ask size", ask_size)


def _fault_in_amount(name: str, value: Decimal | None) -> str | None:
    if value is None:
        return None
    if not value.is_finite():
        return f"the {name} is not a number"
    if value < 0:
        return f"the {name} is negative"
    return f"the {name} is absurdly high" if value >= AMOUNT_LIMIT else None
