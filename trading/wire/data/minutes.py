"""Market data on the wire: the minutes that are kept of an instrument."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from marketdata.models import Instrument
from trading.wire.data.forms import WireBar


def minutes_of(instrument: Instrument, *, start: datetime, end: datetime) -> list[WireBar]:
    """The minutes that begin in start..end (without ``end``), oldest first."""
    return []


def latest_minutes(instruments: Iterable[Instrument]) -> dict[int, WireBar]:
    """The last minute with a trade of each instrument that has one."""
    return {}
