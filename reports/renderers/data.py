"""The print shop: what a renderer is given. Frozen, plain values; money in ``Decimal``, never float."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

FigureKind = Literal["money", "signed_money", "percent", "signed_percent", "text", "count"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Locale:
    """How the reader writes numbers and days.

    ``date_pattern`` is a ``strftime`` pattern made of %d %m %Y %b %B and punctuation only.
    """

    language: str = "en"
    decimal_separator: str = "."
    group_separator: str = ","
    date_pattern: str = "%d %b %Y"
    time_zone: str = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One key figure: ``value`` in base currency for money, a fraction (0.05 = 5 %) for percent, None when unknown."""

    label: str
    value: Decimal | str | None
    kind: FigureKind
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingLine:
    """One position at the report's day. Unsuffixed money is in the instrument's currency, ``…_base`` in the report's.

    ``price`` None: no price is known; the values are then None as well.
    """

    symbol: str
    name: str
    asset_class: str
    currency: str
    quantity: Decimal
    price: Decimal | None
    price_date: date | None
    price_is_simulated: bool
    cost_basis_base: Decimal
    market_value: Decimal | None
    market_value_base: Decimal | None
    unrealised_gain_base: Decimal | None
    weight: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CashLine:
    """One cash balance; ``balance_base`` None when the exchange rate is missing."""

    account: str
    currency: str
    balance: Decimal
    balance_base: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One part of a whole: ``value`` in the report's currency, ``weight`` a fraction of the positive total."""

    label: str
    value: Decimal
    weight: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakdown:
    """One way to divide the portfolio ("by asset class"); slices from the largest to the smallest."""

    title: str
    slices: Sequence[Slice]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesPoint:
    """One day of a value chart."""

    day: date
    value: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportHead:
    """What stands on every report: whose it is, of what, for which time, and how to write numbers.

    ``notices`` are sentences the reader must see (simulated prices, missing prices, stale prices).
    """

    title: str
    portfolio_name: str
    owner_name: str
    currency: str
    period_from: date | None
    period_to: date
    generated_at: datetime
    currency_digits: dict[str, int]
    locale: Locale = field(default_factory=Locale)
    is_simulated: bool = False
    notices: Sequence[str] = ()

    def digits(self, currency: str) -> int:
        """Decimal places in which amounts of ``currency`` are shown."""
        return self.currency_digits.get(currency, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioSummary:
    """The portfolio summary: figures, statement, charts, holdings and cash at the end of ``head.period_to``."""

    head: ReportHead
    figures: Sequence[Figure]
    statement: Sequence[Figure]
    value_series: Sequence[SeriesPoint]
    breakdowns: Sequence[Breakdown]
    holdings: Sequence[HoldingLine]
    cash: Sequence[CashLine]
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionLine:
    """One journal entry. ``cash_effect`` is what it did to the cash balance in ``currency`` (None: no cash moved).

    ``occurred_date`` is the entry's day where the portfolio is; an entry that has only a day is written with that one.
    """

    occurred_at: datetime
    occurred_date: date
    is_date_only: bool
    type: str
    type_label: str
    account: str
    symbol: str
    instrument_name: str
    quantity: Decimal | None
    price: Decimal | None
    amount: Decimal | None
    fees: Decimal
    taxes: Decimal
    currency: str
    cash_effect: Decimal | None
    note: str
    external_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeTotal:
    """Totals of one transaction type in one currency."""

    type_label: str
    currency: str
    count: int
    amount: Decimal
    fees: Decimal
    taxes: Decimal
    cash_effect: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionHistory:
    """All journal entries of a period, oldest first, and their totals by type and currency."""

    head: ReportHead
    figures: Sequence[Figure]
    totals: Sequence[TypeTotal]
    rows: Sequence[TransactionLine]
