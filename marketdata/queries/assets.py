"""Market data queries: the instrument that a short name means: `AAPL`, `btc`, `BTC/USD`, an ISIN."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Q

from marketdata.models import AssetClass, Instrument

#: What an asset is called by the doors that know two kinds only.
CRYPTO, STOCK = "crypto", "stock"


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
