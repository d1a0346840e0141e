"""The wire's assets: instruments under the names and classes that programs know.

Shares and funds are ``us_equity``, coins are ``crypto`` and named as pairs (``BTC/USD``). What trades by the percent (bonds),
and what belongs to one person, is not listed. Exchanges are told by the names of the SDK's own list; one that has none there
is ``""``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db.models import Q

from marketdata.models import AssetClass, Instrument, InstrumentQuerySet, QuoteUnit
from portfolio_site.kernel.rows import instance_of
from portfolio_site.kernel.statements import Statement
from portfolio_site.kernel.writing import document
from trading.engine.margin import MAINTENANCE_RATE
from trading.engine.terms import Tradable
from trading.queries import things_of
from trading.wire.calls import Call
from trading.wire.errors import invalid, not_found
from trading.wire.values import number_of, read_uuid, read_words, text_of

EQUITY: Final = "us_equity"
CRYPTO: Final = "crypto"

#: MIC -> name in the SDK's list, which knows no others.
EXCHANGES: Final[dict[str, str]] = {
    "XNAS": "NASDAQ",
    "XNGS": "NASDAQ",
    "XNMS": "NASDAQ",
    "XNCM": "NASDAQ",
    "XNYS": "NYSE",
    "ARCX": "ARCA",
    "XASE": "AMEX",
    "BATS": "BATS",
    "BATY": "BATS",
    "OTCM": "OTC",
    "OOTC": "OTC",
    "XOTC": "OTC",
    "PINX": "OTC",
}
_NAMES: Final = frozenset("AMEX ARCA ASCX BATS NYSE NASDAQ NYSEARCA FTXU CBSE GNSS ERSX OTC CRYPTO".split())
#: What is listed. Everything else may be held (and shows in positions), but is traded on the pages alone.
LISTED: Final = (AssetClass.EQUITY, AssetClass.ETF, AssetClass.FUND, AssetClass.CRYPTO)
_QUOTED_IN: Final = ("USD", "USDT", "USDC", "EUR", "GBP", "BTC")
_MOST_SYMBOL: Final = 64
_MOST_REMEMBERED: Final = 5_000
_REMEMBERED_SECONDS: Final = 30.0
_remembered: dict[str, tuple[Instrument, float]] = {}

_TRADED: Final = ("id", "public_id", "symbol", "asset_class", "exchange", "currency", "is_active")
_LISTED_UNDER = Statement(f"""
SELECT {", ".join(_TRADED)} FROM marketdata_instrument
WHERE owner_id IS NULL AND asset_class IN ({", ".join(f"'{kind.value}'" for kind in LISTED)})
  AND quote_unit = '{QuoteUnit.UNIT.value}'
  AND symbol_key IN (SELECT jsonb_array_elements_text(%(keys)s::jsonb))
""")  # noqa: S608 - columns and words of our own


def listed() -> InstrumentQuerySet:
    """Every instrument that has a place on the wire."""
    return Instrument.objects.shared().filter(asset_class__in=LISTED, quote_unit=QuoteUnit.UNIT)


def is_crypto(instrument: Instrument) -> bool:
    """Whether it is a coin."""
    return instrument.asset_class == AssetClass.CRYPTO


def class_of(instrument: Instrument) -> str:
    """Its asset class on the wire."""
    return CRYPTO if is_crypto(instrument) else EQUITY


def symbol_of(instrument: Instrument) -> str:
    """Its symbol on the wire: ``BTC/USD`` for coins, ``BRK.B`` for share classes of US exchanges."""
    if is_crypto(instrument):
        return pair_of(instrument.symbol, instrument.currency)
    return wire_symbol(instrument.symbol, instrument.exchange)


def wire_symbol(symbol: str, exchange: str) -> str:
    """The symbol of what is no coin: share classes of US exchanges with a point (``BRK.B``)."""
    return symbol.replace("-", ".") if exchange in EXCHANGES else symbol


def pair_of(symbol: str, currency: str) -> str:
    """The pair that a coin's symbol means: ``BTC-USD``, ``BTCUSD`` and ``BTC`` in USD are all ``BTC/USD``."""
    joined = symbol.replace("-", "/").replace("_", "/")
    if "/" in joined:
        return joined
    base = joined.removesuffix(currency)
    return f"{base or joined}/{currency}"


def position_symbol_of(instrument: Instrument) -> str:
    """Its symbol in positions, where coins are written without the slash."""
    return symbol_of(instrument).replace("/", "") if is_crypto(instrument) else symbol_of(instrument)


