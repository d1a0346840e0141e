"""Market data providers: how an instrument of the simulated market behaves where the lists do not say.

Drawn from the symbol and fitted to its kind and sector, so that a utility moves less than a chip maker and pays more.
The draws do not depend on the seed: another seed is another course of the same market.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from marketdata.providers.random_walk import key, normals


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedSpec:
    """How the simulation of one instrument behaves.

    `volatility` and `drift` are annual (log returns; `drift` is that of the price, dividends come on top);
    `factors` are (name, weight): what it shares with others; what is missing to 1 in squares is its own.
    `daily_volume` in units at today's share count; 0: none is told.
    """

    price: Decimal
    volatility: float
    drift: float
    spread_bps: float
    daily_volume: float
    dividend_yield: float
    dividend_months: tuple[int, ...]
    splits: tuple[tuple[date, Decimal], ...]
    factors: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class _Kind:
    """What is usual for a class of instruments."""

    volatility: float
    drift: float
    spread_bps: float
    factors: tuple[tuple[str, float], ...]
    #: Money traded on an average day; 0: nobody tells.
    turnover: float


_EQUITIES = (("equities", 0.60),)
_KINDS: Final = {
    "crypto": _Kind(0.85, 0.15, 6.0, (("crypto", 0.78),), 4e8),
    "bond": _Kind(0.06, 0.0, 10.0, (("rates", 0.85),), 5e7),
    "commodity": _Kind(0.20, 0.03, 4.0, (("commodities", 0.80),), 5e8),
    "fund": _Kind(0.15, 0.06, 0.0, (("equities", 0.95),), 0.0),
    "index": _Kind(0.17, 0.06, 0.0, (("equities", 0.90),), 0.0),
    "currency": _Kind(0.08, 0.0, 1.0, (("currencies", 0.30),), 0.0),
    "etf": _Kind(0.18, 0.06, 2.0, (("equities", 0.90),), 8e7),
    "real_estate": _Kind(0.08, 0.03, 0.0, (("real-estate", 0.50),), 0.0),
    "private": _Kind(0.30, 0.08, 0.0, _EQUITIES, 0.0),
}
_SHARE: Final = _Kind(0.28, 0.07, 4.0, _EQUITIES, 2.5e8)


@dataclass(frozen=True, slots=True)
class _Sector:
    """What is usual for the shares of a sector: `payers` is the part of them that pays dividends."""

    factor: str
    volatility: float
    dividend_yield: float
    payers: float


_SECTORS: Final = {
    "Technology": _Sector("technology", 0.33, 0.009, 0.5),
    "Communication": _Sector("communication", 0.29, 0.020, 0.6),
    "Consumer cyclical": _Sector("consumer-cyclical", 0.31, 0.018, 0.6),
    "Consumer staples": _Sector("consumer-staples", 0.19, 0.030, 0.95),
    "Healthcare": _Sector("healthcare", 0.25, 0.017, 0.55),
    "Financials": _Sector("financials", 0.25, 0.025, 0.9),
    "Industrials": _Sector("industrials", 0.25, 0.015, 0.85),
    "Energy": _Sector("energy", 0.30, 0.035, 0.95),
    "Utilities": _Sector("utilities", 0.19, 0.033, 1.0),
    "Materials": _Sector("materials", 0.27, 0.020, 0.9),
    "Real estate": _Sector("real-estate", 0.24, 0.038, 1.0),
}
_QUARTERS: Final = ((1, 4, 7, 10), (2, 5, 8, 11), (3, 6, 9, 12))


def spec_for(
    symbol: str,
    *,
    asset_class: str,
    sector: str = "",
    price: Decimal | None = None,
    volatility: float | None = None,
    drift: float | None = None,
    spread_bps: float | None = None,
    daily_volume: float | None = None,
    dividend_yield: float | None = None,
    dividend_months: tuple[int, ...] = (),
    splits: tuple[tuple[date, Decimal], ...] = (),
    factors: tuple[tuple[str, float], ...] = (),
) -> SimulatedSpec:
    """Return how an instrument behaves: what is given, and the rest as is usual for its kind and sector.

    Always the same for a symbol. Dividends are made up for shares alone, and only where nothing is given.
    """
    draw = [float(n) for n in normals(key(0, f"draw:{symbol}"), list(range(6)))]
    kind = _KINDS.get(asset_class, _SHARE)
    of = _SECTORS.get(sector) if kind is _SHARE else None
    usual = of.volatility if of else kind.volatility
    level = float(price) if price is not None else 20.0 * math.exp(abs(draw[0]))
    if dividend_yield is None:
        dividend_yield = 0.0
        if of and not dividend_months and _uniform(draw[3]) < of.payers:
            dividend_yield = round(of.dividend_yield * math.exp(0.4 * draw[4]), 4)
            dividend_months = _QUARTERS[int(_uniform(draw[5]) * 3)]
    if daily_volume is None:
        daily_volume = float(round(kind.turnover * math.exp(0.7 * draw[2]) / level))
    return SimulatedSpec(
        price=price if price is not None else Decimal(f"{level:.2f}"),
        volatility=volatility if volatility is not None else round(usual * math.exp(0.18 * draw[1]), 3),
        drift=drift if drift is not None else round(kind.drift + 0.04 * draw[2], 3),
        spread_bps=spread_bps if spread_bps is not None else kind.spread_bps,
        daily_volume=daily_volume,
        dividend_yield=dividend_yield,
        dividend_months=dividend_months,
        splits=splits,
        factors=factors or (*kind.factors, *(((of.factor, 0.45),) if of else ())),
    )


def _uniform(normal: float) -> float:
    """The part of a normal distribution that lies below: 0 to 1."""
    return min(0.999999, 0.5 * (1.0 + math.erf(normal / math.sqrt(2.0))))
