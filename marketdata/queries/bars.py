"""Market data queries: daily prices and corporate actions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from django.db import connection

from marketdata.domain.exact_adjusting import Payout, Span, spans_of
from marketdata.models import ActionKind, CorporateAction
from marketdata.queries.series import Adjustment


@dataclass(frozen=True, slots=True)
class DatedPrice:
    """A close and the day it is of: carried on, it says so by its date.

    `revision` is other than before when any bar of the instrument, however old, was added or changed.
    """

    date: date
    price: Decimal
    is_simulated: bool = False
    revision: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BarView:
    """One day, or with `resample` one period that ends on `date`. Open, high and low are None where only a
    close is known."""

    date: date
    open: Decimal | None
    high: Decimal | None
    low: Decimal | None
    close: Decimal
    volume: Decimal | None
    source: str


_CLOSES = """
SELECT instrument_id, array_agg(date ORDER BY date), array_agg(close ORDER BY date)
FROM marketdata_pricebar
WHERE instrument_id = ANY(%s::bigint[]) AND date BETWEEN %s::date AND %s::date
GROUP BY instrument_id
"""
_CLOSES_FLOAT = """
SELECT instrument_id, array_agg((date - DATE '1970-01-01') ORDER BY date),
       array_agg(close::float8 ORDER BY date)
FROM marketdata_pricebar
WHERE instrument_id = ANY(%s::bigint[]) AND date BETWEEN %s::date AND %s::date
GROUP BY instrument_id
"""
_CLOSES_ON = """
SELECT i.id, b.date, b.close, b.source, COALESCE(h.revision, 0)
FROM unnest(%s::bigint[]) AS i(id)
LEFT JOIN marketdata_historystatus h ON h.instrument_id = i.id
CROSS JOIN LATERAL (
    SELECT date, close, source FROM marketdata_pricebar p
    WHERE p.instrument_id = i.id AND p.date <= %s::date ORDER BY p.date DESC LIMIT 1
) b
"""
_CLOSES_WRITTEN = """
SELECT b.instrument_id,
       string_agg('"' || b.date::text || '": "' || trim_scale(b.close)::text || '"', ', ' ORDER BY b.date)
           FILTER (WHERE b.date < o.day),
       string_agg('"' || b.date::text || '": "' || trim_scale(b.close)::text || '"', ', ' ORDER BY b.date)
           FILTER (WHERE b.date > o.day),
       bool_or(b.date = %(start)s::date)
FROM unnest(%(ids)s::bigint[], %(days)s::date[]) AS o(id, day)
JOIN marketdata_pricebar b ON b.instrument_id = o.id AND b.date BETWEEN %(start)s::date AND %(end)s::date
GROUP BY b.instrument_id
"""
_WRITTEN_AT_ONCE = 20
# Prices are multiplied by the factor of their span of days, volumes by theirs. Consecutive days share a bucket when there
# are more than asked for; counted from the newest so that the last bar is whole.
_BARS = """
SELECT max(date), round((array_agg(open * price ORDER BY date))[1], 12),
       round(CASE WHEN count(*) = 1 THEN max(high * price) ELSE max(COALESCE(high, close) * price) END, 12),
       round(CASE WHEN count(*) = 1 THEN min(low * price) ELSE min(COALESCE(low, close) * price) END, 12),
       round((array_agg(close * price ORDER BY date DESC))[1], 12), round(sum(volume * shares), 12),
       (array_agg(source ORDER BY date DESC))[1]
