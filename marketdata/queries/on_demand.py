"""Market data queries: prices of the simulated market that nothing ticks just now.

Each second only the instruments that matter to somebody tick. The price of any other is a function of the instant,
so it is worked out when it is read: whoever looks finds a fresh one, and nothing is stored.

Only while the market runs: the refresh says so with every tick. When that stands still, prices grow old and say so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.core.cache import cache

from marketdata.models import Instrument
from marketdata.providers.simulated import SOURCE
from marketdata.queries.simulation import simulated_market, simulated_ref

if TYPE_CHECKING:
    from marketdata.queries.quotes import QuoteFacts, QuoteView

_TICKED_KEY: Final = "marketdata:simulated-ticked-at:1"
#: A market that was not refreshed for so long is not running.
_RUNS_ON: Final = timedelta(minutes=1)


def note_simulated_tick(now: datetime) -> None:
    """Say that the simulated market runs: at every refresh of its quotes."""
    cache.set(_TICKED_KEY, now, timeout=int(_RUNS_ON.total_seconds()))


def _is_running(now: datetime) -> bool:
    ticked_at: datetime | None = cache.get(_TICKED_KEY)
    return ticked_at is not None and now - ticked_at <= _RUNS_ON


def is_behind(quotes: Iterable[QuoteView | QuoteFacts], now: datetime) -> bool:
    """Whether some of these quotes are to be worked out anew for an instant."""
    return bool(_late(quotes, now)) and _is_running(now)


def _late(quotes: Iterable[QuoteView | QuoteFacts], now: datetime) -> list[int]:
    if not settings.SIMULATED_TICKS:
        return []
    limit = timedelta(seconds=max(3.0, 1.5 * settings.QUOTE_REFRESH_SECONDS))
    return [
        quote.instrument_id
        for quote in quotes
        if quote.source == SOURCE and not quote.is_held and now - quote.quoted_at > limit
    ]


def brought_up_to_date(views: Mapping[int, QuoteView], now: datetime) -> dict[int, QuoteView]:
    """Return the quotes, those of the simulated market that no tick has moved lately as of `now`.

    What is held, or stands still by setting, stays. One statement when there are such, and none when there are not.
    """
    late = _late(views.values(), now)
    if not late or not _is_running(now):
        return dict(views)
    refs = [simulated_ref(instrument) for instrument in Instrument.objects.filter(pk__in=late)]
    found = dict(views)
    for quote in simulated_market().quotes(refs, now).quotes:
        known = views[quote.instrument_id]
        if quote.quoted_at > known.quoted_at:
            found[quote.instrument_id] = replace(
                known,
                bid=quote.bid,
                ask=quote.ask,
                bid_size=quote.bid_size,
                ask_size=quote.ask_size,
                last=quote.last,
                previous_close=quote.previous_close,
                volume=quote.volume,
                quoted_at=quote.quoted_at,
            )
    return found
