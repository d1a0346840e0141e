"""Market data operations: what the symbols in a price file stand for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from django.db.models import Q

from marketdata.domain.currencies import major
from marketdata.models import AssetClass, Instrument
from marketdata.operations.instruments import create_instrument
from portfolio_site.kernel.money import is_currency

#: Yahoo's rates: `EURUSD=X`; a single code is against the dollar (`JPY=X` is dollars in yen).
_RATE = re.compile(r"([A-Z]{3})?([A-Z]{3})=X")
_COIN = re.compile(r"[A-Z0-9]+-(USD|EUR|GBP|CHF|JPY)")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownInstrument:
    """A symbol's number in the file and the instrument it means; prices are divided by `units` (pence:
    100)."""

    number: int
    instrument_id: int
    units: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPair:
    """A symbol's number in the file and the exchange rate it means."""

    number: int
    base: str
    quote: str


@dataclass(slots=True)
class Resolved:
    """What the symbols stand for; what is in neither list is unknown."""

    instruments: list[KnownInstrument] = field(default_factory=list)
    pairs: list[KnownPair] = field(default_factory=list)
    created: list[str] = field(default_factory=list)

    @property
    def numbers(self) -> set[int]:
        """The numbers of all symbols that are known."""
        return {known.number for known in self.instruments} | {known.number for known in self.pairs}


def resolve(
    symbols: Sequence[str],
    *,
    rates: bool,
    create: bool,
    currency: str,
    asset_class: str,
    exchange: str,
    provider: str,
) -> Resolved:
    """Find the shared instrument (by symbol, or a provider's name for it) or the currency pair of each
    symbol.

    With `rates` every symbol is a currency against the euro. With `create` what is not found is entered. Of
    several instruments with one symbol the active one counts, then the one entered first; `exchange` narrows
    it down.
    """
    found = Resolved()
    others: dict[int, str] = {}
    for number, symbol in enumerate(symbols):
        rate = _RATE.fullmatch(symbol)
        if rates:
            found.pairs.append(KnownPair(number=number, base="EUR", quote=symbol))
        elif rate:
            found.pairs.append(KnownPair(number=number, base=rate[1] or "USD", quote=rate[2]))
        else:
            others[number] = symbol
    known = _by_symbol(list(others.values()), exchange)
    for number, symbol in others.items():
        instrument = known.get(symbol.upper())
        if instrument is None and create:
            instrument = _create(symbol, currency, asset_class, exchange, provider)
            known[symbol.upper()] = instrument
            found.created.append(symbol)
        if instrument is not None:
            units = major(instrument.quoted_in)[1] if instrument.quoted_in else Decimal(1)
            found.instruments.append(KnownInstrument(number=number, instrument_id=instrument.pk, units=units))
    return found


def _by_symbol(symbols: list[str], exchange: str) -> dict[str, Instrument]:
    keys = [symbol.upper() for symbol in symbols]
    rows = Instrument.objects.shared().filter(Q(symbol_key__in=keys) | Q(provider_symbols__yahoo__in=symbols))
    if exchange:
        rows = rows.filter(exchange=exchange)
    found: dict[str, Instrument] = {}
    # The best candidate comes last and stays.
    for instrument in rows.order_by("is_active", "-pk"):
        yahoo = instrument.provider_symbols.get("yahoo")
        if yahoo and str(yahoo).upper() not in found:
            found[str(yahoo).upper()] = instrument
        found[instrument.symbol_key] = instrument
    return found


def _create(symbol: str, currency: str, asset_class: str, exchange: str, provider: str) -> Instrument:
    coin = _COIN.fullmatch(symbol)
    if symbol.startswith("^"):
        asset_class = AssetClass.INDEX
    elif coin:
        asset_class, currency = AssetClass.CRYPTO, coin[1]
    code, _ = major(currency)
    instrument = create_instrument(
        owner=None,
        symbol=symbol,
        name=symbol,
        currency=code,
        asset_class=asset_class,
        exchange="" if coin or symbol.startswith("^") else exchange,
        provider=provider,
    )
    if currency != code and not is_currency(currency):
        instrument.quoted_in = currency
        instrument.save(update_fields=["quoted_in"])
    return instrument
