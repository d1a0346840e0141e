"""The totals of the short list of assets, in two statements: what is held comes with its quote, the rates with the other.

The figures are those of `valuing.snapshot`, worked out from the same rows without making the rows of a page. Nothing is kept
between two questions, so nothing can be stale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection

from holdings.domain.numbers import exact
from holdings.models import PortfolioKind, Sight
from holdings.queries.pricing import CLOSE_LASTS_DAYS, rates_now
from holdings.queries.valuing import weight_of
from marketdata.queries import FACT_COLUMNS, closes_on, facts_of, stale_ones

_ZERO: Final = Decimal(0)
_HEAD, _HELD, _CASH, _DEBT = range(4)
#: Where the columns of the quote begin.
_QUOTE: Final = 8
_NO_QUOTE: Final = "NULL::numeric, NULL::bigint, NULL, NULL::boolean, NULL::boolean, NULL, NULL, NULL"

_MAIN: Final = f"owner_id = %(owner)s::bigint AND kind = '{PortfolioKind.TRACKED}' AND archived_at IS NULL"
_ONE: Final = "id = %(portfolio)s::bigint AND (%(all)s::boolean OR owner_id = %(owner)s::bigint)"

# Rows of four kinds under one another: the portfolio, what is held with its quote, cash, debts.
_TOTALS: Final = """
WITH chosen AS (
    SELECT id, name, base_currency, time_zone FROM holdings_portfolio WHERE {which} ORDER BY id LIMIT 1
), held AS (
    SELECT p.instrument_id, sum(p.quantity) AS quantity, sum(p.cost_basis_base) AS cost
    FROM holdings_position p WHERE p.portfolio_id = (SELECT id FROM chosen)
    GROUP BY p.instrument_id HAVING sum(p.quantity) <> 0
)
SELECT {head} AS row, c.id AS ref, c.base_currency AS currency, c.name AS word, c.time_zone AS kind, NULL::numeric,
       NULL::numeric, NULL::numeric, {no_quote}
FROM chosen c
UNION ALL
SELECT {held}, h.instrument_id, i.currency, i.symbol, i.asset_class, h.quantity, h.cost,
       CASE WHEN i.quote_unit = 'percent' THEN i.multiplier * 0.01 ELSE i.multiplier END,
       {quote}
FROM held h JOIN marketdata_instrument i ON i.id = h.instrument_id
LEFT JOIN marketdata_quote q ON q.instrument_id = h.instrument_id
UNION ALL
SELECT {cash}, account_id, currency, '', '', balance, NULL::numeric, NULL::numeric, {no_quote}
FROM holdings_cashbalance WHERE portfolio_id = (SELECT id FROM chosen)
UNION ALL
SELECT {debt}, 0, currency, '', '', amount, NULL::numeric, NULL::numeric, {no_quote}
FROM holdings_liability WHERE portfolio_id = (SELECT id FROM chosen) AND amount <> 0
ORDER BY 1, 2, 3
"""
_PARTS: Final = {
    "head": _HEAD, "held": _HELD, "cash": _CASH, "debt": _DEBT, "no_quote": _NO_QUOTE,
    "quote": FACT_COLUMNS,
}  # fmt: skip
_TOTALS_OF_MAIN: Final = _TOTALS.format(which=_MAIN, **_PARTS)
_TOTALS_OF_ONE: Final = _TOTALS.format(which=_ONE, **_PARTS)


class HeldAsset(NamedTuple):
    """What is held of one instrument, in the portfolio's currency; None where a price or a rate is missing."""

    asset_class: str
    market_value_base: Decimal | None
    cost_basis_base: Decimal
    weight: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """A portfolio as it is now: its assets, and the sums as `Snapshot` has them."""

    portfolio_id: int
    name: str
    base_currency: str
    assets: list[HeldAsset]
    market_value: Decimal | None
    cash_value: Decimal | None
    liabilities_value: Decimal | None
    missing: tuple[str, ...]
    has_simulated_prices: bool
    has_stale_prices: bool

    @property
    def net_worth(self) -> Decimal | None:
        """Market value and cash, less liabilities; rounded as `Snapshot` rounds it."""
        if self.market_value is None or self.cash_value is None or self.liabilities_value is None:
            return None
        return self.market_value + self.cash_value - self.liabilities_value


