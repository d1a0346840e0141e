"""Market data queries: exchange rates. The last rate on or before a day applies; a missing one is an error,
never 1."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import connection

from marketdata.domain.currencies import CONTEXT, PIVOTS, chain, major, triangulate
from portfolio_site.kernel.errors import DomainError

Pair = tuple[str, str]

# For each pair the newest rate on or before the day, found at the end of its index: one probe a pair.
_LAST = """
SELECT p.base, p.quote, r.date, r.rate, r.source
FROM unnest(%s::text[], %s::text[]) AS p(base, quote)
CROSS JOIN LATERAL (
    SELECT date, rate, source FROM marketdata_fxrate f
    WHERE f.base = p.base AND f.quote = p.quote AND f.date <= %s::date
    ORDER BY date DESC LIMIT 1
) r
"""

# The same, and all rates after it up to the end.
_BETWEEN = """
SELECT p.base, p.quote, r.date, r.rate
FROM unnest(%s::text[], %s::text[]) AS p(base, quote)
CROSS JOIN LATERAL (
    (SELECT date, rate FROM marketdata_fxrate f
     WHERE f.base = p.base AND f.quote = p.quote AND f.date < %s::date ORDER BY date DESC LIMIT 1)
    UNION ALL
    (SELECT date, rate FROM marketdata_fxrate f
     WHERE f.base = p.base AND f.quote = p.quote AND f.date BETWEEN %s::date AND %s::date)
) r
ORDER BY p.base, p.quote, r.date
"""


class FxRateMissing(DomainError):
    """There is no exchange rate for a pair of currencies on or before a day."""

    code = "fx_rate_missing"

    def __init__(self, *, base: str, quote: str, on: date) -> None:
        super().__init__(
            f"There is no exchange rate from {base} to {quote} on or before {on.isoformat()}.",
            details={"base": base, "quote": quote, "date": on.isoformat()},
        )
        self.base, self.quote, self.on = base, quote, on


@dataclass(frozen=True, slots=True, kw_only=True)
class FxRateView:
    """1 `base` = `rate` `quote`. `date` is the oldest day among the rates it was made from; `legs` says
    which."""

    base: str
    quote: str
    rate: Decimal
    date: date
    source: str
    is_simulated: bool
    legs: tuple[Pair, ...]


def _candidates(pairs: Iterable[Pair]) -> list[Pair]:
    """Every ordered pair that a cross of one of these could use."""
    wanted: dict[Pair, None] = {}
    for base, quote in pairs:
        codes = list(dict.fromkeys((base, quote, *PIVOTS)))
        wanted.update(dict.fromkeys((a, b) for a in codes for b in codes if a != b))
    return list(wanted)


def fx_rate_view(*, base: str, quote: str, on: date) -> FxRateView:
    """Return the rate with its day and source: direct, inverse or by triangulation. One statement.

    Raises `FxRateMissing` where no way leads from one currency to the other with rates on or before the day.
    """
    (left, left_units), (right, right_units) = major(base), major(quote)
    factor = CONTEXT.divide(right_units, left_units)
    if left == right:
        return FxRateView(
            base=base, quote=quote, rate=factor, date=on, source="same currency", is_simulated=False, legs=()
        )
    pairs = _candidates([(left, right)])
    with connection.cursor() as cursor:
        cursor.execute(_LAST, [[a for a, _ in pairs], [b for _, b in pairs], on])
        found = {(row[0], row[1]): row[2:] for row in cursor.fetchall()}
    legs = triangulate(left, right, found)
    if legs is None:
        raise FxRateMissing(base=base, quote=quote, on=on)
    used = [found.get(leg) or found[leg[1], leg[0]] for leg in legs]
    rate = chain({pair: row[1] for pair, row in found.items()}, legs)
    sources = dict.fromkeys(row[2] for row in used)
    return FxRateView(
        base=base,
        quote=quote,
        rate=CONTEXT.multiply(rate, factor),
        date=min(row[0] for row in used),
        source=", ".join(sources),
        is_simulated="simulated" in sources,
        legs=tuple(legs),
    )


def fx_rate(*, base: str, quote: str, on: date) -> Decimal:
    """Return how many `quote` one `base` was worth on the day: the last rate on or before it applies.

    The same currency is exactly 1; pence and the like are understood (`GBp`). Raises `FxRateMissing`.
    """
    return fx_rate_view(base=base, quote=quote, on=on).rate


def fx_rates_between(pairs: Iterable[Pair], start: date, end: date) -> dict[Pair, dict[date, Decimal]]:
    """Return for each (base, quote) its rates by day: those published in start..end, and before them the one
    that applies on `start` (under the day it was published). A cross has a rate on each day one of its legs
    has. One statement.

    Carry the last one forward over the days between. Raises `FxRateMissing` for a pair with no rate up to
    `end`; where the first rate is later than `start`, the days before it are simply not there.
    """
    wanted = list(dict.fromkeys(pairs))
    majors = {pair: (major(pair[0]), major(pair[1])) for pair in wanted}
    candidates = _candidates((left[0], right[0]) for left, right in majors.values() if left[0] != right[0])
    series: dict[Pair, dict[date, Decimal]] = {}
    if candidates:
        columns: list[Any] = [[a for a, _ in candidates], [b for _, b in candidates], start, start, end]
        with connection.cursor() as cursor:
            cursor.execute(_BETWEEN, columns)
            for left, right, day, rate in cursor.fetchall():
                series.setdefault((left, right), {})[day] = rate
    result: dict[Pair, dict[date, Decimal]] = {}
    for pair in wanted:
        (left, left_units), (right, right_units) = majors[pair]
        factor = CONTEXT.divide(right_units, left_units)
        if left == right:
            result[pair] = {start: factor}
            continue
        legs = triangulate(left, right, series)
        if legs is None:
            raise FxRateMissing(base=pair[0], quote=pair[1], on=end)
        result[pair] = _cross(series, legs, factor)
    return result


def _cross(series: dict[Pair, dict[date, Decimal]], legs: list[Pair], factor: Decimal) -> dict[date, Decimal]:
    keys = [leg if leg in series else (leg[1], leg[0]) for leg in legs]
    days = sorted(set().union(*(series[key] for key in keys)))
    current: dict[Pair, Decimal] = {}
    crossed: dict[date, Decimal] = {}
    for day in days:
        for key in keys:
            if day in series[key]:
                current[key] = series[key][day]
        if len(current) == len(keys):
            crossed[day] = CONTEXT.multiply(chain(current, legs), factor)
    return crossed
