"""What the ledger keeps (lots, balances) and what one transaction does to it (effects).

Effect rows are named tuples: a journal of 100 000 rows makes half a million of them. Days are ordinals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from holdings.domain.market import Market, MissingRate
from holdings.domain.numbers import EXACT
from holdings.domain.types import (
    ZERO,
    Account,
    CostMethod,
    Direction,
    Instrument,
    Match,
    Notice,
    Term,
    TransactionType,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """The rules and surroundings of one ledger. ``contribute``: a buy without the cash for it makes a contribution."""

    base_currency: str
    market: Market
    instruments: Mapping[str, Instrument]
    accounts: Mapping[str, Account] = field(default_factory=dict)
    method: CostMethod = CostMethod.FIFO
    allow_short: bool = False
    wash_sales: bool = False
    contribute: bool = True
    timezone: str = "UTC"


@dataclass(slots=True, eq=False)
class Lot:
    """An open parcel. A short lot has negative quantity and cost (the sale's proceeds net of fees).

    ``cost`` is in the instrument's currency, ``cost_base`` in base currency at the rate of the opening day; both include fees.
    ``basis_base`` is what a statement measures gains from: the gross cost, or the value at ``from`` once rebased.
    ``order`` ranks lots by age; ``held_since`` differs from ``opened`` where a wash sale carried a holding period over.
    ``fees`` are those of a short sale, shown when it is covered. A pool has the account ``""``.
    ``ref`` is the caller's own (a primary key) and never read here.
    """

    id: str
    instrument: str
    account: str
    opened: date
    held_since: date
    order: int
    quantity: Decimal
    cost: Decimal
    cost_base: Decimal
    basis_base: Decimal
    fees: Decimal = ZERO
    fees_base: Decimal = ZERO
    purchased: bool = True
    washed: bool = False
    unit_cost: Decimal | None = None
    ref: int | None = None


class Realised(NamedTuple):
    """A closed parcel: one row per lot (or per Section 104 match). ``gain`` is before a wash-sale adjustment.

    ``statement_gain`` (base) is proceeds before fees less the lot's ``basis_base``. A wash sale that is found later puts
    another row in the place of this one.
    """

    instrument: str
    account: str
    currency: str
    direction: Direction
    opened: date
    closed: date
    held_since: date
    quantity: Decimal
    proceeds: Decimal
    cost: Decimal
    fees: Decimal
    proceeds_base: Decimal
    cost_base: Decimal
    fees_base: Decimal
    statement_gain: Decimal
    lot: str | None
    transaction: str
    match: Match | None = None
    wash_sale_adjustment: Decimal = ZERO
    wash_sale_adjustment_base: Decimal = ZERO

    @property
    def gain(self) -> Decimal:
        """Proceeds less cost, in the instrument's currency."""
        return EXACT.subtract(self.proceeds, self.cost)

    @property
    def gain_base(self) -> Decimal:
        """Proceeds less cost, each at its own day's rate, in base currency."""
        return EXACT.subtract(self.proceeds_base, self.cost_base)

    @property
    def holding_days(self) -> int:
        """Days held, with what a wash sale carried over; 0 where the purchase came after the sale."""
        return max(0, (self.closed - self.held_since).days)

    @property
    def term(self) -> Term:
        """Long when a long position was closed after the anniversary of its purchase."""
        if self.direction is Direction.LONG and self.closed > anniversary(self.held_since):
            return Term.LONG
        return Term.SHORT


def anniversary(day: date) -> date:
    """The same day one year later; 28 February for a leap day."""
    try:
        return day.replace(year=day.year + 1)
    except ValueError:
        return date(day.year + 1, 2, 28)


class CashMove(NamedTuple):
    """Cash of one account and currency goes up or down; ``base`` at the rate the transaction fixes."""

    ordinal: int
    account: str
    currency: str
    amount: Decimal
    base: Decimal
    transaction: str


class QuantityMove(NamedTuple):
    """A position's quantity changes."""

    ordinal: int
    instrument: str
    account: str
    change: Decimal


class Flow(NamedTuple):
    """An external flow in base currency: positive comes in, negative goes out.

    ``kind`` is its transaction type, or ``missing_cash``.
    """

    ordinal: int
    kind: str
    amount: Decimal
    account: str
    transaction: str


class Income(NamedTuple):
    """A dividend or interest (negative for an interest charge), gross; ``amount`` in the currency named."""

    ordinal: int
    kind: str
    instrument: str | None
    account: str
    currency: str
    amount: Decimal
    base: Decimal
    transaction: str


class Charge(NamedTuple):
    """A fee or tax (negative for a refund); ``amount`` in the currency named (the instrument's, where there is one)."""

    ordinal: int
    kind: str
    instrument: str | None
    account: str
    currency: str
    amount: Decimal
    base: Decimal
    transaction: str


class PositionFlow(NamedTuple):
    """Money that goes into a position (positive) or comes out of it (negative).

    ``amount`` and ``base`` are net of fees and before taxes, as a position's IRR wants them; ``gross_base`` is what the
    statement's gains are measured by: securities alone, before fees, without income.
    """

    ordinal: int
    instrument: str
    account: str
    amount: Decimal
    base: Decimal
    gross_base: Decimal
    transaction: str


class PoolEvent(NamedTuple):
    """A purchase (positive) or disposal (negative) as Section 104 matching sees it."""

    ordinal: int
    order: int
    instrument: str
    account: str
    quantity: Decimal
    transaction: str


@dataclass(slots=True)
class Effects:
    """Everything a transaction (or a whole replay) did, in order.

    ``touched`` holds the lots opened, changed or closed (quantity 0) by single ``apply`` calls; a replay does not fill it.
    ``replay`` names instruments whose earlier realised rows this transaction may change (Section 104, wash sales).
    """

    cash: list[CashMove] = field(default_factory=list)
    quantities: list[QuantityMove] = field(default_factory=list)
    flows: list[Flow] = field(default_factory=list)
    incomes: list[Income] = field(default_factory=list)
    charges: list[Charge] = field(default_factory=list)
    positions: list[PositionFlow] = field(default_factory=list)
    realised: list[Realised] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    pool_events: list[PoolEvent] = field(default_factory=list)
    touched: list[Lot] = field(default_factory=list)
    replay: set[str] = field(default_factory=set)


@dataclass(slots=True, kw_only=True)
class Books:
    """The state of a ledger, or the part of it that the next transactions need.

    ``lots``: open lots (with a pooled method: short lots only). ``pools``: instrument -> its pool, and ``held``: (instrument,
    account) -> long quantity, both for pooled methods. ``cash``: (account, currency) -> balance.
    ``liabilities``: currency -> debt.
    ``order``: the highest ``Lot.order`` given so far, so that new lots sort after all old ones. ``watch``: instruments bought or
    sold in the last 30 days, whose matching a further trade may change (Section 104 and wash sales only).
    """

    lots: list[Lot] = field(default_factory=list)
    pools: dict[str, Lot] = field(default_factory=dict)
    held: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    cash: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    liabilities: dict[str, Decimal] = field(default_factory=dict)
    order: int = 0
    watch: set[str] = field(default_factory=set)


class LedgerError(ValueError):
    """A transaction that the books cannot take: ``field`` of the transaction and the reason. Nothing was changed."""

    def __init__(self, field_name: str, message: str) -> None:
        super().__init__(message)
        self.field = field_name
        self.message = message

    @classmethod
    def of(cls, missing: MissingRate) -> LedgerError:
        """A transaction whose exchange rate nobody knows."""
        return cls("currency", str(missing))


INCOME_KIND = {
    TransactionType.DIVIDEND: "dividend",
    TransactionType.DISTRIBUTION: "dividend",
    TransactionType.INTEREST: "interest",
    TransactionType.STAKING: "interest",
}