FROM (
    SELECT b.date, b.open, b.high, b.low, b.close, b.volume, b.source,
           (%(prices)s::numeric[])[width_bucket(b.date, %(since)s::date[])] AS price,
           (%(shares)s::numeric[])[width_bucket(b.date, %(since)s::date[])] AS shares,
           (row_number() OVER (ORDER BY b.date DESC) - 1)
               / ceil(count(*) OVER () / %(at_most)s::float8)::bigint AS bucket
    FROM marketdata_pricebar b
    WHERE b.instrument_id = %(id)s AND b.date BETWEEN %(start)s::date AND %(end)s::date
) daily
GROUP BY bucket ORDER BY 1
"""
# A file of closes that were adjusted for dividends holds all that happened up to its last day.
_FACTS = """
SELECT a.ex_date, a.kind, a.value, b.date, b.close
FROM marketdata_corporateaction a
LEFT JOIN LATERAL (
    SELECT date, close FROM marketdata_pricebar p
    WHERE a.kind = 'dividend' AND p.instrument_id = a.instrument_id AND p.date >= a.ex_date ORDER BY p.date LIMIT 1
) b ON true
WHERE a.instrument_id = %(id)s AND (%(payouts)s OR a.kind = 'split')
  AND a.ex_date > COALESCE((
      SELECT max(date) FROM marketdata_pricebar p
      WHERE p.instrument_id = %(id)s AND p.source LIKE '%%, adjusted for dividends'
  ), '-infinity')
ORDER BY a.ex_date
"""
#: More bars than any series has.
_ALL = 1_000_000


def closes(
    ids: Iterable[int], start: date, end: date, *, carry_in: bool = False
) -> dict[int, dict[date, Decimal]]:
    """Return the closes as traded, by instrument and day, in day order. One statement, a second with
    `carry_in`.

    `carry_in` puts the last close before `start` in front, under its own day, for instruments without one on
    `start`. Instruments without any bar are not in the result.
    """
    wanted = list(ids)
    with connection.cursor() as cursor:
        cursor.execute(_CLOSES, [wanted, start, end])
        found = {row[0]: dict(zip(row[1], row[2], strict=True)) for row in cursor.fetchall()}
    if carry_in:
        lacking = [pk for pk in wanted if start not in found.get(pk, {})]
        before = closes_on(lacking, start) if lacking else {}
        for pk, dated in before.items():
            found[pk] = {dated.date: dated.price, **found.get(pk, {})}
    return found


def closes_written(
    ids: Iterable[int], start: date, end: date, *, instead: Mapping[int, tuple[date, Decimal]]
) -> Iterator[tuple[int, str]]:
    """The closes as traded of each instrument that has any, as the pairs of a JSON object: `"2026-03-02": "12.5", …`.

    With the last close before `start` in front where there is none on it; a price of `instead` stands at its day in place of
    the close. PostgreSQL writes the text, of a few instruments at a time: a million closes are never in memory at once.
    Two statements for each handful.
    """
    wanted = list(ids)
    for at in range(0, len(wanted), _WRITTEN_AT_ONCE):
        part = wanted[at : at + _WRITTEN_AT_ONCE]
        days = [instead[pk][0] if pk in instead else date.max for pk in part]
        with connection.cursor() as cursor:
            cursor.execute(_CLOSES_WRITTEN, {"ids": part, "days": days, "start": start, "end": end})
            found = {row[0]: row[1:] for row in cursor.fetchall()}
        before = closes_on([pk for pk in part if pk not in found or not found[pk][2]], start)
        for pk in part:
            earlier, later, _ = found.get(pk, (None, None, None))
            pairs: list[str | None] = []
            if pk in before and before[pk].date != instead.get(pk, (None,))[0]:
                pairs.append(_pair(before[pk].date, before[pk].price))
            pairs += [earlier, _pair(*instead[pk]) if pk in instead else None, later]
            text = ", ".join(pair for pair in pairs if pair)
            if text:
                yield pk, text


def _pair(day: date, price: Decimal) -> str:
    text = format(price, "f")
    return f'"{day.isoformat()}": "{text.rstrip("0").rstrip(".") if "." in text else text}"'


def close_arrays(ids: Iterable[int], start: date, end: date) -> dict[int, tuple[Any, Any]]:
    """Return closes for analytics: instrument id → (days as datetime64[D] ascending, closes as float64). One
    statement."""
    with connection.cursor() as cursor:
        cursor.execute(_CLOSES_FLOAT, [list(ids), start, end])
        return {
            row[0]: (np.asarray(row[1], dtype="datetime64[D]"), np.asarray(row[2], dtype=np.float64))
            for row in cursor.fetchall()
        }


def closes_on(ids: Iterable[int], day: date) -> dict[int, DatedPrice]:
    """Return the last close on or before the day for each instrument that has one. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_CLOSES_ON, [list(ids), day])
        return {
            row[0]: DatedPrice(row[1], row[2], row[3].startswith("simulated"), row[4])
            for row in cursor.fetchall()
        }


