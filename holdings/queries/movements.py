"""What every entry of a portfolio does to units and cash, as a plain list: for whoever follows its value through time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from holdings.domain.numbers import quotient
from holdings.models import Transaction
from holdings.queries.journal import ratio_of
from holdings.queries.transactions import cash_effect

ZERO = Decimal(0)
_ADDS = frozenset({"buy", "opening_balance", "staking", "spin_off"})
_TAKES = frozenset({"sell"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """One entry: `cash` in `currency` and `units` of the instrument as they change; `ratio` (new units per old one) for a
    split, which multiplies what is held. `costs` are the fees and taxes that `cash` includes."""

    at: datetime
    type: str
    instrument_id: int | None
    units: Decimal
    ratio: Decimal | None
    cash: Decimal
    costs: Decimal
    currency: str


def movements_of(portfolio_id: int) -> list[Movement]:
    """The entries that count, oldest first. One statement."""
    rows = (
        Transaction.objects.filter(portfolio_id=portfolio_id)
        .counting()
        .in_order()
        .only(
            "type", "occurred_at", "instrument_id", "quantity", "amount", "fees", "taxes", "currency", "ratio"
        )
    )
    return [_movement(row) for row in rows.iterator()]


def _movement(row: Transaction) -> Movement:
    quantity: Decimal = row.quantity or ZERO
    units = quantity if row.type in _ADDS else -quantity if row.type in _TAKES else ZERO
    fraction = ratio_of(row.ratio) if row.type == "split" else None
    return Movement(
        at=row.occurred_at,
        type=row.type,
        instrument_id=row.instrument_id,
        units=units,
        ratio=None
        if fraction is None
        else quotient(Decimal(fraction.numerator), Decimal(fraction.denominator)),
        cash=cash_effect(row) or ZERO,
        costs=row.fees + row.taxes,
        currency=row.currency,
    )
