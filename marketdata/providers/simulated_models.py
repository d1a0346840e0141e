"""Market data providers: the course of one simulated price, from day to day.

A log price is a sum of walks, each with its own weight, and a drift; before a dividend's ex-date it is higher by what
is paid. Prices here are in the shares of the anchor day: `later_splits` makes them those of another day.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache

import numpy as np

from marketdata.providers.base import Anchor, InstrumentRef
from marketdata.providers.random_walk import ORIGIN, Floats, Ints, at_day_starts, day_number, key
from marketdata.providers.simulated_defaults import SimulatedSpec, spec_for
from marketdata.providers.starter import ANCHOR_DAY, simulated_currencies, starter_instruments

#: A walk's variance of 1 a day is a year's over this.
YEAR = 365.0
#: Ex-dates are made up to here.
_LAST_YEAR = 2100


@dataclass(frozen=True, slots=True)
class Model:
    """An instrument ready to be computed: each walk it follows with the log move per unit of it."""

    spec: SimulatedSpec
    anchor: Anchor
    keys: tuple[int, ...]
    scales: tuple[float, ...]
    daily_drift: float
    own_key: int
    #: Log move at the start of an ex-date; 0 for what pays nothing.
    drop: float

    def base(self, last_day: int) -> Floats:
        """Return the log price at the start of each day up to `last_day`, as if nothing had been paid out since
        the anchor."""
        anchor = day_number(self.anchor.day) + 1
        reach = max(last_day, anchor)
        path = np.zeros(reach + 1) + np.arange(reach + 1) * self.daily_drift
        for walk_key, scale in zip(self.keys, self.scales, strict=True):
            path = path + scale * at_day_starts(walk_key, reach)[: reach + 1]
        result: Floats = path - path[anchor] + math.log(float(self.anchor.price))
        return result

    def paid_out(self, numbers: Ints) -> Floats:
        """Return what dividends have taken from the log price between the anchor and each of these days (their
        own ex-dates included)."""
        if not self.drop:
            return np.zeros(len(numbers))
        ex_dates = _ex_numbers(self.spec.dividend_months)
        until = np.searchsorted(ex_dates, numbers, side="right")
        since = np.searchsorted(ex_dates, day_number(self.anchor.day), side="right")
        result: Floats = (until - since).astype(np.float64) * self.drop
        return result

    def ends(self, numbers: Ints) -> tuple[Floats, Floats]:
        """Return the log prices at the beginning and at the end of each of these days."""
        base, paid = self.base(int(numbers.max()) + 1), self.paid_out(numbers)
        return base[numbers] + paid, base[numbers + 1] + paid

    def close(self, day: date) -> float:
        """Return the price at the end of a day, in the shares of that day."""
        _, closing = self.ends(np.array([day_number(day)], dtype=np.int64))
        return math.exp(float(closing[0])) * self.later_splits(day)

    def later_splits(self, day: date) -> float:
        """Return what a price in the anchor's shares is multiplied by to be one in the shares of `day`."""
        factor = 1.0
        for ex_date, ratio in self.spec.splits:
            if day < ex_date <= self.anchor.day:
                factor *= float(ratio)
            elif self.anchor.day < ex_date <= day:
                factor /= float(ratio)
        return factor

    def ex_dates(self, start: date, end: date) -> list[date]:
        """Return the days of start..end on which a dividend comes off the price."""
        if not self.drop:
            return []
        numbers = _ex_numbers(self.spec.dividend_months)
        found = numbers[(numbers >= day_number(start)) & (numbers <= day_number(end))]
        return [ORIGIN + timedelta(days=int(number)) for number in found]

    def dividend(self, ex_date: date) -> float:
        """Return what is paid per share (of the ex-date) to who held it the day before."""
        number = day_number(ex_date)
        before = float(self.base(number)[number] + self.paid_out(np.array([number - 1]))[0])
        return math.exp(before) * self.later_splits(ex_date) * -math.expm1(self.drop)


def model_of(seed: int, ref: InstrumentRef) -> Model:
    """Return the model of an instrument under a seed."""
    listed = starter_instruments().get(ref.symbol)
    if listed and (listed.asset_class, listed.currency) == (ref.asset_class, ref.currency):
        spec = listed.simulation
    else:
        spec = spec_for(ref.symbol, asset_class=ref.asset_class, sector=ref.sector)
    if ref.anchor is not None:
        # It goes on from a real close; splits of the past are in that close already.
        spec = replace(spec, splits=tuple(split for split in spec.splits if split[0] > ref.anchor.day))
    own_key = key(seed, f"own:{ref.symbol}")
    if ref.asset_class == "currency":
        pair = _pair(seed, ref, spec, own_key)
        if pair is not None:
            return pair
    weights = [weight for _, weight in spec.factors]
    own = math.sqrt(max(0.0, 1.0 - sum(weight * weight for weight in weights)))
    daily = spec.volatility / math.sqrt(YEAR)
    a_year = len(spec.dividend_months)
    return Model(
        spec=spec,
        anchor=ref.anchor or Anchor(ANCHOR_DAY, spec.price),
        keys=(*(key(seed, f"factor:{name}") for name, _ in spec.factors), own_key),
        scales=tuple(weight * daily for weight in (*weights, own)),
        # What is paid out comes off the price: it must have risen by as much for the level to stay.
        daily_drift=(spec.drift + (spec.dividend_yield if a_year else 0.0)) / YEAR,
        own_key=own_key,
        drop=math.log1p(-spec.dividend_yield / a_year) if a_year else 0.0,
    )


def currency_walk(seed: int, code: str) -> tuple[int, float]:
    """Return the walk of a currency against the euro and its daily scale; nothing moves the euro."""
    if code == "EUR":
        return key(seed, "fx:EUR"), 0.0
    return key(seed, f"fx:{code}"), simulated_currencies()[code].volatility / math.sqrt(YEAR)


def euro_level(code: str) -> float:
    """Return how many of a currency one euro is on the anchor day."""
    return 1.0 if code == "EUR" else float(simulated_currencies()[code].per_euro)


def _pair(seed: int, ref: InstrumentRef, spec: SimulatedSpec, own_key: int) -> Model | None:
    """A pair of currencies follows the walks of the exchange rates, so that both always say the same."""
    known = {"EUR", *simulated_currencies()}
    base, quote = ref.symbol[:3], ref.symbol[3:6]
    if base not in known or quote not in known or base == quote:
        return None
    (left, left_scale), (right, right_scale) = currency_walk(seed, base), currency_walk(seed, quote)
    level = Decimal(repr(euro_level(quote) / euro_level(base)))
    return Model(
        spec=replace(spec, daily_volume=0.0, spread_bps=1.0, dividend_yield=0.0, dividend_months=()),
        anchor=ref.anchor or Anchor(ANCHOR_DAY, level),
        keys=(left, right),
        scales=(-left_scale, right_scale),
        daily_drift=0.0,
        own_key=own_key,
        drop=0.0,
    )


@lru_cache(maxsize=64)
def _ex_numbers(months: tuple[int, ...]) -> Ints:
    """The 15th (or the Monday after) of these months in every year, as day numbers."""
    days = [date(year, month, 15) for year in range(ORIGIN.year, _LAST_YEAR) for month in sorted(months)]
    found: Ints = np.array(
        [
            day_number(day + timedelta(days=(7 - day.weekday()) % 7 if day.weekday() >= 5 else 0))
            for day in days
        ],
        dtype=np.int64,
    )
    return found
