"""Market data on the wire: the day that is not over, of many instruments at once.

The simulated market says itself what its day was so far; of everything else the minutes that came in are gathered. Days of coins
are those of UTC, days of stocks those of New York, under whatever instant they are told.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, time

from marketdata.models import Instrument
from marketdata.queries import QuoteView, cached_quotes, minutes_as_one, minutes_by_hand, simulated_days
from trading.wire.assets import is_crypto
from trading.wire.data.forms import WireBar, day_starts
from trading.wire.values import NEW_YORK


def forming_days(instruments: Iterable[Instrument], *, now: datetime) -> dict[int, WireBar]:
    """The bar of the current day of each instrument that has one so far. Prices and volumes are float.

    Four statements at most, however many are asked for.
    """
    rows = list(instruments)
    quotes = cached_quotes({row.pk for row in rows if row.is_simulated}, now=now)
    found = {
        pk: _bar(day.day, float(day.open), float(day.low), float(day.high), quotes[pk])
        for pk, day in simulated_days(rows, quotes).items()
    }
    _widen(found, now=now)
    rest = [row for row in rows if row.pk not in found]
    coins = {row.pk for row in rest if is_crypto(row)}
    of_utc = now.astimezone(UTC).date()
    found |= _gathered(coins, of_utc, _utc_midnight(of_utc), now)
    of_new_york = now.astimezone(NEW_YORK).date()
    found |= _gathered({row.pk for row in rest} - coins, of_new_york, day_starts(of_new_york), now)
    return found


def _bar(day: date, opened: float, low: float, high: float, quote: QuoteView) -> WireBar:
    """A day up to its last whole minute, and the price since."""
    last = float(quote.last)
    return WireBar(
        at=day_starts(day),
        open=opened,
        high=max(high, last),
        low=min(low, last),
        close=last,
        volume=None if quote.volume is None else float(quote.volume),
    )


def _utc_midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)


def _widen(found: dict[int, WireBar], *, now: datetime) -> None:
    """Let the days of the simulated market have in them what somebody held the price at for a while."""
    if not found:
        return
    begun = {pk: _utc_midnight(bar.at.astimezone(NEW_YORK).date()) for pk, bar in found.items()}
    for pk, minute in minutes_by_hand(found, start=min(begun.values()), end=now):
        bar = found[pk]
        if minute.at >= begun[pk]:
            low, high = min(bar.low, float(minute.low)), max(bar.high, float(minute.high))
            found[pk] = replace(bar, low=low, high=high)


def _gathered(ids: set[int], day: date, begun: datetime, now: datetime) -> dict[int, WireBar]:
    if not ids:
        return {}
    return {
        pk: WireBar(
            at=day_starts(day),
            open=float(whole.open),
            high=float(whole.high),
            low=float(whole.low),
            close=float(whole.close),
            volume=None if whole.volume is None else float(whole.volume),
        )
        for pk, whole in minutes_as_one(ids, start=begun, end=now).items()
    }
