"""Values of the books: what a portfolio is made of, without any behaviour beyond naming itself.

Everything here is immutable and knows neither Django nor the clock. Money, prices, rates and quantities are ``Decimal``;
identifiers are the strings of the portfolio file (the database side uses ``str(pk)`` or its own public ids).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holdings.domain.series import Series

ZERO = Decimal(0)
ONE = Decimal(1)


class TransactionType(StrEnum):
    """Every kind of journal row. The type gives the sign; amounts themselves are not negative (a liability aside)."""

    BUY = "buy"
    SELL = "sell"
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    DELIVERY_IN = "delivery_in"
    DELIVERY_OUT = "delivery_out"
    TRANSFER = "transfer"
    DIVIDEND = "dividend"
    DISTRIBUTION = "distribution"
    INTEREST = "interest"
    STAKING = "staking"
    INTEREST_CHARGE = "interest_charge"
    FEE = "fee"
    FEE_REFUND = "fee_refund"
    TAX = "tax"
    TAX_REFUND = "tax_refund"
    SPLIT = "split"
    SPIN_OFF = "spin_off"
    MERGER = "merger"
    SYMBOL_CHANGE = "symbol_change"
    RETURN_OF_CAPITAL = "return_of_capital"
    LIABILITY = "liability"

    __hash__ = str.__hash__  # that of the text it equals, and computed once


class CostMethod(StrEnum):
    """Which lots a sale closes. The first three keep lots per account, the last two pool across accounts."""

    FIFO = "fifo"
    LIFO = "lifo"
    HIFO = "hifo"
    AVERAGE = "average"
    SECTION104 = "section104"

    @property
    def pooled(self) -> bool:
        """Whether cost is kept in one pool per instrument for the whole portfolio."""
        return self in (CostMethod.AVERAGE, CostMethod.SECTION104)


class AccountKind(StrEnum):
    """Whether an account is for cash or for securities (and the cash beside them)."""

    CASH = "cash"
    SECURITIES = "securities"


class AssetClass(StrEnum):
    """What kind of thing an instrument is."""

    EQUITY = "equity"
    ETF = "etf"
    FUND = "fund"
    BOND = "bond"
    CRYPTO = "crypto"
    COMMODITY = "commodity"
    REAL_ESTATE = "real_estate"
    PRIVATE = "private"
    CURRENCY = "currency"
    OTHER = "other"


class Direction(StrEnum):
    """Which side a closed parcel was on."""

    LONG = "long"
    SHORT = "short"


class Term(StrEnum):
    """How long a closed parcel was held, as US tax law counts it."""

    LONG = "long"
    SHORT = "short"


class Match(StrEnum):
    """Which Section 104 rule paired a disposal with its cost."""

    SAME_DAY = "same_day"
    THIRTY_DAYS = "30_days"
    POOL = "pool"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A place where securities or cash lie. Cash of a securities account lies in ``cash_account`` where one is named."""

    id: str
    kind: AccountKind
    currency: str
    name: str = ""
    cash_account: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """A thing that can be held. ``quote_percent``: its price is percent of nominal, as for bonds.

    ``unit``: money per unit of quantity and price, the multiplier, divided by 100 where prices are percent.
    """

    id: str
    currency: str
    symbol: str = ""
    name: str = ""
    asset_class: AssetClass = AssetClass.OTHER
    isin: str = ""
    exchange: str = ""
    multiplier: Decimal = ONE
    maturity: date | None = None
    coupon: Decimal | None = None
    quote_percent: bool = False
    sector: str = ""
    country: str = ""
    unit: Decimal = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        unit = self.multiplier.scaleb(-2) if self.quote_percent else self.multiplier
        object.__setattr__(self, "unit", unit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """One row of the journal.

    ``price``, ``amount``, ``fees``, ``taxes``, ``cost`` and the cash leg are in ``currency``. ``account`` holds the position,
    ``cash_account`` the cash that moves (already resolved: never None for a row that moves cash). A corporate action with
    ``account`` None acts on every account. ``at`` is None for a row dated by its day only, which sorts as 00:00.
    ``path`` names the row in messages (``transactions[3]``); ``when`` is the date as written, for the writer.
    """

    id: str
    type: TransactionType
    day: date
    currency: str
    at: datetime | None = None
    account: str | None = None
    to_account: str | None = None
    cash_account: str | None = None
    to_cash_account: str | None = None
    instrument: str | None = None
    to_instrument: str | None = None
    quantity: Decimal | None = None
    price: Decimal | None = None
    amount: Decimal | None = None
    fees: Decimal = ZERO
    taxes: Decimal = ZERO
    fx_rate: Decimal | None = None
    instrument_rate: Decimal | None = None
    ratio: Fraction | None = None
    cost: Decimal | None = None
    lots: tuple[str, ...] = ()
    external_id: str = ""
    note: str = ""
    tags: tuple[str, ...] = ()
    path: str = field(default="", compare=False)
    when: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason for refusal: where (JSON path) and why."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a reader of the figures should know (``warnings`` of the output)."""

    code: str
    message: str
    path: str = ""


class PortfolioError(ValueError):
    """The input is refused; ``problems`` holds every reason found, never just the first."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Portfolio:
    """A whole portfolio file, typed.

    ``transactions`` stand in file order (the ledger sorts). ``prices``, ``fx`` and ``benchmarks`` are step functions of the day:
    unadjusted closes per instrument id, rates per (one unit of, in units of), closes per benchmark id.
    ``as_of`` is the valuation day; ``as_of_at`` the instant, where the file names one. With ``allow_negative_cash`` (a margin
    account) a buy without the cash for it borrows instead of being a contribution.
    """

    name: str
    base_currency: str
    as_of: date
    as_of_at: datetime | None = None
    timezone: str = "UTC"
    cost_basis_method: CostMethod = CostMethod.FIFO
    allow_short: bool = False
    allow_negative_cash: bool = False
    tax_country: str = ""
    risk_free_rate: float = 0.0
    accounts: Mapping[str, Account] = field(default_factory=dict)
    instruments: Mapping[str, Instrument] = field(default_factory=dict)
    transactions: tuple[Transaction, ...] = ()
    prices: Mapping[str, Series] = field(default_factory=dict)
    fx: Mapping[tuple[str, str], Series] = field(default_factory=dict)
    benchmarks: Mapping[str, Series] = field(default_factory=dict)
    notices: tuple[Notice, ...] = field(default=(), compare=False)
