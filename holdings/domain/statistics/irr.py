"""Money-weighted return: every rate r in [−0.999999, 1000] with Σ flowᵢ / (1 + r)^(tᵢ) = 0, t in years of 365 days.

With u = ln(1 + r) the sum is Σ cᵢ·e^(−u·tᵢ): a difference P(u) − N(u) of two sums that both fall (t ≥ 0), as do the sums of
their derivatives. Their values at the ends of an interval therefore bound the function and its slope inside it, so an interval is
certified to hold no root, or at most one, and halved otherwise (Moore, Interval Analysis). No grid can miss a root this way.
Descartes' rule for exponential sums settles the usual case first: one change of sign means one root at most.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LOWEST, HIGHEST = -0.999999, 1000.0
YEAR = 365.0
_SMALLEST = 1e-11  # width in u below which an interval that cannot be decided counts as one (double) root
_LOGS = math.log1p(LOWEST), math.log1p(HIGHEST)

UNIQUE, AMBIGUOUS, NONE = "unique", "ambiguous", "none"


@dataclass(frozen=True, slots=True)
class Irr:
    """``rate`` is the root nearest zero, None without one; ``status`` is unique, ambiguous or none."""

    rate: float | None
    status: str
    roots: tuple[float, ...]


NO_IRR = Irr(None, NONE, ())


def irr(flows: Iterable[tuple[int, float]]) -> Irr:
    """All money-weighted returns of (day, amount) flows; money paid in is negative, money received positive."""
    by_day: dict[int, float] = {}
    for day, amount in flows:
        by_day[day] = by_day.get(day, 0.0) + amount
    days = sorted(day for day, amount in by_day.items() if amount)
    if not days:
        return NO_IRR
    amounts = np.array([by_day[day] for day in days])
    largest = float(np.abs(amounts).max())
    # What is left of a day's flows that cancel out is noise, not a flow.
    kept = np.abs(amounts) > largest * 1e-15
    times = (np.array(days, dtype=np.float64)[kept] - days[0]) / YEAR
    amounts = amounts[kept] / largest
    changes = int((np.diff(np.sign(amounts)) != 0).sum())
    if not changes:
        return NO_IRR
    curve = _Curve(amounts, times)
    logs = curve.single_root() if changes == 1 else curve.all_roots()
    roots = tuple(sorted(math.expm1(u) for u in logs))
    if not roots:
        return NO_IRR
    return Irr(min(roots, key=abs), UNIQUE if len(roots) == 1 else AMBIGUOUS, roots)


class _Curve:
    """f(u) = Σ cᵢ·e^(−u·tᵢ), times a positive factor that keeps it in range."""

    def __init__(self, amounts: NDArray[np.float64], times: NDArray[np.float64]) -> None:
        self.amounts, self.times = amounts, times
        self.span = float(times[-1])
        self.gains, self.costs = np.maximum(amounts, 0.0), np.maximum(-amounts, 0.0)

    def weights(self, u: float, low: float) -> NDArray[np.float64]:
        """e^(−u·t), scaled alike for every u ≥ low of an interval."""
        return np.asarray(np.exp(np.minimum(-u * self.times - max(0.0, -low * self.span), 700.0)))

    def value(self, u: float) -> float:
        """f(u) up to a positive factor."""
        return float(self.amounts @ self.weights(u, u))

    def single_root(self) -> list[float]:
        """The root when there can be one at most."""
        low, high = _LOGS
        return self._bracketed(low, high)

    def all_roots(self) -> list[float]:
        """Every root, by certified halving."""
        found: list[float] = []
        todo = [_LOGS]
        while todo:
            low, high = todo.pop()
            near, far = self.weights(low, low), self.weights(high, low)
            if self._no_root(near, far, self.gains, self.costs):
                continue
            if self._no_root(near, far, self.gains * self.times, self.costs * self.times):
                found += self._bracketed(low, high)
            elif high - low < _SMALLEST:
                found.append((low + high) / 2)
            else:
                middle = (low + high) / 2
                todo += [(middle, high), (low, middle)]
        return _distinct(found)

    @staticmethod
    def _no_root(
        near: NDArray[np.float64],
        far: NDArray[np.float64],
        plus: NDArray[np.float64],
        minus: NDArray[np.float64],
    ) -> bool:
        """Whether plus·w − minus·w keeps one sign for all weights between near and far (both sums fall)."""
        return bool(plus @ far > minus @ near or plus @ near < minus @ far)

    def _bracketed(self, low: float, high: float) -> list[float]:
        at_low, at_high = self.value(low), self.value(high)
        if at_low == 0:
            return [low]
        if at_high == 0:
            return [high]
        if (at_low > 0) == (at_high > 0):
            return []
        for _ in range(200):
            middle = (low + high) / 2
            if middle in (low, high):
                break
            at_middle = self.value(middle)
            if at_middle == 0:
                return [middle]
            if (at_middle > 0) == (at_low > 0):
                low = middle
            else:
                high = middle
            if high - low < 1e-16 * max(1.0, abs(low)):
                break
        return [(low + high) / 2]


def _distinct(roots: list[float]) -> list[float]:
    """Roots without repetitions from neighbouring intervals."""
    kept: list[float] = []
    for root in sorted(roots):
        if not kept or root - kept[-1] > 1e-9:
            kept.append(root)
    return kept
