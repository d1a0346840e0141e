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


@event("marketdata.corporate_action_found")
@dataclass(frozen=True, slots=True, kw_only=True)
class CorporateActionFound(Event):
    """Splits or dividends of an instrument are new or changed; read them with `queries.corporate_actions`."""

    instrument_id: int
    action_ids: list[int]


@event("marketdata.history_requested")
@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRequested(Event):
    """Somebody uses an instrument whose past is not here yet: a job waits to fetch it."""

    instrument_id: int
    job_id: int


@event("marketdata.history_fetched")
@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryFetched(Event):
    """A job that fetched the history of an instrument is over, with success or without."""

    instrument_id: int
    job_id: int
    is_done: bool
    bars_added: int


@event("marketdata.watchlist_changed")
@dataclass(frozen=True, slots=True, kw_only=True)
class WatchlistChanged(Event):
    """A list of this person was made, renamed, filled otherwise or deleted."""

    watchlist_id: UUID
    user_id: int
