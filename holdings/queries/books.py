"""What the derived tables hold of portfolios, in one statement: positions by instrument, cash, debts and totals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import connection

from holdings.queries.derived import POSITION_FIELDS, TOTAL_FIELDS
from marketdata.models import Instrument

_ZERO = Decimal(0)
_POSITION, _CASH, _DEBT, _TOTALS = range(4)


def _nothing(names: Sequence[str]) -> str:
    return ", ".join("NULL::numeric" for _ in names)


# Rows of four kinds under one another: kind, portfolio, instrument or account, words, figures. A pair of figures that one
# kind has and another lacks is NULL there.
_BOOKS = f"""
SELECT {_POSITION} AS kind, p.portfolio_id, p.instrument_id AS ref, i.currency, i.symbol, i.name, i.asset_class, i.sector,
       i.country, i.quote_unit, i.multiplier, {", ".join(f"sum(p.{name})" for name in POSITION_FIELDS)}
FROM holdings_position p JOIN marketdata_instrument i ON i.id = p.instrument_id
WHERE p.portfolio_id = ANY(%(ids)s::bigint[])
GROUP BY p.portfolio_id, p.instrument_id, i.id
UNION ALL
SELECT {_CASH}, c.portfolio_id, c.account_id, c.currency, a.name, '', '', '', '', '', c.balance, {_nothing(POSITION_FIELDS)}
FROM holdings_cashbalance c JOIN holdings_account a ON a.id = c.account_id WHERE c.portfolio_id = ANY(%(ids)s::bigint[])
UNION ALL
SELECT {_DEBT}, l.portfolio_id, 0, l.currency, '', '', '', '', '', '', l.amount, {_nothing(POSITION_FIELDS)}
FROM holdings_liability l WHERE l.portfolio_id = ANY(%(ids)s::bigint[]) AND l.amount <> 0
UNION ALL
SELECT {_TOTALS}, s.portfolio_id, 0, '', '', '', '', '', '', '', NULL::numeric,
       {", ".join(f"s.{name}" for name in TOTAL_FIELDS)}, {_nothing(POSITION_FIELDS[len(TOTAL_FIELDS) :])}
FROM holdings_ledgerstate s WHERE s.portfolio_id = ANY(%(ids)s::bigint[])
ORDER BY 1, 2, 3, 4
"""  # noqa: S608 - nothing in it comes from outside


@dataclass(frozen=True, slots=True)
class Thing:
    """What valuing needs to know of an instrument. `unit`: money per unit of quantity and price."""

    pk: int
    symbol: str
    name: str
    asset_class: str
    sector: str
    country: str
    currency: str
    unit: Decimal


@dataclass(frozen=True, slots=True)
class PositionSums:
    """The figures of an instrument over all accounts, by `POSITION_FIELDS`."""

    thing: Thing
    figures: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class CashOf:
    """Cash of one account in one currency."""

    account_id: int
    account: str
    currency: str
    balance: Decimal


@dataclass(frozen=True, slots=True)
class Debt:
    """What is owed in one currency."""

    currency: str
    amount: Decimal


@dataclass(slots=True)
class Book:
    """A portfolio's books as they stand. `totals` by `TOTAL_FIELDS`, in its base currency."""

    positions: list[PositionSums] = field(default_factory=list)
    cash: list[CashOf] = field(default_factory=list)
    liabilities: list[Debt] = field(default_factory=list)
    totals: dict[str, Decimal] = field(default_factory=lambda: dict.fromkeys(TOTAL_FIELDS, _ZERO))


def books_of(portfolio_ids: Sequence[int]) -> dict[int, Book]:
    """Return the books of portfolios by id; an empty one where nothing was ever posted. One statement, so that what it
    finds belongs together while somebody posts."""
    found = {pk: Book() for pk in portfolio_ids}
    if not found:
        return found
    with connection.cursor() as cursor:
        cursor.execute(_BOOKS, {"ids": list(found)})
        rows = cursor.fetchall()
    things: dict[int, Thing] = {}
    for (
        kind,
        portfolio_id,
        ref,
        currency,
        symbol,
        name,
        asset_class,
        sector,
        country,
        quoted,
        amount,
        *sums,
    ) in rows:
        book = found[portfolio_id]
        if kind == _POSITION:
            if ref not in things:
                unit = _unit(amount, quoted)
                things[ref] = Thing(ref, symbol, name, asset_class, sector, country, currency, unit)
            book.positions.append(PositionSums(things[ref], dict(zip(POSITION_FIELDS, sums, strict=True))))
        elif kind == _CASH:
            book.cash.append(CashOf(ref, symbol, currency, amount))
        elif kind == _DEBT:
            book.liabilities.append(Debt(currency, amount))
        else:
            book.totals = _totals(sums)
    return found


def unit_of(instrument: Instrument) -> Decimal:
    """Money per unit of quantity and price: the multiplier, divided by 100 where prices are percent of nominal."""
    return _unit(instrument.multiplier, instrument.quote_unit)


def _unit(multiplier: Decimal, quote_unit: str) -> Decimal:
    return multiplier.scaleb(-2) if quote_unit == "percent" else multiplier


def _totals(sums: list[Any]) -> dict[str, Decimal]:
    return dict(zip(TOTAL_FIELDS, sums, strict=False))
