"""Corporate actions on one instrument: splits and returns of capital; and what all corporate actions share."""

from __future__ import annotations

from fractions import Fraction

from holdings.domain.ledger.engine import Ledger
from holdings.domain.ledger.parcels import Key, Money, Parcel
from holdings.domain.ledger.pools import split_matched
from holdings.domain.ledger.state import LedgerError, Lot
from holdings.domain.ledger.trades import closable
from holdings.domain.numbers import plain, scaled
from holdings.domain.types import ONE, ZERO, Instrument, Transaction


def affected(ledger: Ledger, tx: Transaction) -> list[Key]:
    """Positions a corporate action acts on: those of its account, or of every account; refused when nothing is held."""
    # Sorted: what a rounding remainder falls to must not depend on which account was used first.
    keys = sorted(
        key
        for key, quantity in ledger.quantities.items()
        if quantity and key[0] == tx.instrument and tx.account in (None, key[1])
    )
    if not keys:
        where = "" if tx.account is None else f" in account {tx.account}"
        raise LedgerError("instrument", f"{tx.type} of {tx.instrument}, which is not held{where} on {tx.day}")
    return keys


def ratio_of(tx: Transaction, default: Fraction | None = None) -> Fraction:
    """The ratio of an action, which must be positive; ``default`` where it may be left out."""
    ratio = tx.ratio if tx.ratio is not None else default
    if ratio is None or ratio <= 0:
        raise LedgerError("ratio", "is required and must be greater than zero")
    return ratio


def settle(ledger: Ledger, tx: Transaction, instrument: Instrument) -> Money:
    """Cash of an action, in: what it is worth net of fees, after the cash, fees and taxes were booked."""
    amount = tx.amount or ZERO
    rates = ledger.rates(tx, instrument.currency) if amount or tx.fees or tx.taxes else (ONE, ONE)
    net = amount - tx.fees
    ledger.move_cash(tx, tx.cash_account, net - tx.taxes, rates[1])
    ledger.charge(tx, tx.fees, tx.taxes, instrument.currency, rates)
    return Money(net * rates[0], net * rates[1], amount * rates[1], tx.fees * rates[0], tx.fees * rates[1])


# --- splits ---


def split(ledger: Ledger, tx: Transaction) -> None:
    """New shares for old by ``ratio``; fractions stay.

    Cash in lieu comes as ``amount``: for the ``quantity`` of new shares named, or, with none named, as a gain without cost.
    """
    instrument, ratio, keys = ledger.instrument(tx.instrument), ratio_of(tx), affected(ledger, tx)
    sold = tx.quantity if tx.amount and tx.quantity else None
    key = max(keys, key=lambda k: abs(ledger.quantities[k]))
    if sold is not None and sold > scaled(max(ledger.quantities[key], ZERO), ratio):
        raise LedgerError(
            "quantity", f"cash in lieu of {plain(sold)} shares, more than are held after the split"
        )
    money = settle(ledger, tx, instrument)
    for each in keys:
        _split_position(ledger, each, ratio)
    split_matched(ledger, instrument.id, tx.account, ratio)
    if ledger.wash is not None:
        ledger.wash.split(instrument.id, ratio)
    if not tx.amount and not tx.fees:
        return
    ledger.position_flow(tx, key, -money.net, -money.net_base, -money.gross_base)
    if sold is not None:
        closing, _ = closable(ledger, key, sold, short_allowed=False, verb="cashes in")
        picked = [] if ledger.pooled else ledger.pick(key, closing, tx)
        ledger.close_long(tx, key, picked, closing, money)
    else:
        _gain_without_cost(ledger, tx, key, money)


def _split_position(ledger: Ledger, key: Key, ratio: Fraction) -> None:
    before = ledger.quantities[key]
    if ledger.pooled and before > 0:
        ledger.held[key] = after = scaled(before, ratio)
        pool = ledger.pools[key[0]]
        pool.quantity += after - before
        ledger.touch(pool)
    else:
        after = ZERO
        for lot in ledger.lots[key]:
            lot.quantity = scaled(lot.quantity, ratio)
            lot.unit_cost = None
            after += lot.quantity
            ledger.touch(lot)
    ledger.change(key, after - before)


def _gain_without_cost(ledger: Ledger, tx: Transaction, key: Key, money: Money) -> None:
    oldest = ledger.pools[key[0]] if ledger.pooled and ledger.quantities[key] > 0 else ledger.lots[key][0]
    lot = None if ledger.pooled else oldest.id
    parcel = Parcel(
        lot, oldest.opened, oldest.held_since, oldest.order, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, False, False
    )  # fmt: skip
    ledger.realise(tx, key, parcel, ZERO, money)


def return_of_capital(ledger: Ledger, tx: Transaction) -> None:
    """Cash that lowers cost, pro rata to quantity; what exceeds a lot's cost is a realised gain."""
    instrument = ledger.instrument(tx.instrument)
    keys = [key for key in affected(ledger, tx) if ledger.quantities[key] > 0]
    if not keys:
        raise LedgerError(
            "instrument", f"return of capital of {tx.instrument}, of which nothing is held long"
        )
    if tx.amount is None:
        raise LedgerError("amount", "is required")
    money = settle(ledger, tx, instrument)
    total = sum((ledger.quantities[key] for key in keys), ZERO)
    rest, remaining = money, total
    for key in keys:
        size = ledger.quantities[key]
        piece = rest if size == remaining else rest.part(size, remaining)
        rest, remaining = rest.less(piece), remaining - size
        ledger.position_flow(tx, key, -piece.net, -piece.net_base, -piece.gross_base)
        _return_to(
            ledger, tx, key, [ledger.pools[key[0]]] if ledger.pooled else list(ledger.lots[key]), piece
        )


def _return_to(ledger: Ledger, tx: Transaction, key: Key, lots: list[Lot], money: Money) -> None:
    # Fees are no part of what lowers the cost: they are a charge of their own, so the gross amount counts here.
    gross = money.net + money.fees
    rest, remaining = (
        Money(gross, money.net_base + money.fees_base, money.gross_base, ZERO, ZERO),
        sum((lot.quantity for lot in lots), ZERO),
    )
    for lot in lots:
        piece = rest if lot.quantity == remaining else rest.part(lot.quantity, remaining)
        rest, remaining = rest.less(piece), remaining - lot.quantity
        cost = min(piece.net, max(lot.cost, ZERO))
        # Beyond the cost in its own currency all is gain; else the base cost falls by the same amount at the day's rate.
        cost_base = min(piece.net_base, max(lot.cost_base, ZERO))
        basis = min(piece.gross_base, max(lot.basis_base, ZERO))
        lot.cost -= cost
        lot.cost_base -= cost_base
        lot.basis_base -= basis
        lot.unit_cost = None
        ledger.touch(lot)
        if piece.net > cost or piece.net_base > cost_base or piece.gross_base > basis:
            parcel = Parcel(
                None if ledger.pooled else lot.id, lot.opened, lot.held_since, lot.order, ZERO, cost, cost_base, basis,
                ZERO, ZERO, False, False,
            )  # fmt: skip
            ledger.realise(tx, key, parcel, ZERO, piece)
