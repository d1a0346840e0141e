"""Transfers of cash or securities between two accounts of the portfolio: no external flow, lots keep their dates and costs."""

from __future__ import annotations

from decimal import Decimal

from holdings.domain.ledger.engine import Ledger
from holdings.domain.ledger.parcels import Key
from holdings.domain.ledger.state import LedgerError, Lot
from holdings.domain.ledger.trades import position_key, quantity_of
from holdings.domain.numbers import CLOSE_ENOUGH, plain
from holdings.domain.types import ONE, ZERO, Instrument, Transaction


def is_early(ledger: Ledger, tx: Transaction) -> bool:
    """Whether a transfer of securities stands before the purchase it moves: not enough is held yet."""
    if tx.instrument is None or tx.account is None or tx.quantity is None:
        return False
    held = abs(ledger.quantities.get((tx.instrument, tx.account), ZERO))
    return held < tx.quantity - CLOSE_ENOUGH


def transfer(ledger: Ledger, tx: Transaction) -> None:
    """Move cash, or the oldest lots of an instrument, to another account."""
    if tx.instrument is None:
        _transfer_cash(ledger, tx)
        return
    instrument, source, quantity = ledger.instrument(tx.instrument), position_key(tx), quantity_of(tx)
    if tx.to_account is None:
        raise LedgerError("to_account", "is required")
    target = (source[0], tx.to_account)
    held = ledger.quantities.get(source, ZERO)
    if not held or is_early(ledger, tx):
        raise LedgerError(
            "quantity",
            f"transfers {plain(quantity)} of {source[0]} but only {plain(abs(held))} is held in account {source[1]}",
        )
    quantity = min(quantity, abs(held))
    there = ledger.quantities.get(target, ZERO)
    if held * there < 0:
        raise LedgerError(
            "to_account", f"account {target[1]} holds {source[0]} the other way round (long and short)"
        )
    rates = ledger.rates(tx, instrument.currency) if tx.fees or tx.taxes else (ONE, ONE)
    signed = quantity if held > 0 else -quantity
    worth = ledger.value(tx, instrument, source[1], signed) or (ZERO, ZERO)
    ledger.charge(tx, tx.fees, tx.taxes, instrument.currency, rates)
    ledger.move_cash(tx, tx.cash_account, -tx.fees - tx.taxes, rates[1])
    ledger.position_flow(tx, source, tx.fees * rates[0] - worth[0], tx.fees * rates[1] - worth[1], -worth[1])
    ledger.position_flow(tx, target, worth[0], worth[1], worth[1])
    move_lots(ledger, tx, instrument, source, target, quantity, signed)


def move_lots(
    ledger: Ledger,
    tx: Transaction,
    instrument: Instrument,
    source: Key,
    target: Key,
    quantity: Decimal,
    signed: Decimal,
) -> None:
    """Move the oldest lots (or the account's part of the pool) as they are."""
    if ledger.pooled and signed > 0:
        ledger.held[source] -= quantity
        ledger.held[target] = ledger.held.get(target, ZERO) + quantity
    else:
        lots = ledger.lots[source]
        for lot, part in ledger.pick(source, quantity, tx, oldest=True):
            parcel = ledger.take(lots, lot, part)
            ledger.put(
                Lot(
                    id=lot.id, instrument=instrument.id, account=target[1], opened=parcel.opened,
                    held_since=parcel.held_since, order=parcel.order, quantity=parcel.quantity, cost=parcel.cost,
                    cost_base=parcel.cost_base, basis_base=parcel.basis_base, fees=parcel.fees,
                    fees_base=parcel.fees_base, purchased=parcel.purchased, washed=parcel.washed,
                )
            )  # fmt: skip
    ledger.change(source, -signed)
    ledger.change(target, signed)


def _transfer_cash(ledger: Ledger, tx: Transaction) -> None:
    if tx.amount is None:
        raise LedgerError("amount", "is required")
    rates = ledger.rates(tx, tx.currency) if tx.amount or tx.fees or tx.taxes else (ONE, ONE)
    ledger.charge(tx, tx.fees, tx.taxes, tx.currency, rates)
    ledger.move_cash(tx, tx.cash_account, -tx.amount - tx.fees - tx.taxes, rates[1])
    ledger.move_cash(tx, tx.to_cash_account, tx.amount, rates[1])
