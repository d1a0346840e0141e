"""Parts of lots and of money: what closing a position takes apart and adds up again to the last digit."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import NamedTuple

from holdings.domain.numbers import share
from holdings.domain.types import ZERO, Match, Transaction

Key = tuple[str, str]  # (instrument, account)


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
        own = share(net, quantity, total)
        base = own if net_base is net or net_base == net else share(net_base, quantity, total)
        if not fees and not fees_base:
            gross = base if gross_base == net_base else share(gross_base, quantity, total)
            return Money(own, base, gross, ZERO, ZERO)
        fee = share(fees, quantity, total)
        fee_base = fee if fees_base == fees else share(fees_base, quantity, total)
        return Money(own, base, share(gross_base, quantity, total), fee, fee_base)

    def less(self, other: Money) -> Money:
        """What remains after a part was taken."""
        return Money(
            self.net - other.net,
            self.net_base - other.net_base,
            self.gross_base - other.gross_base,
            self.fees - other.fees,
            self.fees_base - other.fees_base,
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
