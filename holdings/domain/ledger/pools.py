"""Pooled cost (average, Section 104), and measuring all open cost anew at a statement's opening."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from holdings.domain.ledger.parcels import Key, Money, OpenDisposal
from holdings.domain.ledger.state import Lot, PoolEvent
from holdings.domain.numbers import CLOSE_ENOUGH, scaled
from holdings.domain.types import ZERO, CostMethod, Match, Transaction

if TYPE_CHECKING:
    from holdings.domain.ledger.engine import Ledger


def close_pooled(ledger: Ledger, tx: Transaction, key: Key, quantity: Decimal, money: Money) -> None:
    """Close a part of a pool: planned Section 104 matches first, the pool at its average cost for the rest."""
    ledger.held[key] -= quantity
    section104 = ledger.setup.method is CostMethod.SECTION104
    ledger.effects.pool_events.append(
        PoolEvent(ledger.ordinal, ledger.sequence, key[0], key[1], -quantity, tx.id)
    )
    if section104:
        ledger.ask_for_replay(key[0])
    rest, remaining = money, quantity
    for item in ledger.plan_by_disposal.get(tx.id, ()):
        part = min(item.disposed, remaining)
        piece = rest if part == remaining else rest.part(part, remaining)
        rest, remaining = rest.less(piece), remaining - part
        pair = (item.disposal, item.acquisition)
        parcel = ledger.reserved.pop(pair, None)
        if parcel is None:
            ledger.waiting[pair] = OpenDisposal(tx, ledger.ordinal, piece)
            _match(ledger, (key[0], item.account), part)
        else:
            # A split since the purchase has scaled what is counted: it is in the units of the sale by now.
            _match(ledger, (key[0], item.account), part)
            ledger.realise(tx, key, parcel, part, piece, match=item.match)
    if remaining:
        pool = ledger.pools[key[0]]
        parcel = ledger.take([], pool, min(remaining, pool.quantity))._replace(id=None)
        ledger.realise(tx, key, parcel, remaining, rest, match=Match.POOL if section104 else None)


def acquire_pooled(ledger: Ledger, tx: Transaction, key: Key, lot: Lot) -> None:
    """Take a purchase in: what a Section 104 sale is matched with goes there, the rest to the pool."""
    ledger.held[key] = ledger.held.get(key, ZERO) + lot.quantity
    ledger.effects.pool_events.append(
        PoolEvent(ledger.ordinal, ledger.sequence, key[0], key[1], lot.quantity, tx.id)
    )
    if ledger.setup.method is CostMethod.SECTION104:
        ledger.ask_for_replay(key[0])
    for item in ledger.plan_by_acquisition.get(tx.id, ()):
        parcel = ledger.take([], lot, min(item.acquired, lot.quantity))
        _match(ledger, key, -item.acquired)
        pair = (item.disposal, item.acquisition)
        open_disposal = ledger.waiting.pop(pair, None)
        if open_disposal is None:
            ledger.reserved[pair] = parcel
            continue
        sale = open_disposal.transaction
        sold_from = (key[0], sale.account or key[1])
        if open_disposal.ordinal <= ledger.rebased < ledger.ordinal:
            # The sale lies before the statement's period, the purchase in it: its money belongs to what is now held.
            ledger.pools[key[0]].basis_base += parcel.basis_base
        ledger.realise(
            sale, sold_from, parcel, item.disposed, open_disposal.money, match=item.match, closed=sale.day
        )
    # All of it may be matched: there is a pool even so, for what happens to the shares until they are sold.
    if lot.quantity or key[0] not in ledger.pools:
        add_to_pool(ledger, lot)


def _match(ledger: Ledger, key: Key, quantity: Decimal) -> None:
    left = ledger.matched.pop(key, ZERO) + quantity
    # What an awkward ratio leaves in the last digits is nothing.
    if abs(left) > CLOSE_ENOUGH:
        ledger.matched[key] = left


def split_matched(ledger: Ledger, instrument: str, account: str | None, ratio: Fraction) -> None:
    """A split between a sale and the later purchase it is matched with: the shares still counted in the pool split too."""
    for key, before in ledger.matched.items():
        if key[0] == instrument and account in (None, key[1]):
            ledger.matched[key] = after = scaled(before, ratio)
            ledger.pools[instrument].quantity += after - before


def add_to_pool(ledger: Ledger, lot: Lot) -> None:
    """Merge a parcel into its instrument's pool."""
    pool = ledger.pools.get(lot.instrument)
    if pool is None or not pool.quantity:
        lot.account = ""
        lot.id = "pool"
        ledger.pools[lot.instrument] = lot
        ledger.touch(lot)
        return
    pool.quantity += lot.quantity
    pool.cost += lot.cost
    pool.cost_base += lot.cost_base
    pool.basis_base += lot.basis_base
    pool.opened = min(pool.opened, lot.opened)
    pool.held_since = min(pool.held_since, lot.held_since)
    ledger.touch(pool)


def rebase(ledger: Ledger, ordinal: int) -> None:
    """Measure statement gains from the value at the end of a day on: call it between that day and the next."""
    ledger.rebased = ordinal
    for (name, account), lots in ledger.lots.items():
        if lots:
            for lot, value in zip(
                lots, _values(ledger, name, account, [x.quantity for x in lots]), strict=True
            ):
                lot.basis_base = value
    if ledger.pooled:
        totals: dict[str, Decimal] = dict.fromkeys(ledger.pools, ZERO)
        for (name, account), quantity in ledger.held.items():
            totals[name] += _values(ledger, name, account, [quantity])[0]
        for name, pool in ledger.pools.items():
            pool.basis_base = totals[name]


def _values(ledger: Ledger, name: str, account: str, quantities: list[Decimal]) -> list[Decimal]:
    instrument = ledger.setup.instruments[name]
    quote = ledger.market.price(name, ledger.rebased, account)
    unit = ZERO if quote is None else quote.price * instrument.unit
    if not unit or not any(quantities):
        return [ZERO for _ in quantities]
    unit *= ledger.market.rate(instrument.currency, ledger.base, ledger.rebased)
    return [quantity * unit for quantity in quantities]
