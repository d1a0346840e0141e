"""Market data on the wire: the bars of one instrument, from the days and minutes that are stored."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from marketdata.models import Instrument
from marketdata.queries import Adjustment, DailySeries, daily_series
from trading.wire.data.forms import WireBar, day_starts
from trading.wire.data.frames import Frame, gathered
from trading.wire.data.minutes import minutes_of
from trading.wire.data.today import forming_days
from trading.wire.values import NEW_YORK

RAW: Final = "raw"
ADJUSTMENTS: Final = frozenset({RAW, "split", "dividend", "all"})
#: No series begins earlier.
_FIRST: Final = date(1800, 1, 1)
#: Adjusted prices have this many places; what was traded is told as it was.
_PLACES: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which bars are wanted: those that begin in start..end, both included."""

    frame: Frame
    start: datetime
    end: datetime
    adjustment: str
    now: datetime


def bars_of(instruments: Iterable[Instrument], asked: Asked) -> dict[int, list[WireBar]]:
    """The bars of each instrument, oldest first. Of days and longer as many statements for one as for many."""
    frame, rows = asked.frame, list(instruments)
    if frame.is_intraday:
        first, last = frame.begins(asked.start), asked.end + timedelta(minutes=frame.minutes)
        found = {
            row.pk: gathered(minutes_of(row, start=first, end=last, now=asked.now), frame) for row in rows
        }
    else:
        found = _days(rows, asked)
    return {pk: [bar for bar in bars if asked.start <= bar.at <= asked.end] for pk, bars in found.items()}


def last_days_of(
    instruments: Iterable[Instrument], *, since: datetime, now: datetime
) -> dict[int, list[WireBar]]:
    """The daily bars of several instruments, as traded, the forming one included. As many statements for one as for
    many."""
    rows = list(instruments)
    # The day of what turns at midnight UTC may have begun before New York's.
    last = max(now.astimezone(NEW_YORK).date(), now.astimezone(UTC).date())
    series = daily_series([row.pk for row in rows], start=since.astimezone(NEW_YORK).date(), end=last)
    forming = forming_days(rows, now=now)
    return {row.pk: _with_forming(series.get(row.pk), RAW, forming.get(row.pk)) for row in rows}


def _days(rows: list[Instrument], asked: Asked) -> dict[int, list[WireBar]]:
    frame, adjustment = asked.frame, asked.adjustment
    today = asked.now.astimezone(NEW_YORK).date()
    first = max(frame.first_day(asked.start.astimezone(NEW_YORK).date()), _FIRST)
    last = min(frame.after_last_day(asked.end.astimezone(NEW_YORK).date()) - timedelta(days=1), today)
    if first > last:
        return {row.pk: [] for row in rows}
    # What came after the last day that is asked for counts in an adjusted price, too.
    until = last if adjustment == RAW else today
    series = daily_series([row.pk for row in rows], start=first, end=until)
    forming = forming_days(rows, now=asked.now) if last >= today else {}
    found = {}
    for row in rows:
        bars = _with_forming(series.get(row.pk), adjustment, forming.get(row.pk))
        bars = [bar for bar in bars if bar.at <= day_starts(last)]
        found[row.pk] = bars if frame.unit == "Day" else gathered(bars, frame)
    return found


def _with_forming(series: DailySeries | None, adjustment: str, forming: WireBar | None) -> list[WireBar]:
    found = [] if series is None else _bars(series, adjustment)
    if forming is not None and not (found and found[-1].at >= forming.at):
        found.append(forming)
    return found


def _bars(series: DailySeries, adjustment: str) -> list[WireBar]:
    """Days as bars; a close that stands alone is told as a bar whose prices are all the close."""
    bars = series.adjusted(Adjustment.SPLIT if adjustment == "split" else Adjustment.RAW)
    if adjustment in {"dividend", "all"}:
        bars = series.adjusted(Adjustment.TOTAL_RETURN)
    if adjustment == "dividend":
        # All of it but the splits.
        in_shares = series.adjusted(Adjustment.SPLIT).close / series.bars.close
        bars = bars.scaled(1 / in_shares, in_shares)
    places = None if adjustment == RAW else _PLACES
    return [
        WireBar(
            at=day_starts(day),
            open=_price(opened, close, places),
            high=_price(high, close, places),
            low=_price(low, close, places),
            close=_price(close, close, places),
            volume=None if math.isnan(volume) else round(volume, 9),
        )
        for day, opened, high, low, close, volume in zip(
            bars.days.tolist(),
            bars.open.tolist(),
            bars.high.tolist(),
            bars.low.tolist(),
            bars.close.tolist(),
            bars.volume.tolist(),
            strict=True,
        )
    ]


def _price(value: float, close: float, places: int | None) -> Any:
    price = close if math.isnan(value) else value
    return price if places is None else round(price, places)
