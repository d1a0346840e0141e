"""Market data queries: minutes of the last days, rolled up when they are read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from django.db import connection

Minutes = Literal[1, 5, 15, 60]
STEPS: tuple[Minutes, ...] = (1, 5, 15, 60)
#: The source of a price that a person set and holds.
BY_HAND = "set by hand"

# Bars begin at whole steps of the clock (UTC). The volume of a step is that of the minutes that have one.
_BARS = """
SELECT date_bin(%(step)s::interval, at, TIMESTAMPTZ '2000-01-01 00:00:00+00') AS begins,
       (array_agg(open ORDER BY at))[1], max(high), min(low), (array_agg(close ORDER BY at DESC))[1], sum(volume),
       bool_or(is_simulated)
FROM marketdata_intradaybar
WHERE instrument_id = %(id)s AND at >= %(start)s::timestamptz AND at < %(end)s::timestamptz
GROUP BY begins ORDER BY begins
"""
_MINUTES = """
SELECT at, open, high, low, close, volume, is_simulated, source
FROM marketdata_intradaybar
WHERE instrument_id = %(id)s AND at >= %(start)s::timestamptz AND at < %(end)s::timestamptz
ORDER BY at
"""
_AROUND = """
(SELECT at, open, high, low, close, volume, is_simulated, source FROM marketdata_intradaybar
 WHERE instrument_id = %(id)s AND at < %(start)s::timestamptz ORDER BY at DESC LIMIT 1)
UNION ALL
(SELECT at, open, high, low, close, volume, is_simulated, source FROM marketdata_intradaybar
 WHERE instrument_id = %(id)s AND at >= %(start)s::timestamptz AND at < %(end)s::timestamptz)
UNION ALL
(SELECT at, open, high, low, close, volume, is_simulated, source FROM marketdata_intradaybar
 WHERE instrument_id = %(id)s AND at >= %(end)s::timestamptz ORDER BY at LIMIT 1)
ORDER BY at
"""

_LATEST = """
SELECT i.id, b.at, b.open, b.high, b.low, b.close, b.volume, b.is_simulated, b.source
FROM unnest(%s::bigint[]) AS i(id)
CROSS JOIN LATERAL (
    SELECT at, open, high, low, close, volume, is_simulated, source
    FROM marketdata_intradaybar m WHERE m.instrument_id = i.id ORDER BY m.at DESC LIMIT 1
) b
"""

_BY_HAND = """
SELECT instrument_id, at, open, high, low, close, volume, is_simulated, source
FROM marketdata_intradaybar
WHERE instrument_id = ANY(%s::bigint[]) AND at >= %s::timestamptz AND at < %s::timestamptz AND source = %s
"""

_WHOLE = """
SELECT instrument_id, min(at), (array_agg(open ORDER BY at))[1], max(high), min(low),
       (array_agg(close ORDER BY at DESC))[1], sum(volume), bool_or(is_simulated)
FROM marketdata_intradaybar
WHERE instrument_id = ANY(%s::bigint[]) AND at >= %s::timestamptz AND at < %s::timestamptz
GROUP BY instrument_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntradayBarView:
    """Some minutes from `at` on, as traded. `volume` is None where the source tells none; `source` is told of single minutes,
    and is `BY_HAND` where a person set the price of the minute last."""

    at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal | None
    is_simulated: bool = False
    source: str = ""


def intraday_bars(
    instrument_id: int, *, start: datetime, end: datetime, minutes: Minutes = 1
) -> list[IntradayBarView]:
    """Return the bars of `minutes` (1, 5, 15 or 60) that begin in start..end (without `end`), oldest first.

    Minutes without a quote have no bar. A step that `start` falls into begins with the minutes from `start` on. They
    reach back `INTRADAY_DAYS`. One statement. Raises `ValueError` for other steps.
    """
    if minutes not in STEPS:
        raise ValueError("minutes is 1, 5, 15 or 60")
    wanted: dict[str, int | str | datetime] = {"id": instrument_id, "start": start, "end": end}
    if minutes > 1:
        wanted["step"] = f"{minutes} minutes"
    with connection.cursor() as cursor:
        cursor.execute(_MINUTES if minutes == 1 else _BARS, wanted)
        return [_view(row) for row in cursor.fetchall()]


def minutes_around(instrument_id: int, *, start: datetime, end: datetime) -> list[IntradayBarView]:
    """Return the minutes that begin in start..end (without `end`), and the one before and the one after them, oldest first.
    One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_AROUND, {"id": instrument_id, "start": start, "end": end})
        return [_view(row) for row in cursor.fetchall()]


def latest_minutes(ids: Iterable[int]) -> dict[int, IntradayBarView]:
    """Return the last minute with a quote of each instrument that has one. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_LATEST, [list(ids)])
        return {row[0]: _view(row[1:]) for row in cursor.fetchall()}


def minutes_by_hand(
    ids: Iterable[int], *, start: datetime, end: datetime
) -> list[tuple[int, IntradayBarView]]:
    """Return (instrument, minute) of every minute of start..end (without `end`) whose price a person set last. One
    statement."""
    with connection.cursor() as cursor:
        cursor.execute(_BY_HAND, [list(ids), start, end, BY_HAND])
        return [(row[0], _view(row[1:])) for row in cursor.fetchall()]


def minutes_as_one(ids: Iterable[int], *, start: datetime, end: datetime) -> dict[int, IntradayBarView]:
    """Return all minutes of start..end (without `end`) of each instrument as one bar. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_WHOLE, [list(ids), start, end])
        return {row[0]: _view(row[1:]) for row in cursor.fetchall()}


def _view(row: tuple[Any, ...]) -> IntradayBarView:
    return IntradayBarView(
        at=row[0],
        open=row[1],
        high=row[2],
        low=row[3],
        close=row[4],
        volume=row[5],
        is_simulated=row[6],
        source=row[7] if len(row) > 7 else "",
    )
