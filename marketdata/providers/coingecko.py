"""Market data providers: CoinGecko. Prices of coins in any of its currencies, hundreds in one answer; daily closes;
search.

Without a key it answers a few questions a minute, with a free "demo" key 30, and either way shows the last 365 days
only; a paid ("pro") key has another address and all of history. There is no bid and ask, and volumes are in money
over the last 24 hours, no units of a day: they are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

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
    ProviderError,
    ProviderUnavailable,
    QuoteBatch,
    QuoteData,
    RateLimited,
    SearchHit,
    SymbolUnknown,
    WrongCurrency,
)
from marketdata.providers.http import Answer, HttpClient, refuse, retry_after

SOURCE = "coingecko"
PUBLIC_API = "https://api.coingecko.com/api/v3"
PRO_API = "https://pro-api.coingecko.com/api/v3"
KEY_HEADERS = {"demo": "x-cg-demo-api-key", "pro": "x-cg-pro-api-key"}
#: Without a paid plan.
DAYS_SHOWN = 365
#: A point that late after midnight still is the close of the day before.
_AFTER_MIDNIGHT = timedelta(minutes=10)
#: Its own numbers of errors: too much asked; a key missing, refused or at the wrong address, a better plan needed.
_LIMITED = frozenset({429})
_UNAUTHORISED = frozenset({10002, 10005, 10006, 10010, 10011, 10012, 1020})


class CoinGeckoProvider(BaseProvider):
    """CoinGecko. `api_key` with the `plan` it belongs to: `demo` or `pro`."""

    name = "coingecko"
    capabilities = frozenset({Capability.QUOTES, Capability.HISTORY, Capability.SEARCH})

    def __init__(
        self, *, timeout: float = 10.0, base_url: str = "", api_key: str = "", plan: str = "demo"
    ) -> None:
        if plan not in KEY_HEADERS:
            raise ValueError(f"a plan of CoinGecko is demo or pro, not {plan!r}")
        self.is_pro = bool(api_key) and plan == "pro"
        self._base_url = (base_url or (PRO_API if self.is_pro else PUBLIC_API)).rstrip("/")
        self._client = HttpClient(
            timeout=timeout,
            headers={"Accept": "application/json", **({KEY_HEADERS[plan]: api_key} if api_key else {})},
        )
        calls = 500 if self.is_pro else 30 if api_key else 5
        self.limits = Limits(calls_per_minute=calls, quotes_per_call=250)

    def symbol_for(self, *, symbol: str, exchange: str, asset_class: str, currency: str) -> str:
        """Nothing: a coin's id cannot be told from its symbol, which several coins share."""
        return ""

    def quotes(self, instruments: Sequence[InstrumentRef], at: datetime) -> QuoteBatch:
        """Ask for prices in all the currencies wanted, 250 coins at a time."""
        found: list[QuoteData] = []
        faults: dict[int, ProviderError] = {}
        calls = 0
        named = [ref for ref in instruments if ref.symbol]
        for ref in instruments:
            if not ref.symbol:
                faults[ref.instrument_id] = SymbolUnknown("nobody has said which coin of CoinGecko's it is")
        for first in range(0, len(named), self.limits.quotes_per_call):
            chunk = named[first : first + self.limits.quotes_per_call]
            calls += 1
            try:
                prices = self._prices(chunk)
            except ProviderError as error:
                if not found:
                    raise
                faults.update(dict.fromkeys((ref.instrument_id for ref in chunk), error))
                continue
            for ref in chunk:
                try:
                    found.append(_quote(ref, prices.get(ref.symbol)))
                except ProviderError as error:
                    faults[ref.instrument_id] = error
        return QuoteBatch(quotes=found, faults=faults, calls=calls)

    def _prices(self, chunk: Sequence[InstrumentRef]) -> dict[str, Any]:
        return parsing.mapping(
            self._ask(
                "/simple/price",
                {
                    "ids": ",".join(dict.fromkeys(ref.symbol for ref in chunk)),
                    "vs_currencies": ",".join(sorted({ref.currency.lower() for ref in chunk})),
                    "include_market_cap": "true",
                    "include_24hr_change": "true",
                    "include_last_updated_at": "true",
                    "precision": "full",
                },
            ),
            "the prices",
        )

    def bars(self, instrument: InstrumentRef, start: date, end: date) -> list[BarData]:
        """Closes of UTC days: the price at the midnight that ends them. Nothing else is told of a day."""
        return self.history(instrument, start, end).bars

    def history(self, instrument: InstrumentRef, start: date, end: date) -> History:
        """Closes of UTC days; without a paid key those of the last 365 days before `end`."""
        if not instrument.symbol:
            raise SymbolUnknown("nobody has said which coin of CoinGecko's it is")
        faults: list[str] = []
        first = start if self.is_pro else max(start, end - timedelta(days=DAYS_SHOWN - 2))
        if first > end:
            return History(calls=0)
        if first > start:
            faults.append(
                f"before {first}: CoinGecko shows the last {DAYS_SHOWN} days only without a paid key"
            )
        midnight = datetime.combine(first, time.min, UTC) + timedelta(days=1)
        until = datetime.combine(end, time.min, UTC) + timedelta(days=1) + _AFTER_MIDNIGHT
        body = parsing.mapping(
            self._ask(
                f"/coins/{quote(instrument.symbol, safe='')}/market_chart/range",
                {
                    "vs_currency": instrument.currency.lower(),
                    "from": str(int(midnight.timestamp())),
                    "to": str(int(until.timestamp())),
                    "interval": "daily",
                    "precision": "full",
                },
            ),
            "the chart",
        )
        bars = _closes(parsing.sequence(body.get("prices"), "the prices"), faults)
        return History(bars=[bar for day, bar in sorted(bars.items()) if first <= day <= end], faults=faults)

    def search(self, text: str) -> list[SearchHit]:
        """Coins by name or symbol, the largest first. They are offered in dollars; an instrument in another currency
        of the same coin works as well."""
        if not text.strip():
            return []
        body = parsing.mapping(self._ask("/search", {"query": text.strip()}), "the answer")
        hits = (_hit(row) for row in parsing.sequence(body.get("coins"), "the list of coins"))
        return [hit for hit in hits if hit is not None]

    def listing(self) -> list[SearchHit]:
        """Return every coin there is, in no order: some 20 000, by one question."""
        rows = parsing.sequence(self._ask("/coins/list", {}), "the list of coins")
        return [hit for hit in map(_hit, rows) if hit is not None]

    def _ask(self, path: str, params: dict[str, str]) -> Any:
        answer = self._client.get(self._base_url + path, params)
        try:
            body = answer.json()
        except BadAnswer:
            refuse(answer)
            raise
        _refuse_body(answer, body)
        refuse(answer)
        return body


