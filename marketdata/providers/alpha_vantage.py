"""Market data providers: Alpha Vantage. Quotes, daily history as traded, search and exchange rates; with a key only.

A free key has 25 questions a day, one symbol each: it is there to stand in. Its history without a paid plan is the last
100 days. `TIME_SERIES_DAILY_ADJUSTED` is for paying customers and not used: what is stored is as traded. Whatever goes
wrong comes as HTTP 200 with a sentence.

Quotes do not say their currency. Where the exchange leaves only one, it is taken; for London, where pence, pounds and
dollars are traded side by side, no price is taken at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from marketdata.providers import parsing
from marketdata.providers.base import (
    BadAnswer,
    BarData,
    BaseProvider,
    Capability,
    History,
    InstrumentRef,
    Limits,
    NotAuthorised,
    NotOffered,
    ProviderError,
    ProviderUnavailable,
    QuoteBatch,
    QuoteData,
    RateData,
    RateLimited,
    SearchHit,
    SymbolUnknown,
    WrongCurrency,
)
from marketdata.providers.http import HttpClient, refuse
from portfolio_site.kernel.money import QUOTING_UNITS

SOURCE = "alpha_vantage"
API = "https://www.alphavantage.co"
#: What the short answer to a question for history reaches back to, at the least.
SHORT_ANSWER = timedelta(days=135)
_WHOLE_QUESTION = (RateLimited, ProviderUnavailable, NotAuthorised)


class _Market(NamedTuple):
    """What an ending of its symbols stands for: MIC, currency (none where it can be several), zone, closing time."""

    mic: str
    currency: str
    zone: str
    closes: time


_AMERICA = _Market("", "USD", "America/New_York", time(16))
_MARKETS = {
    "LON": _Market("XLON", "", "Europe/London", time(16, 30)),
    "TRT": _Market("XTSE", "CAD", "America/Toronto", time(16)),
    "TRV": _Market("XTSX", "CAD", "America/Toronto", time(16)),
    "DEX": _Market("XETR", "EUR", "Europe/Berlin", time(17, 30)),
    "FRK": _Market("XFRA", "EUR", "Europe/Berlin", time(20)),
    "PAR": _Market("XPAR", "EUR", "Europe/Paris", time(17, 30)),
    "AMS": _Market("XAMS", "EUR", "Europe/Amsterdam", time(17, 30)),
    "BSE": _Market("XBOM", "INR", "Asia/Kolkata", time(15, 30)),
    "SHH": _Market("XSHG", "CNY", "Asia/Shanghai", time(15)),
    "SHZ": _Market("XSHE", "CNY", "Asia/Shanghai", time(15)),
    "SAO": _Market("BVMF", "BRL", "America/Sao_Paulo", time(17)),
}
_ENDINGS = {market.mic: ending for ending, market in _MARKETS.items()}
_AMERICAN = frozenset({"XNAS", "XNYS", "ARCX", "XASE", "BATS", "OTCM"})
#: What yahoo-like symbols of the house end with on the same exchanges.
_HOUSE_ENDINGS = re.compile(r"\.(?:L|TO|V|DE|F|PA|AS|BO|SS|SZ|SA)\Z")
_ASSET_CLASSES = {"Equity": "equity", "ETF": "etf", "Mutual Fund": "fund"}


class AlphaVantageProvider(BaseProvider):
    """Alpha Vantage; without a key it offers nothing."""

    name = "alpha_vantage"
    limits = Limits(calls_per_minute=5, calls_per_day=25, quotes_per_call=1)

    def __init__(self, *, timeout: float = 10.0, base_url: str = "", api_key: str = "") -> None:
        self._address = (base_url or API).rstrip("/") + "/query"
        self._key = api_key
        self._client = HttpClient(timeout=timeout)
        offered = {Capability.QUOTES, Capability.HISTORY, Capability.SEARCH, Capability.FX}
        self.capabilities = frozenset(offered if api_key else ())

    def symbol_for(self, *, symbol: str, exchange: str, asset_class: str, currency: str) -> str:
        """Shares and ETFs by the endings of its exchanges (`.DEX` for Xetra); nothing else."""
        if asset_class not in ("equity", "etf", "fund"):
            return ""
        name = symbol.strip().upper()
        if exchange in _ENDINGS:
            return f"{_HOUSE_ENDINGS.sub('', name)}.{_ENDINGS[exchange]}"
        if exchange in _AMERICAN or (not exchange and currency == "USD" and "." not in name):
            return name.replace(".", "-")
        return ""

    def quotes(self, instruments: Sequence[InstrumentRef], at: datetime) -> QuoteBatch:
        """Ask for one quote after the other; the first refusal of the whole ends it."""
        found: list[QuoteData] = []
        faults: dict[int, ProviderError] = {}
        calls = 0
        for place, ref in enumerate(instruments):
            try:
                market = _market_of(ref)
                calls += 1
                body = self._ask({"function": "GLOBAL_QUOTE", "symbol": ref.symbol})
                found.append(_quote(ref, market, parsing.mapping(body.get("Global Quote"), "the quote"), at))
            except _WHOLE_QUESTION as error:
                if not found:
                    raise
                faults.update(dict.fromkeys((other.instrument_id for other in instruments[place:]), error))
                break
            except ProviderError as error:
                faults[ref.instrument_id] = error
        return QuoteBatch(quotes=found, faults=faults, calls=calls)

    def bars(self, instrument: InstrumentRef, start: date, end: date) -> list[BarData]:
        """The days as traded."""
        return self.history(instrument, start, end).bars

    def history(self, instrument: InstrumentRef, start: date, end: date) -> History:
        """The days as traded. The long answer is for paid plans: without one it is the last 100 days, which
        `faults` then says."""
        _market_of(instrument)
        if start > end:
            return History(calls=0)
        calls, short = 0, None
        if end - start < SHORT_ANSWER:
            calls, short = 1, self._days(instrument, "compact")
            if not short or min(short) <= start:
                return _history(short, start, end, [], calls=calls)
        try:
            return _history(self._days(instrument, "full"), start, end, [], calls=calls + 1)
        except NotAuthorised as error:
            days = self._days(instrument, "compact") if short is None else short
            faults = [f"only from {min(days)} on: {error}" if days else str(error)]
            return _history(days, start, end, faults, calls=2)

    def _days(self, ref: InstrumentRef, size: str) -> dict[date, Any]:
        body = self._ask({"function": "TIME_SERIES_DAILY", "symbol": ref.symbol, "outputsize": size})
        head = parsing.mapping(body.get("Meta Data"), "the head")
        if parsing.text_of(head.get("2. Symbol")).upper() != ref.symbol.upper():
            raise BadAnswer("the days are of another symbol")
        series = parsing.mapping(body.get("Time Series (Daily)"), "the days")
        return {_day(text): row for text, row in series.items()}

    def rates(self, currencies: Iterable[str], start: date, end: date) -> list[RateData]:
        """The rate of now against the euro, one question a currency, where now is within start..end."""
        found: list[RateData] = []
        fault: BadAnswer | None = None
        for code in dict.fromkeys(currencies):
            if code == "EUR":
                continue
            question = {"function": "CURRENCY_EXCHANGE_RATE", "from_currency": "EUR", "to_currency": code}
            try:
                rate = _rate(self._ask(question), code)
            except SymbolUnknown:
                continue
            except BadAnswer as error:
                fault = error
                continue
            if rate is not None and start <= rate.date <= end:
                found.append(rate)
        if fault is not None and not found:
            raise fault
        return found

    def search(self, text: str) -> list[SearchHit]:
        """Shares, ETFs and funds by symbol or name."""
        if not text.strip():
            return []
        body = self._ask({"function": "SYMBOL_SEARCH", "keywords": text.strip()})
        hits = map(_hit, parsing.sequence(body.get("bestMatches"), "the list of hits"))
        return [hit for hit in hits if hit is not None]

    def _ask(self, params: dict[str, str]) -> dict[str, Any]:
        if not self._key:
            raise NotAuthorised("Alpha Vantage answers with a key only")
        answer = self._client.get(self._address, {**params, "apikey": self._key})
        refuse(answer)
        body = parsing.mapping(answer.json(), "the answer")
        for name in ("Error Message", "Note", "Information"):
            if words := parsing.text_of(body.get(name)):
                # It likes to repeat the key.
                raise _error(words.replace(self._key, "…"))
        return body


def _error(words: str) -> ProviderError:
    said, lower = f"Alpha Vantage says: {words[:200]}", words.lower()
    if (
        "premium endpoint" in lower
        or "premium feature" in lower
        or ("outputsize" in lower and "premium" in lower)
    ):
        return NotAuthorised(said)
    if "rate limit" in lower or "call frequency" in lower or "sparingly" in lower:
        per_day = "per day" in lower and "per minute" not in lower
        return RateLimited(said, retry_after=3600.0 if per_day else 60.0)
    if "apikey" in lower or "api key" in lower:
        return NotAuthorised(said)
    if "invalid api call" in lower:
        return SymbolUnknown(said)
    return BadAnswer(said)


def _market_of(ref: InstrumentRef) -> _Market:
    """Where a symbol is traded, if its prices can only be in the instrument's currency; raises else."""
    if not ref.symbol:
        raise SymbolUnknown("nobody has said what Alpha Vantage calls it")
    _, dot, ending = ref.symbol.rpartition(".")
    market = _MARKETS.get(ending.upper()) if dot else _AMERICA
    if market is None or not market.currency:
        raise NotOffered(f"Alpha Vantage does not say in which currency or unit it quotes {ref.symbol}")
    if market.currency != ref.currency:
        raise WrongCurrency(expected=ref.currency, got=market.currency)
    return market


