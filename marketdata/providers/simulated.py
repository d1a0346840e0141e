"""Market data providers: the simulated market. Made up, always says so, and the same for everybody with the
same seed.

Prices are a pure function of (seed, instrument, instant). A log price follows its share of common factors
(the market of its kind, its sector) and a walk of its own; it passes through the level of the starter list on
the anchor day, or goes on from the last real close where there is one. On a dividend's ex-date it opens lower
by what is paid. A simulated day is a UTC day; which part of it has ticks is said by the hours
(`simulated_hours`).

Known limits: no closing auctions or trading halts; the night has no gap of its own (a weekend has); dividends
come on the 15th or the Monday after, exchange holidays or not; the high and low of a bar are those of 32
instants, a tick between them may be a little outside.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache

import numpy as np

from marketdata.providers.base import (
    ActionData,
    BarData,
    BaseProvider,
    Capability,
    InstrumentRef,
    IntradayBarData,
    Limits,
    QuoteBatch,
    QuoteData,
    RateData,
)
from marketdata.providers.random_walk import (
    Floats,
    Ints,
    at_day_starts,
    bridge,
    bridge_at,
    bridge_grid,
    day_number,
)
from marketdata.providers.simulated_hours import AroundTheClock, Hours, Moment
from marketdata.providers.simulated_market import (
    bar,
    day_volumes,
    market,
    price_step,
    rounded,
    size,
    size_noise,
)
from marketdata.providers.simulated_models import Model, currency_walk, euro_level, model_of
from marketdata.providers.starter import ANCHOR_DAY, simulated_currencies

SOURCE = "simulated"
_GRID_LEVELS = 5
#: Ticks a minute bar is made of.
_MINUTE_TICKS = 4
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class DayRange:
    """The first, the lowest and the highest price of a trading day up to some whole minute of it."""

    day: date
    minutes: int
    open: Decimal
    low: Decimal
    high: Decimal


class SimulatedProvider(BaseProvider):
    """The simulated market under a seed, at its hours (`AroundTheClock` unless told)."""

    name = "simulated"
    is_simulated = True
    capabilities = frozenset(
        {Capability.QUOTES, Capability.HISTORY, Capability.ACTIONS, Capability.INTRADAY, Capability.FX}
    )
    limits = Limits(quotes_per_call=100_000)

    def __init__(self, *, seed: int, hours: Hours | None = None) -> None:
        self.seed = seed
        self._hours = hours or AroundTheClock()
        self._model = lru_cache(maxsize=32_768)(self._make_model)
        self._day = lru_cache(maxsize=32_768)(self._make_day)

    def quotes(self, instruments: Sequence[InstrumentRef], at: datetime) -> QuoteBatch:
        """Return a quote for every instrument: bid ≤ last ≤ ask with the units on offer there, the day's
        volume so far, the close before. While its market is closed: the last one of the session before."""
        if not instruments:
            return QuoteBatch(calls=0)
        instant = at.astimezone(UTC)
        models = [self._model(ref) for ref in instruments]
        moments = [self._hours.moment(ref, instant) for ref in instruments]
        prices = self._prices(models, moments)
        noise = size_noise(models, [(moment.day, moment.fraction) for moment in moments]).tolist()
        quotes = [
            self._quote(ref, model, moment, price=price, noise=(each[0], each[1]))
            for ref, model, moment, price, each in zip(
                instruments, models, moments, prices, noise, strict=True
            )
        ]
        return QuoteBatch(quotes=quotes, calls=0)

    def bars(self, instrument: InstrumentRef, start: date, end: date) -> list[BarData]:
        """Return the daily bars of the trading days of start..end."""
        model = self._model(instrument)
        days = self._hours.days(instrument, start, end)
        if not days:
            return []
        numbers = np.array([day_number(day) for day in days], dtype=np.int64)
        opening, closing = model.ends(numbers)
        inner = _inner(model, numbers, opening, closing)
        high = np.exp(np.maximum(inner.max(axis=1), np.maximum(opening, closing)))
        low = np.exp(np.minimum(inner.min(axis=1), np.minimum(opening, closing)))
        rows = zip(
            days,
            np.exp(opening).tolist(),
            high.tolist(),
            low.tolist(),
            np.exp(closing).tolist(),
            day_volumes(model, numbers).tolist(),
            strict=True,
        )
        return [
            bar(model, instrument.asset_class, day=day, path=path, volume=volume)
            for day, *path, volume in rows
        ]

    def actions(self, instrument: InstrumentRef, start: date, end: date) -> list[ActionData]:
        """Return the list's splits, and dividends of its yield on the 15th (or the Monday after) of its
        months."""
        model = self._model(instrument)
        found = [
            ActionData(ex_date=day, kind="split", value=ratio)
            for day, ratio in model.spec.splits
            if start <= day <= end
        ]
        found += [
            ActionData(ex_date=day, kind="dividend", value=rounded(model.dividend(day), Decimal("0.0001")))
            for day in model.ex_dates(start, end)
        ]
        return sorted(found, key=lambda action: (action.ex_date, action.kind))

    def intraday(self, instrument: InstrumentRef, start: datetime, end: datetime) -> list[IntradayBarData]:
        """Return the whole minutes of start..end in which the market is open: nothing of what comes after."""
        model = self._model(instrument)
        first = start.astimezone(UTC).replace(second=0, microsecond=0)
        first += _MINUTE if first < start else timedelta(0)
        count = math.floor((end.astimezone(UTC) - first) / _MINUTE)
        by_day: dict[date, list[tuple[datetime, float, float]]] = {}
        for n in range(count):
            at = first + n * _MINUTE
            begins, ends = self._hours.moment(instrument, at), self._hours.moment(instrument, at + _MINUTE)
            closing = ends.fraction if ends.day == begins.day else 1.0
            if begins.at == at and closing > begins.fraction:
                by_day.setdefault(begins.day, []).append((at, begins.fraction, closing))
        return [
            made for day, minutes in by_day.items() for made in self._minutes(instrument, model, day, minutes)
        ]

    def day_range(
        self, instrument: InstrumentRef, at: datetime, *, known: DayRange | None = None
    ) -> DayRange | None:
        """Return the range of the trading day that an instant is in, up to the last whole minute before it: that of
        its minute bars. None within the first minute. `known`, from an earlier call, saves looking at those again."""
        model, moment = self._model(instrument), self._hours.moment(instrument, at.astimezone(UTC))
        length, pause = self._hours.session(instrument, moment.at)
        minutes = math.floor(moment.fraction * length + 1e-9)
        begin = known.minutes if known is not None and known.day == moment.day else 0
        if minutes <= begin:
            return known if begin else None
        ticks = np.arange(begin * _MINUTE_TICKS, minutes * _MINUTE_TICKS + 1)
        fractions = ticks / (length * _MINUTE_TICKS)
        if pause is not None:
            fractions = fractions[(fractions <= pause[0]) | (fractions >= pause[1])]
        opening, closing = self._day(model, moment.day)
        path = opening + (closing - opening) * fractions
        for walk_key, scale in zip(model.keys, model.scales, strict=True):
            path += scale * bridge_at(walk_key, day_number(moment.day), fractions)
        prices = np.exp(path) * model.later_splits(moment.day)
        low, high = float(prices.min()), float(prices.max())
        step = price_step(low, instrument.asset_class)
        opened = rounded(float(prices[0]), step)
        found = DayRange(moment.day, minutes, opened, rounded(low, step), rounded(high, step))
        if not begin or known is None:
            return found
        return replace(
            found, open=known.open, low=min(found.low, known.low), high=max(found.high, known.high)
        )

    def rates(self, currencies: Iterable[str], start: date, end: date) -> list[RateData]:
        """Return euro rates, Monday to Friday, of the currencies whose simulation is known; others are left
        out."""
        known = simulated_currencies()
        days = [
            day for n in range((end - start).days + 1) if (day := start + timedelta(days=n)).weekday() < 5
        ]
        if not days:
            return []
        numbers = np.array([day_number(day) for day in days], dtype=np.int64)
        anchor = day_number(ANCHOR_DAY) + 1
        found: list[RateData] = []
        for code in dict.fromkeys(currencies):
            if code not in known:
                continue
            walk, scale = currency_walk(self.seed, code)
            path = at_day_starts(walk, max(int(numbers[-1]) + 1, anchor))
            levels = euro_level(code) * np.exp((path[numbers + 1] - path[anchor]) * scale)
            found += [
                RateData(base="EUR", quote=code, date=day, rate=Decimal(f"{level:.6g}"))
                for day, level in zip(days, levels.tolist(), strict=True)
            ]
        return found

    # --- one instrument ----------------------------------------------------------------------------

    def _make_model(self, ref: InstrumentRef) -> Model:
        return model_of(self.seed, ref)

    def _make_day(self, model: Model, day: date) -> tuple[float, float]:
        """The log prices at the two ends of a day."""
        opening, closing = model.ends(np.array([day_number(day)], dtype=np.int64))
        return float(opening[0]), float(closing[0])

    def _prices(self, models: Sequence[Model], moments: Sequence[Moment]) -> list[float]:
        """The price of each model at its moment, in the shares of that day."""
        groups: dict[tuple[date, float], list[int]] = {}
        for place, moment in enumerate(moments):
            groups.setdefault((moment.day, moment.fraction), []).append(place)
        found = [0.0] * len(models)
        for (day, fraction), places in groups.items():
            every = sorted({walk_key for place in places for walk_key in models[place].keys})
            moved = dict(zip(every, bridge(every, day_number(day), min(fraction, 1.0)).tolist(), strict=True))
            for place in places:
                model = models[place]
                opening, closing = self._day(model, day)
                price = opening + (closing - opening) * fraction
                for walk_key, scale in zip(model.keys, model.scales, strict=True):
                    price += scale * moved[walk_key]
                found[place] = math.exp(price) * model.later_splits(day)
        return found

    def _quote(
        self, ref: InstrumentRef, model: Model, moment: Moment, *, price: float, noise: tuple[float, float]
    ) -> QuoteData:
        splits = model.later_splits(moment.day)
        step = price_step(price, ref.asset_class)
        last = rounded(price, step)
        bid, ask = market(ref, model, last, step)
        before = self._hours.days(ref, moment.day - timedelta(days=10), moment.day - timedelta(days=1))[-1]
        _, closing = self._day(model, before)
        closed = math.exp(closing) * model.later_splits(before)
        volume = None
        if model.spec.daily_volume:
            whole = float(day_volumes(model, np.array([day_number(moment.day)]))[0]) / splits
            volume = Decimal(math.floor(whole * moment.fraction))
        return QuoteData(
            instrument_id=ref.instrument_id,
            last=last,
            bid=bid,
            ask=ask,
            bid_size=size(ref, model, splits, noise[0]) if bid is not None else None,
            ask_size=size(ref, model, splits, noise[1]) if ask is not None else None,
            previous_close=rounded(closed, price_step(closed, ref.asset_class)),
            volume=volume,
            quoted_at=moment.at,
            source=SOURCE,
            is_simulated=True,
        )

    def _minutes(
        self,
        ref: InstrumentRef,
        model: Model,
        day: date,
        minutes: Sequence[tuple[datetime, float, float]],
    ) -> list[IntradayBarData]:
        """Minute bars of one day, each from a few ticks; a bar begins where the one before ended."""
        opening, closing = self._day(model, day)
        steps = np.arange(_MINUTE_TICKS + 1) / _MINUTE_TICKS
        begins = np.array([begin for _, begin, _ in minutes])
        ends = np.array([end for _, _, end in minutes])
        fractions = begins[:, None] + (ends - begins)[:, None] * steps
        path = opening + (closing - opening) * fractions
        for walk_key, scale in zip(model.keys, model.scales, strict=True):
            path += scale * bridge_at(walk_key, day_number(day), fractions.ravel()).reshape(path.shape)
        prices = np.exp(path) * model.later_splits(day)
        step = price_step(float(prices.min()), ref.asset_class)
        volumes: list[Decimal | None] = [None] * len(minutes)
        if model.spec.daily_volume:
            whole = float(day_volumes(model, np.array([day_number(day)]))[0]) / model.later_splits(day)
            volumes = [Decimal(math.floor(whole * e) - math.floor(whole * b)) for _, b, e in minutes]
        return [
            IntradayBarData(
                at=at,
                open=rounded(row[0], step),
                high=rounded(max(row), step),
                low=rounded(min(row), step),
                close=rounded(row[-1], step),
                volume=volume,
            )
            for (at, _, _), row, volume in zip(minutes, prices.tolist(), volumes, strict=True)
        ]


def _inner(model: Model, numbers: Ints, opening: Floats, closing: Floats) -> Floats:
    """Log prices at the grid's instants within each day."""
    fractions = np.arange(1, 1 << _GRID_LEVELS) / (1 << _GRID_LEVELS)
    moved = sum(
        scale * _grid(walk_key, int(numbers[0]), int(numbers[-1]))[numbers - numbers[0]]
        for walk_key, scale in zip(model.keys, model.scales, strict=True)
    )
    line = opening[:, None] + (closing - opening)[:, None] * fractions
    result: Floats = line + moved
    return result


@lru_cache(maxsize=96)
def _grid(walk_key: int, first: int, last: int) -> Floats:
    """The bridges of a walk over a span of days: kept, because every instrument of a sector asks for the
    same."""
    return bridge_grid(walk_key, np.arange(first, last + 1), _GRID_LEVELS)
