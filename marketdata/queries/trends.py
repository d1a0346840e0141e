"""Market data queries: how prices came to be where they are, in the few figures that a row of a table has room
for. Drawn, not booked."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from django.core.cache import cache
from django.db import connection

from marketdata.models import ActionKind, CorporateAction
from marketdata.queries.series import Adjustment, daily_series

#: Days that a small line shows: the trading days of about six weeks.
TREND_DAYS = 30
_YEAR = timedelta(days=364)
_MONTHS = timedelta(days=50)
_CACHE_SECONDS = 900
_TRENDS = """
SELECT instrument_id, min(COALESCE(low, close)), max(COALESCE(high, close)),
       (array_agg(close::float8 ORDER BY date DESC) FILTER (WHERE date >= %s::date))[:%s]
FROM marketdata_pricebar
WHERE instrument_id = ANY(%s::bigint[]) AND date BETWEEN %s::date AND %s::date
GROUP BY instrument_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendView:
    """The last closes (oldest first) and the range of 52 weeks, in the shares of today."""

    closes: tuple[float, ...]
    low: Decimal
    high: Decimal


def trends(ids: Iterable[int], *, now: datetime) -> dict[int, TrendView]:
    """Return the trend of each instrument that has bars of the last year. No statement when all are cached (a
    quarter of an hour), up to four else."""
    wanted = list(dict.fromkeys(ids))
    today = now.astimezone(UTC).date()
    keys = {_key(pk): pk for pk in wanted}
    found: dict[int, TrendView | None] = {keys[key]: trend for key, trend in cache.get_many(keys).items()}
    missing = [pk for pk in wanted if pk not in found]
    if missing:
        fresh = _read(missing, today)
        # Also that there is nothing is remembered: else what has no bars would be asked about each time.
        cache.set_many({_key(pk): fresh.get(pk) for pk in missing}, timeout=_CACHE_SECONDS)
        found |= fresh
    return {pk: trend for pk, trend in found.items() if trend is not None}


def _read(ids: list[int], today: date) -> dict[int, TrendView | None]:
    start = today - _YEAR
    split = set(
        CorporateAction.objects.filter(
            instrument_id__in=ids, kind=ActionKind.SPLIT, ex_date__range=(start, today)
        ).values_list("instrument_id", flat=True)
    )
    with connection.cursor() as cursor:
        plain = [pk for pk in ids if pk not in split]
        cursor.execute(_TRENDS, [today - _MONTHS, TREND_DAYS, plain, start, today])
        found: dict[int, TrendView | None] = {
            pk: TrendView(closes=tuple(reversed(closes or ())), low=low, high=high)
            for pk, low, high, closes in cursor.fetchall()
        }
    if split:
        found |= {
            pk: _adjusted(series.adjusted(Adjustment.SPLIT), today)
            for pk, series in daily_series(split, start=start, end=today).items()
        }
    return found


def _adjusted(bars: Any, today: date) -> TrendView:
    recent = bars.days >= np.datetime64(today - _MONTHS)
    return TrendView(
        closes=tuple(bars.close[recent][-TREND_DAYS:].tolist()),
        low=_decimal(float(np.fmin(bars.low, bars.close).min())),
        high=_decimal(float(np.fmax(bars.high, bars.close).max())),
    )


def _decimal(value: float) -> Decimal:
    """Eight digits that matter: what went through a split's ratio has more without meaning."""
    places = 7 - math.floor(math.log10(value)) if value > 0 else 2
    return Decimal(str(round(value, max(places, 2))))


def forget_trends(ids: Iterable[int]) -> None:
    """Have the trends of these instruments read anew: their bars are other than before."""
    cache.delete_many([_key(pk) for pk in ids])


def _key(pk: int) -> str:
    return f"marketdata:trend:2:{pk}"
