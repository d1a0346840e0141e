"""Corporate actions that tie two instruments: spin-offs, mergers, symbol changes. Cost moves, holding periods carry over."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from holdings.domain.ledger.actions import affected, ratio_of, settle
from holdings.domain.ledger.engine import Ledger
from holdings.domain.ledger.parcels import Key, Money, Parcel
from holdings.domain.ledger.pools import add_to_pool
from holdings.domain.ledger.state import LedgerError, Lot
from holdings.domain.numbers import plain, scaled, share
from holdings.domain.types import ONE, ZERO, Instrument, Transaction

WHOLE = Fraction(1)


def symbol_change(ledger: Ledger, tx: Transaction) -> None:
    """Every lot becomes one of ``to_instrument``, one for one unless a ratio says otherwise."""
    _convert(ledger, tx, ratio_of(tx, WHOLE))


def merger(ledger: Ledger, tx: Transaction) -> None:
    """Every lot becomes one of ``to_instrument`` by ``ratio``.

    Cash paid beside the new shares comes as ``amount``: it realises the part of each lot that it is of the whole payment.
    Without ``to_instrument`` the whole position is paid out in cash.
    """
    if tx.to_instrument is None:
        _pay_out(ledger, tx)
        return
    if tx.ratio is None and tx.quantity:
        total = sum((ledger.quantities[key] for key in affected(ledger, tx)), ZERO)
        _convert(ledger, tx, Fraction(tx.quantity) / Fraction(total))
    else:
        _convert(ledger, tx, ratio_of(tx))


def _pay_out(ledger: Ledger, tx: Transaction) -> None:
    instrument = ledger.instrument(tx.instrument)
    keys = [key for key in affected(ledger, tx) if ledger.quantities[key] > 0]
    if not tx.amount or not keys:
        raise LedgerError("to_instrument", "is required, or an amount for what is held")
    money = settle(ledger, tx, instrument)
    rest, remaining = money, sum((ledger.quantities[key] for key in keys), ZERO)
    for key in keys:
        size = ledger.quantities[key]
        piece = rest if size == remaining else rest.part(size, remaining)
        rest, remaining = rest.less(piece), remaining - size
        ledger.position_flow(tx, key, -piece.net, -piece.net_base, -piece.gross_base)
        ledger.close_long(
            tx, key, [] if ledger.pooled else ledger.pick(key, size, tx, oldest=True), size, piece
        )


def _convert(ledger: Ledger, tx: Transaction, ratio: Fraction) -> None:
    source, target = ledger.instrument(tx.instrument), ledger.instrument(tx.to_instrument)
    keys = affected(ledger, tx)
    _same_side(ledger, keys, target.id)
    cost_rate = _cost_rate(ledger, source, target)
    total = sum((ledger.quantities[key] for key in keys), ZERO)
    sizes = {key: ledger.quantities[key] for key in keys}
    cash_part = _cash_part(ledger, tx, source, target, scaled(total, ratio))
    worth = {key: _worth(ledger, tx, target, key, scaled(size, ratio)) for key, size in sizes.items()}
    rest, remaining = settle(ledger, tx, source), total
    for key, size in sizes.items():
        piece = rest if size == remaining else rest.part(size, remaining)
        rest, remaining = rest.less(piece), remaining - size
        moved_base = _empty_into(ledger, tx, key, target, ratio, cost_rate, cash_part, piece)
        value = worth[key] if worth[key] is not None else moved_base
        _carry_flow(ledger, tx, key, target, value or ZERO, piece)


def _empty_into(
    ledger: Ledger,
    tx: Transaction,
    key: Key,
    target: Instrument,
    ratio: Fraction,
    cost_rate: Decimal,
    cash_part: tuple[Decimal, Decimal],
    money: Money,
) -> Decimal:
    """Turn one account's lots into lots of the target; the part paid in cash is realised. Returns the base cost moved."""
    size = ledger.quantities[key]
    parcels = _take_all(ledger, key)
    rest, remaining = money, size
    moved_base = gained = ZERO
    for parcel in parcels:
        piece = rest if parcel.quantity == remaining else rest.part(parcel.quantity, remaining)
        rest, remaining = rest.less(piece), remaining - parcel.quantity
        if tx.amount:
            sold = _fraction_of(parcel, *cash_part)
            ledger.realise(tx, key, sold, abs(sold.quantity), piece)
            parcel = _without(parcel, sold)._replace(quantity=parcel.quantity)  # noqa: PLW2901
        quantity = scaled(parcel.quantity, ratio)
        gained += quantity
        moved_base += parcel.cost_base
        _place(ledger, (target.id, key[1]), parcel, quantity, cost_rate)
    ledger.change(key, -size)
    ledger.change((target.id, key[1]), gained)
    return moved_base


