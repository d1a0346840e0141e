"""What things cost on a day: closes carried over splits, transaction prices where there are no closes, exchange rates.

The last value on or before a day applies. A price carried past a split of the account that asks is divided by its ratio.
A rate is the pair's own, else its inverse, else a cross over as few pairs as possible; derived rates have 18 significant digits.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from holdings.domain.numbers import EXACT, derived
from holdings.domain.series import EMPTY, INT64_SAFE, Ints, Series
from holdings.domain.types import ONE, Instrument

MAX_LEGS = 3
END_OF_DAY = 2**62


class MissingRate(LookupError):
    """No exchange rate leads from one currency to the other on or before a day."""

    def __init__(self, source: str, target: str, ordinal: int) -> None:
        super().__init__(source, target, ordinal)
        self.source, self.target, self.ordinal = source, target, ordinal

    def __str__(self) -> str:
        day = date.fromordinal(self.ordinal).isoformat()
        return f"no exchange rate from {self.source} to {self.target} on or before {day}"


class SplitEvent(NamedTuple):
    """A split in the order of the journal; ``account`` None means every account."""

    ordinal: int
    order: int
    ratio: Fraction
    account: str | None


class TradePrice(NamedTuple):
    """A unit price seen in the journal, in the instrument's currency."""

    ordinal: int
    order: int
    price: Decimal


@dataclass(frozen=True, slots=True)
class Quote:
    """A unit price in the instrument's currency and the day it was quoted on."""

    price: Decimal
    ordinal: int

    @property
    def day(self) -> date:
        """The day the price was quoted."""
        return date.fromordinal(self.ordinal)


