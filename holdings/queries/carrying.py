"""Prices carried past splits: one from before a split that is booked is divided by its ratio, as the analysis does it.

What stands in the books is in the new units from the day of the split on; the last quote, close or trade may be older.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from math import prod

from django.db import connection

from holdings.domain.numbers import derived, exact
from holdings.queries.journal import ratio_of
from holdings.queries.pricing import PriceNow

#: The splits of an instrument by day; one that is booked for each account is one.
Splits = Mapping[int, Mapping[date, Fraction]]

_SPLITS = """
SELECT t.portfolio_id, t.instrument_id, t.occurred_date, t.ratio
FROM holdings_transaction t
WHERE t.portfolio_id = ANY(%s::bigint[]) AND t.instrument_id = ANY(%s::bigint[]) AND t.type = 'split'
  AND t.occurred_at >= %s AND NOT EXISTS (SELECT 1 FROM holdings_transactionvoid v WHERE v.transaction_id = t.id)
ORDER BY t.occurred_date
"""


def splits_after(portfolio_ids: Collection[int], days: Mapping[int, date]) -> dict[int, Splits]:
    """The splits booked after the days of these instruments' prices, by portfolio and instrument. No statement without
    instruments, else one."""
    if not days or not portfolio_ids:
        return {}
    # A day may begin somewhere before it does in UTC.
    since = datetime.combine(min(days.values()), time(0), UTC) - timedelta(days=1)
    with connection.cursor() as cursor:
        cursor.execute(_SPLITS, [list(portfolio_ids), list(days), since])
        rows = cursor.fetchall()
    found: dict[int, dict[int, dict[date, Fraction]]] = defaultdict(lambda: defaultdict(dict))
    for portfolio_id, pk, day, text in rows:
        ratio = ratio_of(text)
        if ratio is not None and day > days[pk]:
            found[portfolio_id][pk][day] = ratio
    return {portfolio_id: dict(by_thing) for portfolio_id, by_thing in found.items()}


def carried(prices: Mapping[int, PriceNow], splits: Splits) -> Mapping[int, PriceNow]:
    """The prices in the units of now: each divided by the splits since it was made, and of the day of the last of them."""
    if not splits:
        return prices
    found = dict(prices)
    for pk, by_day in splits.items():
        price = found.get(pk)
        if price is None:
            continue
        ratio = prod(by_day.values(), start=Fraction(1))
        before = price.previous_close
        found[pk] = replace(
            price,
            price=_divided(price.price, ratio),
            previous_close=None if before is None else _divided(before, ratio),
            day=max(by_day),
        )
    return found


def _divided(price: Decimal, ratio: Fraction) -> Decimal:
    with exact():
        return derived(price * ratio.denominator, Decimal(ratio.numerator))