def _cash_part(
    ledger: Ledger, tx: Transaction, source: Instrument, target: Instrument, received: Decimal
) -> tuple[Decimal, Decimal]:
    """The part (numerator, denominator) of a merger's payment that is cash: by value; all of it when shares have no price."""
    if not tx.amount:
        return ZERO, ONE
    cash = tx.amount * ledger.rates(tx, source.currency)[1]
    worth = ledger.value(tx, target, tx.account or "", abs(received))
    if worth is None:
        ledger.notice(
            "missing_price",
            f"no price of {target.id} on {tx.day}: the cash is taken as gain without cost",
            tx,
        )
        return ZERO, ONE
    return cash, cash + worth[1]


def spin_off(ledger: Ledger, tx: Transaction) -> None:
    """New shares of ``to_instrument`` beside the old ones; part of each lot's cost moves to them.

    New shares: ``ratio`` per old share, or ``quantity`` in all. Cost moved: ``amount`` in all, else by market value on the day.
    """
    source, target = ledger.instrument(tx.instrument), ledger.instrument(tx.to_instrument)
    keys = affected(ledger, tx)
    _same_side(ledger, keys, target.id)
    total = sum((ledger.quantities[key] for key in keys), ZERO)
    ratio = Fraction(tx.quantity) / Fraction(total) if tx.ratio is None and tx.quantity else ratio_of(tx)
    part = _spun_part(ledger, tx, source, target, keys, total, ratio)
    cost_rate = _cost_rate(ledger, source, target)
    worth = {key: _worth(ledger, tx, target, key, scaled(ledger.quantities[key], ratio)) for key in keys}
    rates = ledger.rates(tx, source.currency) if tx.fees or tx.taxes else (ONE, ONE)
    ledger.charge(tx, tx.fees, tx.taxes, source.currency, rates)
    ledger.move_cash(tx, tx.cash_account, -tx.fees - tx.taxes, rates[1])
    nothing = Money(ZERO, ZERO, ZERO, ZERO, ZERO)
    for key in keys:
        size = ledger.quantities[key]
        parcels = _take_all(ledger, key)
        moved_base = gained = ZERO
        for parcel in parcels:
            spun = _fraction_of(parcel, *part)
            _place(ledger, key, _without(parcel, spun), parcel.quantity, ONE)
            quantity = scaled(parcel.quantity, ratio)
            gained += quantity
            moved_base += spun.cost_base
            _place(ledger, (target.id, key[1]), spun, quantity, cost_rate)
        if ledger.pooled and size > 0:
            ledger.held[key] = size
        ledger.change((target.id, key[1]), gained)
        value = worth[key]
        _carry_flow(ledger, tx, key, target, moved_base if value is None else value, nothing)


def _spun_part(
    ledger: Ledger,
    tx: Transaction,
    source: Instrument,
    target: Instrument,
    keys: list[Key],
    total: Decimal,
    ratio: Fraction,
) -> tuple[Decimal, Decimal]:
    """The part (numerator, denominator) of the cost that goes to the new shares."""
    if tx.amount is not None:
        moved = tx.amount * (ledger.rates(tx, source.currency)[0] if tx.amount else ONE)
        cost = sum((abs(_cost(ledger, key)) for key in keys), ZERO)
        if moved > cost:
            raise LedgerError(
                "amount", f"moves a cost of {plain(moved)} but the shares held cost {plain(cost)}"
            )
        return (moved, cost) if cost else (ZERO, ONE)
    account = tx.account or keys[0][1]
    old = ledger.value(tx, source, account, abs(total))
    new = ledger.value(tx, target, account, scaled(abs(total), ratio))
    if old is None or new is None or not old[1] + new[1]:
        ledger.notice(
            "missing_price", f"no prices to divide the cost of {source.id} by: all of it stays there", tx
        )
        return ZERO, ONE
    return new[1], old[1] + new[1]


