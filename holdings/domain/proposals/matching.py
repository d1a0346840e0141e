"""Which entry of the books is the split or dividend that became known: nothing is to be booked twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

#: A dividend is entered on its ex-date or a few days about it, or when it is paid, up to ten weeks later.
NEAR_BEFORE, NEAR_AFTER, PAID_WITHIN = 3, 5, 70
#: An amount is the dividend's if it is all of it, or what is left after withholding; rates and rounding blur it.
LEAST_PART, MOST_PART = Decimal("0.55"), Decimal("1.1")
#: A split is entered some days about its ex-date.
SPLIT_NEAR, SPLIT_WITHIN = 3, 10
SAME = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """An entry that could be it. `amount` is in the instrument's currency, None for one paid in units; `quantity` are the
    units it brought; `ratio` that of a split."""

    id: int
    day: date
    amount: Decimal | None = None
    quantity: Decimal | None = None
    ratio: Fraction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """The entry that is the action (None: none is), and one that may be it without being sure."""

    entry: int | None = None
    doubtful: int | None = None


def match_dividends(expected: Sequence[tuple[date, Decimal]], entries: Sequence[Known]) -> list[Matched]:
    """Return for each dividend (ex-date, amount that was due) the entry that is it. An entry is one dividend at most.

    Sure is an entry within a few days of the ex-date, or one up to ten weeks after it whose amount is that of the dividend or
    what withholding leaves of it. Nearer ones come first. An entry of that time with another amount raises a doubt.
    """
    pairs = []
    for place, (ex_date, amount) in enumerate(expected):
        for entry in entries:
            lag = (entry.day - ex_date).days
            if not -NEAR_BEFORE <= lag <= PAID_WITHIN:
                continue
            is_near, fits = lag <= NEAR_AFTER, _fits(entry, amount)
            rank = (0 if is_near else 1) if fits else (2 if is_near else 3)
            pairs.append((rank, abs(lag), place, entry.id))
    taken_actions: dict[int, int] = {}
    taken_entries: set[int] = set()
    doubts: dict[int, int] = {}
    for rank, _, place, entry_id in sorted(pairs):
        if place in taken_actions or entry_id in taken_entries:
            continue
        if rank < 3:
            taken_actions[place] = entry_id
            taken_entries.add(entry_id)
        else:
            doubts.setdefault(place, entry_id)
    return [
        Matched(
            entry=taken_actions.get(place),
            doubtful=None
            if place in taken_actions or doubts.get(place) in taken_entries
            else doubts.get(place),
        )
        for place in range(len(expected))
    ]


def _fits(entry: Known, amount: Decimal) -> bool:
    if entry.amount is None:
        return True
    return amount > 0 and LEAST_PART * amount <= entry.amount <= MOST_PART * amount


def match_splits(
    expected: Sequence[tuple[date, Fraction, Decimal]], entries: Sequence[Known]
) -> list[Matched]:
    """Return for each split (ex-date, ratio, units held before it) the entry that is it: a split within ten days with the
    ratio, or within three with any; or the new units alone, delivered within ten days."""
    pairs = []
    for place, (ex_date, ratio, held) in enumerate(expected):
        for entry in entries:
            distance = abs((entry.day - ex_date).days)
            if distance > SPLIT_WITHIN:
                continue
            if entry.ratio is not None:
                fits = abs(entry.ratio / ratio - 1) <= Fraction(SAME)
                if fits or distance <= SPLIT_NEAR:
                    pairs.append((0 if fits else 1, distance, place, entry.id))
            elif entry.quantity is not None and held > 0 and ratio > 1:
                new = Fraction(held) * (ratio - 1)
                if abs(Fraction(entry.quantity) / new - 1) <= Fraction(SAME):
                    pairs.append((2, distance, place, entry.id))
    found: dict[int, int] = {}
    taken: set[int] = set()
    for _, _, place, entry_id in sorted(pairs):
        if place not in found and entry_id not in taken:
            found[place] = entry_id
            taken.add(entry_id)
    return [Matched(entry=found.get(place)) for place in range(len(expected))]