def exchange_of(instrument: Instrument) -> str:
    """Its exchange by the SDK's list."""
    return "CRYPTO" if is_crypto(instrument) else EXCHANGES.get(instrument.exchange, "")


def find_asset(text: str) -> Instrument | None:
    """The listed instrument of a symbol in any of its spellings, or of an asset id. One statement.

    Of several that share a symbol, the active one on a US exchange comes first.
    """
    public_id = read_uuid(text)
    if public_id is not None:
        return listed().filter(public_id=public_id).first()
    return find_assets([text]).get(text)


def find_assets(texts: Iterable[str]) -> dict[str, Instrument]:
    """The listed instruments of several symbols, by the spelling that was asked for. One statement."""
    return _chosen(
        {text: _keys_of(text) for text in texts}, lambda keys: listed().filter(symbol_key__in=keys)
    )


def _chosen(
    wanted: Mapping[str, Sequence[str]], read: Callable[[set[str]], Iterable[Instrument]]
) -> dict[str, Instrument]:
    """Of what is listed under the keys of each text, the one that it means. ``read`` is asked once, if at all."""
    keys = {key for spellings in wanted.values() for key in spellings}
    if not keys:
        return {}
    by_key: dict[str, Instrument] = {}
    for instrument in sorted(read(keys), key=_preference):
        by_key.setdefault(instrument.symbol.upper(), instrument)
    found = {}
    for text, spellings in wanted.items():
        match = next((by_key[key] for key in spellings if key in by_key and _fits(by_key[key], text)), None)
        if match is not None:
            found[text] = match
    return found


def _stored(keys: set[str]) -> list[Instrument]:
    """What is listed under these keys, with what an order asks of it."""
    rows = _LISTED_UNDER.rows({"keys": document(sorted(keys))})
    found = (instance_of(Instrument, _TRADED, row) for row in rows)
    return [instrument for instrument in found if instrument is not None]


def required_asset(text: str) -> Instrument:
    """The same; raises ``WireError`` (404) when there is none."""
    found = find_asset(text)
    if found is None:
        raise not_found(f"asset not found for {text[:_MOST_SYMBOL]}")
    return found


def asset_to_trade(text: str) -> Instrument:
    """The same for an order, remembered for a while; what an order does not ask of an instrument is fetched when it is asked
    for. One statement that is kept prepared: somebody who trades now and then finds nothing remembered."""
    if read_uuid(text) is not None:
        found: Instrument | None = required_asset(text)
    else:
        found = _chosen({text: _keys_of(text)}, _stored).get(text)
    if found is None:
        raise not_found(f"asset not found for {text[:_MOST_SYMBOL]}")
    if len(_remembered) >= _MOST_REMEMBERED:
        _remembered.clear()
    _remembered[text] = found, time.monotonic() + _REMEMBERED_SECONDS
    return found


def remembered_asset(text: str) -> Instrument | None:
    """What this process found under a name a moment ago; None where it did not look. Whoever uses it makes sure that
    it is still called so."""
    found, until = _remembered.get(text, (None, 0.0))
    return found if time.monotonic() < until else None


def forget_asset(text: str) -> None:
    """Look again the next time."""
    _remembered.pop(text, None)


def spelled(instrument: Instrument, text: str) -> bool:
    """Whether ``text`` names this instrument: its id, or its symbol in any spelling."""
    public_id = read_uuid(text)
    if public_id is not None:
        return instrument.public_id == public_id
    return instrument.symbol.upper() in _spellings(text) and _fits(instrument, text)


def asset_objects(instruments: Iterable[Instrument]) -> list[dict[str, Any]]:
    """Assets as the wire tells them, in the order given. One statement for the terms they trade under."""
    rows = list(instruments)
    things = things_of(rows)
    return [_asset_object(row, things[row.pk]) for row in rows]


def asset_object(instrument: Instrument) -> dict[str, Any]:
    """One asset as the wire tells it. One statement."""
    return asset_objects([instrument])[0]


