"""The average entry price of a position, as brokers show it. Pure.

Within a day it is the quantity-weighted average of what was held and what was bought; a sale leaves it alone. Overnight the
open quantity is put together anew by compressed FIFO: each day's purchases are one lot at their average, and sales take the
oldest lot first. A short position is the mirror image. A split multiplies quantities and divides prices.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Context, Decimal

ZERO = Decimal(0)
_WIDE = Context(prec=50)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that changed the position: ``quantity`` signed units at ``price``, or a split by ``ratio``."""

    day: date
    quantity: Decimal = ZERO
    price: Decimal = ZERO
    ratio: Decimal | None = None


@dataclass(slots=True)
class _Lot:
    quantity: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The position: its units and average price, and of them what was opened today."""

    quantity: Decimal
    average: Decimal
    today_quantity: Decimal = ZERO
    today_average: Decimal = ZERO


def entry_of(steps: Iterable[Step], *, today: date) -> Entry:
    """Units and average entry price after ``steps`` (in the order they happened) as seen on ``today``."""
    lots: list[_Lot] = []
    day: date | None = None
    bought: _Lot | None = None
    quantity = average = ZERO
    for step in steps:
        if day is not None and step.day != day:
            lots = _closed(lots, bought)
            bought, quantity, average = None, *_total(lots)
        day = step.day
        if step.ratio is not None:
            for lot in [*lots, *([bought] if bought else [])]:
                lot.quantity *= step.ratio
                lot.price = _WIDE.divide(lot.price, step.ratio)
            quantity, average = quantity * step.ratio, _WIDE.divide(average, step.ratio)
            continue
        if quantity == 0 or (step.quantity > 0) == (quantity > 0):
            average = _weighted(quantity, average, step.quantity, step.price)
            quantity += step.quantity
            if bought is None:
                bought = _Lot(step.quantity, step.price)
            else:
                bought.price = _weighted(bought.quantity, bought.price, step.quantity, step.price)
                bought.quantity += step.quantity
            continue
        rest = _take(lots, step.quantity)
        if rest and bought is not None:
            taken = min(abs(rest), abs(bought.quantity)).copy_sign(rest)
            bought.quantity += taken
            rest -= taken
            if not bought.quantity:
                bought = None
        quantity += step.quantity
        if quantity == 0:
            average, lots, bought = ZERO, [], None
        elif rest:
            # Through zero: what is left of the trade opens a position on the other side.
            quantity, average, bought = rest, step.price, _Lot(rest, step.price)
    if day is not None and day != today:
        lots = _closed(lots, bought)
        bought, quantity, average = None, *_total(lots)
    return Entry(
        quantity=quantity,
        average=average,
        today_quantity=bought.quantity if bought else ZERO,
        today_average=bought.price if bought else ZERO,
    )


def _weighted(quantity: Decimal, average: Decimal, more: Decimal, price: Decimal) -> Decimal:
    total = quantity + more
    return _WIDE.divide(_WIDE.multiply(quantity, average) + _WIDE.multiply(more, price), total)


def _take(lots: list[_Lot], change: Decimal) -> Decimal:
    """Take from the oldest lots; returns what is left of the change."""
    while change and lots:
        lot = lots[0]
        part = min(abs(change), abs(lot.quantity)).copy_sign(change)
        lot.quantity += part
        change -= part
        if not lot.quantity:
            lots.pop(0)
    return change


def _closed(lots: list[_Lot], bought: _Lot | None) -> list[_Lot]:
    return [*lots, bought] if bought is not None and bought.quantity else lots


def _total(lots: list[_Lot]) -> tuple[Decimal, Decimal]:
    quantity = sum((lot.quantity for lot in lots), ZERO)
    if not quantity:
        return ZERO, ZERO
    value = sum((_WIDE.multiply(lot.quantity, lot.price) for lot in lots), ZERO)
    return quantity, _WIDE.divide(value, quantity)
