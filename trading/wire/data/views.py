"""Market data on the wire: the addresses that the SDK's data clients ask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from marketdata.models import Instrument
from marketdata.queries import QuoteView, cached_quotes
from trading.wire.assets import CRYPTO, class_of, find_assets
from trading.wire.calls import Call, Reply
from trading.wire.data.forms import WireBar, bar_form, book_form, day_starts, quote_form, trade_form
from trading.wire.data.frames import read_frame
from trading.wire.data.minutes import latest_minutes
from trading.wire.data.paging import Point, page_of
from trading.wire.data.series import ADJUSTMENTS, RAW, Asked, bars_of, last_days_of
from trading.wire.errors import invalid
from trading.wire.values import NEW_YORK

_MOST_SYMBOLS: Final = 1000
#: Series of days read in one go.
_MOST_AT_ONCE: Final = 64
_FEEDS: Final = frozenset({"iex", "sip", "delayed_sip", "otc", "boats", "overnight", "us", "us-1", "eu-1"})
#: How far back the last two daily bars are looked for: over any run of holidays.
_LOOK_BACK: Final = timedelta(days=14)

Form = Callable[[QuoteView, Instrument], dict[str, Any]]


class Ahead:
    """The bars of several symbols, read one, two, four … symbols at a time in the order in which a page wants them: a page
    that needs few reads few, and one that needs many makes few statements."""

    def __init__(self, instruments: dict[str, Instrument], asked: Asked) -> None:
        self._instruments = instruments
        self._order = sorted(instruments)
        self._asked = asked
        self._found: dict[int, list[WireBar]] = {}
        self._size = 1

    def bars(self, symbol: str) -> list[WireBar]:
        """The bars of one symbol."""
        pk = self._instruments[symbol].pk
        if pk not in self._found:
            place = self._order.index(symbol)
            rows = [self._instruments[name] for name in self._order[place : place + self._size]]
            self._found = bars_of(rows, self._asked)
            if not self._asked.frame.is_intraday:
                self._size = min(self._size * 2, _MOST_AT_ONCE)
        return self._found[pk]


def bars(call: Call, kind: str) -> Reply:
    """``GET /stocks/bars``, ``GET /crypto/us/bars``"""
    instruments = _instruments(call, kind)
    frame = read_frame(call.text("timeframe"))
    adjustment = call.word("adjustment", ADJUSTMENTS, RAW) if kind != CRYPTO else RAW
    start, end = _span(call)
    descending = _descending(call)
    asked = Asked(frame=frame, start=start, end=end, adjustment=adjustment, now=call.now)
    ahead = Ahead(instruments, asked)

    def series(symbol: str) -> Sequence[Point]:
        points = [Point(bar.at, bar_form(bar)) for bar in ahead.bars(symbol)]
        return points[::-1] if descending else points

    return _paged(call, "bars", instruments, series, descending=descending)


def ticks(call: Call, kind: str, key: str, form: Form) -> Reply:
    """``GET /stocks/quotes``, ``…/trades``: no history of ticks is kept, so the latest one alone is told, where
    it lies in the span."""
    instruments = _instruments(call, kind)
    start, end = _span(call)
    descending = _descending(call)
    quotes = _quotes(call, instruments)

    def series(symbol: str) -> Sequence[Point]:
        quote = quotes.get(instruments[symbol].pk)
        if quote is None or not start <= quote.quoted_at <= end:
            return []
        return [Point(quote.quoted_at, form(quote, instruments[symbol]))]

    return _paged(call, key, instruments, series, descending=descending)


def quotes(call: Call, kind: str) -> Reply:
    """``GET /stocks/quotes``, ``GET /crypto/us/quotes``"""
    return ticks(call, kind, "quotes", quote_form)


def trades(call: Call, kind: str) -> Reply:
    """``GET /stocks/trades``, ``GET /crypto/us/trades``"""
    return ticks(call, kind, "trades", trade_form)


def latest_quotes(call: Call, kind: str) -> Reply:
    """``GET /stocks/quotes/latest``, ``GET /crypto/us/latest/quotes``"""
    return _latest(call, kind, "quotes", quote_form)


def latest_trades(call: Call, kind: str) -> Reply:
    """``GET /stocks/trades/latest``, ``GET /crypto/us/latest/trades``"""
    return _latest(call, kind, "trades", trade_form)


def latest_orderbooks(call: Call, kind: str) -> Reply:
    """``GET /crypto/us/latest/orderbooks``: the top of the book."""
    return _latest(call, kind, "orderbooks", lambda quote, _instrument: book_form(quote))


def latest_bars(call: Call, kind: str) -> Reply:
    """``GET /stocks/bars/latest``, ``GET /crypto/us/latest/bars``: the last minute with a trade."""
    instruments = _instruments(call, kind)
    minutes = latest_minutes(instruments.values(), now=call.now)
    found = {
        symbol: bar_form(minutes[row.pk]) for symbol, row in sorted(instruments.items()) if row.pk in minutes
    }
    return _reply({"bars": found}, instruments)


def snapshots(call: Call, kind: str) -> Reply:
    """``GET /stocks/snapshots`` (by symbol, without an envelope), ``GET /crypto/us/snapshots`` (in one)."""
    instruments = _instruments(call, kind)
    quotes, minutes = _quotes(call, instruments), latest_minutes(instruments.values(), now=call.now)
    by_day = last_days_of(instruments.values(), since=call.now - _LOOK_BACK, now=call.now)
    found = {}
    for symbol, instrument in sorted(instruments.items()):
        shot: dict[str, Any] = {}
        quote = quotes.get(instrument.pk)
        if quote is not None:
            shot["latestTrade"] = trade_form(quote, instrument)
            shot["latestQuote"] = quote_form(quote, instrument)
        if instrument.pk in minutes:
            shot["minuteBar"] = bar_form(minutes[instrument.pk])
        days = by_day[instrument.pk]
        if days:
            shot["dailyBar"] = bar_form(days[-1])
        if len(days) > 1:
            shot["prevDailyBar"] = bar_form(days[-2])
        if shot:
            found[symbol] = shot
    return _reply({"snapshots": found} if kind == CRYPTO else found, instruments)


def _instruments(call: Call, kind: str) -> dict[str, Instrument]:
    """What is asked for, by the symbol as it was written; what is not known, or of the other class, is left out."""
    symbols = call.words("symbols")
    if not symbols:
        raise invalid("symbols is required")
    if len(symbols) > _MOST_SYMBOLS:
        raise invalid(f"too many symbols: at most {_MOST_SYMBOLS}")
    feed = call.text("feed")
    if feed is not None and feed.lower() not in _FEEDS:
        raise invalid(f"invalid feed: {feed[:20]!r}")
    currency = call.text("currency")
    found = {symbol: row for symbol, row in find_assets(symbols).items() if class_of(row) == kind}
    if currency is not None and any(row.currency != currency.upper() for row in found.values()):
        raise invalid(f"prices are told in the currency of the asset, not in {currency[:8]!r}")
    return found


def _span(call: Call) -> tuple[datetime, datetime]:
    """From ``start`` (the beginning of the day in New York) to ``end`` (now), both included."""
    end = call.instant("end", end_of_day=True) or call.now
    start = call.instant("start")
    if start is None:
        start = day_starts(min(end, call.now).astimezone(NEW_YORK).date())
    if start > end:
        raise invalid("end should not be before start")
    return start, end


def _descending(call: Call) -> bool:
    return call.word("sort", frozenset({"asc", "desc"}), "asc") == "desc"


def _quotes(call: Call, instruments: dict[str, Instrument]) -> dict[int, QuoteView]:
    return cached_quotes({row.pk for row in instruments.values()}, now=call.now)


def _latest(call: Call, kind: str, key: str, form: Form) -> Reply:
    instruments = _instruments(call, kind)
    quotes = _quotes(call, instruments)
    found = {
        symbol: form(quotes[row.pk], row) for symbol, row in sorted(instruments.items()) if row.pk in quotes
    }
    return _reply({key: found}, instruments)


def _paged(
    call: Call,
    key: str,
    instruments: dict[str, Instrument],
    series: Callable[[str], Sequence[Point]],
    *,
    descending: bool,
) -> Reply:
    page = page_of(call, list(instruments), series, descending=descending)
    return _reply({key: page.points, "next_page_token": page.next_token}, instruments)


def _reply(body: dict[str, Any], instruments: dict[str, Instrument]) -> Reply:
    simulated = any(row.is_simulated for row in instruments.values())
    return Reply(body, headers={"X-Data-Source": "simulated" if simulated else "providers"})
