"""Market data queries: watchlists."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Q

from marketdata.models import Instrument, Watchlist
from marketdata.models.watchlists import WatchlistQuerySet
from portfolio_site.kernel.errors import NotFoundError


class WatchlistNotFound(NotFoundError):
    """There is no such list, or not for this person."""

    code = "watchlist_not_found"

    def __init__(self, message: str = "There is no such watchlist.", *, field: str | None = None) -> None:
        super().__init__(message, field=field)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchlistView:
    """A list of instruments: `instrument_ids` in the order their owner keeps them in."""

    id: UUID
    owner_id: int
    name: str
    created_at: datetime
    updated_at: datetime
    instrument_ids: tuple[int, ...]

    def __contains__(self, instrument_id: object) -> bool:
        return instrument_id in self.instrument_ids


def watchlists_of(user: Any) -> list[WatchlistView]:
    """Return the person's own lists in their order. One statement."""
    if user.pk is None:
        return []
    return _views(Watchlist.objects.of(user))


def visible_watchlist(user: Any, watchlist_id: UUID) -> WatchlistView:
    """Return a list that this person may see (an auditor: anybody's); raises `WatchlistNotFound` (404) else.
    One statement."""
    found = _views(Watchlist.objects.visible_to(user).filter(pk=watchlist_id))
    if not found:
        raise WatchlistNotFound
    return found[0]


def watchlist_views(rows: Iterable[Watchlist]) -> list[WatchlistView]:
    """Return the views of rows that were chosen elsewhere (a page of the API), in their order. One
    statement."""
    wanted = [row.pk for row in rows]
    by_id = {view.id: view for view in _views(Watchlist.objects.filter(pk__in=wanted))}
    return [by_id[pk] for pk in wanted if pk in by_id]


def watchlist_instruments(watchlist: WatchlistView, *, user: Any) -> list[Instrument]:
    """Return the instruments of a list, in its order. One statement."""
    found = Instrument.objects.visible_to(user).in_bulk(watchlist.instrument_ids)
    return [found[pk] for pk in watchlist.instrument_ids if pk in found]


def watched_by(user: Any) -> list[int]:
    """Return the ids of everything on the person's own lists, each once, in the order of lists and items.
    One statement."""
    return list(dict.fromkeys(pk for view in watchlists_of(user) for pk in view.instrument_ids))


def _views(rows: WatchlistQuerySet) -> list[WatchlistView]:
    annotated = rows.annotate(
        ids=ArrayAgg(
            "items__instrument_id",
            filter=Q(items__isnull=False),
            order_by=["items__position", "items__pk"],
            default=[],
        )
    )
    return [
        WatchlistView(
            id=row["id"],
            owner_id=row["owner_id"],
            name=row["name"],
            created_at=row["created_at"],
            updated_at=row["updated_at"],
            instrument_ids=tuple(row["ids"]),
        )
        for row in annotated.values("id", "owner_id", "name", "created_at", "updated_at", "ids")
    ]
