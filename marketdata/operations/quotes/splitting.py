"""Market data operations: a stored quote is carried past a split, as a recorded close is: its price is divided by the ratio.

Otherwise the price of the evening before would meet the units of the day, until the source tells a new one.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from functools import partial

from django.db import connection, transaction

from marketdata.queries.quotes import forget

_CARRY = """
UPDATE marketdata_quote SET
    bid = round(bid * %(old)s / %(new)s, 12), ask = round(ask * %(old)s / %(new)s, 12),
    last = round(last * %(old)s / %(new)s, 12), previous_close = round(previous_close * %(old)s / %(new)s, 12),
    day_low = round(day_low * %(old)s / %(new)s, 12), day_high = round(day_high * %(old)s / %(new)s, 12),
    bid_size = round(bid_size * %(new)s / %(old)s, 12), ask_size = round(ask_size * %(new)s / %(old)s, 12),
    volume = round(volume * %(new)s / %(old)s, 12), quoted_at = %(at)s
WHERE instrument_id = %(instrument)s AND quoted_at < %(at)s
  AND (bid IS NULL OR round(bid * %(old)s / %(new)s, 12) > 0)
"""


def carry_quote_past_split(*, instrument_id: int, ratio: Fraction, effective_at: datetime) -> bool:
    """Divide a quote from before a split by its ``ratio`` (new units for an old one); sizes and volume are multiplied. It is
    of the moment of the split then: what a source still tells from before is older. Once for each split, whoever asks how
    often; returns whether it was now. One statement."""
    values: dict[str, int | Decimal | datetime] = {
        "instrument": instrument_id,
        "new": Decimal(ratio.numerator),
        "old": Decimal(ratio.denominator),
        "at": effective_at,
    }
    with connection.cursor() as cursor:
        cursor.execute(_CARRY, values)
        found = bool(cursor.rowcount)
    if found:
        transaction.on_commit(partial(forget, [instrument_id]))
    return found
