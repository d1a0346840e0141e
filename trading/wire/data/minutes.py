"""Market data on the wire: the minutes that are kept of an instrument. They reach back some days only."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from marketdata import queries
from marketdata.models import Instrument
from marketdata.queries import IntradayBarView
from trading.wire.data.forms import WireBar


def minutes_of(instrument: Instrument, *, start: datetime, end: datetime) -> list[WireBar]:
    """The minutes that begin in start..end (without ``end``), oldest first. One statement."""
    return [_bar(row) for row in queries.intraday_bars(instrument.pk, start=start, end=end)]


def latest_minutes(instruments: Iterable[Instrument]) -> dict[int, WireBar]:
    """The last minute with a trade of each instrument that has one. One statement."""
    found = queries.latest_minutes(instrument.pk for instrument in instruments)
    return {pk: _bar(row) for pk, row in found.items()}


def _bar(row: IntradayBarView) -> WireBar:
    return WireBar(at=row.at, open=row.open, high=row.high, low=row.low, close=row.close, volume=row.volume)
