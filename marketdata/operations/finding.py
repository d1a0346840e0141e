"""Market data operations: what is not in the list yet: found by the providers' search, and added to it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from django.core.cache import cache
from django.db.models import Q

from marketdata.domain.currencies import major
from marketdata.domain.numbers import isin_is_valid
from marketdata.domain.sectors import sector_name
from marketdata.models import Instrument
from marketdata.operations import gateway
from marketdata.operations.gateway import NotAsked
from marketdata.operations.instruments import InstrumentRefused, create_instrument
from marketdata.operations.providing import names_with, options_of, provider_named
from marketdata.providers.base import Capability, NotAuthorised, ProviderError, SearchHit, SymbolUnknown
from portfolio_site.kernel.errors import ForbiddenError
from portfolio_site.kernel.money import is_currency

_LONGEST: Final = 100
#: Answers are good for a while: people type, go back and type again.
_CACHE_SECONDS: Final = 900
#: Who waits for a search does not wait longer than that for the next provider.
_PATIENCE_SECONDS: Final = 5.0
#: Asked only when nobody else could answer: it allows a few questions a day.
_LAST_RESORT: Final = frozenset({"alpha_vantage"})
_MOST_HITS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a provider found. `instrument`: it is in our list, under this name; None: it can be added."""

    hit: SearchHit
    instrument: Instrument | None = None


@dataclass(slots=True, kw_only=True)
class Findings:
    """What the providers found, best first, who was asked, and who could not answer."""

    found: list[Finding] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def search_providers(*, user: Any, text: str) -> Findings:
    """Ask the providers that have a search for instruments called like this. Not to be called inside a transaction.

    Never raises for a provider that cannot answer: it is named in `failed`. Answers are remembered for a while.
    """
    result = Findings()
    wanted = " ".join(text.split())[:_LONGEST].replace("\0", "")
    if not wanted or user.pk is None:
        return result
    hits: list[SearchHit] = []
    began = time.monotonic()
    for name in _searching():
        if name in _LAST_RESORT and (hits or len(result.failed) < len(result.asked)):
            continue
        if time.monotonic() - began > _PATIENCE_SECONDS:
            break
        try:
            hits += _ask(name, wanted)
        except NotAuthorised:
            continue
        except SymbolUnknown:
            result.asked.append(name)
        except ProviderError:
            result.asked.append(name)
            result.failed.append(name)
        else:
            result.asked.append(name)
    result.found = _with_known(user, hits[:_MOST_HITS])
    return result


def add_found_instrument(*, actor: Any, provider: str, provider_symbol: str, text: str) -> Instrument:
    """Put what a provider's search found into the shared list, and return it; what is there already is returned.

    What it is called and traded in is taken from the provider's answer to `text`, never from who asks. Raises
    `InstrumentRefused` when the provider does not find it (any more) or does not say its currency, `ForbiddenError`
    for who may only look. Not to be called inside a transaction.
    """
    if getattr(actor, "is_read_only", False):
        raise ForbiddenError("Your role may look at this but not change it.")
    if provider not in _searching():
        raise InstrumentRefused("No such source is searched here.", field="provider")
    hit = _found_again(provider, provider_symbol, text)
    known = _with_known(actor, [hit])[0].instrument
    if known is not None:
        return known
    if not hit.currency:
        raise InstrumentRefused(
            f"The source does not say which currency {hit.symbol} is traded in. Try again later.",
            field="provider_symbol",
        )
    if not is_currency(hit.currency):
        raise InstrumentRefused(
            f"{hit.symbol} is traded in {hit.currency}, which is not a currency we know.",
            field="provider_symbol",
        )
    try:
        return _made(hit)
    except InstrumentRefused as refusal:
        # Somebody added it in this very moment.
        added = _with_known(actor, [hit])[0].instrument if refusal.code == "symbol_taken" else None
        if added is None:
            raise
        return added


def _made(hit: SearchHit) -> Instrument:
    return create_instrument(
        owner=None,
        symbol=hit.symbol[:40],
        name=hit.name[:200],
        currency=hit.currency,
        quoted_in=hit.quoted_in if major(hit.quoted_in)[0] == hit.currency else "",
        asset_class=hit.asset_class,
        exchange=hit.exchange if len(hit.exchange) == 4 else "",
        isin=hit.isin if isin_is_valid(hit.isin) else "",
        sector=sector_name(hit.sector)[:60],
        country=hit.country if len(hit.country) == 2 else "",
        provider=hit.provider,
        provider_symbols={hit.provider: hit.provider_symbol},
    )


def _searching() -> list[str]:
    """The providers that can be searched, those with a key to spare last."""
    names = [name for name in names_with(Capability.SEARCH) if options_of(name).get("api_key", "-")]
    keyless = [
        name for name in names_with(Capability.SEARCH) if name not in names and name not in _LAST_RESORT
    ]
    return sorted([*names, *keyless], key=lambda name: name in _LAST_RESORT)


def _ask(name: str, text: str) -> list[SearchHit]:
    digest = hashlib.sha256(f"{name}:{text.lower()}".encode()).hexdigest()[:32]
    key = f"marketdata:found:1:{digest}"
    known: list[SearchHit] | None = cache.get(key)
    if known is None:
        known = gateway.call(
            name, "search", lambda: provider_named(name).search(text), key=text.lower(), tries=1
        )
        cache.set(key, known, timeout=_CACHE_SECONDS)
    return known


def _found_again(provider: str, provider_symbol: str, text: str) -> SearchHit:
    """The hit of that name in the answer to what was typed, or to the name itself."""
    try:
        for wanted in dict.fromkeys(
            part for part in (text.strip()[:_LONGEST], provider_symbol[:_LONGEST]) if part
        ):
            for hit in _ask(provider, " ".join(wanted.split())):
                if hit.provider_symbol == provider_symbol:
                    return hit
    except NotAsked as error:
        raise InstrumentRefused(
            "The source is not asked just now. Try again in a moment.", status=503
        ) from error
    except ProviderError as error:
        raise InstrumentRefused(
            "The source does not answer just now. Try again later.", status=503
        ) from error
    raise InstrumentRefused("The source does not know this any more.", field="provider_symbol")


def _with_known(user: Any, hits: Sequence[SearchHit]) -> list[Finding]:
    """Each hit once, beside the shared instrument that is the same; one statement."""
    wanted = Q(pk__in=[])
    for hit in hits:
        wanted |= Q(**{f"provider_symbols__{hit.provider}": hit.provider_symbol})
        wanted |= Q(symbol_key=hit.symbol.upper(), exchange=hit.exchange)
    rows = list(Instrument.objects.visible_to(user).shared().filter(wanted)) if hits else []
    return list(_once(hits, rows))


def _once(hits: Sequence[SearchHit], rows: Sequence[Instrument]) -> Iterator[Finding]:
    shown: set[object] = set()
    for hit in hits:
        same = next((row for row in rows if _is_same(row, hit)), None)
        mark: object = same.pk if same else (hit.symbol.upper(), hit.exchange, hit.currency)
        if mark not in shown:
            shown.add(mark)
            yield Finding(hit=replace(hit, name=hit.name.strip() or hit.symbol), instrument=same)


def _is_same(row: Instrument, hit: SearchHit) -> bool:
    if row.provider_symbols.get(hit.provider) == hit.provider_symbol:
        return True
    return (
        row.symbol_key == hit.symbol.upper()
        and row.exchange == hit.exchange
        and (not hit.currency or row.currency == hit.currency)
    )
