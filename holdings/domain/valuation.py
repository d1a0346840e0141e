"""What the books are worth at the end of every day, exact to the last digit and vectorised.

A day's value is Σ quantity × price × unit × rate + Σ cash × rate. Quantities, prices and rates are integers at known decimal
scales, so each column (an instrument) is one numpy multiplication of int64 arrays over the days; where a product could leave
int64 the column falls back to Python integers. Sums per currency are then multiplied by the rate and added as Python integers.
Nothing is rounded: the result is the same decimal that a day-by-day replay gives.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from holdings.domain.ledger.state import CashMove, QuantityMove
from holdings.domain.ledger.tally import Column
from holdings.domain.market import Market
from holdings.domain.numbers import decimals, exact, from_scaled
from holdings.domain.series import INT64_SAFE, Ints, Series, integers
from holdings.domain.types import ZERO, PortfolioError, Problem


@dataclass(frozen=True, slots=True)
class Valuation:
    """Values at the end of each day from ``first`` on: ``values[i] × 10^-scale`` in base currency.

    ``unpriced``: (instrument, first day held without any price), valued at 0.
    """

    first: int
    values: list[int]
    scale: int
    unpriced: tuple[tuple[str, int], ...] = ()

    def at(self, index: int) -> Decimal:
        """The exact value at an index of the days."""
        return from_scaled(self.values[index], self.scale)


class _Sums:
    """Running totals per (currency, scale), in int64 as long as no sum can overflow."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.totals: dict[tuple[str, int], Ints] = {}
        self.bounds: dict[tuple[str, int], int] = {}

    def add(self, currency: str, scale: int, amounts: Ints, bound: int) -> None:
        """Add one column; ``bound`` is a ceiling of its absolute values."""
        key = (currency, scale)
        known = self.totals.get(key)
        bound += self.bounds.get(key, 0)
        self.bounds[key] = bound
        if known is None:
            self.totals[key] = amounts
        elif bound < INT64_SAFE and _machine(known, amounts):
            self.totals[key] = known + amounts
        else:
            self.totals[key] = known.astype(object) + amounts.astype(object)


def value_days(
    market: Market,
    *,
    first: int,
    last: int,
    quantities: Mapping[tuple[str, str], Column],
    cash: Mapping[str, Column],
) -> Valuation:
    """Value positions and cash on every calendar day from ``first`` to ``last``, both included (ordinals).

    ``quantities``: changes by day of each (instrument, account); ``cash``: movements by day of each currency.
    Raises PortfolioError when a non-zero amount needs an exchange rate that does not exist.
    """
    days = np.arange(first, last + 1, dtype=np.int64)
    sums = _Sums(len(days))
    unpriced: list[tuple[str, int]] = []
    for (name, account), changes in _priced_alike(market, quantities).items():
        _add_position(market, sums, days, name, account, changes, unpriced)
    for currency, changes in cash.items():
        held, scale = _running(changes, days, Decimal(1))
        sums.add(currency, scale, held, _largest(held))
    values, scale = _in_base(market, sums, days)
    return Valuation(first, values, scale, tuple(unpriced))


def _priced_alike(
    market: Market, quantities: Mapping[tuple[str, str], Column]
) -> dict[tuple[str, str | None], Column]:
    """Positions of an instrument together, unless its price differs by account."""
    columns: dict[tuple[str, str | None], Column] = {}
    with exact():
        for (name, account), changes in quantities.items():
            key = (name, market.account_key(name, account))
            known = columns.get(key)
            if known is None:
                columns[key] = changes
                continue
            columns[key] = merged = dict(known)
            for ordinal, change in changes.items():
                merged[ordinal] = merged[ordinal] + change if ordinal in merged else change
    return columns


def positions_by_day(moves: Iterable[QuantityMove]) -> dict[tuple[str, str], Column]:
    """Changes of quantity by day of each (instrument, account)."""
    columns: dict[tuple[str, str], Column] = {}
    with exact():
        for ordinal, name, account, change in moves:
            changes = columns.setdefault((name, account), {})
            changes[ordinal] = changes[ordinal] + change if ordinal in changes else change
    return columns


