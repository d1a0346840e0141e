"""The totals of the short list of assets, in two statements: what is held comes with its quote, the rates with the other.

The figures are those of `valuing.snapshot`, worked out from the same rows without making the rows of a page. What was worked
out is taken again only where everything that it follows from was just read and is the same, so that nothing can be stale.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from threading import Lock
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection

from holdings.domain.numbers import exact
from holdings.models import PortfolioKind, Sight
from holdings.queries.carrying import splits_after
from holdings.queries.pricing import CLOSE_LASTS_DAYS, rates_now
from holdings.queries.valuing import HoldingRow, weight_of
from marketdata.queries import (
    CRYPTO,
    FACT_COLUMNS,
    STOCK,
    DatedPrice,
    QuoteFacts,
    closes_on,
    facts_of,
    kind_of,
    stale_ones,
)

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

    market_value_base: Decimal | None
    cost_basis_base: Decimal
    weight: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupTotal:
    """The coins of a portfolio, or everything else in it. Money in the portfolio's currency."""

    count: int
    value: Decimal | None
    cost_basis: Decimal
    weight: Decimal | None

    @property
    def gain(self) -> Decimal | None:
        """Value less cost basis."""
        return None if self.value is None else self.value - self.cost_basis


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """A portfolio as it is now: its two groups, and the sums as `Snapshot` has them."""

    portfolio_id: int
    name: str
    base_currency: str
    crypto: GroupTotal
    stocks: GroupTotal
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


def total_of(rows: Iterable[HoldingRow | HeldAsset]) -> GroupTotal:
    """Add up assets."""
    found = list(rows)
    values = [row.market_value_base for row in found]
    weights = [row.weight for row in found]
    return GroupTotal(
        count=len(found),
        value=None if None in values else sum((value for value in values if value is not None), _ZERO),
        cost_basis=sum((row.cost_basis_base for row in found), _ZERO),
        weight=None if None in weights or not found else sum((w for w in weights if w is not None), _ZERO),
    )


class Unpriced(Exception):
    """Something that is held has neither quote nor close, or a price that is made when it is read or carried past a split: ask
    `snapshot`."""


def totals_of(sight: Sight, portfolio_id: int | None, *, now: datetime) -> Totals | None:
    """The totals of the portfolio, or of the owner's oldest tracked one; None where this person sees none such.

    Raises `Unpriced`. Two statements; two more where a quote is not of today, as a close may be newer then, or a split.
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
    return _totals(pk, name, rows, rates, now)


def _totals(
    pk: int, name: str, rows: list[tuple[Any, ...]], rates: Mapping[str, Decimal | None], now: datetime
) -> Totals:
    """Take what was worked out of exactly these rows, rates and closes before, or work it out."""
    with _lock:
        known = _kept.get(pk)
    held = [row for row in rows if row[0] == _HELD]
    if known is not None and known.rows == rows:
        quotes = known.quotes
    else:
        quotes = {row[1]: quote for row in held if (quote := facts_of(row[1], row[_QUOTE:])) is not None}
    stale = stale_ones(quotes.values(), now=now)
    if stale is None:
        raise Unpriced
    today = now.astimezone(UTC).date()
    morning = datetime.combine(today, time(0), tzinfo=UTC)
    older = [row[1] for row in held if row[1] not in quotes or quotes[row[1]].quoted_at < morning]
    closes = closes_on(older, today) if older else {}
    if older and splits_after([pk], _days_of(older, quotes, closes)):
        raise Unpriced
    facts = (rates, closes, stale, today)
    if known is not None and known.quotes is quotes and known.facts == facts:
        return known.totals
    made = _Adder(rows[0][2], rates, today).totals(pk, name, rows, _Prices(quotes, closes, stale))
    with _lock:
        _kept[pk] = _Kept(rows, quotes, facts, made)
        _kept.move_to_end(pk)
        while len(_kept) > _MOST_KEPT:
            _kept.popitem(last=False)
    return made


def _days_of(
    ids: Iterable[int], quotes: Mapping[int, QuoteFacts], closes: Mapping[int, DatedPrice]
) -> dict[int, date]:
    """The days of the prices that stand for now."""
    found = {}
    for pk in ids:
        quote, close = quotes.get(pk), closes.get(pk)
        days = [close.date] if close is not None else []
        if quote is not None:
            days.append(quote.quoted_at.astimezone(UTC).date())
        if days:
            found[pk] = max(days)
    return found


class _Kept(NamedTuple):
    """What was worked out last for a portfolio, and everything that it follows from."""

    rows: list[tuple[Any, ...]]
    quotes: dict[int, QuoteFacts]
    facts: tuple[Any, ...]
    totals: Totals


#: A few hundred kilobytes for a portfolio of two hundred positions, so not many.
_MOST_KEPT: Final = 32
_kept: OrderedDict[int, _Kept] = OrderedDict()
_lock = Lock()


class _Prices(NamedTuple):
    quotes: Mapping[int, QuoteFacts]
    closes: Mapping[int, DatedPrice]
    stale: Collection[int]


class _Adder:
    def __init__(self, base: str, rates: Mapping[str, Decimal | None], today: date) -> None:
        self.base, self.rates, self.today = base, rates, today
        self.missing: dict[str, None] = {}

    def totals(self, pk: int, name: str, rows: Sequence[Sequence[Any]], prices: _Prices) -> Totals:
        held = [row for row in rows if row[0] == _HELD]
        values: list[Decimal | None] = []
        is_simulated = is_stale = False
        with exact():
            for _, ref, currency, _, _, quantity, _, unit, *_ in held:
                price, simulated, old = self._price(ref, prices)
                is_simulated, is_stale = is_simulated or simulated, is_stale or old
                values.append(self._in_base(quantity * price * unit, currency))
            market_value = _sum(values)
            cash_value = _sum([self._in_base(row[5], row[2]) for row in rows if row[0] == _CASH])
            debts = _sum([self._in_base(row[5], row[2]) for row in rows if row[0] == _DEBT])
            total = None if market_value is None or cash_value is None else market_value + cash_value
            groups: dict[str, list[HeldAsset]] = {CRYPTO: [], STOCK: []}
            for row, value in zip(held, values, strict=True):
                groups[kind_of(row[4])].append(HeldAsset(value, row[6], weight_of(value, total)))
        return Totals(
            portfolio_id=pk,
            name=name,
            base_currency=self.base,
            crypto=total_of(groups[CRYPTO]),
            stocks=total_of(groups[STOCK]),
            market_value=market_value,
            cash_value=cash_value,
            liabilities_value=debts,
            missing=tuple(self.missing),
            has_simulated_prices=is_simulated,
            has_stale_prices=is_stale,
        )

    def _price(self, ref: int, prices: _Prices) -> tuple[Decimal, bool, bool]:
        """The price of a thing, whether it is simulated, and whether it is old."""
        quote, close = prices.quotes.get(ref), prices.closes.get(ref)
        if quote is not None and (close is None or close.date <= quote.quoted_at.date()):
            return quote.last, quote.is_simulated, ref in prices.stale
        if close is not None:
            return close.price, close.is_simulated, (self.today - close.date).days > CLOSE_LASTS_DAYS
        raise Unpriced

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


__all__ = ["GroupTotal", "HeldAsset", "Totals", "Unpriced", "total_of", "totals_of"]
