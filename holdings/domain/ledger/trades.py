"""Purchases, sales and deliveries."""

from __future__ import annotations

from decimal import Decimal

from holdings.domain.ledger.cash import nothing_traded
from holdings.domain.ledger.engine import Ledger
from holdings.domain.ledger.parcels import Key, Money
from holdings.domain.ledger.state import LedgerError
from holdings.domain.numbers import CLOSE_ENOUGH, plain
from holdings.domain.types import ONE, ZERO, CostMethod, Instrument, Transaction

# A named tuple without its Python-level constructor.
_row = tuple.__new__


def gross(tx: Transaction, instrument: Instrument) -> Decimal:
    """What a trade is worth before fees and taxes, in its own currency: ``amount`` where given, else quantity × price."""
    if tx.amount is not None:
        return tx.amount
    worth = (tx.quantity or ZERO) * (tx.price or ZERO)
    return worth if instrument.unit is ONE else worth * instrument.unit


def position_key(tx: Transaction) -> Key:
    """(instrument, account) of a transaction."""
    if tx.instrument is None or tx.account is None:
        raise LedgerError("instrument" if tx.instrument is None else "account", "is required")
    return tx.instrument, tx.account


def quantity_of(tx: Transaction) -> Decimal:
    """The quantity, which must be positive."""
    if tx.quantity is None or tx.quantity <= 0:
        raise LedgerError("quantity", "must be greater than zero")
    return tx.quantity


def named(ledger: Ledger, tx: Transaction) -> tuple[Instrument, Key, Decimal]:
    """What is traded, where, and how much of it: each is required."""
    instrument = ledger.setup.instruments.get(tx.instrument)  # type: ignore[arg-type]
    if instrument is None:
        raise LedgerError("instrument", f"unknown instrument {tx.instrument!r}")
    if tx.account is None:
        raise LedgerError("account", "is required")
    quantity = tx.quantity
    if quantity is None or quantity <= 0:
        raise LedgerError("quantity", "must be greater than zero")
    return instrument, (instrument.id, tx.account), quantity


def closable(
    ledger: Ledger, key: Key, quantity: Decimal, *, short_allowed: bool, verb: str
) -> tuple[Decimal, Decimal]:
    """(long quantity to close, excess that opens a short): an excess of at most 1e-12 simply closes the position."""
    held = ledger.quantities.get(key, ZERO)
    if quantity <= held:
        return quantity, ZERO
    held = max(held, ZERO)
    excess = quantity - held
    if held and excess <= CLOSE_ENOUGH:
        return held, ZERO
    if not short_allowed:
        raise LedgerError(
            "quantity",
            f"{verb} {plain(quantity)} of {key[0]} but only {plain(held)} is held in account {key[1]}",
        )
    return held, excess


def buy(ledger: Ledger, tx: Transaction) -> None:
    """Quantity in, cash out; what is missing in cash is contributed on the day."""
    if not tx.quantity and nothing_traded(ledger, tx):
        return
    instrument, key, quantity = named(ledger, tx)
    paid = gross(tx, instrument)
    with_fees = paid + tx.fees
    total = with_fees + tx.taxes
    rates = ledger.rates(tx, instrument.currency) if total else (ONE, ONE)
    if total and ledger.setup.contribute and tx.cash_account is not None:
        missing = total - ledger.cash.get((tx.cash_account, tx.currency), ZERO)
        if missing > 0:
            ledger.move_cash(tx, tx.cash_account, missing, rates[1])
            ledger.flow(tx, "missing_cash", missing * rates[1], tx.cash_account)
            ledger.notice(
                "missing_cash",
                f"{plain(missing)} {tx.currency} contributed on {tx.day} for a buy without cash",
                tx,
            )
    cost, cost_base, paid_base = with_fees * rates[0], with_fees * rates[1], paid * rates[1]
    ledger.trade(tx, key, instrument.currency, rates, cash=-total, money=(cost, cost_base, paid_base))
    ledger.acquire(tx, key, quantity, cost, cost_base, paid_base)