class Market:
    """Prices and rates of one analysis. Immutable but for its caches; safe to share between replays of one journal."""

    def __init__(
        self,
        *,
        base_currency: str,
        instruments: Mapping[str, Instrument],
        prices: Mapping[str, Series],
        fx: Mapping[tuple[str, str], Series],
        splits: Mapping[str, Sequence[SplitEvent]] | None = None,
        trade_prices: Mapping[str, Sequence[TradePrice]] | None = None,
    ) -> None:
        self.base_currency = base_currency
        self.instruments = instruments
        self._prices = prices
        self._fx = {pair: series for pair, series in fx.items() if len(series)}
        self._direct = {
            source: series
            for (source, target), series in self._fx.items()
            if target == base_currency != source
        }
        self._splits = splits or {}
        self._trade_prices = trade_prices or {}
        self._by_account = {
            name: any(split.account is not None for split in events) for name, events in self._splits.items()
        }
        self._neighbours: dict[str, set[str]] = defaultdict(set)
        for source, target in self._fx:
            self._neighbours[source].add(target)
            self._neighbours[target].add(source)
        self._paths: dict[tuple[str, str], list[tuple[str, ...]]] = {}
        self._rates: dict[tuple[str, str, int], Decimal | None] = {}
        self._rate_series: dict[tuple[str, str], Series] = {}
        self._effective: dict[tuple[str, str | None], Series] = {}

    # --- exchange rates ---

    def rate(self, source: str, target: str, ordinal: int) -> Decimal:
        """Units of ``target`` for one unit of ``source`` on a day; raises MissingRate."""
        if source == target:
            return ONE
        direct = self._fx.get((source, target))
        if direct is not None and (value := direct.at(ordinal)) is not None:
            return value
        key = (source, target, ordinal)
        try:
            found = self._rates[key]
        except KeyError:
            found = self._rates[key] = self._find_rate(source, target, ordinal)
        if found is None:
            raise MissingRate(source, target, ordinal)
        return found

    def to_base(self, source: str, ordinal: int) -> Decimal:
        """Units of base currency for one unit of ``source`` on a day: what a long journal asks most. Raises MissingRate."""
        direct = self._direct.get(source)
        if direct is not None and (value := direct.at(ordinal)) is not None:
            return value
        return self.rate(source, self.base_currency, ordinal)

    def rate_series(self, source: str, target: str) -> Series:
        """Every change of a rate as a step function; days before its first entry have none."""
        if source == target:
            return Series(np.zeros(1, dtype=np.int64), np.ones(1, dtype=np.int64), 0)
        key = (source, target)
        if key not in self._rate_series:
            self._rate_series[key] = self._find_rate_series(source, target)
        return self._rate_series[key]

    def pairs_used(self, source: str, target: str) -> list[str]:
        """The pairs a rate is derived from (``["EUR/USD", "EUR/CHF"]``), for explanations and messages."""
        paths = self._path_list(source, target)
        return [] if not paths else [self._leg_name(a, b) for a, b in pairwise(paths[0])]

    def _leg_name(self, source: str, target: str) -> str:
        return f"{source}/{target}" if (source, target) in self._fx else f"{target}/{source}"

    def _path_list(self, source: str, target: str) -> list[tuple[str, ...]]:
        key = (source, target)
        if key not in self._paths:
            found: list[tuple[str, ...]] = []
            layer: list[tuple[str, ...]] = [(source,)]
            for _ in range(MAX_LEGS):
                layer = [
                    (*path, step)
                    for path in layer
                    for step in sorted(self._neighbours.get(path[-1], ()))
                    if step not in path
                ]
                found += [path for path in layer if path[-1] == target]
                layer = [path for path in layer if path[-1] != target]
            self._paths[key] = found
        return self._paths[key]

    def _find_rate(self, source: str, target: str, ordinal: int) -> Decimal | None:
        for path in self._path_list(source, target):
            up, down = ONE, ONE
            for leg in pairwise(path):
                direct = self._fx.get(leg)
                value = direct.at(ordinal) if direct is not None else None
                if value is not None:
                    up = EXACT.multiply(up, value)
                    continue
                inverse = self._fx.get((leg[1], leg[0]))
                value = inverse.at(ordinal) if inverse is not None else None
                if value is None:
                    break
                down = EXACT.multiply(down, value)
            else:
                return up if down == ONE else derived(up, down)
        return None

    def _find_rate_series(self, source: str, target: str) -> Series:
        paths = self._path_list(source, target)
        direct = self._fx.get((source, target))
        if direct is not None and len(paths) == 1 and (target, source) not in self._fx:
            return direct
        legs = {leg for path in paths for leg in pairwise(path)}
        used = [self._fx[pair] for a, b in legs for pair in ((a, b), (b, a)) if pair in self._fx]
        if not used:
            return EMPTY
        days = np.unique(np.concatenate([series.days for series in used])).tolist()
        known = [(day, rate) for day in days if (rate := self._find_rate(source, target, day)) is not None]
        return Series.from_decimals([day for day, _ in known], [rate for _, rate in known])

    # --- prices ---

    def price(
        self, instrument: str, ordinal: int, account: str | None = None, order: int = END_OF_DAY
    ) -> Quote | None:
        """The unit price that applies in an account on a day, in the instrument's currency; None where there is none at all.

        ``order`` places the question within the day: a split of that day which comes later in the journal is not in it yet.
        """
        series = self.price_series(instrument, account)
        index = series.position(ordinal)
        if index < 0:
            return None
        price = series.value(index)
        if order != END_OF_DAY and instrument in self._splits:
            for split in self._relevant(instrument, account):
                if split.ordinal == ordinal and split.order > order:
                    price = EXACT.multiply(price, Decimal(split.ratio.numerator))
                    if split.ratio.denominator != 1:
                        price = derived(price, Decimal(split.ratio.denominator))
        return Quote(price, int(series.quoted[index]))

    def account_key(self, instrument: str, account: str | None) -> str | None:
        """The account where prices differ by account (a split booked in one account only), else None."""
        return account if self._by_account.get(instrument) else None

    def price_series(self, instrument: str, account: str | None = None) -> Series:
        """The whole step function of a price as seen from an account: transaction prices, then closes, over splits."""
        key = (instrument, self.account_key(instrument, account))
        found = self._effective.get(key)
        if found is None:
            found = self._effective[key] = self._build(instrument, key[1])
        return found

    def closes(self, instrument: str) -> Series:
        """The recorded closes alone, unadjusted."""
        return self._prices.get(instrument, EMPTY)

    def _relevant(self, instrument: str, account: str | None) -> list[SplitEvent]:
        events = self._splits.get(instrument, ())
        return [split for split in events if split.account is None or split.account == account]

    def _build(self, instrument: str, account: str | None) -> Series:
        closes = self._prices.get(instrument, EMPTY)
        first = closes.first
        trades = [p for p in self._trade_prices.get(instrument, ()) if first is None or p.ordinal < first]
        splits = self._relevant(instrument, account)
        if not trades and not splits:
            return closes
        points = _with_splits(trades, closes, splits)
        if not points:
            return closes
        return _merged(closes, points)


