"""The state of a ledger beside its lots: cash, debts, quantities, rates; and the notes it takes of every movement."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from holdings.domain.ledger.parcels import Key, OpenDisposal, Parcel, PlannedMatch
from holdings.domain.ledger.state import (
    Books,
    CashMove,
    Charge,
    Effects,
    Flow,
    Income,
    LedgerError,
    Lot,
    PositionFlow,
    QuantityMove,
    Setup,
)
from holdings.domain.ledger.tally import FEE, IN_BASE, KINDS, TAX, Tally
from holdings.domain.ledger.wash import WashSales
from holdings.domain.numbers import plain
from holdings.domain.types import ONE, ZERO, Instrument, Notice, Transaction

# A named tuple without its Python-level constructor: a long journal makes half a million of them.
_row = tuple.__new__


class Accounts:
    """Balances, rates and what a ledger notes down; ``Ledger`` adds the lots."""

    def __init__(
        self,
        setup: Setup,
        books: Books | None = None,
        plan: Sequence[PlannedMatch] = (),
        *,
        tally: Tally | None = None,
        rows: bool = True,
    ) -> None:
        books = books or Books()
        self.tally = tally
        self.rows = rows
        self.setup = setup
        self.base = setup.base_currency
        self.market = setup.market
        self.pooled = setup.method.pooled
        self.cash: dict[Key, Decimal] = dict(books.cash)
        self.liabilities: dict[str, Decimal] = dict(books.liabilities)
        self.lots: dict[Key, list[Lot]] = {}
        self.pools: dict[str, Lot] = dict(books.pools)
        self.held: dict[Key, Decimal] = dict(books.held)
        self.quantities: dict[Key, Decimal] = dict(books.held)
        for lot in sorted(books.lots, key=lambda lot: lot.order):
            key = (lot.instrument, lot.account)
            self.lots.setdefault(key, []).append(lot)
            self.quantities[key] = self.quantities.get(key, ZERO) + lot.quantity
        self.last_order = max([books.order, *(lot.order for lot in books.lots)], default=0)
        self.wash = WashSales() if setup.wash_sales and not self.pooled else None
        self.watch = set(books.watch)
        self.effects = Effects()
        self.tracking = False
        self.ordinal = 0
        self.sequence = 0
        self.rebased = -1
        self.planned = bool(plan)
        self.plan_by_acquisition: dict[str, list[PlannedMatch]] = {}
        self.plan_by_disposal: dict[str, list[PlannedMatch]] = {}
        for item in plan:
            self.plan_by_acquisition.setdefault(item.acquisition, []).append(item)
            self.plan_by_disposal.setdefault(item.disposal, []).append(item)
        self.reserved: dict[tuple[str, str], Parcel] = {}
        self.waiting: dict[tuple[str, str], OpenDisposal] = {}
        # What a pool counts beyond the shares there are, until both halves of a Section 104 match are in.
        self.matched: dict[Key, Decimal] = {}

    # --- rates and values ---

    def instrument(self, name: str | None) -> Instrument:
        """The instrument of a transaction."""
        found = self.setup.instruments.get(name or "")
        if found is None:
            raise LedgerError("instrument", f"unknown instrument {name!r}")
        return found

    def rates(self, tx: Transaction, currency: str) -> tuple[Decimal, Decimal]:
        """(to the currency named, to base) for one unit of the transaction's currency; recorded rates first."""
        own = tx.currency
        if own == self.base:
            base = ONE
        elif tx.fx_rate is not None:
            base = tx.fx_rate
        elif currency == self.base and tx.instrument_rate is not None:
            base = tx.instrument_rate
        else:
            base = self.market.to_base(own, self.ordinal)
        if own == currency:
            return ONE, base
        if tx.instrument_rate is not None:
            return tx.instrument_rate, base
        if currency == self.base:
            return base, base
        return self.market.rate(own, currency, self.ordinal), base

    def value(
        self, tx: Transaction, instrument: Instrument, account: str, quantity: Decimal
    ) -> tuple[Decimal, Decimal] | None:
        """Market value of a quantity at the day's price: (instrument's currency, base); None where there is no price."""
        quote = self.market.price(instrument.id, self.ordinal, account, self.sequence or 2**62)
        if quote is None:
            return None
        value = quantity * quote.price * instrument.unit
        if not value:
            return ZERO, ZERO
        if tx.currency == instrument.currency and tx.fx_rate is not None and self.base != instrument.currency:
            return value, value * tx.fx_rate
        return value, value * self.market.rate(instrument.currency, self.base, self.ordinal)

    # --- cash, charges, notices ---

    def notice(self, code: str, message: str, tx: Transaction) -> None:
        """Remember something the reader should know."""
        self.effects.notices.append(Notice(code, message, tx.path))

    def move_cash(self, tx: Transaction, account: str | None, amount: Decimal, base_rate: Decimal) -> None:
        """Move cash in the transaction's currency; a debit that leaves the balance negative is noticed."""
        if not amount:
            return
        if account is None:
            raise LedgerError("account", "no cash account")
        key = (account, tx.currency)
        balance = self.cash.get(key, ZERO) + amount
        self.cash[key] = balance
        base = amount * base_rate
        if self.tally is not None:
            self.tally.move(self.ordinal, tx.currency, amount, base)
        if self.rows:
            self.effects.cash.append(
                _row(CashMove, (self.ordinal, account, tx.currency, amount, base, tx.id))
            )
        if balance < 0 and amount < 0:
            self.notice(
                "negative_balance", f"leaves {plain(balance)} {tx.currency} in cash account {account}", tx
            )

    def charge(
        self, tx: Transaction, fees: Decimal, taxes: Decimal, currency: str, rates: tuple[Decimal, Decimal]
    ) -> None:
        """Record fees and taxes (negative: refunds) given in the transaction's currency."""
        if not fees and not taxes:
            return
        account = tx.account or tx.cash_account or ""
        own, base = rates
        if fees:
            self._book(tx, "fee", account, currency, fees * own, fees * base)
        if taxes:
            self._book(tx, "tax", account, currency, taxes * own, taxes * base)

    def _book(
        self, tx: Transaction, kind: str, account: str, currency: str, amount: Decimal, base: Decimal
    ) -> None:
        if self.tally is not None:
            self.tally.book(KINDS[kind], tx.instrument, account, amount, base)
        if self.rows:
            row = (self.ordinal, kind, tx.instrument, account, currency, amount, base, tx.id)
            self.effects.charges.append(_row(Charge, row))

    def trade(
        self,
        tx: Transaction,
        key: Key,
        currency: str,
        rates: tuple[Decimal, Decimal],
        *,
        cash: Decimal,
        money: tuple[Decimal, Decimal, Decimal],
    ) -> None:
        """Everything of a trade but its lots: cash, fees and taxes, and the money (own, base, gross base) put in the position.

        What ``move_cash``, ``charge`` and ``position_flow`` do, in one step: nine of ten entries of a long journal are trades.
        """
        tally = self.tally
        if tally is None or self.rows:
            self.move_cash(tx, tx.cash_account, cash, rates[1])
            self.charge(tx, tx.fees, tx.taxes, currency, rates)
            self.position_flow(tx, key, *money)
            return
        day, fees, taxes = self.ordinal, tx.fees, tx.taxes
        own, base = rates
        if cash:
            self.move_cash(tx, tx.cash_account, cash, base)
        place = tally.places.get(key) or tally.place(key)
        sums = place.sums
        if fees:
            paid = fees * base
            tally.whole[FEE] += paid
            sums[FEE] += fees if own is ONE else fees * own
            sums[FEE + IN_BASE] += paid
        if taxes:
            paid = taxes * base
            tally.whole[TAX] += paid
            sums[TAX] += taxes if own is ONE else taxes * own
            sums[TAX + IN_BASE] += paid
        amount, amount_base, gross_base = money
        tally.put_in += gross_base
        column = place.flows
        column[day] = column[day] + amount if day in column else amount
        column_base = place.flows_base
        if column_base is not None:
            column_base[day] = column_base[day] + amount_base if day in column_base else amount_base

    def income(
        self, tx: Transaction, kind: str, account: str, currency: str, amount: Decimal, base: Decimal
    ) -> None:
        """Record a dividend or interest (negative for an interest charge), gross."""
        if self.tally is not None:
            self.tally.book(KINDS[kind], tx.instrument, account, amount, base)
        if self.rows:
            row = (self.ordinal, kind, tx.instrument, account, currency, amount, base, tx.id)
            self.effects.incomes.append(_row(Income, row))

    def flow(self, tx: Transaction, kind: str, amount: Decimal, account: str | None) -> None:
        """Record an external flow in base currency."""
        self.effects.flows.append(_row(Flow, (self.ordinal, kind, amount, account or "", tx.id)))

    def position_flow(
        self, tx: Transaction, key: Key, amount: Decimal, base: Decimal, gross_base: Decimal
    ) -> None:
        """Record money going into (positive) or out of a position."""
        if self.tally is not None:
            self.tally.flow(self.ordinal, key, amount, base, gross_base)
        if self.rows:
            self.effects.positions.append(
                _row(PositionFlow, (self.ordinal, *key, amount, base, gross_base, tx.id))
            )

    def change(self, key: Key, change: Decimal) -> None:
        """Change a position's quantity."""
        if change:
            self.quantities[key] = self.quantities.get(key, ZERO) + change
            if self.tally is not None:
                self.tally.change(self.ordinal, key, change)
            if self.rows:
                self.effects.quantities.append(_row(QuantityMove, (self.ordinal, *key, change)))
