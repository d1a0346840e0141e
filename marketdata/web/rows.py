"""Pages of market data: an instrument as a row of a table, with its price and how it got there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.cache import cache

from marketdata import operations, queries
from marketdata.models import Instrument


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a row shows; prices in the instrument's currency."""

    instrument: Instrument
    quote: queries.QuoteView | None
    trend: queries.TrendView | None
    day: queries.PriceRange | None = None
    watchlist_id: UUID | None = None

    @property
    def year(self) -> queries.PriceRange | None:
        """The range of 52 weeks up to now; None without a bar in them."""
        if self.trend is None:
            return None
        # Bars end with the last session: today's prices belong to the range too.
        today = [self.day.low, self.day.high] if self.day is not None else []
        last = [self.quote.last] if self.quote is not None else []
        return queries.PriceRange(low=self.trend.low, high=self.trend.high).with_prices(*today, *last)

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


#: Whether the past of what a table shows is here is looked at once in so many seconds.
_LOOKED_SECONDS = 300


def with_history(rows: list[Row], *, now: datetime) -> list[Row]:
    """See to it that the past of these instruments comes, where it is not here: somebody keeps an eye on them. The rows
    as they are; a few statements where something is missing, none else."""
    wanting = [row.instrument.pk for row in rows if row.trend is None and row.quote is not None]
    news = [pk for pk in wanting if cache.add(f"marketdata:past-wanted:{pk}", 1, timeout=_LOOKED_SECONDS)]
    if news:
        operations.request_histories(instrument_ids=news, reason="watched", now=now)
    return rows


def rows_of(
    instruments: Iterable[Instrument],
    *,
    now: datetime,
    watchlists: Iterable[queries.WatchlistView] = (),
) -> list[Row]:
    """Put instruments beside their quotes and trends, and the first of the lists that they are on. No statement when
    the cache is warm."""
    listed: dict[int, UUID] = {}
    for view in watchlists:
        for pk in view.instrument_ids:
            listed.setdefault(pk, view.id)
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
            watchlist_id=listed.get(instrument.pk),
        )
        for instrument in wanted
    ]
