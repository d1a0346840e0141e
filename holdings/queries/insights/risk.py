"""How far a portfolio fell and what moves together: the drawdown of each day, and the correlations of its holdings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from holdings.domain.performance import Performance
from holdings.domain.ranges import Period
from holdings.domain.statistics.correlation import correlation_matrix
from holdings.domain.statistics.returns import valuation_days
from holdings.queries.insights.lens import Lens
from holdings.queries.rates import rates_since
from marketdata.queries import close_arrays, splits

MOST_HOLDINGS = 12
MEASURABLE = 2
_CARRY = timedelta(days=14)


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlations:
    """Correlations of the largest holdings; None where two have fewer than two common returns. `left_out` are too small."""

    symbols: tuple[str, ...]
    instrument_ids: tuple[int, ...]
    matrix: tuple[tuple[float | None, ...], ...]
    left_out: int


def underwater(performance: Performance) -> list[float]:
    """How far the time-weighted index is below its highest so far, each day: 0 at a peak, −0.1 for a tenth below."""
    levels = np.array(performance.index, dtype=np.float64)
    highest = np.maximum.accumulate(levels)
    found: list[float] = np.where(highest > 0, levels / np.where(highest > 0, highest, 1.0) - 1, 0.0).tolist()
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two holdings with the daily log returns that both have: (days, of the first, of the second)."""

    returns: tuple[tuple[date, ...], tuple[float, ...], tuple[float, ...]]
    count: int
    covariance: float | None = None
    deviations: tuple[float | None, float | None] = (None, None)
    correlation: float | None = None


def correlations_of(lens: Lens, period: Period) -> Correlations:
    """Correlations of what is held now, from daily closes in the lens's currency. Three statements; cached."""
    held = [row for row in lens.snapshot.holdings if row.quantity and row.market_value]
    rows = held[:MOST_HOLDINGS]

    def compute() -> Correlations:
        ids = [row.instrument_id for row in rows]
        days, prices = _prices(lens, period, ids)
        matrix = correlation_matrix(prices) if len(days) > 1 else np.full((len(ids), len(ids)), np.nan)
        return Correlations(
            symbols=tuple(row.symbol for row in rows),
            instrument_ids=tuple(ids),
            matrix=tuple(
                tuple(None if not np.isfinite(cell) else float(cell) for cell in line) for line in matrix
            ),
            left_out=len(held) - len(rows),
        )

    return lens.cached(f"correlations:{period.start}:{period.end}", compute)


def pair_of(lens: Lens, period: Period, first: int, second: int) -> Pair:
    """What the correlation of two holdings is computed from. Three statements."""
    days, prices = _prices(lens, period, [first, second])
    with np.errstate(divide="ignore", invalid="ignore"):
        log = np.log(prices[1:] / prices[:-1])
    both = np.isfinite(log).all(axis=1)
    one, other = log[both, 0], log[both, 1]
    dated = tuple(date.fromordinal(int(day)) for day in days[1:][both])
    returns = (dated, tuple(one.tolist()), tuple(other.tolist()))
    if len(dated) < MEASURABLE:
        return Pair(returns=returns, count=len(dated))
    covariance = np.cov(one, other, ddof=1)
    deviations = float(np.sqrt(covariance[0, 0])), float(np.sqrt(covariance[1, 1]))
    found = correlation_matrix(prices)[0, 1]
    return Pair(
        returns=returns,
        count=len(dated),
        covariance=float(covariance[0, 1]),
        deviations=deviations,
        correlation=float(found) if np.isfinite(found) else None,
    )


def _prices(lens: Lens, period: Period, ids: list[int]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The valuation days of a period (ordinals), and the prices of things on them: float64[days, things], NaN where none is."""
    size = (period.end - period.start).days + 1
    days = (
        valuation_days(period.start.toordinal(), size, every_day=lens.basis.every_day)
        + period.start.toordinal()
    )
    prices = np.full((len(days), len(ids)), np.nan)
    if ids and len(days):
        _fill(lens, period, ids, days, prices)
    return days, prices


def _fill(
    lens: Lens, period: Period, ids: list[int], days: NDArray[np.int64], prices: NDArray[np.float64]
) -> None:
    """Closes of each day, carried on over holidays, in today's shares and in the lens's currency."""
    since = period.start - _CARRY
    closes = close_arrays(ids, since, period.end)
    ratios = splits(ids)
    currencies = {row.instrument_id: row.currency for row in lens.snapshot.holdings}
    rates = rates_since({currencies[pk] for pk in ids}, lens.currency, since, period.end)
    for column, pk in enumerate(ids):
        if pk not in closes:
            continue
        dated, values = closes[pk]
        ordinals = dated.astype("datetime64[D]").astype(np.int64) + _EPOCH
        adjusted = values.copy()
        for ex_date, ratio in ratios.get(pk, []):
            adjusted[ordinals < ex_date.toordinal()] /= float(ratio)
        prices[:, column] = _carried(ordinals, adjusted, days)
        if currencies[pk] != lens.currency:
            known = rates.get((currencies[pk], lens.currency), {})
            rate_days = np.array([day.toordinal() for day in sorted(known)], dtype=np.int64)
            rate_values = np.array([float(known[day]) for day in sorted(known)], dtype=np.float64)
            prices[:, column] *= _carried(rate_days, rate_values, days)


def _carried(
    ordinals: NDArray[np.int64], values: NDArray[np.float64], days: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The last value on or before each day; NaN before the first."""
    if not len(ordinals):
        return np.full(len(days), np.nan)
    index = np.searchsorted(ordinals, days, side="right") - 1
    found: NDArray[np.float64] = np.where(index >= 0, values[np.maximum(index, 0)], np.nan)
    return found


_EPOCH = date(1970, 1, 1).toordinal()
