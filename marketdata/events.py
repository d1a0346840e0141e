"""Market data: what it tells the rooms above."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from portfolio_site.kernel.events import Event, event


@event("marketdata.prices_refreshed")
@dataclass(frozen=True, slots=True, kw_only=True)
class PricesRefreshed(Event):
    """The latest quotes of these instruments changed at `at`; read them with `queries.latest_quotes`."""

    instrument_ids: list[int]
    at: datetime


@event("marketdata.watchlist_changed")
@dataclass(frozen=True, slots=True, kw_only=True)
class WatchlistChanged(Event):
    """A list of this person was made, renamed, filled otherwise or deleted."""

    watchlist_id: UUID
    user_id: int
