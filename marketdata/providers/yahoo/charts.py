"""Market data providers: Yahoo's charts: daily history, minutes, splits and dividends.

What Yahoo calls unadjusted is not: every price and dividend is divided, every volume multiplied, by all splits up to
today, those after the asked-for days included. So the splits up to today are always asked for with the days, and
taken out again. Prices went through 32-bit floats on the way: the shortest number that fits is what was quoted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from marketdata.providers import parsing
from marketdata.providers.base import (
    ActionData,
    BadAnswer,
    BarData,
    History,
    InstrumentRef,
    IntradayBarData,
    ProviderError,
    QuoteData,
    SymbolUnknown,
)
from marketdata.providers.http import Answer, refuse
from marketdata.providers.yahoo.quotes import SOURCE, WITHOUT_VOLUME

#: "Up to now" without asking a clock.
END_OF_TIME = "9999999999"
_DIVIDEND_DIGITS = Decimal("0.0000005")
_MINUTE = timedelta(minutes=1)
#: From this ratio on a price series shows whether it has been adjusted for a split.
_PLAIN_RATIO = Decimal("1.8")
#: How close to the whole ratio the jump over a split is when the series was not adjusted for it.
_NEAR_RATIO = Decimal("0.2")


class NothingThen(SymbolUnknown):
    """The symbol is known, but not in those days: not listed yet, or minutes of long ago."""


@dataclass(frozen=True, slots=True)
class Chart:
    """One answer: rows (instant, open, high, low, close, volume) as they came, oldest first, and the rest."""

    meta: dict[str, Any]
    events: dict[str, Any]
    rows: list[tuple[datetime, Any, Any, Any, Any, Any]]
    zone: ZoneInfo

    def day(self, at: datetime) -> date:
        """The trading day of an instant where the exchange is."""
        return at.astimezone(self.zone).date()


def path(symbol: str) -> str:
    """Return the address of a chart."""
    return f"/v8/finance/chart/{quote(symbol, safe='')}"


def chart_of(answer: Answer, symbol: str) -> Chart:
    """Return what an answer holds; raises `SymbolUnknown` where Yahoo has nothing, `BadAnswer` for what is no
    chart."""
    if answer.status >= 500:
        refuse(answer)
    try:
        body = parsing.mapping(answer.json(), "the answer")
    except BadAnswer:
        refuse(answer)
        raise
    outer = body.get("chart")
    if not isinstance(outer, dict):
        refuse(answer)
        raise BadAnswer("the chart is missing or has another shape")
    if outer.get("error"):
        code, words = (
            parsing.text_of(parsing.mapping(outer["error"], "error").get(k)) for k in ("code", "description")
        )
        if code == "Not Found" or "No data found" in words:
            raise SymbolUnknown(f"{symbol}: {words or code}")
        if "Data doesn't exist" in words or "data not available" in words:
            raise NothingThen(f"{symbol}: {words}")
        refuse(answer, words)
        raise BadAnswer(f"{symbol}: {words or code}")
    refuse(answer)
    results = parsing.sequence(outer.get("result"), "the list of charts")
    result = parsing.mapping(results[0] if results else None, "the chart")
    meta = parsing.mapping(result.get("meta"), "the chart's head")
    events = result.get("events")
    return Chart(
        meta=meta,
        events=events if isinstance(events, dict) else {},
        rows=_rows(result),
        zone=_zone(meta),
    )


def _zone(meta: dict[str, Any]) -> ZoneInfo:
    # Not `gmtoffset`: that is today's, and half the bars are of the other half of the year.
    name = parsing.text_of(meta.get("exchangeTimezoneName")) or "UTC"
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise BadAnswer(f"the time zone {name[:40]} is not known") from error


def _rows(result: dict[str, Any]) -> list[tuple[datetime, Any, Any, Any, Any, Any]]:
    stamps = result.get("timestamp")
    indicators = parsing.mapping(result.get("indicators"), "the prices")
    series = parsing.sequence(indicators.get("quote"), "the prices")
    columns = parsing.mapping(series[0] if series else {}, "the prices")
    if stamps is None:
        if any(columns.values()):
            raise BadAnswer("there are prices without times")
        return []
    stamps = parsing.sequence(stamps, "the times")
    values: list[list[Any]] = []
    for name in ("open", "high", "low", "close", "volume"):
        column = columns.get(name)
        if column is None:
            column = [None] * len(stamps)
        if len(parsing.sequence(column, f"the column {name}")) != len(stamps):
            raise BadAnswer(f"there are {len(column)} values in {name} for {len(stamps)} times")
        values.append(column)
    rows = [(parsing.instant(stamp, "a time"), *row) for stamp, *row in zip(stamps, *values, strict=True)]
    return sorted(rows, key=lambda row: row[0])


# --- what was traded
# ------------------------------------------------------------------------------------------------------


def history_of(ref: InstrumentRef, chart: Chart, start: date, end: date) -> History:
    """Return the days start..end as traded, with their splits and dividends as paid; raises `WrongCurrency`.

    Days without a close are no fault, days with an impossible one are.
    """
    units = parsing.units_of(parsing.text_of(chart.meta.get("currency")), expected=ref.currency)
    faults: list[str] = []
    split_list = _splits(chart, faults)
    closes = _closes(chart)
    undone = [split for split in split_list if _is_adjusted_for(split, closes, faults)]
    bars: dict[date, BarData] = {}
    for at, *row in chart.rows:
        day = chart.day(at)
        if not start <= day <= end:
            continue
        try:
            bar = _bar(day, row, _shares(undone, day), units, has_volume=_has_volume(ref))
        except ProviderError as error:
            faults.append(f"{day}: {error}")
            continue
        if bar is None:
            continue
        known = bars.get(day)
        if known is not None and known.close != bar.close:
            faults.append(f"{day}: there twice, {known.close} and {bar.close}; the later one was taken")
        if bar.open is None and any(row[:3]):
            faults.append(f"{day}: open, high and low do not fit the close, which alone was kept")
        bars[day] = bar
    actions = [
        ActionData(ex_date=day, kind="split", value=ratio) for day, ratio in split_list if start <= day <= end
    ]
    actions += _dividends(ref, chart, (start, end), undone, units, closes, faults)
    return History(
        bars=list(bars.values()), actions=sorted(actions, key=lambda a: (a.ex_date, a.kind)), faults=faults
    )


def _has_volume(ref: InstrumentRef) -> bool:
    return ref.asset_class not in WITHOUT_VOLUME


def _bar(
    day: date, row: Sequence[Any], shares: Decimal, units: Decimal, *, has_volume: bool
) -> BarData | None:
    factor = shares / units
    # Without a close nothing was traded; a zero is Yahoo's other way to say so.
    close = None if row[3] == 0 else parsing.price(row[3], "the close")
    if close is None:
        return None
    close = parsing.as_quoted(close, factor)
    opened, high, low = (
        None if price is None else parsing.as_quoted(price, factor)
        for price in map(parsing.optional_price, row[:3])
    )
    traded = parsing.volume(row[4]) if has_volume else None
    if traded is not None and shares != 1:
        traded = (traded / shares).to_integral_value()
    if (
        opened is None
        or high is None
        or low is None
        or not low <= min(opened, close) <= max(opened, close) <= high
    ):
        opened = high = low = None
    return BarData(date=day, open=opened, high=high, low=low, close=close, volume=traded)


def minutes_of(ref: InstrumentRef, chart: Chart, start: datetime, end: datetime) -> list[IntradayBarData]:
    """Return the whole minutes of a chart that begin at or after `start` and are over by `end`."""
    units = parsing.units_of(parsing.text_of(chart.meta.get("currency")), expected=ref.currency)
    undone = _splits(chart, [])
    found: dict[datetime, IntradayBarData] = {}
    for at, *row in chart.rows:
        # The running minute comes under the second it was asked for.
        if at.second or not start <= at <= end - _MINUTE:
            continue
        factor = _shares(undone, chart.day(at)) / units
        prices = [parsing.optional_price(value) for value in row[:4]]
        if any(price is None for price in prices):
            continue
        opened, high, low, close = (parsing.as_quoted(price, factor) for price in prices if price is not None)
        if not low <= min(opened, close) <= max(opened, close) <= high:
            continue
        found[at] = IntradayBarData(
            at=at,
            open=opened,
            high=high,
            low=low,
            close=close,
            volume=parsing.volume(row[4]) if _has_volume(ref) else None,
        )
    return list(found.values())


def quote_of(ref: InstrumentRef, chart: Chart) -> QuoteData:
    """Return the latest price from a chart's head, for when the list of quotes is refused."""
    last = parsing.price(chart.meta.get("regularMarketPrice"), "the price")
    if last is None:
        raise SymbolUnknown(f"Yahoo has no price for {ref.symbol}")
    units = parsing.units_of(parsing.text_of(chart.meta.get("currency")), expected=ref.currency)
    previous = parsing.optional_price(chart.meta.get("chartPreviousClose"))
    traded = chart.meta.get("regularMarketVolume") if _has_volume(ref) else None
    return QuoteData(
        instrument_id=ref.instrument_id,
        last=parsing.in_major(parsing.as_quoted(last), units),
        previous_close=parsing.in_major(parsing.as_quoted(previous), units) if previous else None,
        day_low=parsing.optional_in_major(chart.meta.get("regularMarketDayLow"), units),
        day_high=parsing.optional_in_major(chart.meta.get("regularMarketDayHigh"), units),
        volume=parsing.volume(traded),
        quoted_at=parsing.instant(chart.meta.get("regularMarketTime"), "the time of the price"),
        source=SOURCE,
    )


