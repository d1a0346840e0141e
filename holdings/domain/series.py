"""A dated series of exact numbers (closes, rates) as a step function of the day.

Days are proleptic ordinals (``date.toordinal()``), values are integers at one decimal scale: ``12.34`` at scale 2 is ``1234``.
That makes ten years of closes two small numpy arrays, while every value is still the exact decimal that was given.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdings.domain.numbers import from_scaled, most_decimals, to_scaled

INT64_SAFE = 2**62
Ints = NDArray[Any]  # int64, or object holding Python integers where int64 is too small


class Series:
    """Immutable step function: the value that applies on a day is the last one on or before it.

    ``days``: int64[n], strictly rising. ``values``: int64[n], or object[n] of Python integers where int64 is too small.
    ``scale``: decimals of every value. ``quoted``: int64[n], the day a value was really quoted (differs from ``days``
    where a price carried past a split was divided by its ratio).
    """

    __slots__ = ("_days", "_values", "days", "quoted", "scale", "values")

    def __init__(
        self, days: NDArray[np.int64], values: Ints, scale: int, quoted: NDArray[np.int64] | None = None
    ) -> None:
        self.days = days
        self.values = values
        self.scale = scale
        self.quoted = days if quoted is None else quoted
        self._days: list[int] | None = None
        self._values: dict[int, Decimal] = {}

    @classmethod
    def from_pairs(cls, pairs: Iterable[tuple[date, Decimal]] | Mapping[date, Decimal]) -> Series:
        """A series of (day, value); later pairs win over earlier ones of the same day."""
        items = dict(pairs.items() if isinstance(pairs, Mapping) else pairs)
        days = sorted(items)
        return cls.from_decimals([day.toordinal() for day in days], [items[day] for day in days])

    @classmethod
    def from_decimals(
        cls, ordinals: Sequence[int], values: Sequence[Decimal], quoted: Sequence[int] | None = None
    ) -> Series:
        """A series of rising ordinals and their exact values."""
        scale = most_decimals(values)
        return cls(
            np.array(ordinals, dtype=np.int64),
            integers([to_scaled(value, scale) for value in values]),
            scale,
            None if quoted is None else np.array(quoted, dtype=np.int64),
        )

    def __len__(self) -> int:
        return len(self.days)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Series) and list(self.items()) == list(other.items())

    def __hash__(self) -> int:
        return hash((len(self.days), self.scale))

    def __repr__(self) -> str:
        return f"Series({len(self)} values)"

    def position(self, ordinal: int) -> int:
        """Index of the entry that applies on a day, -1 before the first."""
        return bisect_right(self._days or self._listed(), ordinal) - 1

    def _listed(self) -> list[int]:
        days: list[int] = self.days.tolist()
        self._days = days
        return days

    def value(self, index: int) -> Decimal:
        """The exact value at an index."""
        found = self._values.get(index)
        if found is None:
            found = self._values[index] = from_scaled(int(self.values[index]), self.scale)
        return found

    def at(self, ordinal: int) -> Decimal | None:
        """The value that applies on a day, or None before the first."""
        index = bisect_right(self._days or self._listed(), ordinal) - 1
        if index < 0:
            return None
        return self._values.get(index) or self.value(index)

    @property
    def first(self) -> int | None:
        """Ordinal of the first entry."""
        return int(self.days[0]) if len(self.days) else None

    def on_days(self, days: NDArray[np.int64]) -> tuple[Ints, NDArray[np.bool_]]:
        """Values (scaled integers) for an array of ordinals, and a mask of the days that have one; 0 where there is none."""
        if not len(self.days):
            return np.zeros(len(days), dtype=np.int64), np.zeros(len(days), dtype=bool)
        index = np.searchsorted(self.days, days, side="right") - 1
        known = index >= 0
        values = self.values[np.maximum(index, 0)]
        if not known.all():
            values = values.copy()
            values[~known] = 0
        return values, known

    def items(self) -> Iterable[tuple[date, Decimal]]:
        """(day, value) in order."""
        return (
            (date.fromordinal(day), from_scaled(int(value), self.scale))
            for day, value in zip(self.days.tolist(), self.values.tolist(), strict=True)
        )


EMPTY = Series(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), 0)


def integers(values: list[int]) -> Ints:
    """Python integers as int64 where they all fit with room for a sum, else as an object array."""
    if not values or max(map(abs, values)) < INT64_SAFE:
        return np.array(values, dtype=np.int64)
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array
