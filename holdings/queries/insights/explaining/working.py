"""What an explanation is made of: what was asked for, and the rows, tables and facts that answer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

from holdings.domain.definitions import Definition
from holdings.domain.numbers import exact
from holdings.domain.ranges import Period
from holdings.domain.types import ZERO, CostMethod
from holdings.queries.insights.benchmarks import Benchmark
from marketdata.models import Instrument

MOST_ROWS = 400
#: (heading, kind of its cells): day, money, percent, number, quantity, price, text.
Column = tuple[str, str]
NOTHING: Mapping[str, Any] = MappingProxyType({})


class SubjectUnknown(LookupError):
    """What the address narrows a figure to is not in the books."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a figure is narrowed to. Each explanation reads what concerns it.

    `by` and `part` name a part of the portfolio; `account` and `held` (a currency) cash; `entry` and `number` a closed
    parcel; `lot` an open one; `year` and `term` a tax year's sum; `other` the second of two things.
    """

    period: Period | None = None
    instrument: Instrument | None = None
    other: Instrument | None = None
    benchmark: Benchmark | None = None
    by: str = ""
    part: str | None = None
    account: int | None = None
    held: str = ""
    method: CostMethod | None = None
    lot: int | None = None
    entry: int | None = None
    number: int = 0
    year: str = ""
    term: str = ""
    is_ranged: bool = False


class Fact(NamedTuple):
    """A number between the rows and the figure. `figure` with `of` is where it is explained itself."""

    label: str
    kind: str
    value: Any
    figure: str = ""
    of: Mapping[str, Any] = NOTHING
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells with the kind of each column; `facts` are the numbers between the rows and the figure."""

    columns: tuple[Column, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyRow:
    """One line of a sum. `amount` is in the currency of the explanation; the rest says where it comes from."""

    label: str
    amount: Decimal
    day: date | None = None
    transaction_id: int | None = None
    instrument_id: int | None = None
    quantity: Decimal | None = None
    price: Decimal | None = None
    price_day: date | None = None
    currency: str = ""
    rate: Decimal | None = None
    rate_pairs: tuple[str, ...] = ()
    portfolio_id: int | None = None
    figure: str = ""
    of: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """How a figure came about: `money` rows that add up to `total`, or a `table` and facts that lead to `value`.

    `unit` is that of the value (percent, number, money, price, quantity); `currency` is the lens's where it is empty.
    `left_out` rows are not shown; the total counts them. `note` says what time it is about, where there is no period.
    """

    total: Decimal | None = None
    value: Decimal | float | None = None
    unit: str = "percent"
    currency: str = ""
    money: tuple[MoneyRow, ...] = ()
    table: Table = field(default_factory=Table)
    subject: str = ""
    note: str = ""
    period: Period | None = None
    left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained(Working):
    """A figure with its definition and how it came about."""

    figure: str
    definition: Definition


def as_explained(figure: str, definition: Definition, working: Working, currency: str) -> Explained:
    """A working with the name of its figure, in the currency given where it names none."""
    content = {name.name: getattr(working, name.name) for name in fields(Working)}
    return Explained(
        figure=figure, definition=definition, **{**content, "currency": working.currency or currency}
    )


def summed(rows: Iterable[MoneyRow], **fields: Any) -> Working:
    """The working of a sum of rows."""
    found = tuple(rows)
    with exact():
        total = sum((row.amount for row in found), ZERO)
    return Working(total=total, money=found[:MOST_ROWS], left_out=max(0, len(found) - MOST_ROWS), **fields)


def computed(value: Decimal | float | None, *facts: Fact, unit: str = "percent", **fields: Any) -> Working:
    """The working of a value that follows from a few facts."""
    return Working(value=value, unit=unit, table=Table(facts=facts), **fields)


def fraction(value: float | None) -> Decimal | None:
    """A ratio of the analytics (a float there, by nature) as a Decimal for display."""
    return None if value is None or not math.isfinite(value) else Decimal(repr(round(value, 10)))