# --- splits and dividends
# ------------------------------------------------------------------------------------------------------

Split = tuple[date, Decimal]


def _events(chart: Chart, name: str) -> Iterable[dict[str, Any]]:
    group = chart.events.get(name)
    return [event for event in group.values() if isinstance(event, dict)] if isinstance(group, dict) else []


def _splits(chart: Chart, faults: list[str]) -> list[Split]:
    found: dict[date, Decimal] = {}
    for event in _events(chart, "splits"):
        try:
            day = chart.day(parsing.instant(event.get("date"), "the date of a split"))
            top = parsing.price(event.get("numerator"), "the ratio of a split")
            bottom = parsing.price(event.get("denominator"), "the ratio of a split")
        except BadAnswer as error:
            faults.append(str(error))
            continue
        if top and bottom and top != bottom:
            found[day] = top / bottom
    return sorted(found.items())


def _shares(splits: Iterable[Split], day: date) -> Decimal:
    """How many of today's shares one share of that day is."""
    shares = Decimal(1)
    for ex_date, ratio in splits:
        if ex_date > day:
            shares *= ratio
    return shares


def _closes(chart: Chart) -> list[tuple[date, Decimal]]:
    found = ((chart.day(at), parsing.optional_price(row[3])) for at, *row in chart.rows)
    return [(day, close) for day, close in found if close is not None]


