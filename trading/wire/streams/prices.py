"""The wire's data streams: one subscription to new prices for all sockets of this process, and the minutes as they end.

A tick costs one read of the quotes that somebody here watches. What is told of a quote or a bar is made once for each form
(MessagePack, JSON) and given to every socket that asked for it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

import structlog

from marketdata.models import Instrument
from marketdata.queries import QuoteView, latest_quotes
from portfolio_site.kernel import clock
from portfolio_site.kernel.loops import OfLoop
from portfolio_site.kernel.subscription import Subscription
from trading.operations.price_news import PRICES_CHANNEL
from trading.wire.data.forms import WireBar
from trading.wire.data.minutes import latest_minutes, minutes_of
from trading.wire.data.series import last_days_of
from trading.wire.streams.threads import aside

log = structlog.get_logger(__name__)

#: How long after its end a minute is told: by then the ticks that belong to it are stored.
_AFTER_MINUTE: Final = timedelta(seconds=2)


class Watcher(Protocol):
    """A socket that wants market data."""

    wants_bars: bool

    def take_quote(self, quote: QuoteView, *, is_trade: bool) -> None:
        """A new quote of an instrument it watches; ``is_trade`` when the last price is new, too."""

    def take_bars(self, instrument_id: int, minute: WireBar, day: WireBar | None) -> None:
        """A minute that has ended, and the day so far."""


class PriceHub:
    """Who in this event loop watches what."""

    def __init__(self) -> None:
        self._watchers: dict[int, set[Watcher]] = {}
        self._wanted: dict[Watcher, frozenset[int]] = {}
        self._last: dict[int, tuple[Any, datetime]] = {}
        self._subscription = Subscription(PRICES_CHANNEL, self._deliver, lambda: None)
        self._minutes: asyncio.Task[None] | None = None

    def watch(self, watcher: Watcher, ids: frozenset[int]) -> None:
        """Replace what a socket watches; an empty set ends it."""
        for pk in self._wanted.pop(watcher, frozenset()):
            self._watchers[pk].discard(watcher)
            if not self._watchers[pk]:
                del self._watchers[pk]
                self._last.pop(pk, None)
        if ids:
            self._wanted[watcher] = ids
            for pk in ids:
                self._watchers.setdefault(pk, set()).add(watcher)
        self._subscription.run(wanted=bool(self._wanted))
        wants_bars = any(each.wants_bars for each in self._wanted)
        if wants_bars and self._minutes is None:
            self._minutes = asyncio.get_running_loop().create_task(self._tell_minutes())
        elif not wants_bars and self._minutes is not None:
            self._minutes.cancel()
            self._minutes = None

    async def _deliver(self, message: bytes) -> None:
        ids = [pk for pk in json.loads(message) if pk in self._watchers]
        if not ids:
            return
        # From the table: the news of a tick may be here before the cache has it.
        quotes = await aside(latest_quotes, ids)
        for pk, quote in quotes.items():
            seen = self._last.get(pk)
            now = (quote.last, quote.quoted_at)
            if seen is not None and quote.quoted_at < seen[1]:
                continue
            self._last[pk] = now
            for watcher in list(self._watchers.get(pk, ())):
                watcher.take_quote(quote, is_trade=seen != now)

    async def _tell_minutes(self) -> None:
        while True:
            now = clock.now()
            ended = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
            await asyncio.sleep((ended + _AFTER_MINUTE - now).total_seconds())
            try:
                await self._tell_minute(ended - timedelta(minutes=1))
            except Exception:
                # One minute is not told; the next one is.
                log.exception("minute_not_told")

    async def _tell_minute(self, begun: datetime) -> None:
        ids = {pk for watcher, wanted in self._wanted.items() if watcher.wants_bars for pk in wanted}
        for pk, (minute, day) in (await aside(_bars, ids, begun)).items():
            for watcher in list(self._watchers.get(pk, ())):
                if watcher.wants_bars:
                    watcher.take_bars(pk, minute, day)


def _bars(ids: Iterable[int], begun: datetime) -> dict[int, tuple[WireBar, WireBar | None]]:
    """The minutes that began then, and the day so far of each instrument that has one."""
    instruments = Instrument.objects.in_bulk(list(ids))
    now, ended = datetime.now(UTC), begun + timedelta(minutes=1)
    minutes = latest_minutes(instruments.values(), now=ended)
    for pk, minute in minutes.items():
        if minute.at > begun:
            # Somebody has traded since: the minute that is over is the one before.
            minutes[pk] = next(iter(minutes_of(instruments[pk], start=begun, end=ended, now=ended)), minute)
    over = [instruments[pk] for pk, minute in minutes.items() if minute.at == begun]
    days = last_days_of(over, since=now - timedelta(days=2), now=now)
    return {row.pk: (minutes[row.pk], days[row.pk][-1] if days[row.pk] else None) for row in over}


#: The hub of the running event loop.
price_hub = OfLoop(PriceHub)
