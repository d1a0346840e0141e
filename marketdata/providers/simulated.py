"""Market data providers: the simulated market. Made up, always says so, and the same for everybody with the
same seed.

Prices are a pure function of (seed, instrument, instant). A log price follows its share of common factors
(the market of its kind, its sector) and a walk of its own; it passes through the level of the starter list on
the anchor day, or goes on from the last real close where there is one. A simulated day is a UTC day, and the
market moves around the clock; bars of everything but crypto are taken Monday to Friday.

Known limits: no closing auctions, overnight gaps or trading halts; prices do not fall by a dividend on its
ex-date; the high and low of a bar are those of 32 instants, a tick between them may be a little outside.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from functools import lru_cache

import numpy as np

from marketdata.providers.base import (
    ActionData,
    Anchor,
    BarData,
    BaseProvider,
    Capability,
    InstrumentRef,
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
    bridge_grid,
    day_number,
    key,
    normals,
)
from marketdata.providers.starter import (
    ANCHOR_DAY,
    SimulatedSpec,
    simulated_currencies,
    starter_instruments,
)

SOURCE = "simulated"
_GRID_LEVELS = 5
_VOLUME_PLACE = np.uint64(1 << 62)
#: Places of the sizes on offer, one for each second of a day and side.
_SIZE_PLACE = 3 << 61
#: Which part of a day's volume is on offer at a time, and in which lots it comes.
_SIZE_SHARE = 1 / 5000
_LOTS = {"equity": Decimal(100), "etf": Decimal(100), "bond": Decimal(1000)}
#: Annual volatility, spread in basis points and common factor of what the starter list does not know.
_DEFAULTS = {
    "crypto": (0.75, 5.0, "crypto"),
    "bond": (0.06, 10.0, "rates"),
    "commodity": (0.20, 4.0, "commodities"),
    "fund": (0.15, 0.0, "equities"),
    "index": (0.17, 0.0, "equities"),
    "etf": (0.18, 2.0, "equities"),
}
#: Where nobody makes a market there is no bid and no ask.
_WITHOUT_MARKET = frozenset({"index", "fund"})


@dataclass(frozen=True, slots=True)
class _Model:
    """An instrument ready to be computed: annual figures made daily, weights with its own part last."""

    spec: SimulatedSpec
    anchor: Anchor
    daily_volatility: float
    daily_drift: float
    keys: tuple[int, ...]
    weights: tuple[float, ...]
    own_key: int


def price_step(price: float, asset_class: str) -> Decimal:
    """Return the smallest difference between two prices of this kind at this level."""
    if asset_class == "bond":
        return Decimal("0.001")
    if price >= (100 if asset_class == "crypto" else 1):
        return Decimal("0.01")
    if price >= 1:
        return Decimal("0.0001")
    return Decimal("0.000001") if price >= 0.01 else Decimal("0.00000001")


def _rounded(price: float, step: Decimal) -> Decimal:
    return max(step, Decimal(repr(price)).quantize(step))


class SimulatedProvider(BaseProvider):
    """The simulated market under a seed."""

    name = "simulated"
    is_simulated = True
    capabilities = frozenset({Capability.QUOTES, Capability.HISTORY, Capability.ACTIONS, Capability.FX})
    limits = Limits(quotes_per_call=100_000)

    def __init__(self, *, seed: int) -> None:
        self.seed = seed
        self._model = lru_cache(maxsize=4096)(self._make_model)

    def quotes(self, instruments: Sequence[InstrumentRef], at: datetime) -> QuoteBatch:
        """Return a quote for every instrument: bid ≤ last ≤ ask with the units on offer there, the day's
        volume so far, yesterday's close."""
        if not instruments:
            return QuoteBatch(calls=0)
        models = [self._model(ref) for ref in instruments]
        instant = at.astimezone(UTC)
        day = instant.date()
        fraction = (instant - _midnight(day)).total_seconds() / 86_400
        moves = self._moves(models, day, fraction)
        noise = _size_noise(models, day, int(fraction * 86_400))
        return QuoteBatch(
            quotes=[
                self._quote(ref, model, at=instant, fraction=fraction, move=move, noise=(each[0], each[1]))
                for ref, model, move, each in zip(instruments, models, moves, noise.tolist(), strict=True)
            ],
            calls=0,
        )

    def bars(self, instrument: InstrumentRef, start: date, end: date) -> list[BarData]:
        """Return the daily bars of start..end: all days for crypto, Monday to Friday for the rest."""
        model = self._model(instrument)
        days = _trading_days(instrument.asset_class, start, end)
        if not days:
            return []
        numbers = np.array([day_number(day) for day in days], dtype=np.int64)
        starts = self._log_prices(model, int(numbers[-1]) + 1)
        opening, closing = starts[numbers], starts[numbers + 1]
        inner = self._inner(model, numbers, opening, closing)
        high = np.exp(np.maximum(inner.max(axis=1), np.maximum(opening, closing)))
        low = np.exp(np.minimum(inner.min(axis=1), np.minimum(opening, closing)))
        volumes = self._day_volumes(model, numbers)
        rows = zip(
            days,
            np.exp(opening).tolist(),
            high.tolist(),
            low.tolist(),
            np.exp(closing).tolist(),
            volumes.tolist(),
            strict=True,
        )
        return [
            _bar(model, instrument.asset_class, day=day, path=path, volume=volume)
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
        months = model.spec.dividend_months
        if model.spec.dividend_yield and months:
            ex_dates = [
                _weekday(date(year, month, 15))
                for year in range(start.year, end.year + 1)
                for month in months
            ]
            found += [self._dividend(model, day, len(months)) for day in ex_dates if start <= day <= end]
        return sorted(found, key=lambda action: (action.ex_date, action.kind))

    def rates(self, currencies: Iterable[str], start: date, end: date) -> list[RateData]:
        """Return euro rates, Monday to Friday, of the currencies whose simulation is known; others are left
        out."""
        known = simulated_currencies()
        days = _trading_days("currency", start, end)
        if not days:
            return []
        numbers = np.array([day_number(day) for day in days], dtype=np.int64)
        anchor = day_number(ANCHOR_DAY) + 1
        found: list[RateData] = []
        for code in dict.fromkeys(currencies):
            if code not in known:
                continue
            currency = known[code]
            path = at_day_starts(key(self.seed, f"fx:{code}"), max(int(numbers[-1]) + 1, anchor))
            scale = currency.volatility / math.sqrt(365)
            levels = float(currency.per_euro) * np.exp((path[numbers + 1] - path[anchor]) * scale)
            found += [
                RateData(base="EUR", quote=code, date=day, rate=Decimal(f"{level:.6g}"))
                for day, level in zip(days, levels.tolist(), strict=True)
            ]
        return found

    # --- one instrument
    # --------------------------------------------------------------------------------------------

    def _make_model(self, ref: InstrumentRef) -> _Model:
        listed = starter_instruments().get(ref.symbol)
        spec = listed.simulation if listed else self._default_spec(ref)
        if ref.anchor is not None:
            # It goes on from a real close; splits of the past are in that close already.
            spec = replace(spec, splits=tuple(split for split in spec.splits if split[0] > ref.anchor.day))
        weights = [weight for _, weight in spec.factors]
        own = math.sqrt(max(0.0, 1.0 - sum(weight * weight for weight in weights)))
        own_key = key(self.seed, f"own:{ref.symbol}")
        return _Model(
            spec=spec,
            anchor=ref.anchor or Anchor(ANCHOR_DAY, spec.price),
            daily_volatility=spec.volatility / math.sqrt(365),
            daily_drift=spec.drift / 365,
            keys=(*(key(self.seed, f"factor:{name}") for name, _ in spec.factors), own_key),
            weights=(*weights, own),
            own_key=own_key,
        )

    def _default_spec(self, ref: InstrumentRef) -> SimulatedSpec:
        volatility, spread, factor = _DEFAULTS.get(ref.asset_class, (0.28, 5.0, "equities"))
        level = 20.0 * math.exp(abs(float(normals(key(self.seed, f"level:{ref.symbol}"), 0))))
        return SimulatedSpec(
            price=Decimal(f"{level:.2f}"),
            volatility=volatility,
            drift=0.06,
            spread_bps=spread,
            daily_volume=1_000_000.0,
            dividend_yield=0.0,
            dividend_months=(),
            splits=(),
            factors=((factor, 0.6),),
        )

    def _log_prices(self, model: _Model, last_day: int) -> Floats:
        """Log prices at the start of each day since the origin, in today's shares."""
        anchor = day_number(model.anchor.day) + 1
        reach = max(last_day, anchor)
        days = np.arange(reach + 1)
        path = np.zeros(reach + 1)
        for walk_key, weight in zip(model.keys, model.weights, strict=True):
            path += weight * at_day_starts(walk_key, reach)[: reach + 1]
        path = path * model.daily_volatility + days * model.daily_drift
        result: Floats = path - path[anchor] + math.log(float(model.anchor.price))
        return result

    def _inner(self, model: _Model, numbers: Ints, opening: Floats, closing: Floats) -> Floats:
        """Log prices at the grid's instants within each day."""
        fractions = np.arange(1, 1 << _GRID_LEVELS) / (1 << _GRID_LEVELS)
        moved = sum(
            weight * _grid(walk_key, int(numbers[0]), int(numbers[-1]))[numbers - numbers[0]]
            for walk_key, weight in zip(model.keys, model.weights, strict=True)
        )
        line = opening[:, None] + (closing - opening)[:, None] * fractions
        result: Floats = line + moved * model.daily_volatility
        return result

    def _moves(self, models: list[_Model], day: date, fraction: float) -> list[tuple[float, float]]:
        """For each model its log price now and at the start of the day."""
        number = day_number(day)
        every = sorted({walk_key for model in models for walk_key in model.keys})
        place = {walk_key: index for index, walk_key in enumerate(every)}
        bridges = bridge(every, number, fraction)
        found: list[tuple[float, float]] = []
        for model in models:
            anchor = day_number(model.anchor.day) + 1
            reach = max(number + 1, anchor)
            start = now = 0.0
            for walk_key, weight in zip(model.keys, model.weights, strict=True):
                path = at_day_starts(walk_key, reach)
                since = float(path[number] - path[anchor])
                step = float(path[number + 1] - path[number])
                start += weight * since
                now += weight * (since + step * fraction + float(bridges[place[walk_key]]))
            level = math.log(float(model.anchor.price))
            drift = model.daily_drift
            found.append(
                (
                    level + now * model.daily_volatility + (number + fraction - anchor) * drift,
                    level + start * model.daily_volatility + (number - anchor) * drift,
                )
            )
        return found

    def _quote(
        self,
        ref: InstrumentRef,
        model: _Model,
        *,
        at: datetime,
        fraction: float,
        move: tuple[float, float],
        noise: tuple[float, float],
    ) -> QuoteData:
        day = at.date()
        price = math.exp(move[0]) * _later_splits(model, day)
        step = price_step(price, ref.asset_class)
        last = _rounded(price, step)
        bid, ask = _market(ref, model, last, step)
        previous = _previous_trading_day(ref.asset_class, day)
        if previous == day - timedelta(days=1):
            closed = math.exp(move[1])
        else:
            closed = math.exp(float(self._log_prices(model, day_number(day))[day_number(previous) + 1]))
        closed *= _later_splits(model, day)
        volume = None
        if model.spec.daily_volume:
            whole = float(self._day_volumes(model, np.array([day_number(day)]))[0]) / _later_splits(
                model, day
            )
            volume = Decimal(math.floor(whole * fraction))
        return QuoteData(
            instrument_id=ref.instrument_id,
            last=last,
            bid=bid,
            ask=ask,
            bid_size=_size(ref, model, day, noise[0]) if bid is not None else None,
            ask_size=_size(ref, model, day, noise[1]) if ask is not None else None,
            previous_close=_rounded(closed, price_step(closed, ref.asset_class)),
            volume=volume,
            quoted_at=at,
            source=SOURCE,
            is_simulated=True,
        )

    def _day_volumes(self, model: _Model, numbers: Ints) -> Floats:
        noise = normals(model.own_key, numbers.astype(np.uint64) + _VOLUME_PLACE)
        result: Floats = np.floor(model.spec.daily_volume * np.exp(0.35 * noise))
        return result

    def _dividend(self, model: _Model, day: date, a_year: int) -> ActionData:
        number = day_number(day)
        price = math.exp(float(self._log_prices(model, number)[number])) * _later_splits(model, day)
        value = _rounded(price * model.spec.dividend_yield / a_year, Decimal("0.0001"))
        return ActionData(ex_date=day, kind="dividend", value=value)


def _later_splits(model: _Model, day: date) -> float:
    """What a price in the anchor's shares is multiplied by to be one in the shares of `day`."""
    factor = 1.0
    for ex_date, ratio in model.spec.splits:
        if day < ex_date <= model.anchor.day:
            factor *= float(ratio)
        elif model.anchor.day < ex_date <= day:
            factor /= float(ratio)
    return factor


def _market(
    ref: InstrumentRef, model: _Model, last: Decimal, step: Decimal
) -> tuple[Decimal | None, Decimal | None]:
    if ref.asset_class in _WITHOUT_MARKET:
        return None, None
    half = last * Decimal(repr(model.spec.spread_bps)) / 20_000
    bid = (last - half).quantize(step, rounding=ROUND_FLOOR)
    ask = (last + half).quantize(step, rounding=ROUND_CEILING)
    if bid <= 0:
        bid = min(step, last)
    return bid, max(ask, last)


def _size_noise(models: Sequence[_Model], day: date, second: int) -> Floats:
    """Two normal numbers for each model in this second: for the size at the bid and at the ask."""
    place = _SIZE_PLACE + (day_number(day) << 18) + 2 * second
    keys = np.array([[model.own_key] for model in models], dtype=np.uint64)
    return normals(keys, np.array([[place, place + 1]], dtype=np.uint64))


def _size(ref: InstrumentRef, model: _Model, day: date, noise: float) -> Decimal | None:
    """Return the units on offer: what is traded in some twenty seconds of an average day, in the lots of its
    kind. None where no volume is known."""
    if not model.spec.daily_volume:
        return None
    units = model.spec.daily_volume / _later_splits(model, day) * _SIZE_SHARE * math.exp(0.5 * noise)
    lot = _LOTS.get(ref.asset_class)
    if lot is not None:
        return lot * max(1, round(units / float(lot)))
    return Decimal(f"{units:.3g}").quantize(Decimal("0.00000001"))


def _bar(model: _Model, asset_class: str, *, day: date, path: Sequence[float], volume: float) -> BarData:
    """One day from its open, high, low and close in the anchor's shares."""
    factor = _later_splits(model, day)
    opening, high, low, closing = (price * factor for price in path)
    step = price_step(low, asset_class)
    return BarData(
        date=day,
        open=_rounded(opening, step),
        high=_rounded(high, step),
        low=_rounded(low, step),
        close=_rounded(closing, step),
        volume=Decimal(math.floor(volume / factor)) if model.spec.daily_volume else None,
    )


@lru_cache(maxsize=96)
def _grid(walk_key: int, first: int, last: int) -> Floats:
    """The bridges of a walk over a span of days: kept, because every instrument of a sector asks for the
    same."""
    return bridge_grid(walk_key, np.arange(first, last + 1), _GRID_LEVELS)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _weekday(day: date) -> date:
    return day + timedelta(days=(7 - day.weekday()) % 7) if day.weekday() >= 5 else day


def _trading_days(asset_class: str, start: date, end: date) -> list[date]:
    every = (start + timedelta(days=n) for n in range((end - start).days + 1))
    if asset_class == "crypto":
        return list(every)
    return [day for day in every if day.weekday() < 5]


def _previous_trading_day(asset_class: str, day: date) -> date:
    previous = day - timedelta(days=1)
    while asset_class != "crypto" and previous.weekday() >= 5:
        previous -= timedelta(days=1)
    return previous