def cash_by_day(moves: Iterable[CashMove]) -> dict[str, Column]:
    """Movements of cash by day of each currency."""
    currencies: dict[str, Column] = {}
    with exact():
        for ordinal, _, currency, amount, _, _ in moves:
            changes = currencies.setdefault(currency, {})
            changes[ordinal] = changes[ordinal] + amount if ordinal in changes else amount
    return currencies


def _running(changes: Mapping[int, Decimal], days: NDArray[np.int64], unit: Decimal) -> tuple[Ints, int]:
    """The running total of dated changes on each day, as integers at the scale returned."""
    dated = sorted(changes.items())
    ordinals = [ordinal for ordinal, _ in dated]
    with exact():
        amounts = [amount for _, amount in dated]
        if unit != 1:
            amounts = [amount * unit for amount in amounts]
        scale = decimals(sum(amounts, ZERO))  # a sum keeps every decimal it has met
        factor = Decimal(10) ** scale
        steps = integers(list(accumulate([int(amount * factor) for amount in amounts], initial=0)))
    index = np.searchsorted(np.array(ordinals, dtype=np.int64), days, side="right")
    return steps[index], scale


def _machine(*arrays: Ints) -> bool:
    """Whether all arrays are int64."""
    return all(array.dtype.kind == "i" for array in arrays)


def _largest(values: Ints) -> int:
    return max(abs(int(values.max())), abs(int(values.min()))) if len(values) else 0


def _add_position(
    market: Market,
    sums: _Sums,
    days: NDArray[np.int64],
    name: str,
    account: str | None,
    changes: Mapping[int, Decimal],
    unpriced: list[tuple[str, int]],
) -> None:
    instrument = market.instruments[name]
    held, scale = _running(changes, days, instrument.unit)
    prices: Series = market.price_series(name, account)
    closes, known = prices.on_days(days)
    if not known.all():
        lacking = ~known & (held != 0)
        if lacking.any():
            unpriced.append((name, int(days[int(np.argmax(lacking))])))
    bound = _largest(held) * _largest(closes)
    if bound < INT64_SAFE and _machine(held, closes):
        amounts: Ints = held * closes
    else:
        amounts = held.astype(object) * closes.astype(object)
    sums.add(instrument.currency, scale + prices.scale, amounts, bound)


def _in_base(market: Market, sums: _Sums, days: NDArray[np.int64]) -> tuple[list[int], int]:
    parts: list[tuple[Ints, int]] = []
    for (currency, scale), amounts in sums.totals.items():
        if currency == market.base_currency:
            parts.append((amounts, scale))
            continue
        if not (amounts != 0).any():
            continue
        series = market.rate_series(currency, market.base_currency)
        rates, known = series.on_days(days)
        lacking = ~known & (amounts != 0)
        if lacking.any():
            day = date.fromordinal(int(days[int(np.argmax(lacking))])).isoformat()
            pair = f"{currency}/{market.base_currency}"
            raise PortfolioError(
                [Problem(f"fx.{pair}", f"no exchange rate on or before {day}, needed to value holdings")]
            )
        if _machine(amounts, rates) and _largest(amounts) * _largest(rates) < INT64_SAFE:
            parts.append((amounts * rates, scale + series.scale))
        else:
            parts.append((amounts.astype(object) * rates.astype(object), scale + series.scale))
    if not parts:
        return [0] * len(days), 0
    common = max(scale for _, scale in parts)
    total: Ints = np.zeros(len(days), dtype=object)
    for amounts, scale in _alike(parts):
        # astype(object) gives Python integers, which no scale can overflow
        factor = 10 ** (common - scale)
        total = total + (amounts.astype(object) * factor if factor != 1 else amounts.astype(object))
    return total.tolist(), common


def _alike(parts: list[tuple[Ints, int]]) -> list[tuple[Ints, int]]:
    """Parts of one scale as one, as long as machine integers hold their sum: adding Python integers takes much longer."""
    found: dict[int, tuple[Ints, int]] = {}
    others: list[tuple[Ints, int]] = []
    for amounts, scale in parts:
        bound = _largest(amounts)
        known = found.get(scale)
        if not _machine(amounts) or (known is not None and known[1] + bound >= INT64_SAFE):
            others.append((amounts, scale))
        elif known is None:
            found[scale] = amounts, bound
        else:
            found[scale] = known[0] + amounts, known[1] + bound
    return [*((amounts, scale) for scale, (amounts, _) in found.items()), *others]
