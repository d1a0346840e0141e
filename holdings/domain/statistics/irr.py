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
_PRECISION = 1e-15
_APART = 1e-7
_FIRST_INTERVALS = 64
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
    """f(u) = Σ cᵢ·e^(−u·tᵢ), kept in range by the factor e^(−shift(u)), shift(u) = max(0, −u·span)."""

    def __init__(self, amounts: NDArray[np.float64], times: NDArray[np.float64]) -> None:
        self.times = times
        self.span = float(times[-1])
        gains, costs = np.maximum(amounts, 0.0), np.maximum(-amounts, 0.0)
        # Columns: P, N, and the same for the slope.
        self.terms = np.stack([gains, costs, gains * times, costs * times], axis=1)

    def sums(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64[points, 4]: P, N, Σ t·P, Σ t·N at each u, each times e^(−shift(u))."""
        shift = np.maximum(0.0, -points * self.span)
        weights = np.exp(-np.outer(points, self.times) - shift[:, None])
        return np.asarray(weights @ self.terms)

    def single_root(self) -> list[float]:
        """The root when there can be one at most."""
        return self._bracketed(*_LOGS)

    def all_roots(self) -> list[float]:
        """Every root, by certified halving of all undecided intervals at once."""
        found: list[float] = []
        edges = np.linspace(*_LOGS, _FIRST_INTERVALS + 1)
        sums = self.sums(edges)
        low, high, at_low, at_high = edges[:-1], edges[1:], sums[:-1], sums[1:]
        while len(low):
            # Both sums fall, so their values at the ends bound them in between; brought to the scale of the low end.
            fall = np.exp(np.maximum(0.0, -high * self.span) - np.maximum(0.0, -low * self.span))[:, None]
            far = at_high * fall
            rootless = (far[:, 0] > at_low[:, 1]) | (at_low[:, 0] < far[:, 1])
            monotone = (far[:, 2] > at_low[:, 3]) | (at_low[:, 2] < far[:, 3])
            for index in np.flatnonzero(monotone & ~rootless).tolist():
                found += self._bracketed(float(low[index]), float(high[index]))
            open_ = ~rootless & ~monotone
            tiny = open_ & (high - low < _SMALLEST)
            found += [float(low[index] + high[index]) / 2 for index in np.flatnonzero(tiny).tolist()]
            open_ &= ~tiny
            low, high, at_low, at_high = low[open_], high[open_], at_low[open_], at_high[open_]
            if len(low):
                middle = (low + high) / 2
                between = self.sums(middle)
                low, high = np.concatenate([low, middle]), np.concatenate([middle, high])
                at_low, at_high = np.concatenate([at_low, between]), np.concatenate([between, at_high])
        return _distinct(found)

    def _at(self, u: float) -> tuple[float, float]:
        """f and its slope, both times the same positive factor."""
        shift = max(0.0, -u * self.span)
        gain, cost, gain_slope, cost_slope = (np.exp(-u * self.times - shift) @ self.terms).tolist()
        return gain - cost, cost_slope - gain_slope

    def _bracketed(self, low: float, high: float) -> list[float]:
        """The root between two ends of opposite sign: Newton's step where it stays inside, else halving."""
        at_low, at_high = self._at(low)[0], self._at(high)[0]
        if at_low == 0 or at_high == 0:
            return [low if at_low == 0 else high]
        if (at_low > 0) == (at_high > 0):
            return []
        u = (low + high) / 2
        for _ in range(200):
            value, slope = self._at(u)
            if value == 0:
                break
            if (value > 0) == (at_low > 0):
                low = u
            else:
                high = u
            step = u - value / slope if slope else low
            following = step if low < step < high else (low + high) / 2
            if abs(following - u) <= _PRECISION * max(1.0, abs(u)) or high - low <= _PRECISION:
                u = following
                break
            u = following
        return [u]


def _distinct(roots: list[float]) -> list[float]:
    """Roots without repetitions: what lies closer than can be told apart in a double is one (multiple) root."""
    clusters: list[list[float]] = []
    for root in sorted(roots):
        if clusters and root - clusters[-1][-1] < _APART:
            clusters[-1].append(root)
        else:
            clusters.append([root])
    return [sum(cluster) / len(cluster) for cluster in clusters]
