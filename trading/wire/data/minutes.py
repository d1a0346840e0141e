"""Market data on the wire: the minutes that are known of an instrument. They reach back ``INTRADAY_DAYS`` only.

Real prices have the minutes that came in. The minutes of the simulated market are a function of the instant, as on the
pages; where a price was set by hand, the minute is told as it was seen, and as long as it is held the price stands still.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from django.conf import settings

from marketdata import queries
from marketdata.models import Instrument
from marketdata.queries import IntradayBarView
from trading.wire.data.forms import WireBar

_MINUTE = timedelta(minutes=1)
#: How far back the last minute of a simulated instrument is looked for.
_RECENT = timedelta(minutes=3)


def minutes_of(instrument: Instrument, *, start: datetime, end: datetime, now: datetime) -> list[WireBar]:
    """The minutes that begin in start..end (without ``end``) and before ``now``, oldest first. One statement."""
    if not _is_computed(instrument):
        return [_bar(row) for row in queries.intraday_bars(instrument.pk, start=start, end=end)]
    seen = queries.minutes_around(instrument.pk, start=start, end=end)
    first, last = max(start, now - timedelta(days=settings.INTRADAY_DAYS)), min(end, now)
    computed = [] if first >= last else _computed(instrument, first, last)
    held = _held([instrument], seen[-1:], now=now)
    return [bar for bar in _joined(computed, seen, is_held=bool(held)) if start <= bar.at < end]


def latest_minutes(instruments: Iterable[Instrument], *, now: datetime) -> dict[int, WireBar]:
    """The last minute with a trade of each instrument that has one. One statement."""
    rows = list(instruments)
    stored = queries.latest_minutes(row.pk for row in rows)
    held = _held([row for row in rows if _is_computed(row)], stored.values(), now=now)
    found = {pk: _in_floats(_bar(row)) for pk, row in stored.items()}
    for row in rows:
        if _is_computed(row) and not (row.pk in found and found[row.pk].at > now - _MINUTE):
            recent = _computed(row, now - _RECENT, now)
            if recent and not (row.pk in found and found[row.pk].at > recent[-1].at):
                known = found.get(row.pk)
                found[row.pk] = _still(recent[-1], known.close) if known and row.pk in held else recent[-1]
    return found


def _held(
    instruments: Iterable[Instrument], last: Iterable[IntradayBarView], *, now: datetime
) -> frozenset[int]:
    """Which of these have a price that somebody holds. ``last`` is what was seen last of them: where nothing of it was set by
    hand, nobody is asked."""
    if not any(row.source == queries.BY_HAND for row in last):
        return frozenset()
    quotes = queries.cached_quotes({instrument.pk for instrument in instruments}, now=now)
    return frozenset(pk for pk, quote in quotes.items() if quote.is_held)


def _is_computed(instrument: Instrument) -> bool:
    return instrument.is_simulated and settings.SIMULATED_TICKS


def _computed(instrument: Instrument, start: datetime, end: datetime) -> list[WireBar]:
    bars = queries.minute_series(instrument, start=start, end=end, minutes=1).bars
    return [
        WireBar(
            at=datetime.fromtimestamp(at, UTC),
            open=opened,
            high=high,
            low=low,
            close=close,
            volume=None if math.isnan(volume) else volume,
        )
        for at, opened, high, low, close, volume in zip(
            bars.days.astype("int64").tolist(),
            bars.open.tolist(),
            bars.high.tolist(),
            bars.low.tolist(),
            bars.close.tolist(),
            bars.volume.tolist(),
            strict=True,
        )
        if start <= datetime.fromtimestamp(at, UTC) < end
    ]


def _joined(computed: list[WireBar], seen: list[IntradayBarView], *, is_held: bool) -> list[WireBar]:
    """All minutes of either. One that was seen outside the range of the function was made by hand, and stands; a price that
    was set by hand stays where it is until the next one that was seen, or is held to this day (``is_held``)."""
    known = {bar.at: bar for bar in computed}
    rows = {row.at: row for row in seen}
    last = None if not seen else seen[-1].at
    found: list[WireBar] = []
    price: float | None = None
    for at in sorted(known.keys() | rows.keys()):
        row, bar = rows.get(at), known.get(at)
        if row is None:
            assert bar is not None
            is_still = price is not None and (is_held or (last is not None and at < last))
            found.append(_still(bar, price) if is_still and price is not None else bar)
            continue
        told, by_hand = _in_floats(_bar(row)), row.source == queries.BY_HAND
        if not by_hand and bar is not None and bar.low <= told.low and told.high <= bar.high:
            told = bar
        found.append(told if price is None else _from(told, price))
        price = told.close if by_hand else None
    return found


def _still(bar: WireBar, price: float) -> WireBar:
    """The same minute, in which nothing moved."""
    return replace(bar, open=price, high=price, low=price, close=price, volume=0)


def _from(bar: WireBar, price: float) -> WireBar:
    """The same minute, begun at the price that was held until then."""
    return replace(bar, open=price, high=max(bar.high, price), low=min(bar.low, price))


def _in_floats(bar: WireBar) -> WireBar:
    """What is told of several minutes is added up: kept ones are Decimal, computed ones float."""
    return WireBar(
        at=bar.at,
        open=float(bar.open),
        high=float(bar.high),
        low=float(bar.low),
        close=float(bar.close),
        volume=None if bar.volume is None else float(bar.volume),
    )


def _bar(row: IntradayBarView) -> WireBar:
    return WireBar(at=row.at, open=row.open, high=row.high, low=row.low, close=row.close, volume=row.volume)