def sell(ledger: Ledger, tx: Transaction) -> None:
    """Quantity out, cash in; beyond what is held it opens a short position where that is allowed."""
    if not tx.quantity and nothing_traded(ledger, tx):
        return
    instrument, key, quantity = named(ledger, tx)
    closing, excess = closable(ledger, key, quantity, short_allowed=ledger.setup.allow_short, verb="sells")
    picked = ledger.pick(key, closing, tx) if closing and not ledger.pooled else []
    paid = gross(tx, instrument)
    net = paid - tx.fees
    rates = ledger.rates(tx, instrument.currency) if paid or tx.fees or tx.taxes else (ONE, ONE)
    own, base = rates
    net_own, fees = (net, tx.fees) if own is ONE else (net * own, tx.fees * own)
    net_base, gross_base, fees_base = (
        (net, paid, tx.fees) if base is ONE else (net * base, paid * base, tx.fees * base)
    )
    money = _row(Money, (net_own, net_base, gross_base, fees, fees_base))
    put_in = (-net_own, -net_base, -gross_base)
    ledger.trade(tx, key, instrument.currency, rates, cash=net - tx.taxes, money=put_in)
    if excess:
        total = closing + excess
        piece = money.part(closing, total) if closing else Money(ZERO, ZERO, ZERO, ZERO, ZERO)
        if closing:
            ledger.close_long(tx, key, picked, closing, piece)
        ledger.open_short(tx, key, excess, money.less(piece))
    else:
        ledger.close_long(tx, key, picked, closing, money)


def delivery_in(ledger: Ledger, tx: Transaction) -> None:
    """Securities arrive with no cash leg: an inflow of their value on the day, plus fees and taxes."""
    instrument, key, quantity = named(ledger, tx)
    rates = ledger.rates(tx, instrument.currency) if tx.cost or tx.fees or tx.taxes else (ONE, ONE)
    value, value_base = _value(ledger, tx, instrument, key, quantity)
    cost, cost_base = value, value_base
    if tx.cost is not None:
        cost, cost_base = tx.cost * rates[0], tx.cost * rates[1]
    ledger.charge(tx, tx.fees, tx.taxes, instrument.currency, rates)
    ledger.flow(tx, "delivery_in", value_base + (tx.fees + tx.taxes) * rates[1], key[1])
    ledger.position_flow(tx, key, value + tx.fees * rates[0], value_base + tx.fees * rates[1], value_base)
    ledger.acquire(tx, key, quantity, cost, cost_base, value_base)


def delivery_out(ledger: Ledger, tx: Transaction) -> None:
    """Securities leave with no cash leg: an outflow of their value less fees and taxes; value − cost is realised."""
    instrument, key, quantity = named(ledger, tx)
    closing, _ = closable(ledger, key, quantity, short_allowed=False, verb="delivers")
    picked = ledger.pick(key, closing, tx) if not ledger.pooled else []
    rates = ledger.rates(tx, instrument.currency) if tx.fees or tx.taxes else (ONE, ONE)
    value, value_base = _value(ledger, tx, instrument, key, closing)
    ledger.charge(tx, tx.fees, tx.taxes, instrument.currency, rates)
    ledger.flow(tx, "delivery_out", (tx.fees + tx.taxes) * rates[1] - value_base, key[1])
    ledger.position_flow(tx, key, tx.fees * rates[0] - value, tx.fees * rates[1] - value_base, -value_base)
    ledger.close_long(tx, key, picked, closing, Money(value, value_base, value_base, ZERO, ZERO))


def _value(
    ledger: Ledger, tx: Transaction, instrument: Instrument, key: Key, quantity: Decimal
) -> tuple[Decimal, Decimal]:
    value = ledger.value(tx, instrument, key[1], quantity)
    if value is None:
        ledger.notice("missing_price", f"no price of {key[0]} on or before {tx.day}: valued at 0", tx)
        return ZERO, ZERO
    return value


def check_method(ledger: Ledger, tx: Transaction) -> None:
    """Say that lots named on a sale mean nothing to a pooled method."""
    if tx.lots and ledger.setup.method in (CostMethod.AVERAGE, CostMethod.SECTION104):
        ledger.notice(
            "lots_ignored", f"the {ledger.setup.method} method pools cost: the lots named are ignored", tx
        )
