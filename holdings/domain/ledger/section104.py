"""Section 104 matching (United Kingdom): same day, then the 30 days following, then the pool.

Taxation of Chargeable Gains Act 1992 ss. 104, 105, 106A. Shares sold are matched first with shares bought on the same day, then
with shares bought in the 30 days after the sale (earliest purchase first, earliest sale first), and only then with the pool at
its average cost. Same-day matches of a day come before any 30-day match that would use the same purchase. Shares that come by
a reorganisation (split, merger, spin-off) are no purchase: they take the old shares' place in a pool.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

from holdings.domain.ledger.parcels import PlannedMatch
from holdings.domain.ledger.state import PoolEvent
from holdings.domain.market import SplitEvent
from holdings.domain.numbers import scaled
from holdings.domain.types import ONE, Match

WINDOW_DAYS = 30


class _Open:
    """An event with what is still to be matched, exact, in its own day's share units."""

    __slots__ = ("event", "left")

    def __init__(self, event: PoolEvent) -> None:
        self.event = event
        self.left = abs(Fraction(event.quantity))


def plan(events: Sequence[PoolEvent], splits: Mapping[str, Sequence[SplitEvent]]) -> list[PlannedMatch]:
    """Every same-day and 30-day match of a journal; what is not in it goes through the pool."""
    by_instrument: dict[str, list[PoolEvent]] = defaultdict(list)
    for event in events:
        by_instrument[event.instrument].append(event)
    matches: list[PlannedMatch] = []
    for name, found in by_instrument.items():
        matches += _plan_one(found, splits.get(name, ()))
    return matches


def _plan_one(events: list[PoolEvent], splits: Sequence[SplitEvent]) -> list[PlannedMatch]:
    bought = [_Open(event) for event in events if event.quantity > 0]
    sold = [_Open(event) for event in events if event.quantity < 0]
    by_day: dict[int, list[_Open]] = defaultdict(list)
    for purchase in bought:
        by_day[purchase.event.ordinal].append(purchase)
    matches: list[PlannedMatch] = []
    for sale in sold:
        for purchase in by_day.get(sale.event.ordinal, ()):
            _match(matches, sale, purchase, splits, Match.SAME_DAY)
    days = sorted(by_day)
    for sale in sold:
        if not sale.left:
            continue
        first = sale.event.ordinal
        for day in days:
            if first < day <= first + WINDOW_DAYS:
                for purchase in by_day[day]:
                    _match(matches, sale, purchase, splits, Match.THIRTY_DAYS)
    return matches


def _match(
    matches: list[PlannedMatch], sale: _Open, purchase: _Open, splits: Sequence[SplitEvent], kind: Match
) -> None:
    if not sale.left or not purchase.left:
        return
    ratio = _ratio_between(sale.event, purchase.event, splits)
    part = min(sale.left, purchase.left / ratio)
    sale.left -= part
    purchase.left -= part * ratio
    disposed, acquired = _decimal(part), _decimal(part * ratio)
    matches.append(
        PlannedMatch(
            sale.event.transaction,
            purchase.event.transaction,
            disposed,
            acquired,
            kind,
            purchase.event.account,
        )
    )


def _decimal(value: Fraction) -> Decimal:
    return scaled(ONE, value)


def _ratio_between(sale: PoolEvent, purchase: PoolEvent, splits: Sequence[SplitEvent]) -> Fraction:
    """Purchase units per sale unit: the splits between the two."""
    ratio = Fraction(1)
    for split in splits:
        if split.account in (None, purchase.account):
            if sale.order < split.order < purchase.order:
                ratio *= split.ratio
            elif purchase.order < split.order < sale.order:
                ratio /= split.ratio
    return ratio