def _quote(ref: InstrumentRef, market: _Market, row: dict[str, Any], at: datetime) -> QuoteData:
    if not row:
        raise SymbolUnknown(f"Alpha Vantage has no quote for {ref.symbol}")
    if parsing.text_of(row.get("01. symbol")).upper() != ref.symbol.upper():
        raise BadAnswer("the quote is of another symbol")
    last = parsing.price(row.get("05. price"), "the price")
    if last is None:
        raise SymbolUnknown(f"Alpha Vantage has no price for {ref.symbol}")
    day = _day(parsing.text_of(row.get("07. latest trading day")))
    # It tells the day alone: the price is of its close, or of now while that is still to come.
    closed_at = datetime.combine(day, market.closes, ZoneInfo(market.zone)).astimezone(UTC)
    return QuoteData(
        instrument_id=ref.instrument_id,
        last=last,
        previous_close=parsing.optional_price(row.get("08. previous close")),
        day_low=parsing.optional_price(row.get("04. low")),
        day_high=parsing.optional_price(row.get("03. high")),
        volume=parsing.volume(row.get("06. volume")),
        quoted_at=min(closed_at, at) if day <= at.astimezone(ZoneInfo(market.zone)).date() else closed_at,
        source=SOURCE,
    )


def _rate(answer: dict[str, Any], code: str) -> RateData | None:
    body = parsing.mapping(answer.get("Realtime Currency Exchange Rate"), "the rate")
    if [parsing.text_of(body.get(name)) for name in ("1. From_Currency Code", "3. To_Currency Code")] != [
        "EUR",
        code,
    ]:
        raise BadAnswer("the rate is of other currencies")
    day = _day(parsing.text_of(body.get("6. Last Refreshed"))[:10])
    rate = parsing.price(body.get("5. Exchange Rate"), "the rate")
    return None if rate is None else RateData(base="EUR", quote=code, date=day, rate=rate)


