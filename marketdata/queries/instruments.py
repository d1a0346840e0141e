"""Market data queries: finding instruments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import Count, F, Q

from marketdata.models import AssetClass, Instrument
from portfolio_site.kernel.errors import DomainError, NotFoundError

#: The order in which kinds are listed.
CLASS_ORDER = (
    AssetClass.EQUITY,
    AssetClass.ETF,
    AssetClass.FUND,
    AssetClass.BOND,
    AssetClass.CRYPTO,
    AssetClass.COMMODITY,
    AssetClass.INDEX,
    AssetClass.CURRENCY,
    AssetClass.REAL_ESTATE,
    AssetClass.PRIVATE,
    AssetClass.OTHER,
)


class SeveralInstruments(DomainError):
    """A name that more than one instrument has."""

    code = "several_instruments"

    def __init__(self, text: str, found: Sequence[Instrument]) -> None:
        names = [
            f"{one.name} ({'your own' if one.owner_id else one.exchange or one.get_asset_class_display()}, {one.currency})"
            for one in found[:4]
        ]
        super().__init__(
            f"“{text.strip()}” may be {', '.join(names[:-1])} or {names[-1]}. Choose one from the list, or type its whole name.",
            details={"instrument_ids": [one.pk for one in found]},
        )


class InstrumentNotFound(NotFoundError):
    """There is no such instrument, or not for this person."""

    code = "instrument_not_found"

    def __init__(self, message: str = "There is no such instrument.", *, field: str | None = None) -> None:
        super().__init__(message, field=field)


def visible_instrument(user: Any, instrument_id: int) -> Instrument:
    """Return the instrument if this person may see it; raises `InstrumentNotFound` (404) else."""
    found = Instrument.objects.visible_to(user).filter(pk=instrument_id).first()
    if found is None:
        raise InstrumentNotFound
    return found


def instruments_called(
    *, user: Any, text: str, exchange: str = "", tradable: bool = False
) -> list[Instrument]:
    """Return what a person may mean by exactly this text: a symbol (in any case), an ISIN, Yahoo's name, or, where there
    is none of them, a whole name. Shared ones first, one's own of the same name after them. One statement, or two.

    With `exchange` only there.
    """
    wanted = " ".join(text.split())
    key = wanted.upper()
    if not key or "\0" in key:
        return []
    rows = Instrument.objects.visible_to(user)
    if exchange:
        rows = rows.filter(exchange=exchange)
    order = ("-is_active", F("owner_id").asc(nulls_first=True), "pk")
    called = Q(symbol_key=key) | (Q(isin=key) & ~Q(isin="")) | Q(provider_symbols__yahoo=key)
    return list(rows.filter(called).order_by(*order)) or list(
        rows.filter(name_key=wanted.lower()).order_by(*order)[:10]
    )


def find_by_symbol(
    *, user: Any, symbol: str, exchange: str = "", tradable: bool = False
) -> Instrument | None:
    """Return the first of `instruments_called`: the active shared one before one's own, with `tradable` what can be
    ordered before what cannot. None when there is none."""
    found = instruments_called(user=user, text=symbol, exchange=exchange)
    if tradable:
        found.sort(key=lambda one: not one.is_tradable)
    return found[0] if found else None


def the_instrument_called(*, user: Any, text: str, tradable: bool = False) -> Instrument | None:
    """Return the one instrument that a text typed in full means, or None; with `tradable` of those that an order can
    be given for, when there are such.

    Raises `SeveralInstruments` where it may mean several that are still quoted: nobody should have to guess which.
    """
    found = instruments_called(user=user, text=text)
    current = [one for one in found if (one.is_tradable if tradable else one.is_active)] or found
    if len(current) > 1:
        raise SeveralInstruments(text, current)
    return current[0] if current else None


def ids_by_symbol(*, user: Any, symbols: Iterable[str]) -> dict[str, int]:
    """Return the instrument of each symbol (in capitals) that the person can see, chosen like
    `find_by_symbol`. One statement."""
    keys = {symbol.strip().upper() for symbol in symbols if "\0" not in symbol}
    rows = Instrument.objects.visible_to(user).filter(symbol_key__in=keys)
    found: dict[str, int] = {}
    order = ("-is_active", F("owner_id").asc(nulls_first=True), "pk")
    for key, pk in rows.order_by(*order).values_list("symbol_key", "pk"):
        found.setdefault(key, pk)
    return found


def class_totals(*, user: Any) -> dict[str, int]:
    """Return how many active instruments of each kind the person sees, in the order of `CLASS_ORDER`; kinds without
    any are left out. One statement."""
    rows = Instrument.objects.visible_to(user).active().values_list("asset_class").annotate(Count("pk"))
    found = dict(rows.order_by("asset_class"))
    return {kind: found[kind] for kind in CLASS_ORDER if kind in found}


def instruments_of_class(
    *, user: Any, asset_class: str, offset: int = 0, limit: int = 100
) -> tuple[int, list[Instrument]]:
    """Return how many active instruments of a kind there are, and some of them by symbol. Two statements."""
    rows = Instrument.objects.visible_to(user).active().filter(asset_class=asset_class)
    return rows.count(), list(rows.order_by("symbol_key", "pk")[offset : offset + limit])
