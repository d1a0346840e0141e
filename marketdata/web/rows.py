"""Pages of market data: an instrument as a row of a table, with its price and how it got there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from marketdata import queries
from marketdata.models import Instrument


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a row shows; prices in the instrument's currency."""

    instrument: Instrument
    quote: queries.QuoteView | None
    trend: queries.TrendView | None
    day: queries.PriceRange | None = None

    @property
    def year(self) -> queries.PriceRange | None:
        """The range of 52 weeks up to now; None without a bar in them."""
        if self.trend is None:
            return None
        low, high = self.trend.low, self.trend.high
        last = self.quote.last if self.quote is not None else low
        return queries.PriceRange(low=min(low, last), high=max(high, last))

    @property
    def unit(self) -> str:
        """The currency of the price; empty where it is percent of nominal."""
        return "" if self.instrument.quote_unit == "percent" else self.instrument.currency

    def sort_value(self, key: str) -> Any:
        """What a table is sorted by; None comes last."""
        if key == "symbol":
            return self.instrument.symbol.upper()
        if self.quote is None:
            return None
        values: dict[str, Decimal | None] = {
            "last": self.quote.last,
            "change": self.quote.change_fraction,
            "volume": self.quote.volume,
        }
        return values.get(key)


def rows_of(instruments: Iterable[Instrument], *, now: datetime) -> list[Row]:
    """Put instruments beside their quotes and trends. No statement when the cache is warm."""
    wanted = list(instruments)
    ids = [instrument.pk for instrument in wanted]
    quotes, trends = queries.cached_quotes(ids, now=now), queries.trends(ids, now=now)
    days = queries.day_ranges(wanted, quotes)
    return [
        Row(
            instrument=instrument,
            quote=quotes.get(instrument.pk),
            trend=trends.get(instrument.pk),
            day=days.get(instrument.pk),
        )
        for instrument in wanted
    ]
