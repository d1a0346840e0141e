"""Market data queries: the latest quotes."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection

from marketdata.domain.staleness import cache_seconds, quote_is_stale
from marketdata.queries import attention, quote_cache
from marketdata.queries.hours import is_open
from marketdata.queries.on_demand import brought_up_to_date, is_behind
from portfolio_site.kernel import clock

#: What `quotes_of` takes, of `marketdata_quote q` and `marketdata_instrument i`, for a statement of one's own.
QUOTE_COLUMNS = """q.instrument_id, i.symbol, i.currency, q.bid, q.ask, q.last, q.previous_close, q.volume,
       q.quoted_at, q.source, q.is_simulated, q.is_held, i.asset_class, i.exchange, i.provider,
       q.bid_size, q.ask_size, q.day_low, q.day_high"""
#: The same for `facts_of`. The instant as a whole number, which is read in a tenth of the time.
FACT_COLUMNS = """q.last, (EXTRACT(EPOCH FROM q.quoted_at) * 1000000)::bigint, q.source, q.is_simulated, q.is_held,
       i.asset_class, i.exchange, i.provider"""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = f"""
SELECT {QUOTE_COLUMNS}
FROM marketdata_quote q JOIN marketdata_instrument i ON i.id = q.instrument_id
WHERE q.instrument_id = ANY(%s::bigint[])
"""  # noqa: S608 - columns named above


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteView:
    """The latest price of an instrument, in its currency (`quoted_at` by its source).

    `bid` and `ask` are None where nobody makes a market (funds, hand-kept prices); `bid_size` and `ask_size`
    are the units on offer there, None where the source does not say. `day_low` and `day_high`: the range of the
    session, where the source tells it (`day_ranges` knows more). `is_stale`: older than its
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
    day_low: Decimal | None = None
    day_high: Decimal | None = None
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


class QuoteFacts(NamedTuple):
    """What valuing needs of a quote, for statements that take it along (`FACT_COLUMNS`)."""

    instrument_id: int
    last: Decimal
    quoted_at: datetime
    source: str
    is_simulated: bool
    is_held: bool
    asset_class: str
    exchange: str
    provider: str


def facts_of(instrument_id: int, columns: Sequence[Any]) -> QuoteFacts | None:
    """The quote in a row of `FACT_COLUMNS`; None where there is none."""
    if columns[0] is None:
        return None
    at = _EPOCH + timedelta(microseconds=columns[1])
    return QuoteFacts(instrument_id, columns[0], at, *columns[2:])


def stale_ones(quotes: Collection[QuoteFacts], *, now: datetime) -> set[int] | None:
    """The instruments among these whose quote is too old to be shown without a word, as `latest_quotes` says it.

    None where one of them is to be worked out anew when it is read (`on_demand`): ask `cached_quotes` then. That somebody
    looks at them is noted, as there. No statement.
    """
    if is_behind(quotes, now):
        return None
    hours = _Hours(now)
    attention.looked_at(quotes, now=now)
    return {quote.instrument_id for quote in quotes if _is_stale(quote, hours)}


def latest_quotes(ids: Iterable[int], *, now: datetime | None = None) -> dict[int, QuoteView]:
    """Return the latest quote of each instrument that has one. One statement (and another where the simulated
    market is asked: `on_demand`); the truth, also inside a transaction."""
    wanted = list(ids)
    if not wanted:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_LATEST, [wanted])
        return quotes_of(cursor.fetchall(), now=now)


def quotes_of(rows: Iterable[Sequence[Any]], *, now: datetime | None = None) -> dict[int, QuoteView]:
    """The quotes of rows of `QUOTE_COLUMNS`. No statement, but for the simulated market (as `latest_quotes`)."""
    return _as_of([_view(row) for row in rows], now)


def latest_quote(instrument_id: int, *, now: datetime | None = None) -> QuoteView | None:
    """Return the latest quote of one instrument, or None."""
    return latest_quotes([instrument_id], now=now).get(instrument_id)


def cached_quotes(ids: Iterable[int], *, now: datetime | None = None) -> dict[int, QuoteView]:
    """Like `latest_quotes`, from the cache where it has them: for pages and sockets, not for orders.

    Refreshes write the cache after their commit, so it is behind by moments at most. No statement when all
    are cached. What is looked at here matters: it is refreshed often for a while, and soon where it is old (the old
    one is returned meanwhile).
    """
    wanted = list(dict.fromkeys(ids))
    instant = now or clock.now()
    hours = _Hours(instant)
    believed = [
        view for view, age in quote_cache.read(wanted) if age <= cache_seconds(is_open=hours.is_open(view))
    ]
    result = _as_of(believed, instant)
    missing = [pk for pk in wanted if pk not in result]
    if missing:
        since = time.time()
        fresh = latest_quotes(missing, now=instant)
        quote_cache.write_read(fresh.values(), since=since)
        result.update(fresh)
    attention.looked_at(result.values(), now=instant)
    return result


def remember(views: Iterable[QuoteView]) -> None:
    """Put quotes into the cache after the commit that changed them. A cache that is down is done without."""
    quote_cache.write_read(views, since=time.time() + 1)


def forget(ids: Iterable[int]) -> None:
    """Take quotes out of the cache: their instrument changed, or there is no quote any more."""
    quote_cache.remove(list(ids))


def _view(row: Sequence[Any]) -> QuoteView:
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
        day_low=row[17],
        day_high=row[18],
    )


def _as_of(views: Iterable[QuoteView], now: datetime | None) -> dict[int, QuoteView]:
    """The quotes as they are at an instant, and whether they are too old for it."""
    instant = now or clock.now()
    current = brought_up_to_date({view.instrument_id: view for view in views}, instant)
    hours = _Hours(instant)
    found = {}
    for pk, view in current.items():
        is_stale = _is_stale(view, hours)
        # A copy for those that are other than they say: mostly none.
        found[pk] = view if is_stale == view.is_stale else replace(view, is_stale=is_stale)
    return found


class _Hours:
    """Whether markets are open at one instant; each is looked up once, however many quotes are of it."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self._known: dict[tuple[str, str, bool], bool] = {}

    def is_open(self, quote: QuoteView | QuoteFacts) -> bool:
        key = (quote.asset_class, quote.exchange, quote.is_simulated)
        known = self._known.get(key)
        if known is None:
            known = is_open(asset_class=key[0], exchange=key[1], simulated=key[2], now=self.now)
            self._known[key] = known
        return known


def _is_stale(view: QuoteView | QuoteFacts, hours: _Hours) -> bool:
    still = view.is_held or (view.is_simulated and not settings.SIMULATED_TICKS)
    return quote_is_stale(
        quoted_at=view.quoted_at,
        now=hours.now,
        is_open=hours.is_open(view),
        is_simulated=view.is_simulated,
        is_still=still,
        by_hand=view.provider == "manual" and view.source == "manual",
    )