def _history(days: dict[date, Any], start: date, end: date, faults: list[str], *, calls: int) -> History:
    bars: list[BarData] = []
    for day in sorted(day for day in days if start <= day <= end):
        try:
            bars.append(_bar(day, parsing.mapping(days[day], "a day"), faults))
        except BadAnswer as error:
            faults.append(f"{day}: {error}")
    return History(bars=bars, faults=faults, calls=calls)


def _bar(day: date, row: dict[str, Any], faults: list[str]) -> BarData:
    close = parsing.price(row.get("4. close"), "the close")
    if close is None:
        raise BadAnswer("there is no close")
    opened, high, low = (parsing.optional_price(row.get(name)) for name in ("1. open", "2. high", "3. low"))
    if (
        opened is None
        or high is None
        or low is None
        or not low <= min(opened, close) <= max(opened, close) <= high
    ):
        faults.append(f"{day}: open, high and low do not fit the close, which alone was kept")
        opened = high = low = None
    return BarData(
        date=day, open=opened, high=high, low=low, close=close, volume=parsing.volume(row.get("5. volume"))
    )


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadAnswer(f"“{text[:20]}” is not a day") from error


def _hit(row: Any) -> SearchHit | None:
    if not isinstance(row, dict):
        return None
    symbol = parsing.text_of(row.get("1. symbol"))
    asset_class = _ASSET_CLASSES.get(parsing.text_of(row.get("3. type")))
    if not symbol or asset_class is None:
        return None
    stem, dot, ending = symbol.rpartition(".")
    market = _MARKETS.get(ending.upper()) if dot else None
    quoted_in = parsing.text_of(row.get("8. currency"))
    currency, _ = QUOTING_UNITS.get(quoted_in, (quoted_in.upper(), Decimal(1)))
    return SearchHit(
        symbol=stem if market else symbol,
        name=parsing.text_of(row.get("2. name")) or symbol,
        asset_class=asset_class,
        currency=currency,
        provider=AlphaVantageProvider.name,
        provider_symbol=symbol,
        exchange=market.mic if market else "",
        quoted_in=quoted_in if quoted_in in QUOTING_UNITS else "",
    )
