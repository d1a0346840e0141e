"""Market data queries: the market at a glance. What is the same for everybody is read once and kept for moments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.core.cache import cache
from django.db import connection
from django.db.models import Count, Q

from marketdata.models import AssetClass, Instrument
from marketdata.queries.fx import FxRateMissing, fx_rates_between
from marketdata.queries.hours import SessionView, exchange_session
from marketdata.queries.quotes import QuoteView, latest_quotes

#: What "the market" is made of: things with an issuer or a network, that are traded.
_TRADED = (AssetClass.EQUITY, AssetClass.ETF, AssetClass.CRYPTO)
_MOST_TRADED = 600
_MARKET_SECONDS = 20
_EXCHANGES_SECONDS = 600
#: Older changes are not today's movement.
_RECENT = timedelta(days=5)
#: Turnover is compared in this currency.
_COMMON = "USD"

_EXCHANGE_NAMES = {
    "XNYS": "New York",
    "XNAS": "Nasdaq",
    "XTSE": "Toronto",
    "BVMF": "São Paulo",
    "XLON": "London",
    "XETR": "Xetra",
    "XFRA": "Frankfurt",
    "XPAR": "Paris",
    "XAMS": "Amsterdam",
    "XMIL": "Milan",
    "XMAD": "Madrid",
    "XSWX": "Zurich",
    "XSTO": "Stockholm",
    "XCSE": "Copenhagen",
    "XHEL": "Helsinki",
    "XOSL": "Oslo",
    "XTKS": "Tokyo",
    "XHKG": "Hong Kong",
    "XSHG": "Shanghai",
    "XBOM": "Mumbai",
    "XASX": "Sydney",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeView:
    """An exchange and whether it trades now; `is_simulated`: what it lists here is made up."""

    code: str
    name: str
    is_simulated: bool
    session: SessionView


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketRow:
    """Something that is traded, with its change since the close before (a fraction) and what was turned over today
    (in dollars; None where the volume or the exchange rate is not known)."""

    instrument_id: int
    symbol: str
    name: str
    asset_class: str
    sector: str
    currency: str
    last: Decimal
    change_fraction: Decimal
    turnover: Decimal | None
    is_simulated: bool


def exchanges(*, now: datetime, limit: int = 6) -> list[ExchangeView]:
    """Return the exchanges with the most instruments here and their hours. No statement when cached, one else."""
    key = "marketdata:exchanges:1"
    known: list[tuple[str, bool]] | None = cache.get(key)
    if known is None:
        known = _read_exchanges()
        cache.set(key, known, timeout=_EXCHANGES_SECONDS)
    return [
        ExchangeView(
            code=code,
            name=_EXCHANGE_NAMES[code],
            is_simulated=simulated,
            session=exchange_session(code, simulated=simulated, now=now),
        )
        for code, simulated in known[:limit]
    ]


def _read_exchanges() -> list[tuple[str, bool]]:
    rows = (
        Instrument.objects.shared()
        .active()
        .filter(exchange__in=list(_EXCHANGE_NAMES))
        .values("exchange")
        .annotate(count=Count("pk"), real=Count("pk", filter=~Q(provider="simulated")))
        .order_by("-count", "exchange")
    )
    return [(row["exchange"], row["real"] == 0) for row in rows]


_CANDIDATES = """
SELECT i.id, i.symbol, i.name, i.asset_class, i.sector
FROM marketdata_instrument i JOIN marketdata_quote q ON q.instrument_id = i.id
WHERE i.owner_id IS NULL AND i.is_active AND i.asset_class = ANY(%s) AND q.previous_close > 0
ORDER BY q.last * q.volume DESC NULLS LAST, i.id
LIMIT %s
"""


def market_rows(*, now: datetime) -> list[MarketRow]:
    """Return what is traded most, with today's changes. No statement when cached (for moments), up to four else."""
    key = "marketdata:market-rows:1"
    known: list[MarketRow] | None = cache.get(key)
    if known is None:
        known = _read_market(now)
        cache.set(key, known, timeout=_MARKET_SECONDS)
    return known


def _read_market(now: datetime) -> list[MarketRow]:
    with connection.cursor() as cursor:
        cursor.execute(_CANDIDATES, [[str(kind) for kind in _TRADED], _MOST_TRADED])
        candidates: dict[int, Sequence[Any]] = {row[0]: row for row in cursor.fetchall()}
    # From the database: looking over the market is not an interest in each of its hundreds of prices.
    quotes = {
        pk: quote
        for pk, quote in latest_quotes(candidates, now=now).items()
        if quote.change_fraction is not None and now - quote.quoted_at <= _RECENT
    }
    rates = rates_into(_COMMON, {quote.currency for quote in quotes.values()}, now=now)
    return [
        MarketRow(
            instrument_id=pk,
            symbol=symbol,
            name=name,
            asset_class=asset_class,
            sector=sector,
            currency=quotes[pk].currency,
            last=quotes[pk].last,
            change_fraction=round(quotes[pk].change_fraction or Decimal(0), 6),
            turnover=_turnover(quotes[pk], rates.get(quotes[pk].currency)),
            is_simulated=quotes[pk].is_simulated,
        )
        for pk, symbol, name, asset_class, sector in candidates.values()
        if pk in quotes
    ]


def _turnover(quote: QuoteView, rate: Decimal | None) -> Decimal | None:
    if quote.volume is None or rate is None:
        return None
    return round(quote.last * quote.volume * rate, 2)


def rates_into(currency: str, others: set[str], *, now: datetime) -> dict[str, Decimal]:
    """Return what a unit of each currency is worth now; those without a rate are left out. One statement, more only
    where rates are missing."""
    found = {currency: Decimal(1)}
    pairs = [(other, currency) for other in sorted(others - {currency})]
    if not pairs:
        return found
    today = now.date()
    try:
        series = fx_rates_between(pairs, today, today)
    except FxRateMissing:
        # One that is missing hides the others: they are asked for one by one.
        series = {}
        for pair in pairs:
            try:
                series |= fx_rates_between([pair], today, today)
            except FxRateMissing:
                continue
    return found | {base: list(days.values())[-1] for (base, _), days in series.items() if days}
