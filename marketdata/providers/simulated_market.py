"""Market data providers: what the simulated exchange makes of a price: steps, bid and ask, sizes, bars."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import numpy as np

from marketdata.providers.base import BarData, InstrumentRef
from marketdata.providers.random_walk import Floats, Ints, day_number, normals
from marketdata.providers.simulated_models import Model

#: Places of random numbers that no walk uses: a day's volume, and the sizes of each second and side of a day.
_VOLUME_PLACE = np.uint64(1 << 62)
_SIZE_PLACE = 3 << 61
#: Which part of a day's volume is on offer at a time, and in which lots it comes.
_SIZE_SHARE = 1 / 5000
_LOTS = {"equity": Decimal(100), "etf": Decimal(100), "bond": Decimal(1000)}
#: Where nobody makes a market there is no bid and no ask.
_WITHOUT_MARKET = frozenset({"index", "fund", "private", "real_estate"})


def price_step(price: float, asset_class: str) -> Decimal:
    """Return the smallest difference between two prices of this kind at this level."""
    if asset_class == "bond":
        return Decimal("0.001")
    if asset_class == "currency":
        return Decimal("0.00001") if price < 10 else Decimal("0.0001") if price < 100 else Decimal("0.001")
    if price >= (100 if asset_class == "crypto" else 1):
        return Decimal("0.01")
    if price >= 1:
        return Decimal("0.0001")
    return Decimal("0.000001") if price >= 0.01 else Decimal("0.0000000001")


def rounded(price: float, step: Decimal) -> Decimal:
    """Return a price in whole steps, at least one."""
    return max(step, Decimal(repr(price)).quantize(step))


def market(
    ref: InstrumentRef, model: Model, last: Decimal, step: Decimal
) -> tuple[Decimal | None, Decimal | None]:
    """Return bid and ask around a price: bid ≤ last ≤ ask; None where nobody makes a market."""
    if ref.asset_class in _WITHOUT_MARKET:
        return None, None
    half = last * Decimal(repr(model.spec.spread_bps)) / 20_000
    bid = (last - half).quantize(step, rounding=ROUND_FLOOR)
    ask = (last + half).quantize(step, rounding=ROUND_CEILING)
    if bid <= 0:
        bid = min(step, last)
    return bid, max(ask, last)


def day_volumes(model: Model, numbers: Ints) -> Floats:
    """Return the units traded on each of these days, in the anchor's shares."""
    noise = normals(model.own_key, numbers.astype(np.uint64) + _VOLUME_PLACE)
    result: Floats = np.floor(model.spec.daily_volume * np.exp(0.35 * noise))
    return result


def size_noise(models: Sequence[Model], moments: Sequence[tuple[date, float]]) -> Floats:
    """Return two normal numbers for each model in its second: for the size at the bid and at the ask."""
    places = [
        _SIZE_PLACE + (day_number(day) << 18) + 2 * min(86_399, int(fraction * 86_400))
        for day, fraction in moments
    ]
    keys = np.array([[model.own_key] for model in models], dtype=np.uint64)
    return normals(keys, np.array([[place, place + 1] for place in places], dtype=np.uint64))


def size(ref: InstrumentRef, model: Model, splits: float, noise: float) -> Decimal | None:
    """Return the units on offer: what is traded in some twenty seconds of an average day, in the lots of its
    kind. None where no volume is known."""
    if not model.spec.daily_volume:
        return None
    units = model.spec.daily_volume / splits * _SIZE_SHARE * math.exp(0.5 * noise)
    lot = _LOTS.get(ref.asset_class)
    if lot is not None:
        return lot * max(1, round(units / float(lot)))
    digits = max(0, 2 - math.floor(math.log10(units)))
    return max(Decimal("0.00000001"), Decimal(f"{units:.{min(digits, 8)}f}"))


def bar(model: Model, asset_class: str, *, day: date, path: Sequence[float], volume: float) -> BarData:
    """Return one day from its open, high, low and close in the anchor's shares."""
    factor = model.later_splits(day)
    opening, high, low, closing = (price * factor for price in path)
    step = price_step(low, asset_class)
    return BarData(
        date=day,
        open=rounded(opening, step),
        high=rounded(high, step),
        low=rounded(low, step),
        close=rounded(closing, step),
        volume=Decimal(math.floor(volume / factor)) if model.spec.daily_volume else None,
    )
