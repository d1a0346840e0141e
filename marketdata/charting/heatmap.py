"""Charts of prices: a map of the market, or of what a person holds. Size is money, colour is today's change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.urls import reverse

from marketdata.models import AssetClass, Instrument
from marketdata.queries import HeldView, MarketRow, QuoteView

#: More cells than these have no room for their names.
MOST_CELLS = 60
_PLACES = Decimal("0.01")
_OTHER = "Other"
_GROUPS: dict[str, str] = {
    AssetClass.ETF: "ETFs",
    AssetClass.FUND: "Funds",
    AssetClass.BOND: "Bonds",
    AssetClass.CRYPTO: "Crypto",
    AssetClass.COMMODITY: "Commodities",
    AssetClass.REAL_ESTATE: "Property",
    AssetClass.PRIVATE: "Private holdings",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One thing on the map; `change` is a fraction, None where the close before is not known."""

    instrument_id: int
    label: str
    name: str
    group: str
    value: Decimal
    change: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatMap:
    """The largest things by size; `is_private`: the sizes are the person's own money."""

    cells: list[Cell]
    currency: str
    is_private: bool
    left_out: int = 0

    def body(self) -> dict[str, Any]:
        """Return the JSON of the map."""
        if not self.cells:
            return {"cells": [], "empty": "No prices yet. They arrive with the first refresh."}
        return {
            "kind": "treemap",
            "unit": "money" if self.is_private else "price",
            "currency": self.currency,
            "value_label": "Value" if self.is_private else "Traded today",
            "grouped": True,
            "cells": [
                {
                    "label": cell.label,
                    "name": cell.name,
                    "group": cell.group,
                    "value": f"{cell.value:f}",
                    "change": None if cell.change is None else f"{cell.change:.6f}",
                    "url": reverse("marketdata:detail", args=[cell.instrument_id]),
                }
                for cell in self.cells
            ],
            "summary": self.summary(),
        }

    def summary(self) -> str:
        """Say how many rose and fell, and how many there was no room for."""
        changes = [cell.change for cell in self.cells if cell.change is not None]
        rose, fell = sum(change > 0 for change in changes), sum(change < 0 for change in changes)
        words = f"{rose} up, {fell} down."
        return f"{words} The {len(self.cells)} largest are shown." if self.left_out else words


def market_map(rows: Sequence[MarketRow], *, currency: str, rate: Decimal | None) -> HeatMap:
    """The most traded things of the market, by what was turned over today, in a currency (`rate`: what a dollar is
    worth in it; without one, dollars)."""
    sized = [row for row in rows if row.turnover]
    sized.sort(key=lambda row: row.turnover or Decimal(0), reverse=True)
    factor = rate or Decimal(1)
    cells = [
        Cell(
            instrument_id=row.instrument_id,
            label=row.symbol,
            name=row.name,
            group=_group(row.asset_class, row.sector),
            value=((row.turnover or Decimal(0)) * factor).quantize(_PLACES),
            change=row.change_fraction,
        )
        for row in sized[:MOST_CELLS]
    ]
    return HeatMap(
        cells=cells,
        currency=currency if rate else "USD",
        is_private=False,
        left_out=len(sized) - len(cells),
    )


def holdings_map(
    held: Sequence[HeldView],
    instruments: Mapping[int, Instrument],
    quotes: Mapping[int, QuoteView],
    *,
    currency: str,
    rates: Mapping[str, Decimal],
) -> HeatMap:
    """What a person holds, by what it is worth in their currency: of what is really theirs, else of the paper
    accounts. Short positions, and what has no price or exchange rate, have no size."""
    own = [view for view in held if not view.is_paper] or list(held)
    values: dict[int, Decimal] = {}
    for view in own:
        quote = quotes.get(view.instrument_id)
        rate = rates.get(quote.currency) if quote is not None else None
        if quote is not None and rate is not None:
            worth = view.value_at(quote.last) * rate
            values[view.instrument_id] = values.get(view.instrument_id, Decimal(0)) + worth
    sized = sorted(((worth, pk) for pk, worth in values.items() if worth > 0), reverse=True)
    cells = []
    for worth, pk in sized[:MOST_CELLS]:
        instrument, change = instruments[pk], quotes[pk].change_fraction
        cells.append(
            Cell(
                instrument_id=pk,
                label=instrument.symbol,
                name=instrument.name,
                group=_group(instrument.asset_class, instrument.sector),
                value=worth.quantize(_PLACES),
                change=None if change is None else round(change, 6),
            )
        )
    return HeatMap(cells=cells, currency=currency, is_private=True, left_out=len(sized) - len(cells))


def _group(asset_class: str, sector: str) -> str:
    """Shares by sector, everything else by its kind."""
    return _GROUPS.get(asset_class) or sector or _OTHER
