"""Market data providers: the starter list that ships with the project, read from its CSV files.

It says what the instruments are, at which price their simulation stands on `ANCHOR_DAY`, and how it behaves.
Splits in it are historical facts; everything else that the simulation makes of it is made up.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent / "data"

#: The day on whose close the simulated prices pass through the levels in the list.
ANCHOR_DAY = date(2026, 6, 30)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedSpec:
    """How the simulation of one instrument behaves.

    `volatility` and `drift` are annual (log returns); `factors` are (name, weight): what it shares with
    others; what is missing to 1 in squares is its own. `daily_volume` in units at today's share count; 0:
    none is told.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class StarterInstrument:
    """One line of the list."""

    symbol: str
    name: str
    asset_class: str
    currency: str
    quoted_in: str
    exchange: str
    isin: str
    sector: str
    country: str
    quote_unit: str
    quantity_step: Decimal
    coupon_rate: Decimal | None
    maturity_date: date | None
    provider_symbols: tuple[tuple[str, str], ...]
    simulation: SimulatedSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedCurrency:
    """A currency against the euro: its level on `ANCHOR_DAY` and annual volatility."""

    currency: str
    per_euro: Decimal
    volatility: float


@cache
def starter_instruments() -> dict[str, StarterInstrument]:
    """Return the list by symbol, in the order of the file."""
    with (DATA / "starter_instruments.csv").open(encoding="utf-8", newline="") as file:
        return {row["symbol"]: _instrument(row) for row in csv.DictReader(file)}


@cache
def simulated_currencies() -> dict[str, SimulatedCurrency]:
    """Return the currencies whose rates can be simulated, by code."""
    with (DATA / "simulated_currencies.csv").open(encoding="utf-8", newline="") as file:
        return {
            row["currency"]: SimulatedCurrency(
                currency=row["currency"],
                per_euro=Decimal(row["per_euro"]),
                volatility=float(row["volatility"]),
            )
            for row in csv.DictReader(file)
        }


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(";") if part.strip()]


def _instrument(row: dict[str, str]) -> StarterInstrument:
    splits = tuple(
        (date.fromisoformat(day), Decimal(ratio))
        for day, ratio in (part.split(":") for part in _parts(row["splits"]))
    )
    factors = tuple(
        (name, float(weight)) for name, weight in (part.rsplit(" ", 1) for part in _parts(row["factors"]))
    )
    return StarterInstrument(
        symbol=row["symbol"],
        name=row["name"],
        asset_class=row["asset_class"],
        currency=row["currency"],
        quoted_in=row["quoted_in"],
        exchange=row["exchange"],
        isin=row["isin"],
        sector=row["sector"],
        country=row["country"],
        quote_unit=row["quote_unit"],
        quantity_step=Decimal(row["quantity_step"]),
        coupon_rate=Decimal(row["coupon_rate"]) if row["coupon_rate"] else None,
        maturity_date=date.fromisoformat(row["maturity_date"]) if row["maturity_date"] else None,
        provider_symbols=tuple((name, row[name]) for name in ("yahoo", "coingecko") if row[name]),
        simulation=SimulatedSpec(
            price=Decimal(row["price"]),
            volatility=float(row["volatility"]),
            drift=float(row["drift"]),
            spread_bps=float(row["spread_bps"]),
            daily_volume=float(row["daily_volume"] or 0),
            dividend_yield=float(row["dividend_yield"] or 0),
            dividend_months=tuple(int(month) for month in row["dividend_months"].split()),
            splits=splits,
            factors=factors,
        ),
    )
