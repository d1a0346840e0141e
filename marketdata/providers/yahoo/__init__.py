"""Market data providers: Yahoo Finance, through yfinance. Quotes in batches, daily history with splits and dividends,
minutes, exchange rates, search and a live stream. No key.

Nobody promises any of it: Yahoo offers no public interface, limits who asks much, and delays most exchanges by 15
to 20 minutes (the time of each quote says when it was made).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from marketdata.providers import parsing
from marketdata.providers.base import (
    ActionData,
    BadAnswer,
    BarData,
    BaseProvider,
    Capability,
    History,
    InstrumentRef,
    IntradayBarData,
    Limits,
    NotAuthorised,
    ProviderError,
    ProviderUnavailable,
    QuoteBatch,
    QuoteData,
    QuoteStream,
    RateData,
    RateLimited,
    SearchHit,
    SymbolUnknown,
    WrongCurrency,
)
from marketdata.providers.http import refuse
from marketdata.providers.yahoo import charts, exchanges, quotes
from marketdata.providers.yahoo.client import YahooClient
from marketdata.providers.yahoo.stream import STREAM, YahooStream
from portfolio_site.kernel.money import QUOTING_UNITS

#: So many minutes of history one question may cover, and so long Yahoo keeps them.
MINUTES_AT_ONCE = timedelta(days=7)
MINUTES_KEPT = timedelta(days=29)
#: With the list of quotes refused, so many are asked for one by one at a time.
CHARTS_AT_ONCE = 40
_ISIN = re.compile(r"[A-Z]{2}[A-Z0-9]{9}[0-9]")
_WHOLE_QUESTION = (RateLimited, ProviderUnavailable, NotAuthorised)


class YahooProvider(BaseProvider):
    """Yahoo Finance."""

    name = "yahoo"
    capabilities = frozenset(Capability)
    #: What has been seen to go well; Yahoo publishes no limit.
    limits = Limits(calls_per_minute=60, quotes_per_call=200)

    def __init__(self, *, timeout: float = 10.0, base_url: str = "", stream_url: str = "") -> None:
        self._client = YahooClient(timeout=timeout, base_url=base_url)
        self._timeout = timeout
        self._stream_url = stream_url or STREAM

    def symbol_for(self, *, symbol: str, exchange: str, asset_class: str, currency: str) -> str:
        """Yahoo's own endings: `.L` for London, `-USD` for coins, `=X` for currencies."""
        return exchanges.symbol_for(
            symbol=symbol, exchange=exchange, asset_class=asset_class, currency=currency
        )

    # --- now
    # --------------------------------------------------------------------------------------------------

    def quotes(self, instruments: Sequence[InstrumentRef], at: datetime) -> QuoteBatch:
        """Ask for the list of quotes, 200 symbols at a time; where Yahoo refuses the list, for some charts."""
        found: list[QuoteData] = []
        faults: dict[int, ProviderError] = {}
        calls = 0
        named = [ref for ref in instruments if ref.symbol]
        for ref in instruments:
            if not ref.symbol:
                faults[ref.instrument_id] = SymbolUnknown("nobody has said what Yahoo calls it")
        for first in range(0, len(named), self.limits.quotes_per_call):
            chunk = named[first : first + self.limits.quotes_per_call]
            try:
                batch = self._quotes(chunk, at)
            except ProviderError as error:
                if not found:
                    raise
                batch = QuoteBatch(faults=dict.fromkeys((ref.instrument_id for ref in chunk), error))
            found += batch.quotes
            faults.update(batch.faults)
            calls += batch.calls
        return QuoteBatch(quotes=found, faults=faults, calls=calls)

    def _quotes(self, chunk: Sequence[InstrumentRef], at: datetime) -> QuoteBatch:
        symbols = ",".join(dict.fromkeys(ref.symbol for ref in chunk))
        answer = self._client.get_with_crumb(quotes.PATH, {"symbols": symbols, "fields": quotes.FIELDS})
        try:
            rows = quotes.rows_of(answer)
        except NotAuthorised as error:
            return self._quotes_from_charts(chunk, at, error)
        return quotes.batch_of(chunk, rows)

    def _quotes_from_charts(
        self, chunk: Sequence[InstrumentRef], at: datetime, refusal: ProviderError
    ) -> QuoteBatch:
        found: list[QuoteData] = []
        calls = 1
        # Another part of them each time, so that all have their turn.
        turn = int(at.timestamp()) % len(chunk)
        order = [*chunk[turn:], *chunk[:turn]]
        faults: dict[int, ProviderError] = dict.fromkeys(
            (ref.instrument_id for ref in order[CHARTS_AT_ONCE:]), refusal
        )
        for place, ref in enumerate(order[:CHARTS_AT_ONCE]):
            calls += 1
            try:
                found.append(charts.quote_of(ref, self._chart(ref, {"range": "1d", "interval": "1d"})))
            except _WHOLE_QUESTION as error:
                if not found:
                    raise
                faults.update(dict.fromkeys((r.instrument_id for r in order[place:CHARTS_AT_ONCE]), error))
                break
            except ProviderError as error:
                faults[ref.instrument_id] = error
        return QuoteBatch(quotes=found, faults=faults, calls=calls)

    def open_stream(self, instruments: Sequence[InstrumentRef]) -> QuoteStream:
        """Open Yahoo's live stream."""
        stream = YahooStream(self._stream_url, timeout=self._timeout)
        stream.watch(instruments)
        return stream

    # --- then
    # -------------------------------------------------------------------------------------------------

    def history(self, instrument: InstrumentRef, start: date, end: date) -> History:
        """One question for bars, splits and dividends. It always reaches to today: every split since has to be
        known."""
        if start > end:
            return History(calls=0)
        since = datetime.combine(start, time.min, UTC) - timedelta(days=1)
        try:
            chart = self._chart(
                instrument,
                {
                    "period1": str(int(since.timestamp())),
                    "period2": charts.END_OF_TIME,
                    "interval": "1d",
                    "events": "div,split,capitalGains",
                    "includePrePost": "false",
                },
            )
        except charts.NothingThen:
            return History()
        return charts.history_of(instrument, chart, start, end)

    def bars(self, instrument: InstrumentRef, start: date, end: date) -> list[BarData]:
        """The days as traded."""
        return self.history(instrument, start, end).bars

    def actions(self, instrument: InstrumentRef, start: date, end: date) -> list[ActionData]:
        """Splits, and dividends as they were paid."""
        return self.history(instrument, start, end).actions

    def intraday(self, instrument: InstrumentRef, start: datetime, end: datetime) -> list[IntradayBarData]:
        """Minutes that are over by `end`, a week in one question; Yahoo keeps them for a month."""
        found: list[IntradayBarData] = []
        first = max(start, end - MINUTES_KEPT).astimezone(UTC)
        while first < end:
            last = min(first + MINUTES_AT_ONCE, end)
            params = {
                "period1": str(int(first.timestamp())),
                "period2": str(int(last.timestamp())),
                "interval": "1m",
                "events": "split",
                "includePrePost": "false",
            }
            with suppress(charts.NothingThen):
                found += charts.minutes_of(
                    instrument, self._chart(instrument, params), max(first, start), last
                )
            first = last
        return list({bar.at: bar for bar in found}.values())

    def rates(self, currencies: Iterable[str], start: date, end: date) -> list[RateData]:
        """Rates against the euro, of rarer currencies against the dollar: the close of the day in London."""
        found: list[RateData] = []
        fault: BadAnswer | None = None
        for code in dict.fromkeys(currencies):
            for base in () if code == "EUR" else ("EUR",) if code == "USD" else ("EUR", "USD"):
                ref = InstrumentRef(
                    instrument_id=0, symbol=f"{base}{code}=X", asset_class="currency", currency=code
                )
                try:
                    bars = self.bars(ref, start, end)
                except (SymbolUnknown, WrongCurrency):
                    continue
                except BadAnswer as error:
                    fault = error
                    continue
                found += [RateData(base=base, quote=code, date=bar.date, rate=bar.close) for bar in bars]
                if bars:
                    break
        if fault is not None and not found:
            raise fault
        return found

    def _chart(self, ref: InstrumentRef, params: dict[str, str]) -> charts.Chart:
        if not ref.symbol:
            raise SymbolUnknown("nobody has said what Yahoo calls it")
        return charts.chart_of(self._client.get(charts.path(ref.symbol), params), ref.symbol)

    # --- what there is
    # ----------------------------------------------------------------------------------------

    def search(self, text: str) -> list[SearchHit]:
        """Search by symbol, name or ISIN. Yahoo's search does not tell currencies: a second question does."""
        wanted = text.strip()
        if not wanted:
            return []
        answer = self._client.get(
            "/v1/finance/search",
            {
                "q": wanted,
                "quotesCount": "15",
                "newsCount": "0",
                "listsCount": "0",
                "enableFuzzyQuery": "false",
            },
        )
        refuse(answer)
        body = parsing.mapping(answer.json(), "the answer")
        isin = wanted.upper() if _ISIN.fullmatch(wanted.upper()) else ""
        hits = [
            hit
            for row in parsing.sequence(body.get("quotes"), "the list of hits")
            if isinstance(row, dict) and (hit := _hit(row, isin)) is not None
        ]
        return self._with_currencies(hits)

    def _with_currencies(self, hits: list[SearchHit]) -> list[SearchHit]:
        if not hits:
            return hits
        symbols = ",".join(hit.provider_symbol for hit in hits)
        try:
            answer = self._client.get_with_crumb(
                quotes.PATH, {"symbols": symbols, "fields": "symbol,currency"}
            )
            rows = quotes.rows_of(answer)
        except ProviderError:
            # A hit without a currency is still a hit.
            return hits
        found: list[SearchHit] = []
        for hit in hits:
            quoted_in = parsing.text_of(rows.get(hit.provider_symbol.upper(), {}).get("currency"))
            if quoted_in in QUOTING_UNITS:
                found.append(replace(hit, currency=QUOTING_UNITS[quoted_in][0], quoted_in=quoted_in))
            else:
                found.append(replace(hit, currency=quoted_in.upper()))
        return found


def _hit(row: dict[str, object], isin: str) -> SearchHit | None:
    symbol = parsing.text_of(row.get("symbol"))
    asset_class = exchanges.ASSET_CLASSES.get(parsing.text_of(row.get("quoteType")))
    if not symbol or asset_class is None:
        return None
    exchange = exchanges.MICS.get(parsing.text_of(row.get("exchange")), "")
    return SearchHit(
        symbol=exchanges.our_symbol(symbol, exchange),
        name=parsing.text_of(row.get("longname")) or parsing.text_of(row.get("shortname")) or symbol,
        asset_class=asset_class,
        currency="",
        provider=YahooProvider.name,
        provider_symbol=symbol,
        exchange=exchange,
        isin=isin,
        sector=parsing.text_of(row.get("sector")),
    )
