"""Market data queries: whole daily series as arrays, for charts and comparisons (floats: to be drawn, never
booked)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date
from decimal import Decimal
from enum import StrEnum

import numpy as np
from django.db import connection

from marketdata.domain.adjusting import split_factors, total_return_factors
from marketdata.domain.resampling import Bars
from marketdata.models import ActionKind, CorporateAction
from marketdata.queries.quotes import QuoteView

# One value per column: eight bytes a figure in the network's order, which numpy reads as they stand.
_SERIES = """
SELECT instrument_id, string_agg(int4send(date - DATE '1970-01-01'), ''),
       string_agg(float8send(COALESCE(open::float8, 'NaN')), ''),
       string_agg(float8send(COALESCE(high::float8, 'NaN')), ''),
       string_agg(float8send(COALESCE(low::float8, 'NaN')), ''),
       string_agg(float8send(close::float8), ''),
       string_agg(float8send(COALESCE(volume::float8, 'NaN')), ''),
       min(date) FILTER (WHERE source LIKE 'simulated%%'),
       max(date) FILTER (WHERE source LIKE '%%, adjusted for dividends')
FROM (
    SELECT instrument_id, date, open, high, low, close, volume, source
    FROM marketdata_pricebar
    WHERE instrument_id = ANY(%s::bigint[]) AND date BETWEEN %s::date AND %s::date
    ORDER BY instrument_id, date
) daily
GROUP BY instrument_id
"""


class Adjustment(StrEnum):
    """What the prices of past days are made comparable for."""

    RAW = "raw"
    SPLIT = "split"
    TOTAL_RETURN = "total"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionView:
    """A split (`value` = new shares per old one) or dividend (cash per share as paid then)."""

    kind: str
    ex_date: date
    value: Decimal
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DailySeries:
    """The daily bars of an instrument as traded, and the facts that change what they mean.

    `simulated_from` is the first day that is made up, None when none is. `adjusted_through`: up to this day the closes
    came adjusted for everything that had happened by then.
    """

    instrument_id: int
    bars: Bars
    actions: tuple[ActionView, ...]
    simulated_from: date | None
    adjusted_through: date | None = None

    def adjusted(self, adjustment: Adjustment) -> Bars:
        """Return the bars in terms of the series' last day; volumes follow splits only."""
        if adjustment == Adjustment.RAW:
            return self.bars
        days = self.bars.days
        splits = self._facts(ActionKind.SPLIT)
        in_shares = split_factors(days, splits)
        prices = in_shares
        if adjustment == Adjustment.TOTAL_RETURN:
            prices = total_return_factors(
                days, self.bars.close, splits=splits, dividends=self._facts(ActionKind.DIVIDEND)
            )
        return self.bars.scaled(prices, 1 / in_shares)

    def with_quote(self, quote: QuoteView | None) -> DailySeries:
        """Return the series with the latest price as its last day, where it is not older than that."""
        if quote is None:
            return self
        day = quote.quoted_at.astimezone(UTC).date()
        bars = self.bars.with_latest(
            np.datetime64(day),
            float(quote.last),
            math.nan if quote.volume is None else float(quote.volume),
        )
        simulated_from = self.simulated_from
        if bars is not self.bars and quote.is_simulated and simulated_from is None:
            simulated_from = day
        return replace(self, bars=bars, simulated_from=simulated_from)

    def _facts(self, kind: str) -> list[tuple[date, Decimal]]:
        return [
            (action.ex_date, action.value)
            for action in self.actions
            if action.kind == kind
            and (self.adjusted_through is None or action.ex_date > self.adjusted_through)
        ]


def daily_series(
    ids: Iterable[int], *, start: date = date(1800, 1, 1), end: date = date(9999, 12, 31)
) -> dict[int, DailySeries]:
    """Return the daily bars of instruments that have any in the time, with all their corporate actions. Two
    statements."""
    wanted = list(ids)
    with connection.cursor() as cursor:
        cursor.execute(_SERIES, [wanted, start, end])
        rows = cursor.fetchall()
    actions: dict[int, list[ActionView]] = {row[0]: [] for row in rows}
    facts = CorporateAction.objects.filter(instrument_id__in=list(actions)).order_by("ex_date", "kind")
    for pk, *fact in facts.values_list("instrument_id", "kind", "ex_date", "value", "source"):
        kind, ex_date, value, source = fact
        actions[pk].append(ActionView(kind=kind, ex_date=ex_date, value=value, source=source))
    return {
        row[0]: DailySeries(
            instrument_id=row[0],
            bars=Bars(
                days=np.frombuffer(row[1], dtype=">i4").astype("datetime64[D]"),
                open=_floats(row[2]),
                high=_floats(row[3]),
                low=_floats(row[4]),
                close=_floats(row[5]),
                volume=_floats(row[6]),
            ),
            actions=tuple(actions[row[0]]),
            simulated_from=row[7],
            adjusted_through=row[8],
        )
        for row in rows
    }


def empty_series(instrument_id: int) -> DailySeries:
    """Return a series without a day: where only a quote is known, `with_quote` makes it one of a day."""
    nothing = np.empty(0)
    return DailySeries(
        instrument_id=instrument_id,
        bars=Bars(
            days=np.empty(0, dtype="datetime64[D]"),
            open=nothing,
            high=nothing,
            low=nothing,
            close=nothing,
            volume=nothing,
        ),
        actions=(),
        simulated_from=None,
    )


def _floats(column: bytes) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.frombuffer(column, dtype=">f8").astype(np.float64)