def _is_adjusted_for(split: Split, closes: list[tuple[date, Decimal]], faults: list[str]) -> bool:
    """Whether the prices before a split have been divided by it. They should be; a split of these days now and then
    comes before its prices do, and multiplying those would be off by the whole ratio."""
    day, ratio = split
    before = [close for other, close in closes if other < day]
    after = [close for other, close in closes if other >= day]
    if not before or not after or 1 / _PLAIN_RATIO < ratio < _PLAIN_RATIO:
        return True
    jump = before[-1] / after[0]
    if abs(jump / ratio - 1) > _NEAR_RATIO:
        return True
    faults.append(f"{day}: the prices before the split of {ratio} are not divided by it yet")
    return False


def _dividends(
    ref: InstrumentRef,
    chart: Chart,
    span: tuple[date, date],
    splits: list[Split],
    units: Decimal,
    closes: list[tuple[date, Decimal]],
    faults: list[str],
) -> list[ActionData]:
    """Dividends and, of funds, distributions of gains; two on one day are one fact, their sum."""
    found: dict[date, Decimal] = {}
    for event in [*_events(chart, "dividends"), *_events(chart, "capitalGains")]:
        day: date | None = None
        try:
            day = chart.day(parsing.instant(event.get("date"), "the date of a dividend"))
            if not span[0] <= day <= span[1]:
                continue
            amount = parsing.price(event.get("amount"), "a dividend")
            own = parsing.text_of(event.get("currency"))
            per = parsing.units_of(own, expected=ref.currency) if own else units
        except ProviderError as error:
            faults.append(f"{day}: dividend left out: {error}" if day else str(error))
            continue
        if amount is None:
            continue
        shares = _shares(splits, day)
        paid = parsing.as_quoted(amount, shares / per, off_by=None if shares == 1 else _DIVIDEND_DIGITS)
        earlier = [close for other, close in closes if other < day]
        if earlier and paid * units >= earlier[-1] * shares:
            faults.append(f"{day}: dividend left out: {paid} is more than the share cost")
            continue
        found[day] = found.get(day, Decimal(0)) + paid
    return [ActionData(ex_date=day, kind="dividend", value=value) for day, value in found.items()]
