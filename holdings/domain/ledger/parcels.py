"""Parts of lots and of money: what closing a position takes apart and adds up again to the last digit."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import NamedTuple

from holdings.domain.numbers import shares
from holdings.domain.types import Match, Transaction

Key = tuple[str, str]  # (instrument, account)
# A named tuple without its Python-level constructor: a long journal makes a hundred thousand of them.
_row = tuple.__new__


class Parcel(NamedTuple):
    """A part taken out of a lot or pool, with its share of every figure."""

    id: str | None
    opened: date
    held_since: date
    order: int
    quantity: Decimal
    cost: Decimal
    cost_base: Decimal
    basis_base: Decimal
    fees: Decimal
    fees_base: Decimal
    purchased: bool
    washed: bool


class Money(NamedTuple):
    """What a trade is worth: net of fees and gross, in the instrument's currency and in base currency."""

    net: Decimal
    net_base: Decimal
    gross_base: Decimal
    fees: Decimal
    fees_base: Decimal

    def part(self, quantity: Decimal, total: Decimal) -> Money:
        """The share of ``quantity`` out of ``total``."""
        net, net_base, gross_base, fees, fees_base = self
        if net_base == net and fees_base == fees:
            # In the base currency: figures that are equal are divided once.
            own, gross, fee = shares(quantity, total, net, gross_base, fees)
            return _row(Money, (own, own, gross, fee, fee))
        return _row(Money, shares(quantity, total, net, net_base, gross_base, fees, fees_base))

    def less(self, other: Money) -> Money:
        """What remains after a part was taken."""
        net, net_base, gross_base, fees, fees_base = self
        less, less_base, less_gross, less_fees, less_fees_base = other
        return _row(
            Money,
            (
                net - less,
                net_base - less_base,
                gross_base - less_gross,
                fees - less_fees,
                fees_base - less_fees_base,
            ),
        )


class PlannedMatch(NamedTuple):
    """Section 104: a disposal's pairing with a purchase, in units of the disposal and of the purchase."""

    disposal: str
    acquisition: str
    disposed: Decimal
    acquired: Decimal
    match: Match
    account: str  # of the purchase


class OpenDisposal(NamedTuple):
    """A part of a disposal that waits for the purchase it is matched with."""

    transaction: Transaction
    ordinal: int
    money: Money
