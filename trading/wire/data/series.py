"""Market data on the wire: the bars of one instrument, from the days and minutes that are stored."""

from __future__ import annotations

import math
from collections.abc import Iterable
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


def bars_of(
    instrument: Instrument, frame: Frame, *, start: datetime, end: datetime, adjustment: str, now: datetime
) -> list[WireBar]:
    """The bars that begin in start..end, both included, oldest first."""
    if frame.is_intraday:
        first = frame.begins(start)
        minutes = minutes_of(instrument, start=first, end=end + timedelta(minutes=frame.minutes), now=now)
        found = gathered(minutes, frame)
    else:
        found = _days(instrument, frame, start=start, end=end, adjustment=adjustment, now=now)
    return [bar for bar in found if start <= bar.at <= end]


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


def _days(
    instrument: Instrument, frame: Frame, *, start: datetime, end: datetime, adjustment: str, now: datetime
) -> list[WireBar]:
    today = now.astimezone(NEW_YORK).date()
    first = max(frame.first_day(start.astimezone(NEW_YORK).date()), _FIRST)
    last = min(frame.after_last_day(end.astimezone(NEW_YORK).date()) - timedelta(days=1), today)
    if first > last:
        return []
    # What came after the last day that is asked for counts in an adjusted price, too.
    until = last if adjustment == RAW else today
    series = daily_series([instrument.pk], start=first, end=until).get(instrument.pk)
    forming = forming_days([instrument], now=now).get(instrument.pk) if last >= today else None
    found = _with_forming(series, adjustment, forming)
    found = [bar for bar in found if bar.at <= day_starts(last)]
    return gathered(found, frame) if frame.unit != "Day" else found


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