def _refuse_body(answer: Answer, body: Any) -> None:
    """Raise what a body says is wrong: whatever the status, 200 included."""
    if not isinstance(body, dict):
        return
    outer = body.get("error", body)
    status = outer.get("status") if isinstance(outer, dict) else None
    code, words = None, outer if isinstance(outer, str) else ""
    if isinstance(status, dict):
        code, words = status.get("error_code"), parsing.text_of(status.get("error_message"))
    elif isinstance(status, int) and not isinstance(status, bool):
        code, words = status, parsing.text_of(outer.get("error"))
    if code is None and not words:
        return
    said = f"CoinGecko says: {words[:200] or code}"
    if code in _LIMITED or answer.status == 429:
        raise RateLimited(said, retry_after=retry_after(answer.headers))
    if code in _UNAUTHORISED or answer.status in (401, 403):
        raise NotAuthorised(said)
    if "not found" in words.lower():
        raise SymbolUnknown(said)
    if answer.status >= 500 or (isinstance(code, int) and 500 <= code < 600):
        raise ProviderUnavailable(said)
    raise BadAnswer(said)


def _quote(ref: InstrumentRef, row: Any) -> QuoteData:
    if not isinstance(row, dict):
        raise SymbolUnknown(f"CoinGecko has no coin {ref.symbol}")
    key = ref.currency.lower()
    if key not in row and row:
        raise WrongCurrency(expected=ref.currency, got="")
    last = parsing.price(row.get(key), "the price")
    if last is None:
        raise SymbolUnknown(f"CoinGecko has no price for {ref.symbol}")
    return QuoteData(
        instrument_id=ref.instrument_id,
        last=last,
        previous_close=_a_day_ago(last, row.get(f"{key}_24h_change")),
        market_cap=parsing.volume(row.get(f"{key}_market_cap")),
        quoted_at=parsing.instant(row.get("last_updated_at"), "the time of the price"),
        source=SOURCE,
    )


def _a_day_ago(last: Decimal, change: Any) -> Decimal | None:
    """The price 24 hours ago from the percentage it has changed by since."""
    try:
        percent = parsing.number(change, "the change")
    except BadAnswer:
        return None
    if percent is None or percent <= -100 or percent > 10**6:
        return None
    return parsing.rounded(last / (1 + percent / 100), like=last)


def _closes(points: list[Any], faults: list[str]) -> dict[date, BarData]:
    """Points at midnight (or so little after it that only the clock was late) are the closes of the days before; the
    others, the running day's among them, are of no use."""
    bars: dict[date, BarData] = {}
    for point in points:
        if not isinstance(point, list) or len(point) != 2:
            raise BadAnswer("a point of the chart has another shape")
        at = parsing.instant(point[0], "the time of a point", unit=1000)
        midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
        if at - midnight > _AFTER_MIDNIGHT:
            continue
        day = (midnight - timedelta(days=1)).date()
        try:
            close = parsing.price(point[1], "the close")
        except BadAnswer as error:
            faults.append(f"{day}: {error}")
            continue
        if close is None:
            continue
        if day in bars:
            # Of several the one nearest to midnight came first; another at the same instant is a contradiction.
            if bars[day].close != close and at == midnight:
                faults.append(f"{day}: there twice, {bars[day].close} and {close}; the first one was taken")
            continue
        bars[day] = BarData(date=day, open=None, high=None, low=None, close=close)
    return bars


def _hit(row: Any) -> SearchHit | None:
    if not isinstance(row, dict):
        return None
    coin, symbol, name = (parsing.text_of(row.get(part)) for part in ("id", "symbol", "name"))
    if not coin or not symbol:
        return None
    return SearchHit(
        symbol=f"{symbol.upper()}-USD",
        name=name or symbol.upper(),
        asset_class="crypto",
        currency="USD",
        provider=CoinGeckoProvider.name,
        provider_symbol=coin,
    )
