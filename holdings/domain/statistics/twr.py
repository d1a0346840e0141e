"""Time-weighted return, daily: the product of (value + outflows) / (previous value + inflows)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

YEAR = 365


@dataclass(frozen=True, slots=True)
class TwrIndex:
    """``index[i]`` is the growth of 1 since the first day; ``idle`` are the days (indices) whose base was not positive."""

    index: list[float]
    idle: list[int]


def chain(values: Sequence[int], inflows: Mapping[int, int], outflows: Mapping[int, int]) -> TwrIndex:
    """The index of a series of daily values and flows (integers at one scale; flows by index of their day).

    Between two flows the index is the value's ratio to the last flow day's, in one division of exact integers, so that
    a value that comes back to what it was brings the index back to the very same number.
    """
    index, idle = [1.0], []
    level, anchor_level = 1.0, 1.0
    previous = anchor = values[0] if values else 0
    for day in range(1, len(values)):
        value = values[day]
        if day in inflows or day in outflows:
            base = previous + inflows.get(day, 0)
            if base > 0:
                level *= (value + outflows.get(day, 0)) / base
            else:
                idle.append(day)
            anchor, anchor_level = value, level
        elif previous > 0:
            if value != previous:
                level = anchor_level * (value / anchor)
        else:
            idle.append(day)
            anchor, anchor_level = value, level
        index.append(level)
        previous = value
    return TwrIndex(index, idle)


def annualised(total: float, days: int) -> float | None:
    """(1 + total)^(365 / days) − 1 from 365 days on; None before, or after a total loss."""
    if days < YEAR or total <= -1:
        return None
    return float((1 + total) ** (YEAR / days) - 1)
