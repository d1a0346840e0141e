"""Market data on the wire: the minutes that are known of an instrument. They reach back ``INTRADAY_DAYS`` only.

Real prices have the minutes that came in. The minutes of the simulated market are a function of the instant, as on the
pages; where a price was set by hand, the minute is told as it was seen.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
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
    seen = [_bar(row) for row in queries.intraday_bars(instrument.pk, start=start, end=end)]
    if not _is_computed(instrument):
        return seen
    first, last = max(start, now - timedelta(days=settings.INTRADAY_DAYS)), min(end, now)
    return seen if first >= last else _joined(_computed(instrument, first, last), seen)


def latest_minutes(instruments: Iterable[Instrument], *, now: datetime) -> dict[int, WireBar]:
    """The last minute with a trade of each instrument that has one. One statement."""
    rows = list(instruments)
    found = {pk: _in_floats(_bar(row)) for pk, row in queries.latest_minutes(row.pk for row in rows).items()}
    for row in rows:
        if _is_computed(row) and not (row.pk in found and found[row.pk].at > now - _MINUTE):
            recent = _computed(row, now - _RECENT, now)
            if recent and not (row.pk in found and found[row.pk].at > recent[-1].at):
                found[row.pk] = recent[-1]
    return found


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


def _joined(computed: list[WireBar], seen: list[WireBar]) -> list[WireBar]:
    """All minutes of either: one that was seen outside the range of the function was made by hand, and stands."""
    by_minute = {bar.at: bar for bar in computed}
    for bar in map(_in_floats, seen):
        known = by_minute.get(bar.at)
        if known is None or bar.high > known.high or bar.low < known.low:
            by_minute[bar.at] = bar
    return [by_minute[at] for at in sorted(by_minute)]


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
