"""The ledger's state and the few movements every transaction is made of: cash, charges, opening, taking and closing parcels.

What each transaction type does with them stands in the handler modules beside this one (``trades``, ``cash``, ``income``,
``transfers``, ``actions``); ``HANDLERS`` in the package joins the two.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from holdings.domain.ledger.state import (
    Books,
    CashMove,
    Charge,
    Effects,
    Flow,
    LedgerError,
    Lot,
    PoolEvent,
    PositionFlow,
    QuantityMove,
    Realised,
    Setup,
)
from holdings.domain.ledger.wash import PendingLoss, WashSales
from holdings.domain.market import MissingRate
from holdings.domain.numbers import CLOSE_ENOUGH, exact, plain, quotient, share
from holdings.domain.types import (
    ONE,
    ZERO,
    CostMethod,
    Direction,
    Instrument,
    Match,
    Notice,
    Transaction,
    TransactionType,
)

Key = tuple[str, str]  # (instrument, account)
WINDOW = timedelta(days=30)


class Parcel(NamedTuple):
    """A part taken out of a lot or pool, with its share of every figure."""

    id: str | None
    opened: date
    held_since: date
    order: int
    quantity: Decimal
    cost: Decimal
    cost_base: Decimal
    basis_base: Decimal
    fees: Decimal
    fees_base: Decimal
    purchased: bool
    washed: bool


class Money(NamedTuple):
    """What a trade is worth: net of fees and gross, in the instrument's currency and in base currency."""

    net: Decimal
    net_base: Decimal
    gross_base: Decimal
    fees: Decimal
    fees_base: Decimal

    def part(self, quantity: Decimal, total: Decimal) -> Money:
        """The share of ``quantity`` out of ``total``."""
        return Money(*(share(value, quantity, total) if value else ZERO for value in self))

    def less(self, other: Money) -> Money:
        """What remains after a part was taken."""
        return Money(*(a - b for a, b in zip(self, other, strict=True)))


class PlannedMatch(NamedTuple):
    """Section 104: a disposal's pairing with a purchase, in units of the disposal and of the purchase."""

    disposal: str
    acquisition: str
    disposed: Decimal
    acquired: Decimal
    match: Match


class OpenDisposal(NamedTuple):
    """A part of a disposal that waits for the purchase it is matched with."""

    transaction: Transaction
    ordinal: int
    money: Money