class Unpriced(Exception):
    """Something that is held has neither quote nor close, or a price that is made when it is read: ask `snapshot`."""


def totals_of(sight: Sight, portfolio_id: int | None, *, now: datetime) -> Totals | None:
    """The totals of the portfolio, or of the owner's oldest tracked one; None where this person sees none such.

    Raises `Unpriced`. Two statements; a third where a quote is not of today, as a close may be newer then.
    """
    values = {"owner": sight.owner_id, "all": sight.everybody, "portfolio": portfolio_id}
    with connection.cursor() as cursor:
        cursor.execute(_TOTALS_OF_MAIN if portfolio_id is None else _TOTALS_OF_ONE, values)
        rows = cursor.fetchall()
    if not rows:
        return None
    _, pk, base, name, zone, *_ = rows[0]
    codes = {row[2] for row in rows}
    rates = rates_now(codes, base=base, on=now.astimezone(ZoneInfo(zone)).date())
    with exact():
        return _Adder(base, rates, now).totals(pk, name, rows[1:])


class _Adder:
    def __init__(self, base: str, rates: Mapping[str, Decimal | None], now: datetime) -> None:
        self.base, self.rates, self.now = base, rates, now
        self.today = now.astimezone(UTC).date()
        self.morning = datetime.combine(self.today, time(0), tzinfo=UTC)
        self.missing: dict[str, None] = {}

    def totals(self, pk: int, name: str, rows: Sequence[Sequence[Any]]) -> Totals:
        held = [row for row in rows if row[0] == _HELD]
        quotes = {row[1]: quote for row in held if (quote := facts_of(row[1], row[_QUOTE:])) is not None}
        stale = stale_ones(quotes.values(), now=self.now)
        if stale is None:
            raise Unpriced
        older = [row[1] for row in held if row[1] not in quotes or quotes[row[1]].quoted_at < self.morning]
        closes = closes_on(older, self.today) if older else {}
        values: list[Decimal | None] = []
        is_simulated = is_stale = False
        for _, ref, currency, _, _, quantity, _, unit, *_ in held:
            quote, close = quotes.get(ref), closes.get(ref)
            if quote is not None and (close is None or close.date <= quote.quoted_at.date()):
                price, simulated, old = quote.last, quote.is_simulated, ref in stale
            elif close is not None:
                price, simulated = close.price, close.is_simulated
                old = (self.today - close.date).days > CLOSE_LASTS_DAYS
            else:
                raise Unpriced
            is_simulated, is_stale = is_simulated or simulated, is_stale or old
            values.append(self._in_base(quantity * price * unit, currency))
        market_value = _sum(values)
        cash_value = _sum([self._in_base(row[5], row[2]) for row in rows if row[0] == _CASH])
        debts = _sum([self._in_base(row[5], row[2]) for row in rows if row[0] == _DEBT])
        total = None if market_value is None or cash_value is None else market_value + cash_value
        return Totals(
            portfolio_id=pk,
            name=name,
            base_currency=self.base,
            assets=[
                HeldAsset(row[4], value, row[6], weight_of(value, total))
                for row, value in zip(held, values, strict=True)
            ],
            market_value=market_value,
            cash_value=cash_value,
            liabilities_value=debts,
            missing=tuple(self.missing),
            has_simulated_prices=is_simulated,
            has_stale_prices=is_stale,
        )

    def _in_base(self, amount: Decimal, currency: str) -> Decimal | None:
        if not amount:
            return _ZERO
        rate = self.rates.get(currency)
        if rate is None:
            self.missing[f"no exchange rate from {currency} to {self.base}"] = None
            return None
        return amount * rate


def _sum(values: Sequence[Decimal | None]) -> Decimal | None:
    total = _ZERO
    for value in values:
        if value is None:
            return None
        total += value
    return total


__all__ = ["HeldAsset", "Totals", "Unpriced", "totals_of"]