def _asset_object(instrument: Instrument, thing: Tradable) -> dict[str, Any]:
    crypto = is_crypto(instrument)
    step = instrument.quantity_step
    rate = MAINTENANCE_RATE if thing.maintenance_rate is None else thing.maintenance_rate
    margin = text_of(rate * 100) if thing.is_marginable else "100"
    can_short = thing.is_tradable and thing.is_shortable
    facts: dict[str, Any] = {
        "id": str(instrument.public_id),
        "class": class_of(instrument),
        "exchange": exchange_of(instrument),
        "symbol": symbol_of(instrument),
        "name": instrument.name,
        "status": "active" if instrument.is_active else "inactive",
        "tradable": thing.is_tradable and thing.status == "normal",
        "marginable": thing.is_tradable and thing.is_marginable,
        "shortable": can_short,
        "easy_to_borrow": can_short and thing.is_easy_to_borrow,
        "borrow_status": "easy_to_borrow" if can_short and thing.is_easy_to_borrow else "not_available",
        "fractionable": thing.is_fractionable,
        "maintenance_margin_requirement": number_of(Decimal(margin)),
        "margin_requirement_long": margin,
        "margin_requirement_short": margin,
        "attributes": _attributes(instrument),
    }
    if crypto:
        facts |= {
            "min_order_size": _plain(step),
            "min_trade_increment": _plain(step),
            "price_increment": _plain(thing.price_increment or Decimal("0.000000001")),
        }
    return facts


def list_assets(call: Call) -> Any:
    """``GET /assets``"""
    rows = listed()
    status = call.word("status", frozenset({"active", "inactive", "all"}), "all")
    if status != "all":
        rows = rows.filter(is_active=status == "active")
    kind = call.word("asset_class", frozenset({EQUITY, CRYPTO, "us_option", "crypto_perp"}), EQUITY)
    if kind not in {EQUITY, CRYPTO}:
        return []
    crypto = Q(asset_class=AssetClass.CRYPTO)
    rows = rows.filter(crypto if kind == CRYPTO else ~crypto)
    exchange = call.text("exchange")
    if exchange is not None:
        if exchange not in _NAMES:
            raise invalid(f"invalid exchange: {exchange[:20]!r}")
        mics = [mic for mic, name in EXCHANGES.items() if name == exchange]
        rows = rows.filter(crypto if exchange == "CRYPTO" else Q(exchange__in=mics))
    wanted = set(read_words(call.text("attributes") or ""))
    found = sorted(
        asset_objects(rows),
        key=lambda asset: (asset["class"], asset["exchange"], asset["symbol"]),
    )
    return [asset for asset in found if wanted <= set(asset["attributes"])]


def get_asset(call: Call, symbol: str) -> Any:
    """``GET /assets/{symbol or id}``"""
    return asset_object(required_asset(symbol))


def by_public_id(ids: Iterable[UUID]) -> dict[UUID, Instrument]:
    """Instruments by asset id. One statement."""
    return {row.public_id: row for row in Instrument.objects.filter(public_id__in=list(ids))}


def _attributes(instrument: Instrument) -> list[str]:
    """What programs know, and that a price is made up where it is."""
    found = []
    if not is_crypto(instrument) and instrument.quantity_step < 1:
        found.append("fractional_eh_enabled")
    if instrument.is_simulated:
        found.append("simulated")
    return found


def _spellings(text: str) -> list[str]:
    """The keys under which an instrument called ``text`` may be stored, the likeliest first."""
    key = text.strip().upper()
    found = [key]
    if "/" in key:
        base, _, quote = key.partition("/")
        found += [f"{base}-{quote}", f"{base}{quote}", base]
    else:
        found += [key.replace(".", "-"), key.replace(".", "/"), key.replace("-", "")]
        for quote in _QUOTED_IN:
            if key.endswith(quote) and len(key) > len(quote):
                base = key.removesuffix(quote).rstrip("-")
                found += [f"{base}-{quote}", f"{base}/{quote}", base]
    return list(dict.fromkeys(found))


def _keys_of(text: str) -> list[str]:
    """The same, but none for a text that can be nobody's name."""
    return _spellings(text) if 0 < len(text) <= _MOST_SYMBOL and "\0" not in text else []


def _fits(instrument: Instrument, text: str) -> bool:
    """Keeps ``BTC/USD`` from meaning a share called BTC, and ``AAPLUSD`` from meaning AAPL."""
    key = text.strip().upper()
    if is_crypto(instrument):
        pair = symbol_of(instrument).upper()
        return key in {pair, pair.replace("/", ""), pair.replace("/", "-"), instrument.symbol.upper()}
    return key in {instrument.symbol.upper(), symbol_of(instrument).upper()}


def _preference(instrument: Instrument) -> tuple[bool, bool, bool, int]:
    return (
        not instrument.is_active,
        instrument.exchange not in EXCHANGES,
        instrument.currency != "USD",
        instrument.pk,
    )


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}"
