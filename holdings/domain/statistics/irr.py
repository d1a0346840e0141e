"""Money-weighted return: every rate r in [−0.999999, 1000] with Σ flowᵢ / (1 + r)^(tᵢ) = 0, t in years of 365 days.

With u = ln(1 + r) the sum is Σ cᵢ·e^(−u·tᵢ): a difference P(u) − N(u) of two sums that both fall (t ≥ 0), as do the sums of
their derivatives. Their values at the ends of an interval therefore bound the function and its slope inside it, so an interval is
certified to hold no root, or at most one, and halved otherwise (Moore, Interval Analysis). No grid can miss a root this way.
The usual cases are settled first: one change of sign of the flows (Descartes' rule for exponential sums), or of their running
total, means one root at most. The latter because f(u)/u is the Laplace transform of the running total A(t), which has no more
zeros at u > 0 than A has changes of sign; read backwards in time the same holds at u < 0 (Norstrom, 1972, for whole years).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LOWEST, HIGHEST = -0.999999, 1000.0
YEAR = 365.0
_SMALLEST = 1e-11  # width in u below which an interval that cannot be decided counts as one (double) root
_PRECISION = 1e-15
_APART = 1e-7
_NOISE = 1e-11  # part of Σ|terms| below which a value's sign may be rounding
_FIRST_WIDTH = 0.35
_EDGE = 1e-9  # both ends belong to the interval: a root on one must not be lost to rounding
_LOGS = math.log1p(LOWEST) - _EDGE, math.log1p(HIGHEST) + _EDGE

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
    return irr_of_days(by_day)


def irr_of_days(by_day: Mapping[int, float]) -> Irr:
    """The same of flows that are netted by day already."""
    dated = sorted(day for day, amount in by_day.items() if amount)
    if not dated:
        return NO_IRR
    days, amounts = np.array(dated, dtype=np.float64), np.array([by_day[day] for day in dated])
    sizes = np.abs(amounts)
    largest = float(sizes.max())
    # What is left of a day's flows that cancel out is noise, not a flow.
    kept = sizes > largest * 1e-15
    times = (days[kept] - days[0]) / YEAR
    amounts = amounts[kept] / largest
    changes = _sign_changes(amounts)
    if not changes:
        return NO_IRR
    curve = _Curve(amounts, times)
    low, high, most = _where_roots_can_be(amounts)
    logs = curve.single_root(low, high)
    if min(changes, most) > 1 and not (logs and _is_only_root(amounts * np.exp(-logs[0] * times))):
        logs = curve.all_roots(low, high)
    roots = tuple(sorted(math.expm1(u) for u in logs))
    if not roots:
        return NO_IRR
    return Irr(min(roots, key=abs), UNIQUE if len(roots) == 1 else AMBIGUOUS, roots)


def _sign_changes(values: NDArray[np.float64]) -> int:
    signs = values > 0
    return int(np.count_nonzero(signs[1:] != signs[:-1]))


def _where_roots_can_be(amounts: NDArray[np.float64]) -> tuple[float, float, int]:
    """(low, high, most): where the running totals allow roots, and the most there can be."""
    total = np.cumsum(amounts)
    left = np.cumsum(amounts[::-1])
    if min(float(np.abs(total).min()), float(np.abs(left).min())) < _NOISE * len(amounts):
        return *_LOGS, len(amounts)  # a total of nothing (a root at 0), or one whose sign may be rounding
    above, below = _sign_changes(total), _sign_changes(left)
    return (_LOGS[0] if below else 0.0), (_LOGS[1] if above else 0.0), above + below


def _is_only_root(discounted: NDArray[np.float64]) -> bool:
    """Whether what is still invested, at the rate of a root, keeps its sign until the end: then no other rate fits.

    It is the rule of the running totals once more, with time counted in that rate.
    """
    balance = np.cumsum(discounted)[:-1]
    clear = float(np.abs(balance).min()) > _NOISE * float(np.abs(discounted).sum())
    return clear and not _sign_changes(balance)


class _Curve:
    """f(u) = Σ cᵢ·e^(−u·tᵢ), kept in range by the factor e^(−shift(u)), shift(u) = max(0, −u·span)."""

    def __init__(self, amounts: NDArray[np.float64], times: NDArray[np.float64]) -> None:
        self.times = times
        self.span = float(times[-1])
        gains, costs = np.maximum(amounts, 0.0), np.maximum(-amounts, 0.0)
        # Columns: P, N, and the same for the slope.
        self.terms = np.empty((len(times), 4))
        for column, term in enumerate((gains, costs, gains * times, costs * times)):
            self.terms[:, column] = term

    def sums(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64[points, 4]: P, N, Σ t·P, Σ t·N at each u, each times e^(−shift(u))."""
        shift = np.maximum(0.0, -points * self.span)
        weights = np.exp(-(points[:, None] * self.times) - shift[:, None])
        return np.asarray(weights @ self.terms)

    def single_root(self, low: float, high: float) -> list[float]:
        """The root when there can be one at most, sought from u = 0 on: rates of return are small."""
        return self._bracketed(low, high, 0.0)

    def all_roots(self, first: float, last: float) -> list[float]:
        """Every root between two ends, by certified halving of all undecided intervals at once."""
        found: list[float] = []
        edges = np.linspace(first, last, 2 + int((last - first) / _FIRST_WIDTH))
        sums = self.sums(edges)
        low, high, at_low, at_high = edges[:-1], edges[1:], sums[:-1], sums[1:]
        while len(low):
            # Both sums fall, so their values at the ends bound them in between; brought to the scale of the low end.
            fall = np.exp(np.maximum(0.0, -high * self.span) - np.maximum(0.0, -low * self.span))[:, None]
            far = at_high * fall
            rootless = (far[:, 0] > at_low[:, 1]) | (at_low[:, 0] < far[:, 1])
            monotone = (far[:, 2] > at_low[:, 3]) | (at_low[:, 2] < far[:, 3])
            crossing = monotone & ~rootless
            if crossing.any():
                crossing &= _may_cross(at_low, at_high)
            for index in crossing.nonzero()[0].tolist():
                start, end = float(low[index]), float(high[index])
                found += self._bracketed(start, end, (start + end) / 2)
            (left,) = (~(rootless | monotone)).nonzero()
            if not len(left):
                break
            low, high, at_low, at_high = low[left], high[left], at_low[left], at_high[left]
            tiny = high - low < _SMALLEST
            if tiny.any():
                found += ((low[tiny] + high[tiny]) / 2).tolist()
                low, high, at_low, at_high = low[~tiny], high[~tiny], at_low[~tiny], at_high[~tiny]
            if len(low):
                middle = (low + high) / 2
                between = self.sums(middle)
                low, high = np.concatenate([low, middle]), np.concatenate([middle, high])
                at_low, at_high = np.concatenate([at_low, between]), np.concatenate([between, at_high])
        return _distinct(found)

    def _at(self, u: float) -> tuple[float, float]:
        """f and its slope, both times the same positive factor."""
        exponents = -u * self.times
        if u < 0:
            exponents += u * self.span
        gain, cost, gain_slope, cost_slope = (np.exp(exponents) @ self.terms).tolist()
        return gain - cost, cost_slope - gain_slope

    def _bracketed(self, low: float, high: float, u: float) -> list[float]:
        """The root between two ends of opposite sign: Newton's step from ``u`` where it stays inside, else halving."""
        at_low, at_high = self._at(low)[0], self._at(high)[0]
        if at_low == 0 or at_high == 0:
            return [low if at_low == 0 else high]
        if (at_low > 0) == (at_high > 0):
            return []
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


def _may_cross(at_low: NDArray[np.float64], at_high: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether f may change its sign between two ends: not where it is clearly beyond rounding on the same side at both."""
    first, last = at_low[:, 0] - at_low[:, 1], at_high[:, 0] - at_high[:, 1]
    clear_first = np.abs(first) > _NOISE * (at_low[:, 0] + at_low[:, 1])
    clear_last = np.abs(last) > _NOISE * (at_high[:, 0] + at_high[:, 1])
    return np.asarray(~(clear_first & clear_last & ((first > 0) == (last > 0))))


def _distinct(roots: list[float]) -> list[float]:
    """Roots without repetitions: what lies closer than can be told apart in a double is one (multiple) root."""
    clusters: list[list[float]] = []
    for root in sorted(roots):
        if clusters and root - clusters[-1][-1] < _APART:
            clusters[-1].append(root)
        else:
            clusters.append([root])
    return [sum(cluster) / len(cluster) for cluster in clusters]
