"""Instruments under the names that a broker knows them by."""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from marketdata.models import AssetClass, Instrument, QuoteUnit
from marketdata.operations import get_or_create_instrument

#: Exchanges whose share classes are written with a point at the broker (BRK.B) and with a dash here.
_US = frozenset({"XNAS", "XNGS", "XNMS", "XNCM", "XNYS", "ARCX", "XASE", "BATS", "BATY", ""})


def symbol_at_broker(instrument: Instrument) -> str:
    """``BTC/USD`` for coins, ``BRK.B`` for share classes."""
    symbol: str = instrument.symbol
    if instrument.asset_class == AssetClass.CRYPTO:
        joined = symbol.replace("-", "/").replace("_", "/")
        if "/" in joined:
            return joined
        base = joined.removesuffix(instrument.currency)
        return f"{base or joined}/{instrument.currency}"
    return symbol.replace("-", ".") if instrument.exchange in _US else symbol


def known_at_broker(symbol: str, *, owner: Any, currency: str, is_crypto: bool) -> Instrument | None:
    """The instrument that a broker's symbol means: one that everybody shares, else one of the owner's own; None where nothing
    is known of it. One statement."""
    keys = _keys(symbol, currency=currency, is_crypto=is_crypto)
    kind = Q(asset_class=AssetClass.CRYPTO)
    found = Instrument.objects.visible_to(owner).filter(
        kind if is_crypto else ~kind, symbol_key__in=keys, currency=currency, quote_unit=QuoteUnit.UNIT
    )

    def preference(row: Instrument) -> tuple[bool, bool, bool, int, int]:
        return (
            row.owner_id is not None,
            not row.is_active,
            not is_crypto and row.exchange not in _US,
            keys.index(row.symbol.upper()) if row.symbol.upper() in keys else len(keys),
            row.pk,
        )

    return min(found, key=preference, default=None)


def instrument_at_broker(symbol: str, *, owner: Any, currency: str, is_crypto: bool) -> Instrument:
    """As ``known_at_broker``, but one of the owner's own is made where nothing is known of the symbol."""
    known = known_at_broker(symbol, owner=owner, currency=currency, is_crypto=is_crypto)
    if known is not None:
        return known
    made = get_or_create_instrument(
        owner=owner,
        symbol=_keys(symbol, currency=currency, is_crypto=is_crypto)[0],
        name=symbol[:60],
        currency=currency,
        asset_class=AssetClass.CRYPTO if is_crypto else AssetClass.EQUITY,
    )
    return made.instrument


def _keys(symbol: str, *, currency: str, is_crypto: bool) -> list[str]:
    """How an instrument of that name may be called here, the likeliest first."""
    text = symbol.strip().upper()[:60]
    if not is_crypto:
        return [text, text.replace(".", "-"), text.replace(".", "/")]
    base = text.replace("/", "").replace("-", "").removesuffix(currency)
    return [f"{base}-{currency}", f"{base}/{currency}", f"{base}{currency}", base]
