"""Market data queries: the instrument that a short name means: `AAPL`, `btc`, `BTC/USD`, an ISIN."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Q

from marketdata.models import AssetClass, Instrument
from marketdata.queries.fx import FxRateMissing, fx_rate
from marketdata.queries.quotes import QuoteView, cached_quotes

#: What an asset is called by the doors that know two kinds only.
CRYPTO, STOCK = "crypto", "stock"
ASSET_KINDS = [(CRYPTO, CRYPTO), (STOCK, STOCK)]


def kind_of(asset_class: str) -> str:
    """`crypto` for coins, `stock` for everything else that can be held."""
    return CRYPTO if asset_class == AssetClass.CRYPTO else STOCK


def find_assets(*, user: Any, symbols: Iterable[str], kind: str | None = None) -> dict[str, Instrument]:
    """Return the instrument that each name means, by the name as given; what nobody knows is left out.

    A coin answers to its ticker as well as to its pair with the dollar (`BTC`, `BTC-USD`, `BTC/USD`, `BTCUSD`). An
    exact symbol comes before a pair, the shared list before one's own, what is quoted before what is not; indices
    and currencies are no assets. With `kind` only coins, or all but coins. One statement.
    """
    given = {symbol: _keys(symbol) for symbol in symbols}
    keys = {key for wanted in given.values() for key in wanted}
    rows = Instrument.objects.visible_to(user).exclude(
        asset_class__in=[AssetClass.INDEX, AssetClass.CURRENCY]
    )
    if kind is not None:
        is_crypto = Q(asset_class=AssetClass.CRYPTO)
        rows = rows.filter(is_crypto if kind == CRYPTO else ~is_crypto)
    found: dict[str, list[Instrument]] = {}
    for row in rows.filter(Q(symbol_key__in=keys) | Q(isin__in=keys)).order_by("pk"):
        for key in {row.symbol_key, row.isin} & keys:
            found.setdefault(key, []).append(row)
    answer: dict[str, Instrument] = {}
    for symbol, wanted in given.items():
        candidates = [
            (place, not row.is_active, row.owner_id is not None, row.pk, row)
            for place, key in enumerate(wanted)
            for row in found.get(key, ())
            if place == 0 or row.asset_class == AssetClass.CRYPTO
        ]
        if candidates:
            answer[symbol] = min(candidates, key=lambda candidate: candidate[:4])[4]
    return answer


def _keys(symbol: str) -> list[str]:
    """The names under which it may be listed, the likeliest first."""
    key = symbol.strip().upper()
    if not key or "\0" in key or len(key) > 40:
        return []
    bare = key.replace("/", "-")
    keys = [key, bare, f"{bare}-USD"]
    if bare.endswith("USD") and "-" not in bare:
        keys.append(f"{bare[:-3]}-USD")
    return list(dict.fromkeys(keys))


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceProblem:
    """Why there is no price: `unknown_symbol`, `no_price` or `no_exchange_rate`, and a sentence."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceAnswer:
    """The price of one symbol as it was asked for, or the reason why there is none (`error`)."""

    symbol: str
    name: str | None = None
    type: str | None = None
    price: Decimal | None = None
    currency: str | None = None
    time: datetime | None = None
    age_seconds: int | None = None
    source: str | None = None
    is_simulated: bool | None = None
    is_stale: bool | None = None
    error: PriceProblem | None = None


def price_answers(
    *, user: Any, symbols: Iterable[str], now: datetime, currency: str = ""
) -> list[PriceAnswer]:
    """Return the latest price of each symbol, in the order given and each once; with `currency` converted at the
    day's rate. One statement and the quotes' cache, and a few for rates."""
    wanted = list(dict.fromkeys(symbols))
    found = find_assets(user=user, symbols=wanted)
    quotes = cached_quotes({row.pk for row in found.values()}, now=now)
    return [_answer(symbol, found.get(symbol), quotes, currency=currency, now=now) for symbol in wanted]


def _answer(
    symbol: str,
    instrument: Instrument | None,
    quotes: dict[int, QuoteView],
    *,
    currency: str,
    now: datetime,
) -> PriceAnswer:
    if instrument is None:
        problem = PriceProblem(code="unknown_symbol", message="No instrument has this symbol.")
        return PriceAnswer(symbol=symbol, error=problem)
    name, kind = instrument.name, kind_of(instrument.asset_class)
    quote = quotes.get(instrument.pk)
    if quote is None:
        problem = PriceProblem(code="no_price", message="There is no price of it yet.")
        return PriceAnswer(symbol=symbol, name=name, type=kind, error=problem)
    wanted, price = currency or quote.currency, quote.last
    if wanted != quote.currency:
        try:
            price = (price * fx_rate(base=quote.currency, quote=wanted, on=now.date())).quantize(
                Decimal("1e-12")
            )
        except FxRateMissing:
            message = f"There is no exchange rate from {quote.currency} to {wanted}."
            problem = PriceProblem(code="no_exchange_rate", message=message)
            return PriceAnswer(symbol=symbol, name=name, type=kind, error=problem)
    return PriceAnswer(
        symbol=symbol,
        name=name,
        type=kind,
        price=price,
        currency=wanted,
        time=quote.quoted_at,
        age_seconds=max(0, int((now - quote.quoted_at).total_seconds())),
        source=quote.source,
        is_simulated=quote.is_simulated,
        is_stale=quote.is_stale,
    )