def close_on(instrument_id: int, day: date) -> DatedPrice | None:
    """Return the last close on or before the day with its date, or None."""
    return closes_on([instrument_id], day).get(instrument_id)


def splits(ids: Iterable[int]) -> dict[int, list[tuple[date, Decimal]]]:
    """Return the known splits (ex-date, new shares per old share) by instrument, oldest first. One
    statement."""
    found: dict[int, list[tuple[date, Decimal]]] = {}
    rows = CorporateAction.objects.filter(instrument_id__in=list(ids), kind=ActionKind.SPLIT).order_by(
        "ex_date"
    )
    for pk, ex_date, value in rows.values_list("instrument_id", "ex_date", "value"):
        found.setdefault(pk, []).append((ex_date, value))
    return found


def corporate_actions(instrument_id: int, start: date, end: date) -> list[CorporateAction]:
    """Return splits and dividends with an ex-date in start..end, oldest first."""
    rows = CorporateAction.objects.filter(instrument_id=instrument_id, ex_date__range=(start, end))
    return list(rows.order_by("ex_date", "kind"))


def _spans(instrument_id: int, adjustment: Adjustment) -> list[Span]:
    """What prices and volumes of each span of days are multiplied by."""
    if adjustment == Adjustment.RAW:
        return spans_of([])
    with connection.cursor() as cursor:
        cursor.execute(_FACTS, {"id": instrument_id, "payouts": adjustment == Adjustment.TOTAL_RETURN})
        rows = cursor.fetchall()
    return spans_of(
        [(ex_date, value) for ex_date, kind, value, _, _ in rows if kind == ActionKind.SPLIT],
        [
            Payout(ex_date, value, traded_on, close)
            for ex_date, kind, value, traded_on, close in rows
            if kind == ActionKind.DIVIDEND and traded_on is not None
        ],
    )


def bars(
    instrument_id: int,
    start: date,
    end: date,
    *,
    adjustment: Adjustment = Adjustment.SPLIT,
    at_most: int | None = None,
) -> list[BarView]:
    """Return daily bars in terms of today's shares, oldest first: by default without the cliffs that splits make.

    `RAW`: as traded. `SPLIT`: prices before a split are divided by its ratio, volumes multiplied. `TOTAL_RETURN`:
    besides, every dividend is put into more shares at the close of its ex-date (of the next day with one), so that the
    growth between two closes is what a holder had. `at_most` joins consecutive days into periods so that there are no
    more bars than that. One statement raw, else two.
    """
    spans = _spans(instrument_id, adjustment)
    with connection.cursor() as cursor:
        cursor.execute(
            _BARS,
            {
                "id": instrument_id,
                "start": start,
                "end": end,
                "at_most": at_most or _ALL,
                "since": [span.since for span in spans],
                "prices": [span.price for span in spans],
                "shares": [span.volume for span in spans],
            },
        )
        return [
            BarView(date=r[0], open=r[1], high=r[2], low=r[3], close=r[4], volume=r[5], source=r[6])
            for r in cursor.fetchall()
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRange:
    """The lowest and highest price of some time, in today's shares."""

    low: Decimal
    high: Decimal

    def with_prices(self, *prices: Decimal | None) -> PriceRange:
        """The range with these prices in it; None is none."""
        known = [price for price in prices if price is not None]
        return PriceRange(low=min([self.low, *known]), high=max([self.high, *known]))


def year_range(instrument_id: int, *, now: datetime) -> PriceRange | None:
    """Return the range of the last 52 weeks, None without a bar in them. Two statements."""
    today = now.astimezone(UTC).date()
    found = bars(instrument_id, today - timedelta(days=364), today, at_most=1)
    if not found:
        return None
    (year,) = found
    return PriceRange(low=year.low or year.close, high=year.high or year.close)