class Ledger:
    """The books of one portfolio as a state machine: apply transactions in order, read the effects.

    See the package docstring for how the database side hydrates it with a part of the books.
    """

    def __init__(
        self,
        setup: Setup,
        books: Books | None = None,
        *,
        handlers: Mapping[TransactionType, Callable[[Ledger, Transaction], None]],
        plan: Sequence[PlannedMatch] = (),
    ) -> None:
        books = books or Books()
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
        self._handlers = handlers

    # --- entry points ---

    def apply(self, transaction: Transaction, *, sequence: int = 0) -> Effects:
        """Book one transaction after those applied so far; raises LedgerError and changes nothing if refused.

        ``sequence``: its place in the journal the market was made of (from 1), 0 when it is the last of its day.
        """
        self.effects = Effects()
        self.tracking = True
        self.sequence = sequence
        with exact():
            self.book(transaction)
        return self.effects

    def book(self, transaction: Transaction) -> None:
        """Book into the current effects, under the exact context (what ``apply`` and a replay both do)."""
        self.ordinal = transaction.day.toordinal()
        try:
            self._handlers[transaction.type](self, transaction)
        except MissingRate as missing:
            raise LedgerError("currency", str(missing)) from missing

    def books(self) -> Books:
        """The present state, for storing or for hydrating another ledger."""
        return Books(
            lots=[lot for lots in self.lots.values() for lot in lots],
            pools={name: pool for name, pool in self.pools.items() if pool.quantity},
            held={key: quantity for key, quantity in self.held.items() if quantity},
            cash=dict(self.cash),
            liabilities=dict(self.liabilities),
            order=self.last_order,
        )

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
            base = self.market.rate(own, self.base, self.ordinal)
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
        self.effects.cash.append(
            CashMove(self.ordinal, account, tx.currency, amount, amount * base_rate, tx.id)
        )
        if balance < 0 and amount < 0:
            self.notice(
                "negative_balance", f"leaves {plain(balance)} {tx.currency} in cash account {account}", tx
            )

    def charge(
        self, tx: Transaction, fees: Decimal, taxes: Decimal, currency: str, rates: tuple[Decimal, Decimal]
    ) -> None:
        """Record fees and taxes (negative: refunds) given in the transaction's currency."""
        for kind, amount in (("fee", fees), ("tax", taxes)):
            if amount:
                account = tx.account or tx.cash_account or ""
                self.effects.charges.append(
                    Charge(
                        self.ordinal,
                        kind,
                        tx.instrument,
                        account,
                        currency,
                        amount * rates[0],
                        amount * rates[1],
                        tx.id,
                    )
                )

    def flow(self, tx: Transaction, kind: str, amount: Decimal, account: str | None) -> None:
        """Record an external flow in base currency."""
        self.effects.flows.append(Flow(self.ordinal, kind, amount, account or "", tx.id))

    def position_flow(
        self, tx: Transaction, key: Key, amount: Decimal, base: Decimal, gross_base: Decimal
    ) -> None:
        """Record money going into (positive) or out of a position."""
        self.effects.positions.append(
            PositionFlow(self.ordinal, key[0], key[1], amount, base, gross_base, tx.id)
        )

    def change(self, key: Key, change: Decimal) -> None:
        """Change a position's quantity."""
        if change:
            self.quantities[key] = self.quantities.get(key, ZERO) + change
            self.effects.quantities.append(QuantityMove(self.ordinal, key[0], key[1], change))

    # --- parcels ---

    def touch(self, lot: Lot) -> None:
        """Tell the database side that a lot was opened or changed."""
        if self.tracking and not any(lot is known for known in self.effects.touched):
            self.effects.touched.append(lot)

    def ask_for_replay(self, instrument: str) -> None:
        """Say that a trade may change how earlier ones of its instrument were matched (single ``apply`` calls only)."""
        if self.tracking:
            if instrument in self.watch:
                self.effects.replay.add(instrument)
            self.watch.add(instrument)

    def take(self, lots: list[Lot], lot: Lot, quantity: Decimal) -> Parcel:
        """Take a (positive) quantity out of a lot, with its share of everything; an emptied lot leaves the list."""
        size = abs(lot.quantity)
        if quantity == size:
            parcel = Parcel(
                lot.id, lot.opened, lot.held_since, lot.order, lot.quantity, lot.cost, lot.cost_base, lot.basis_base,
                lot.fees, lot.fees_base, lot.purchased, lot.washed,
            )  # fmt: skip
            lot.quantity = lot.cost = lot.cost_base = lot.basis_base = lot.fees = lot.fees_base = ZERO
            if lots:
                lots.remove(lot)
        else:
            signed = quantity if lot.quantity > 0 else -quantity
            parcel = Parcel(
                lot.id, lot.opened, lot.held_since, lot.order, signed,
                share(lot.cost, quantity, size), share(lot.cost_base, quantity, size),
                share(lot.basis_base, quantity, size),
                share(lot.fees, quantity, size) if lot.fees else ZERO,
                share(lot.fees_base, quantity, size) if lot.fees_base else ZERO,
                lot.purchased, lot.washed,
            )  # fmt: skip
            lot.quantity -= signed
            lot.cost -= parcel.cost
            lot.cost_base -= parcel.cost_base
            lot.basis_base -= parcel.basis_base
            lot.fees -= parcel.fees
            lot.fees_base -= parcel.fees_base
        self.touch(lot)
        return parcel

    def put(self, lot: Lot) -> None:
        """Add an open lot at its place by age."""
        lots = self.lots.setdefault((lot.instrument, lot.account), [])
        if not lots or lots[-1].order <= lot.order:
            lots.append(lot)
        else:
            insort(lots, lot, key=lambda other: other.order)
        self.touch(lot)

    def pick(
        self, key: Key, quantity: Decimal, tx: Transaction, *, oldest: bool = False
    ) -> list[tuple[Lot, Decimal]]:
        """Which lots a closing takes, and how much of each, without changing anything."""
        lots = self.lots.get(key, [])
        short = bool(lots) and lots[0].quantity < 0
        method = CostMethod.FIFO if oldest or short else self.setup.method
        if tx.lots and not oldest and not short:
            lots = self._specific(lots, quantity, tx)
        elif method is CostMethod.LIFO:
            lots = lots[::-1]
        elif method is CostMethod.HIFO:
            for lot in lots:
                if lot.unit_cost is None:
                    lot.unit_cost = quotient(lot.cost, lot.quantity)
            lots = sorted(lots, key=lambda lot: (-(lot.unit_cost or ZERO), lot.order))
        picked = []
        for lot in lots:
            size = abs(lot.quantity)
            if size >= quantity:
                picked.append((lot, quantity))
                break
            picked.append((lot, size))
            quantity -= size
        return picked

    @staticmethod
    def _specific(lots: list[Lot], quantity: Decimal, tx: Transaction) -> list[Lot]:
        named: list[Lot] = []
        for index, name in enumerate(tx.lots):
            found = [lot for lot in lots if lot.id == name]
            if not found:
                raise LedgerError(f"lots[{index}]", f"no open lot {name!r} in account {tx.account}")
            named += [lot for lot in found if all(lot is not other for other in named)]
        total = sum((lot.quantity for lot in named), ZERO)
        if total < quantity - CLOSE_ENOUGH:
            raise LedgerError("lots", f"the lots named hold {plain(total)}, the sale needs {plain(quantity)}")
        return named

    # --- closing and opening ---

    def close_long(
        self, tx: Transaction, key: Key, picked: list[tuple[Lot, Decimal]], quantity: Decimal, money: Money
    ) -> None:
        """Close long parcels of one account for a price: one realised row per lot, or per Section 104 match."""
        self.change(key, -quantity)
        if self.pooled:
            self._close_pooled(tx, key, quantity, money)
            return
        rest, remaining = money, quantity
        lots = self.lots[key]
        last = len(picked) - 1
        rows = []
        for index, (lot, part) in enumerate(picked):
            if index == last:
                piece = rest
            else:
                piece = rest.part(part, remaining)
                rest, remaining = rest.less(piece), remaining - part
            rows.append(self.realise(tx, key, self.take(lots, lot, part), part, piece))
        if self.wash is not None and tx.type is TransactionType.SELL:
            self.wash.sold(self, rows)

    def realise(
        self,
        tx: Transaction,
        key: Key,
        parcel: Parcel,
        quantity: Decimal,
        money: Money,
        *,
        match: Match | None = None,
        closed: date | None = None,
    ) -> Realised:
        """Write the realised row of a closed long parcel."""
        row = Realised(
            instrument=key[0],
            account=key[1],
            currency=self.setup.instruments[key[0]].currency,
            direction=Direction.LONG,
            opened=parcel.opened,
            closed=closed or tx.day,
            held_since=parcel.held_since,
            quantity=quantity,
            proceeds=money.net,
            cost=parcel.cost,
            fees=money.fees,
            proceeds_base=money.net_base,
            cost_base=parcel.cost_base,
            fees_base=money.fees_base,
            statement_gain=money.gross_base - parcel.basis_base,
            lot=parcel.id,
            transaction=tx.id,
            match=match,
        )
        self.effects.realised.append(row)
        return row

    def _close_pooled(self, tx: Transaction, key: Key, quantity: Decimal, money: Money) -> None:
        self.held[key] -= quantity
        section104 = self.setup.method is CostMethod.SECTION104
        self.effects.pool_events.append(
            PoolEvent(self.ordinal, self.sequence, key[0], key[1], -quantity, tx.id)
        )
        if section104:
            self.ask_for_replay(key[0])
        rest, remaining = money, quantity
        for item in self.plan_by_disposal.get(tx.id, ()):
            part = min(item.disposed, remaining)
            piece = rest if part == remaining else rest.part(part, remaining)
            rest, remaining = rest.less(piece), remaining - part
            pair = (item.disposal, item.acquisition)
            parcel = self.reserved.pop(pair, None)
            if parcel is None:
                self.waiting[pair] = OpenDisposal(tx, self.ordinal, piece)
            else:
                self.realise(tx, key, parcel, part, piece, match=item.match)
        if remaining:
            pool = self.pools[key[0]]
            parcel = self.take([], pool, min(remaining, pool.quantity))._replace(id=None)
            self.realise(tx, key, parcel, remaining, rest, match=Match.POOL if section104 else None)

    def open_short(self, tx: Transaction, key: Key, quantity: Decimal, money: Money) -> None:
        """Open a short lot with what a sale brought in."""
        self.change(key, -quantity)
        self.last_order += 1
        self.put(
            Lot(
                id=tx.id, instrument=key[0], account=key[1], opened=tx.day, held_since=tx.day, order=self.last_order,
                quantity=-quantity, cost=-money.net, cost_base=-money.net_base, basis_base=-money.gross_base,
                fees=money.fees, fees_base=money.fees_base,
            )
        )  # fmt: skip

    def acquire(
        self,
        tx: Transaction,
        key: Key,
        quantity: Decimal,
        cost: Decimal,
        cost_base: Decimal,
        basis_base: Decimal,
    ) -> None:
        """Take securities in: cover what is short in that account first, open a lot (or add to the pool) with the rest."""
        lots = self.lots.get(key)
        if lots and lots[0].quantity < 0:
            money = Money(cost, cost_base, basis_base, ZERO, ZERO)
            covered = min(quantity, -sum((lot.quantity for lot in lots), ZERO))
            piece = money if covered == quantity else money.part(covered, quantity)
            self._cover(tx, key, lots, covered, piece)
            quantity -= covered
            cost, cost_base, basis_base, _, _ = money.less(piece)
            if not quantity:
                return
        self.change(key, quantity)
        self.last_order += 1
        lot = Lot(
            id=tx.id, instrument=key[0], account=key[1], opened=tx.day, held_since=tx.day, order=self.last_order,
            quantity=quantity, cost=cost, cost_base=cost_base, basis_base=basis_base,
            purchased=tx.type is TransactionType.BUY,
        )  # fmt: skip
        if self.pooled:
            self._acquire_pooled(tx, key, lot)
            return
        self.put(lot)
        if self.wash is not None and lot.purchased:
            self.ask_for_replay(key[0])
            self.wash.bought(self, lot)

    def _cover(self, tx: Transaction, key: Key, lots: list[Lot], quantity: Decimal, money: Money) -> None:
        self.change(key, quantity)
        rest, remaining = money, quantity
        for lot, part in self.pick(key, quantity, tx):
            piece = rest if part == remaining else rest.part(part, remaining)
            rest, remaining = rest.less(piece), remaining - part
            parcel = self.take(lots, lot, part)
            self.effects.realised.append(
                Realised(
                    instrument=key[0], account=key[1], currency=self.setup.instruments[key[0]].currency,
                    direction=Direction.SHORT, opened=parcel.opened, closed=tx.day, held_since=parcel.held_since,
                    quantity=part, proceeds=-parcel.cost, cost=piece.net, fees=parcel.fees,
                    proceeds_base=-parcel.cost_base, cost_base=piece.net_base, fees_base=parcel.fees_base,
                    statement_gain=-parcel.basis_base - piece.gross_base, lot=parcel.id, transaction=tx.id,
                )
            )  # fmt: skip

    def _acquire_pooled(self, tx: Transaction, key: Key, lot: Lot) -> None:
        self.held[key] = self.held.get(key, ZERO) + lot.quantity
        self.effects.pool_events.append(
            PoolEvent(self.ordinal, self.sequence, key[0], key[1], lot.quantity, tx.id)
        )
        if self.setup.method is CostMethod.SECTION104:
            self.ask_for_replay(key[0])
        for item in self.plan_by_acquisition.get(tx.id, ()):
            parcel = self.take([], lot, min(item.acquired, lot.quantity))
            pair = (item.disposal, item.acquisition)
            open_disposal = self.waiting.pop(pair, None)
            if open_disposal is None:
                self.reserved[pair] = parcel
                continue
            sale = open_disposal.transaction
            sold_from = (key[0], sale.account or key[1])
            if open_disposal.ordinal <= self.rebased < self.ordinal:
                # The sale lies before the statement's period, the purchase in it: its money belongs to what is now held.
                self.pools[key[0]].basis_base += parcel.basis_base
            self.realise(sale, sold_from, parcel, item.disposed, open_disposal.money, match=item.match)
        if lot.quantity:
            self.add_to_pool(lot)

    def add_to_pool(self, lot: Lot) -> None:
        """Merge a parcel into its instrument's pool."""
        pool = self.pools.get(lot.instrument)
        if pool is None or not pool.quantity:
            lot.account = ""
            lot.id = "pool"
            self.pools[lot.instrument] = lot
            self.touch(lot)
            return
        pool.quantity += lot.quantity
        pool.cost += lot.cost
        pool.cost_base += lot.cost_base
        pool.basis_base += lot.basis_base
        pool.opened = min(pool.opened, lot.opened)
        pool.held_since = min(pool.held_since, lot.held_since)
        self.touch(pool)

    # --- a statement's opening ---

    def rebase(self, ordinal: int) -> None:
        """Measure statement gains from the value at the end of a day on: call it between that day and the next."""
        self.rebased = ordinal
        for (name, account), lots in self.lots.items():
            if lots:
                for lot, value in zip(
                    lots, self._values(name, account, [x.quantity for x in lots]), strict=True
                ):
                    lot.basis_base = value
        if self.pooled:
            totals: dict[str, Decimal] = dict.fromkeys(self.pools, ZERO)
            for (name, account), quantity in self.held.items():
                totals[name] += self._values(name, account, [quantity])[0]
            for name, pool in self.pools.items():
                pool.basis_base = totals[name]

    def _values(self, name: str, account: str, quantities: list[Decimal]) -> list[Decimal]:
        instrument = self.setup.instruments[name]
        quote = self.market.price(name, self.rebased, account)
        unit = ZERO if quote is None else quote.price * instrument.unit
        if not unit or not any(quantities):
            return [ZERO for _ in quantities]
        unit *= self.market.rate(instrument.currency, self.base, self.rebased)
        return [quantity * unit for quantity in quantities]


def pending_losses(ledger: Ledger) -> list[PendingLoss]:
    """Losses that a purchase within the next 30 days would still turn into wash sales."""
    return [] if ledger.wash is None else list(ledger.wash.pending)
