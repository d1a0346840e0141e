"""Which function books which transaction type: a new type is one function and one line here."""

from __future__ import annotations

from collections.abc import Callable

from holdings.domain.ledger import actions, cash, conversions, income, trades, transfers
from holdings.domain.ledger.engine import Ledger
from holdings.domain.types import Transaction, TransactionType

HANDLERS: dict[TransactionType, Callable[[Ledger, Transaction], None]] = {
    TransactionType.BUY: trades.buy,
    TransactionType.SELL: trades.sell,
    TransactionType.DEPOSIT: cash.deposit,
    TransactionType.WITHDRAWAL: cash.withdrawal,
    TransactionType.DELIVERY_IN: trades.delivery_in,
    TransactionType.DELIVERY_OUT: trades.delivery_out,
    TransactionType.TRANSFER: transfers.transfer,
    TransactionType.DIVIDEND: income.income,
    TransactionType.DISTRIBUTION: income.income,
    TransactionType.INTEREST: income.income,
    TransactionType.STAKING: income.income,
    TransactionType.INTEREST_CHARGE: cash.interest_charge,
    TransactionType.FEE: cash.fee,
    TransactionType.FEE_REFUND: cash.fee_refund,
    TransactionType.TAX: cash.tax,
    TransactionType.TAX_REFUND: cash.tax_refund,
    TransactionType.SPLIT: actions.split,
    TransactionType.SPIN_OFF: conversions.spin_off,
    TransactionType.MERGER: conversions.merger,
    TransactionType.SYMBOL_CHANGE: conversions.symbol_change,
    TransactionType.RETURN_OF_CAPITAL: actions.return_of_capital,
    TransactionType.LIABILITY: cash.liability,
}