def _cost(ledger: Ledger, key: Key) -> Decimal:
    if ledger.pooled and ledger.quantities[key] > 0:
        pool = ledger.pools[key[0]]
        return share(pool.cost, ledger.quantities[key], pool.quantity)
    return sum((lot.cost for lot in ledger.lots[key]), ZERO)


def _same_side(ledger: Ledger, keys: list[Key], target: str) -> None:
    for key in keys:
        if ledger.quantities[key] * ledger.quantities.get((target, key[1]), ZERO) < 0:
            raise LedgerError(
                "to_instrument", f"account {key[1]} holds {target} the other way round (long and short)"
            )


def _cost_rate(ledger: Ledger, source: Instrument, target: Instrument) -> Decimal:
    return ledger.market.rate(source.currency, target.currency, ledger.ordinal)


def _worth(
    ledger: Ledger, tx: Transaction, target: Instrument, key: Key, quantity: Decimal
) -> Decimal | None:
    value = ledger.value(tx, target, key[1], quantity)
    return None if value is None else value[1]


def _take_all(ledger: Ledger, key: Key) -> list[Parcel]:
    size = ledger.quantities[key]
    if ledger.pooled and size > 0:
        ledger.held[key] = ZERO
        return [ledger.take([], ledger.pools[key[0]], size)]
    lots = ledger.lots[key]
    return [ledger.take(lots, lot, abs(lot.quantity)) for lot in list(lots)]


def _fraction_of(parcel: Parcel, numerator: Decimal, denominator: Decimal) -> Parcel:
    def part(value: Decimal) -> Decimal:
        return share(value, numerator, denominator) if value else ZERO

    return parcel._replace(
        quantity=part(parcel.quantity),
        cost=part(parcel.cost),
        cost_base=part(parcel.cost_base),
        basis_base=part(parcel.basis_base),
        fees=part(parcel.fees),
        fees_base=part(parcel.fees_base),
    )


def _without(parcel: Parcel, taken: Parcel) -> Parcel:
    return parcel._replace(
        cost=parcel.cost - taken.cost,
        cost_base=parcel.cost_base - taken.cost_base,
        basis_base=parcel.basis_base - taken.basis_base,
        fees=parcel.fees - taken.fees,
        fees_base=parcel.fees_base - taken.fees_base,
    )


def _place(ledger: Ledger, key: Key, parcel: Parcel, quantity: Decimal, cost_rate: Decimal) -> None:
    """Open a lot from a parcel, same purchase, same age. The caller changes the position's quantity."""
    lot = Lot(
        id=parcel.id or "pool", instrument=key[0], account=key[1], opened=parcel.opened, held_since=parcel.held_since,
        order=parcel.order, quantity=quantity, cost=parcel.cost * cost_rate, cost_base=parcel.cost_base,
        basis_base=parcel.basis_base, fees=parcel.fees, fees_base=parcel.fees_base, purchased=parcel.purchased,
        washed=parcel.washed,
    )  # fmt: skip
    if ledger.pooled and quantity > 0:
        ledger.held[key] = ledger.held.get(key, ZERO) + quantity
        add_to_pool(ledger, lot)
    else:
        ledger.put(lot)


def _carry_flow(
    ledger: Ledger, tx: Transaction, key: Key, target: Instrument, value_base: Decimal, money: Money
) -> None:
    """Value that passes from one position to another: out of the old at what the new is worth, plus the cash paid."""
    source = ledger.setup.instruments[key[0]]
    out = into = ZERO
    if value_base:
        out = value_base * ledger.market.rate(ledger.base, source.currency, ledger.ordinal)
        into = value_base * ledger.market.rate(ledger.base, target.currency, ledger.ordinal)
    ledger.position_flow(
        tx, key, -out - money.net, -value_base - money.net_base, -value_base - money.gross_base
    )
    ledger.position_flow(tx, (target.id, key[1]), into, value_base, value_base)
