"""Dividends, distributions, interest and staking rewards, in cash or in kind."""

from __future__ import annotations

from holdings.domain.ledger.engine import Ledger
from holdings.domain.ledger.state import INCOME_KIND, LedgerError
from holdings.domain.ledger.trades import quantity_of
from holdings.domain.types import ONE, ZERO, Transaction


def income(ledger: Ledger, tx: Transaction) -> None:
    """Book income: with a quantity it is paid in kind, else in cash."""
    if tx.quantity:
        _in_kind(ledger, tx)
        return
    if tx.amount is None:
        raise LedgerError("amount", "is required")
    currency = tx.currency if tx.instrument is None else ledger.instrument(tx.instrument).currency
    rates = ledger.rates(tx, currency) if tx.amount or tx.fees or tx.taxes else (ONE, ONE)
    place = tx.account or tx.cash_account or ""
    ledger.income(tx, INCOME_KIND[tx.type], place, currency, tx.amount * rates[0], tx.amount * rates[1])
    ledger.charge(tx, tx.fees, tx.taxes, currency, rates)
    ledger.move_cash(tx, tx.cash_account, tx.amount - tx.fees - tx.taxes, rates[1])
    if tx.instrument is not None and tx.account is not None:
        net = tx.amount - tx.fees
        ledger.position_flow(tx, (tx.instrument, tx.account), -net * rates[0], -net * rates[1], ZERO)


def _in_kind(ledger: Ledger, tx: Transaction) -> None:
    """New shares at the day's value: income of that value, and a new lot that costs it."""
    source = ledger.instrument(tx.instrument)
    target = ledger.instrument(tx.to_instrument) if tx.to_instrument else source
    if tx.account is None:
        raise LedgerError("account", "is required")
    quantity = quantity_of(tx)
    rates = ledger.rates(tx, source.currency) if tx.fees or tx.taxes else (ONE, ONE)
    worth = ledger.value(tx, target, tx.account, quantity)
    if worth is None:
        ledger.notice("missing_price", f"no price of {target.id} on or before {tx.day}: valued at 0", tx)
        worth = ZERO, ZERO
    value, value_base = worth
    own = value
    if target.currency != source.currency and value:
        own = value * ledger.market.rate(target.currency, source.currency, ledger.ordinal)
    ledger.income(tx, INCOME_KIND[tx.type], tx.account, source.currency, own, value_base)
    ledger.charge(tx, tx.fees, tx.taxes, source.currency, rates)
    ledger.move_cash(tx, tx.cash_account, -tx.fees - tx.taxes, rates[1])
    fees, fees_base = tx.fees * rates[0], tx.fees * rates[1]
    if target is source:
        ledger.position_flow(tx, (source.id, tx.account), fees, fees_base, value_base)
    else:
        ledger.position_flow(tx, (source.id, tx.account), fees - own, fees_base - value_base, ZERO)
        ledger.position_flow(tx, (target.id, tx.account), value, value_base, value_base)
    ledger.acquire(tx, (target.id, tx.account), quantity, value, value_base, value_base)