class _Point(NamedTuple):
    ordinal: int
    price: Decimal
    quoted: int


def _with_splits(trades: Sequence[TradePrice], closes: Series, splits: Sequence[SplitEvent]) -> list[_Point]:
    """Entries beside the closes: transaction prices, and a divided price on each split day that has no close of its own."""
    points: dict[int, _Point] = {}
    events: list[tuple[int, int, TradePrice | SplitEvent]] = sorted(
        [(p.ordinal, p.order, p) for p in trades] + [(s.ordinal, s.order, s) for s in splits],
        key=lambda e: e[:2],
    )
    close_days: list[int] = closes.days.tolist() if splits else []
    current: tuple[Decimal, int] | None = None  # unit price carried so far, and the day it was quoted
    factor = ONE, ONE  # new and old shares since then
    last_close = -1
    for ordinal, _, event in events:
        if isinstance(event, TradePrice):
            current, factor = (event.price, ordinal), (ONE, ONE)
            points[ordinal] = _Point(ordinal, event.price, ordinal)
            continue
        index = bisect_right(close_days, ordinal) - 1
        if index >= 0 and close_days[index] == ordinal:
            continue  # the close of that day is already a price of the new shares
        if index >= 0 and index != last_close:
            current, factor, last_close = (closes.value(index), close_days[index]), (ONE, ONE), index
        if current is None:
            continue
        factor = (
            EXACT.multiply(factor[0], Decimal(event.ratio.numerator)),
            EXACT.multiply(factor[1], Decimal(event.ratio.denominator)),
        )
        price = derived(EXACT.multiply(current[0], factor[1]), factor[0])
        points[ordinal] = _Point(ordinal, price, current[1])
    return list(points.values())


def _merged(closes: Series, points: Iterable[_Point]) -> Series:
    """Closes with a few more entries put in at their days."""
    extra = sorted(points)
    more = Series.from_decimals(
        [p.ordinal for p in extra], [p.price for p in extra], [p.quoted for p in extra]
    )
    scale = max(closes.scale, more.scale)
    old, new = _rescaled(closes, scale), _rescaled(more, scale)
    at = np.searchsorted(closes.days, more.days)
    if new.dtype == object:
        old = old.astype(object)
    return Series(
        np.insert(closes.days, at, more.days),
        np.insert(old, at, new),
        scale,
        np.insert(closes.quoted, at, more.quoted),
    )


def _rescaled(series: Series, scale: int) -> Ints:
    factor = 10 ** (scale - series.scale)
    if factor == 1:
        return series.values
    largest = max(abs(int(series.values.max())), abs(int(series.values.min()))) if len(series) else 0
    if series.values.dtype == object or max(largest, 1) * factor >= INT64_SAFE:
        return np.asarray(series.values.astype(object) * factor)
    return np.asarray(series.values * factor)
