"""Which trades bring a portfolio to its target weights. Pure, exact but for the quantity, which is cut to whole steps.

A part without a target is left as it is. Within a part, the trade is spread over its holdings in proportion to their values,
so that their mix stays; cash takes what is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from holdings.domain.numbers import EXACT, exact, quotient, share
from holdings.domain.types import ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A holding of a part: what it is worth, and what one unit costs in base currency; None where there is no price."""

    id: str
    part: str
    quantity: Decimal
    value: Decimal
    unit_value: Decimal | None
    step: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """Buy (positive) or sell (negative) so many units for so much. ``id`` None: money for a part that holds nothing yet."""

    id: str | None
    part: str
    quantity: Decimal | None
    amount: Decimal


def trades_to(
    targets: Mapping[str, Decimal], holdings: Iterable[Held], *, values: Mapping[str, Decimal], total: Decimal
) -> list[Trade]:
    """The trades that bring each part with a target to ``target × total``; ``values`` are what the parts are worth now."""
    members: dict[str, list[Held]] = {}
    for held in holdings:
        members.setdefault(held.part, []).append(held)
    trades: list[Trade] = []
    with exact():
        for part, target in targets.items():
            gap = target * total - values.get(part, ZERO)
            if gap:
                trades += _spread(part, gap, members.get(part, []))
    return trades


def _spread(part: str, gap: Decimal, members: list[Held]) -> list[Trade]:
    longs = [held for held in members if held.value > 0 and held.unit_value]
    if not longs:
        # One thing that is not held yet but has a price can be bought; otherwise the person chooses what.
        priced = [held for held in members if held.unit_value]
        if len(priced) == 1 and gap > 0:
            return [_cut(priced[0], gap)]
        return [Trade(id=None, part=part, quantity=None, amount=gap)] if gap > 0 else []
    whole = sum((held.value for held in longs), ZERO)
    found, rest = [], gap
    for held in longs[:-1]:
        part_of_it = share(gap, held.value, whole)
        found.append(_cut(held, part_of_it))
        rest -= part_of_it
    found.append(_cut(longs[-1], rest))
    return [trade for trade in found if trade.quantity]


def _cut(held: Held, amount: Decimal) -> Trade:
    """A trade in whole steps, never for more than ``amount`` and never selling more than is held."""
    assert held.unit_value is not None
    if amount <= -held.value:
        quantity = -held.quantity
    else:
        wanted = quotient(amount, held.unit_value)
        steps = quotient(wanted, held.step).to_integral_value(ROUND_DOWN) if held.step else None
        quantity = wanted if steps is None else EXACT.multiply(steps, held.step)
    return Trade(
        id=held.id, part=held.part, quantity=quantity, amount=EXACT.multiply(quantity, held.unit_value)
    )
