"""Market data, pure: currencies, pence and the way from one currency to another."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Context, Decimal
from itertools import pairwise

from portfolio_site.kernel.money import QUOTING_UNITS

#: Common pivots, in order of preference: the ECB publishes against the euro, everybody else against the
#: dollar.
PIVOTS = ("EUR", "USD")

#: Wide enough that a cross of two 12-decimal rates loses nothing that matters.
CONTEXT = Context(prec=34)


def major(currency: str) -> tuple[str, Decimal]:
    """Return the currency of a quoting unit and how many units make one of it: `("GBP", 100)` for GBp,
    `(code, 1)` else."""
    return QUOTING_UNITS.get(currency, (currency, Decimal(1)))


def triangulate(base: str, quote: str, known: Iterable[tuple[str, str]]) -> list[tuple[str, str]] | None:
    """Find the shortest way from `base` to `quote` over pairs that have a rate, in either direction, of at
    most 3 legs.

    Returns the legs in order as (from, to); None where there is no way. Of equally short ways the one over
    the earlier pivot wins.
    """
    neighbours: dict[str, list[str]] = {}
    for left, right in known:
        neighbours.setdefault(left, []).append(right)
        neighbours.setdefault(right, []).append(left)
    preference = {code: place for place, code in enumerate(PIVOTS)}
    ways: list[list[str]] = [[base]]
    for _ in range(3):
        longer: list[list[str]] = []
        for way in ways:
            following = sorted(set(neighbours.get(way[-1], ())), key=lambda c: (preference.get(c, 99), c))
            if quote in following:
                whole = [*way, quote]
                return list(pairwise(whole))
            longer += [[*way, step] for step in following if step not in way]
        ways = longer
    return None


def chain(known: dict[tuple[str, str], Decimal], legs: Iterable[tuple[str, str]]) -> Decimal:
    """Multiply the rates along the legs; inverted ones by one division at the end, so that few digits are
    lost."""
    top = bottom = Decimal(1)
    for leg in legs:
        if leg in known:
            top = CONTEXT.multiply(top, known[leg])
        else:
            bottom = CONTEXT.multiply(bottom, known[leg[1], leg[0]])
    return CONTEXT.divide(top, bottom)
