"""External cash flows, costs and their refunds, liabilities: whatever moves cash alone."""

from __future__ import annotations

from decimal import Decimal

from holdings.domain.ledger.engine import Ledger
from holdings.domain.ledger.state import LedgerError
from holdings.domain.types import ONE, ZERO, Transaction


def amount_of(tx: Transaction) -> Decimal:
    """The amount; a cost may have its figure in ``fees`` or ``taxes`` alone."""
    if tx.amount is None and not tx.fees and not tx.taxes:
        raise LedgerError("amount", "is required")
    return tx.amount or ZERO


def _rates(ledger: Ledger, tx: Transaction, amount: Decimal) -> tuple[Decimal, Decimal, str]:
    """(to the currency charges are shown in, to base, that currency)."""
    currency = tx.currency if tx.instrument is None else ledger.instrument(tx.instrument).currency
    if not (amount or tx.fees or tx.taxes):
        return ONE, ONE, currency
    return *ledger.rates(tx, currency), currency


def deposit(ledger: Ledger, tx: Transaction) -> None:
    """Cash comes in from outside."""
    amount = amount_of(tx)
    own, base, currency = _rates(ledger, tx, amount)
    ledger.charge(tx, tx.fees, tx.taxes, currency, (own, base))
    ledger.flow(tx, "deposit", amount * base, tx.cash_account)
    ledger.move_cash(tx, tx.cash_account, amount - tx.fees - tx.taxes, base)


def withdrawal(ledger: Ledger, tx: Transaction) -> None:
    """Cash leaves for good."""
    amount = amount_of(tx)
    own, base, currency = _rates(ledger, tx, amount)
    ledger.charge(tx, tx.fees, tx.taxes, currency, (own, base))
    ledger.flow(tx, "withdrawal", -amount * base, tx.cash_account)
    ledger.move_cash(tx, tx.cash_account, -amount - tx.fees - tx.taxes, base)


def _cost(ledger: Ledger, tx: Transaction, fee: Decimal, tax: Decimal) -> None:
    """Book a cost (or, negative, its refund) together with the row's own fees and taxes."""
    fees, taxes = fee + tx.fees, tax + tx.taxes
    own, base, currency = _rates(ledger, tx, fee + tax)
    ledger.charge(tx, fees, taxes, currency, (own, base))
    ledger.move_cash(tx, tx.cash_account, -fees - taxes, base)
    if tx.instrument is not None and tx.account is not None and fees:
        ledger.position_flow(tx, (tx.instrument, tx.account), fees * own, fees * base, ZERO)


def fee(ledger: Ledger, tx: Transaction) -> None:
    """A fee of its own."""
    _cost(ledger, tx, amount_of(tx), ZERO)


def fee_refund(ledger: Ledger, tx: Transaction) -> None:
    """A fee comes back."""
    _cost(ledger, tx, -amount_of(tx), ZERO)


def tax(ledger: Ledger, tx: Transaction) -> None:
    """A tax of its own."""
    _cost(ledger, tx, ZERO, amount_of(tx))


def tax_refund(ledger: Ledger, tx: Transaction) -> None:
    """A tax comes back."""
    _cost(ledger, tx, ZERO, -amount_of(tx))


def nothing_traded(ledger: Ledger, tx: Transaction) -> bool:
    """Whether a trade is of no quantity and no money: exporters write such rows; only its fees and taxes are booked."""
    if tx.quantity is None or tx.quantity or tx.amount or tx.cost:
        return False
    ledger.notice("zero_quantity", "a trade of nothing: only its fees and taxes count", tx)
    if tx.fees or tx.taxes:
        _cost(ledger, tx, ZERO, ZERO)
    return True


def interest_charge(ledger: Ledger, tx: Transaction) -> None:
    """Interest paid: negative interest."""
    amount = amount_of(tx)
    own, base, currency = _rates(ledger, tx, amount)
    ledger.charge(tx, tx.fees, tx.taxes, currency, (own, base))
    place = tx.account or tx.cash_account or ""
    ledger.income(tx, "interest", place, currency, -amount * own, -amount * base)
    ledger.move_cash(tx, tx.cash_account, -amount - tx.fees - tx.taxes, base)
    if tx.instrument is not None and tx.account is not None:
        paid = amount + tx.fees
        ledger.position_flow(tx, (tx.instrument, tx.account), paid * own, paid * base, ZERO)


def liability(ledger: Ledger, tx: Transaction) -> None:
    """A debt rises (or falls, when negative): net worth alone changes, no flow and no performance."""
    if tx.amount is None:
        raise LedgerError("amount", "is required")
    ledger.liabilities[tx.currency] = ledger.liabilities.get(tx.currency, ZERO) + tx.amount
