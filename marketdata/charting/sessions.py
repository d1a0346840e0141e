"""Charts of prices: the last trading day or days, from minutes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from marketdata.domain.resampling import MOST_POINTS, Bars
from marketdata.models import Instrument
from marketdata.queries import QuoteView
from marketdata.queries.intraday import Minutes
from marketdata.queries.minutes import MinuteSeries, minute_series

#: Minutes without a price that part one trading day from the next.
_PAUSE = np.timedelta64(4 * 3600, "s")
_LOOK_BACK = timedelta(days=7)
#: Trading days of a range, and how many hours of a market that never closes stand for them.
_SESSIONS = {"1D": 1, "5D": 5}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """The bars of some days, as traded, and the place from which on they belong to the range."""

    bars: Bars
    first: int
    period: str
    is_simulated: bool


def last_sessions(
    instrument: Instrument, quote: QuoteView | None, *, code: str, now: datetime
) -> Sessions | None:
    """Return the last trading day (`1D`) or five (`5D`) in steps that make no more than some 600 points; None
    when no minutes are known. Up to two statements."""
    steps: tuple[Minutes, ...] = (1, 5) if code == "1D" else (15,)
    for minutes in steps:
        found = minute_series(instrument, start=now - _LOOK_BACK, end=now, minutes=minutes)
        bars = _with_quote(found, quote)
        if len(bars) < 2:
            return None
        first = _begin(bars.days, _SESSIONS[code])
        if len(bars) - first <= MOST_POINTS or minutes == steps[-1]:
            return Sessions(bars=bars, first=first, period=f"{minutes}min", is_simulated=found.is_simulated)
    return None


def _with_quote(series: MinuteSeries, quote: QuoteView | None) -> Bars:
    """The price of now belongs to the step it falls into."""
    if quote is None or not len(series.bars):
        return series.bars
    step = 60 * series.minutes
    at = np.datetime64(int(quote.quoted_at.timestamp()) // step * step, "s")
    return series.bars.with_latest(at, float(quote.last), np.nan)


def _begin(instants: Any, sessions: int) -> int:
    """The place at which the last so many trading days begin. A market without pauses has days of 24 hours."""
    begins = np.flatnonzero(np.diff(instants) > _PAUSE) + 1
    if len(begins) >= sessions:
        return int(begins[-sessions])
    if len(begins):
        return 0
    return int(np.searchsorted(instants, instants[-1] - np.timedelta64(sessions, "D")))
