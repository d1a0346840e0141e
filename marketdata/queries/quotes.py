"""Market data queries: the latest quotes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import structlog
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from redis.exceptions import RedisError

from marketdata.domain.staleness import quote_is_stale
from marketdata.queries.hours import is_open
from marketdata.queries.on_demand import brought_up_to_date
from portfolio_site.kernel import clock

log = structlog.get_logger(__name__)

_LATEST = """
SELECT q.instrument_id, i.symbol, i.currency, q.bid, q.ask, q.last, q.previous_close, q.volume,
       q.quoted_at, q.source, q.is_simulated, q.is_held, i.asset_class, i.exchange, i.provider,
       q.bid_size, q.ask_size
FROM marketdata_quote q JOIN marketdata_instrument i ON i.id = q.instrument_id
WHERE q.instrument_id = ANY(%s::bigint[])
"""
_CACHE_SECONDS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteView:
    """The latest price of an instrument, in its currency (`quoted_at` by its source).

    `bid` and `ask` are None where nobody makes a market (funds, hand-kept prices); `bid_size` and `ask_size`
    are the units on offer there, None where the source does not say. `is_stale`: older than its
    source should let it become. `is_held`: set by hand, refreshes leave it alone.
    """

    instrument_id: int
    symbol: str
    currency: str
    bid: Decimal | None
    ask: Decimal | None
    last: Decimal
    previous_close: Decimal | None
    volume: Decimal | None
    quoted_at: datetime
    source: str
    is_simulated: bool
    is_held: bool
    asset_class: str
    exchange: str
    provider: str
    bid_size: Decimal | None = None
    ask_size: Decimal | None = None
    is_stale: bool = False

    @property
    def change(self) -> Decimal | None:
        """Since the previous close, in currency."""
        return None if self.previous_close is None else self.last - self.previous_close

    @property
    def change_fraction(self) -> Decimal | None:
        """Since the previous close, as a fraction of it; None without one."""
        if not self.previous_close:
            return None
        return (self.last - self.previous_close) / self.previous_close


def latest_quotes(ids: Iterable[int], *, now: datetime | None = None) -> dict[int, QuoteView]:
    """Return the latest quote of each instrument that has one. One statement (and another where the simulated
    market is asked: `on_demand`); the truth, also inside a transaction."""
    wanted = list(ids)
    if not wanted:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_LATEST, [wanted])
        found = [_view(row) for row in cursor.fetchall()]
    return _as_of(found, now)


def latest_quote(instrument_id: int, *, now: datetime | None = None) -> QuoteView | None:
    """Return the latest quote of one instrument, or None."""
    return latest_quotes([instrument_id], now=now).get(instrument_id)


def cached_quotes(ids: Iterable[int], *, now: datetime | None = None) -> dict[int, QuoteView]:
    """Like `latest_quotes`, from the cache where it has them: for pages and sockets, not for orders.

    Refreshes write the cache after their commit, so it is behind by moments at most. No statement when all
    are cached.
    """
    wanted = list(ids)
    result = _as_of(_from_cache(wanted), now)
    missing = [pk for pk in wanted if pk not in result]
    if missing:
        fresh = latest_quotes(missing, now=now)
        remember(fresh.values(), replace_known=False)
        result.update(fresh)
    return result


def _key(instrument_id: int) -> str:
    return f"marketdata:quote:2:{instrument_id}"


def _from_cache(ids: list[int]) -> list[QuoteView]:
    try:
        found: dict[str, QuoteView] = cache.get_many([_key(pk) for pk in ids])
    except RedisError as error:
        log.warning("quote_cache_down", error=str(error))
        return []
    return list(found.values())


def remember(views: Iterable[QuoteView], *, replace_known: bool = True) -> None:
    """Put quotes into the cache: after the commit that stored them, or (`replace_known=False`) after merely
    reading them, when a refresh that came in between knows better. A cache that is down is done without."""
    try:
        if replace_known:
            cache.set_many({_key(view.instrument_id): view for view in views}, timeout=_CACHE_SECONDS)
        else:
            for view in views:
                cache.add(_key(view.instrument_id), view, timeout=_CACHE_SECONDS)
    except RedisError as error:
        log.warning("quote_cache_down", error=str(error))


def _view(row: tuple[Any, ...]) -> QuoteView:
    return QuoteView(
        instrument_id=row[0],
        symbol=row[1],
        currency=row[2],
        bid=row[3],
        ask=row[4],
        last=row[5],
        previous_close=row[6],
        volume=row[7],
        quoted_at=row[8],
        source=row[9],
        is_simulated=row[10],
        is_held=row[11],
        asset_class=row[12],
        exchange=row[13],
        provider=row[14],
        bid_size=row[15],
        ask_size=row[16],
    )


def _as_of(views: Iterable[QuoteView], now: datetime | None) -> dict[int, QuoteView]:
    """The quotes as they are at an instant, and whether they are too old for it."""
    instant = now or clock.now()
    current = brought_up_to_date({view.instrument_id: view for view in views}, instant)
    return {pk: replace(view, is_stale=_is_stale(view, instant)) for pk, view in current.items()}


def _is_stale(view: QuoteView, now: datetime) -> bool:
    still = view.is_held or (view.is_simulated and not settings.SIMULATED_TICKS)
    return quote_is_stale(
        quoted_at=view.quoted_at,
        now=now,
        is_open=is_open(
            asset_class=view.asset_class, exchange=view.exchange, simulated=view.is_simulated, now=now
        ),
        is_simulated=view.is_simulated,
        is_still=still,
        by_hand=view.provider == "manual" and view.source == "manual",
    )
