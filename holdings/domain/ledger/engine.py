"""The ledger: opening, taking and closing parcels on top of the accounts.

What each transaction type does with them stands in the handler modules beside this one (``trades``, ``cash``, ``income``,
``transfers``, ``actions``, ``conversions``); ``handlers.HANDLERS`` joins the two.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal

from holdings.domain.ledger.accounts import Accounts
from holdings.domain.ledger.parcels import Key, Money, Parcel, PlannedMatch
from holdings.domain.ledger.pools import acquire_pooled, close_pooled
from holdings.domain.ledger.state import Books, Effects, LedgerError, Lot, Realised, Setup
from holdings.domain.ledger.tally import Tally
from holdings.domain.market import MissingRate
from holdings.domain.numbers import CLOSE_ENOUGH, exact, plain, rank, shares
from holdings.domain.types import ZERO, CostMethod, Direction, Match, Transaction, TransactionType

# A named tuple without its Python-level constructor.
_row = tuple.__new__
_BUY, _LONG = TransactionType.BUY, Direction.LONG


class Ledger(Accounts):
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
        tally: Tally | None = None,
        rows: bool = True,
    ) -> None:
        super().__init__(setup, books, plan, tally=tally, rows=rows)
        self.handlers = handlers

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
            self.handlers[transaction.type](self, transaction)
        except MissingRate as missing:
            raise LedgerError.of(missing) from missing

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
        whole = lot.quantity
        size = whole if whole > 0 else -whole
        cost, base, basis, fees, fees_base = lot.cost, lot.cost_base, lot.basis_base, lot.fees, lot.fees_base
        if quantity == size:
            taken = whole
            lot.quantity = lot.cost = lot.cost_base = lot.basis_base = lot.fees = lot.fees_base = ZERO
            if lots:
                lots.remove(lot)
        else:
            taken = quantity if whole > 0 else -quantity
            # Divisions are what a sale costs most: figures that are equal, as in the base currency, are divided once.
            if base == cost:
                cost, basis = shares(quantity, size, cost, basis)
                base = cost
            else:
                cost, base, basis = shares(quantity, size, cost, base, basis)
            if fees or fees_base:
                fees, fees_base = shares(quantity, size, fees, fees_base)
                lot.fees -= fees
                lot.fees_base -= fees_base
            lot.quantity = whole - taken
            lot.cost -= cost
            lot.cost_base -= base
            lot.basis_base -= basis
        if self.tracking:
            self.touch(lot)
        return _row(
            Parcel,
            (lot.id, lot.opened, lot.held_since, lot.order, taken, cost, base, basis, fees, fees_base, lot.purchased,
             lot.washed),
        )  # fmt: skip

    def put(self, lot: Lot) -> None:
        """Add an open lot at its place by age."""
        lots = self.lots.get((lot.instrument, lot.account))
        if lots is None:
            lots = self.lots[lot.instrument, lot.account] = []
        if not lots or lots[-1].order <= lot.order:
            lots.append(lot)
        else:
            insort(lots, lot, key=lambda other: other.order)
        if self.tracking:
            self.touch(lot)

    def pick(
        self, key: Key, quantity: Decimal, tx: Transaction, *, oldest: bool = False
    ) -> list[tuple[Lot, Decimal]]:
        """Which lots a closing takes, and how much of each, without changing anything."""
        lots = self.lots.get(key, [])
        method = CostMethod.FIFO if oldest else self.setup.method
        if tx.lots and not oldest and not self.pooled:
            lots = self._specific(lots, quantity, tx)
        elif method is CostMethod.LIFO:
            lots = lots[::-1]
        elif method is CostMethod.HIFO:
            for lot in lots:
                if lot.unit_cost is None:
                    lot.unit_cost = rank(lot.cost, lot.quantity)
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
        total = sum((abs(lot.quantity) for lot in named), ZERO)
        if total < quantity - CLOSE_ENOUGH:
            raise LedgerError(
                "lots", f"the lots named hold {plain(total)}, the {tx.type} needs {plain(quantity)}"
            )
        return named

    # --- closing and opening ---

    def close_long(
        self, tx: Transaction, key: Key, picked: list[tuple[Lot, Decimal]], quantity: Decimal, money: Money
    ) -> None:
        """Close long parcels of one account for a price: one realised row per lot, or per Section 104 match."""
        self.change(key, -quantity)
        if self.pooled:
            close_pooled(self, tx, key, quantity, money)
            return
        rest, remaining = money, quantity
        lots = self.lots[key]
        last = len(picked) - 1
        cost = cost_base = basis_base = ZERO
        for index, (lot, part) in enumerate(picked):
            if index == last:
                piece = rest
            else:
                piece = rest.part(part, remaining)
                rest, remaining = rest.less(piece), remaining - part
            parcel = self.take(lots, lot, part)
            self._write(tx, key, parcel, part, piece, None, tx.day)
            cost += parcel[5]
            cost_base += parcel[6]
            basis_base += parcel[7]
        if self.tally is not None:
            # The pieces of the money add up to all of it: what the parcels cost is left to take off.
            net, net_base, gross_base, _, _ = money
            self.tally.close(key, net - cost, net_base - cost_base, gross_base - basis_base)
        if self.wash is not None and tx.type is TransactionType.SELL:
            self.wash.sold(self, last + 1)

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
    ) -> None:
        """Write the realised row of a closed long parcel; ``closed`` where that was on an earlier day."""
        self._write(tx, key, parcel, quantity, money, match, closed or tx.day)
        if self.tally is not None:
            # A sale before the statement may be matched with a purchase in it: its gain is not the statement's.
            counted = closed is None or closed.toordinal() > self.rebased
            self.tally.close(
                key,
                money.net - parcel.cost,
                money.net_base - parcel.cost_base,
                money.gross_base - parcel.basis_base if counted else ZERO,
            )

    def _write(
        self,
        tx: Transaction,
        key: Key,
        parcel: Parcel,
        quantity: Decimal,
        money: Money,
        match: Match | None,
        closed: date,
    ) -> None:
        name, account = key
        lot, opened, held_since, _, _, cost, cost_base, basis_base, _, _, _, _ = parcel
        net, net_base, gross_base, fees, fees_base = money
        self.effects.realised.append(
            _row(
                Realised,
                (name, account, self.setup.instruments[name].currency, _LONG, opened, closed, held_since, quantity, net,
                 cost, fees, net_base, cost_base, fees_base, gross_base - basis_base, lot, tx.id, match, ZERO, ZERO),
            )
        )  # fmt: skip

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
        day = tx.day
        lot = Lot(
            tx.id, key[0], key[1], day, day, self.last_order, quantity, cost, cost_base, basis_base, ZERO, ZERO,
            tx.type is _BUY,
        )  # fmt: skip
        if self.pooled:
            acquire_pooled(self, tx, key, lot)
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
            row = Realised(
                instrument=key[0], account=key[1], currency=self.setup.instruments[key[0]].currency,
                direction=Direction.SHORT, opened=parcel.opened, closed=tx.day, held_since=parcel.held_since,
                quantity=part, proceeds=-parcel.cost, cost=piece.net, fees=parcel.fees,
                proceeds_base=-parcel.cost_base, cost_base=piece.net_base, fees_base=parcel.fees_base,
                statement_gain=-parcel.basis_base - piece.gross_base, lot=parcel.id, transaction=tx.id,
            )  # fmt: skip
            self.effects.realised.append(row)
            if self.tally is not None:
                self.tally.close(key, row.gain, row.gain_base, row.statement_gain)
