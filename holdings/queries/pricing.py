"""What holdings are worth now: the latest price of each thing with its age and source, and today's exchange rates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from django.db import connection

from holdings.queries.rates import rates_since
from marketdata.queries import cached_quotes, closes_on

ONE = Decimal(1)
#: A close stands over a long weekend; what is older says so.
CLOSE_LASTS_DAYS = 4

# The newest trade of each thing: what stands in where nobody quotes it.
_LAST_TRADES = """
SELECT DISTINCT ON (t.instrument_id) t.instrument_id, t.occurred_date, t.price, t.amount, t.cost, t.quantity,
       t.currency, t.instrument_rate
FROM holdings_transaction t
WHERE t.portfolio_id = ANY(%s::bigint[]) AND t.instrument_id = ANY(%s::bigint[])
  AND t.quantity > 0 AND t.type IN ('buy', 'sell', 'delivery_in', 'delivery_out', 'dividend', 'distribution',
                                    'interest', 'staking')
  AND t.to_instrument_id IS NULL AND t.occurred_date <= %s::date
  AND NOT EXISTS (SELECT 1 FROM holdings_transactionvoid v WHERE v.transaction_id = t.id)
ORDER BY t.instrument_id, t.occurred_at DESC, t.sequence DESC
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceNow:
    """The price that applies now, in the instrument's currency.

    `day` is the day it was made; `at` the instant, where the source says. `origin`: `quote`, `close` or `trade` (the
    portfolio's own latest trade, where there is no other price).
    """

    instrument_id: int
    price: Decimal
    day: date
    at: datetime | None
    source: str
    origin: str
    is_simulated: bool
    is_stale: bool
    previous_close: Decimal | None


def prices_now(
    ids: Iterable[int], *, portfolio_ids: Iterable[int], units: Mapping[int, Decimal], now: datetime
) -> dict[int, PriceNow]:
    """The latest price by instrument: the newest of quote and close, else the latest trade in these portfolios.

    `units` is what one unit of quantity and price is worth (multiplier, percent). None while every quote is of today and
    cached: no close can be newer. At most three statements.
    """
    wanted = list(ids)
    if not wanted:
        return {}
    today = now.astimezone(UTC).date()
    found: dict[int, PriceNow] = {}
    quotes = cached_quotes(wanted, now=now)
    older = [pk for pk in wanted if pk not in quotes or quotes[pk].quoted_at.astimezone(UTC).date() < today]
    closes = closes_on(older, today) if older else {}
    for pk, quote in quotes.items():
        day = quote.quoted_at.astimezone(UTC).date()
        close = closes.get(pk)
        if close is not None and close.date > day:
            continue
        found[pk] = PriceNow(
            instrument_id=pk,
            price=quote.last,
            day=day,
            at=quote.quoted_at,
            source=quote.source,
            origin="quote",
            is_simulated=quote.is_simulated,
            is_stale=quote.is_stale,
            previous_close=quote.previous_close,
        )
    for pk, close in closes.items():
        if pk not in found:
            found[pk] = PriceNow(
                instrument_id=pk,
                price=close.price,
                day=close.date,
                at=None,
                source="daily close",
                origin="close",
                is_simulated=close.is_simulated,
                is_stale=(today - close.date).days > CLOSE_LASTS_DAYS,
                previous_close=None,
            )
    missing = [pk for pk in wanted if pk not in found]
    if missing:
        found.update(_trade_prices(missing, list(portfolio_ids), units, today))
    return found


def _trade_prices(
    ids: list[int], portfolio_ids: list[int], units: Mapping[int, Decimal], today: date
) -> dict[int, PriceNow]:
    with connection.cursor() as cursor:
        cursor.execute(_LAST_TRADES, [portfolio_ids, ids, today])
        rows = cursor.fetchall()
    found = {}
    for pk, day, price, amount, cost, quantity, _, rate in rows:
        total = amount if amount is not None else cost
        unit_price = price
        if unit_price is None and total is not None and units.get(pk):
            unit_price = total / (quantity * units[pk])
        if unit_price is None:
            continue
        if rate is not None:
            unit_price *= rate
        found[pk] = PriceNow(
            instrument_id=pk,
            price=unit_price,
            day=day,
            at=None,
            source="your latest trade",
            origin="trade",
            is_simulated=False,
            is_stale=True,
            previous_close=None,
        )
    return found


def rates_now(currencies: Iterable[str], *, base: str, on: date) -> dict[str, Decimal | None]:
    """What one unit of each currency is worth in `base` on a day; None where nobody knows. Mostly one statement."""
    wanted = sorted({code for code in currencies if code != base})
    rates: dict[str, Decimal | None] = {base: ONE}
    if not wanted:
        return rates
    series = rates_since(wanted, base, on, on)
    for code in wanted:
        dated = series.get((code, base))
        rates[code] = dated[max(dated)] if dated else None
    return rates
