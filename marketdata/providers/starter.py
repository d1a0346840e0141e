"""Market data providers: the starter list that ships with the project, read from its CSV files.

It says what the instruments are, at which price their simulation stands on `ANCHOR_DAY`, and how it behaves; where
it does not say, `simulated_defaults` does. Names, exchanges, numbers and splits are facts; the prices are round
levels for a simulation, and everything that it makes of them is made up.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path

from marketdata.providers.simulated_defaults import SimulatedSpec, spec_for

DATA = Path(__file__).resolve().parent.parent / "data"

#: The day on whose close the simulated prices pass through the levels in the list.
ANCHOR_DAY = date(2026, 6, 30)

#: The files, the core first, and what is the same for all lines of one.
_COIN = {
    "asset_class": "crypto",
    "currency": "USD",
    "sector": "Cryptocurrency",
    "quantity_step": "0.00000001",
}
_FILES: Mapping[str, Mapping[str, str]] = {
    "starter_instruments.csv": {},
    "starter_sp500.csv": {"asset_class": "equity", "currency": "USD"},
    "starter_etfs.csv": {"asset_class": "etf", "spread_bps": "2"},
    "starter_coins.csv": _COIN,
    "starter_indices.csv": {"asset_class": "index", "quantity_step": "1"},
    "starter_currencies.csv": {"asset_class": "currency", "quantity_step": "1"},
}
_CORE = "starter_instruments.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class StarterInstrument:
    """One line of the list. `is_core`: comes with its history; the others get theirs when somebody wants it."""

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
    is_core: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedCurrency:
    """A currency against the euro: its level on `ANCHOR_DAY` and annual volatility."""

    currency: str
    per_euro: Decimal
    volatility: float


@cache
def starter_instruments() -> dict[str, StarterInstrument]:
    """Return the list by symbol, in the order of the files."""
    found: dict[str, StarterInstrument] = {}
    for file, same in _FILES.items():
        for row in _rows(file):
            line = _instrument({**row, **same}, is_core=file == _CORE)
            if line.symbol in found:
                raise ValueError(f"{file}: {line.symbol} is in the starter list twice")
            found[line.symbol] = line
    return found


@cache
def simulated_currencies() -> dict[str, SimulatedCurrency]:
    """Return the currencies whose rates can be simulated, by code."""
    return {
        row["currency"]: SimulatedCurrency(
            currency=row["currency"], per_euro=Decimal(row["per_euro"]), volatility=float(row["volatility"])
        )
        for row in _rows("simulated_currencies.csv")
    }


def _rows(file: str) -> Iterator[dict[str, str]]:
    with (DATA / file).open(encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(";") if part.strip()]


def _number(row: Mapping[str, str], name: str) -> float | None:
    text = row.get(name, "")
    return float(text) if text else None


def _instrument(row: Mapping[str, str], *, is_core: bool) -> StarterInstrument:
    def text(name: str, default: str = "") -> str:
        return row.get(name, "") or default

    def amount(name: str) -> Decimal | None:
        return Decimal(text(name)) if text(name) else None

    return StarterInstrument(
        symbol=row["symbol"],
        name=row["name"],
        asset_class=row["asset_class"],
        currency=row["currency"],
        quoted_in=text("quoted_in"),
        exchange=text("exchange"),
        isin=text("isin"),
        sector=text("sector"),
        country=text("country"),
        quote_unit=text("quote_unit", "unit"),
        quantity_step=Decimal(text("quantity_step", "0.000000001")),
        coupon_rate=amount("coupon_rate"),
        maturity_date=date.fromisoformat(text("maturity_date")) if text("maturity_date") else None,
        provider_symbols=tuple((name, row[name]) for name in ("yahoo", "coingecko") if text(name)),
        simulation=_simulation(row, is_core=is_core),
        is_core=is_core,
    )


def _simulation(row: Mapping[str, str], *, is_core: bool) -> SimulatedSpec:
    """What the line says of the simulation. In the core it says all: what is empty there is nothing."""
    nothing = 0.0 if is_core or row.get("asset_class") == "etf" else None
    dividend_yield = _number(row, "dividend_yield")
    volume = _number(row, "daily_volume")
    return spec_for(
        row["symbol"],
        asset_class=row["asset_class"],
        sector=row.get("sector", ""),
        price=Decimal(row["price"]) if row.get("price") else None,
        volatility=_number(row, "volatility"),
        drift=_number(row, "drift"),
        spread_bps=_number(row, "spread_bps"),
        daily_volume=volume if volume is not None else (0.0 if is_core else None),
        dividend_yield=dividend_yield if dividend_yield is not None else nothing,
        dividend_months=tuple(int(month) for month in row.get("dividend_months", "").split()),
        splits=tuple(
            (date.fromisoformat(day), Decimal(ratio))
            for day, ratio in (part.split(":") for part in _parts(row.get("splits", "")))
        ),
        factors=tuple(
            (name, float(weight))
            for name, weight in (part.rsplit(" ", 1) for part in _parts(row.get("factors", "")))
        ),
    )
