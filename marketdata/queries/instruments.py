"""Market data queries: finding instruments."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db.models import Case, Count, IntegerField, Q, Value, When, Window
from django.db.models.functions import Length, RowNumber

from marketdata.models import AssetClass, Instrument
from portfolio_site.kernel.errors import NotFoundError

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
_MAX_TEXT = 100


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


def find_by_symbol(*, user: Any, symbol: str, exchange: str = "") -> Instrument | None:
    """Return the one instrument with exactly this symbol (in any case) or ISIN: one's own first, then the
    active shared one.

    With `exchange` only there. None when there is none.
    """
    key = symbol.strip().upper()
    if not key or "\0" in key:
        return None
    rows = Instrument.objects.visible_to(user).filter(Q(symbol_key=key) | Q(isin=key))
    if exchange:
        rows = rows.filter(exchange=exchange)
    return rows.order_by("owner_id", "-is_active", "pk").first()


def ids_by_symbol(*, user: Any, symbols: Iterable[str]) -> dict[str, int]:
    """Return the instrument of each symbol (in capitals) that the person can see, chosen like
    `find_by_symbol`. One statement."""
    keys = {symbol.strip().upper() for symbol in symbols if "\0" not in symbol}
    rows = Instrument.objects.visible_to(user).filter(symbol_key__in=keys)
    found: dict[str, int] = {}
    for key, pk in rows.order_by("owner_id", "-is_active", "pk").values_list("symbol_key", "pk"):
        found.setdefault(key, pk)
    return found


def search_instruments(
    *, user: Any, text: str, limit: int = 20, tradable_only: bool = False
) -> list[Instrument]:
    """Return instruments whose symbol, ISIN or name begins with the text, or whose name has words that do.
    One statement.

    Exact symbols come first, then symbols that begin so, names that begin so, and names with such words;
    within each, what is still quoted and short before the rest. An empty text finds nothing.
    """
    wanted = " ".join(text.split())[:_MAX_TEXT].replace("\0", "")
    if not wanted:
        return []
    upper, lower = wanted.upper(), wanted.lower()
    matches = Q(symbol_key__startswith=upper) | Q(name_key__startswith=lower)
    if len(upper) >= 4:
        # The condition of the partial index is spelt out so that the planner may use it.
        matches |= Q(isin__startswith=upper) & ~Q(isin="")
    rows = Instrument.objects.visible_to(user)
    words = _words(lower)
    if words is not None:
        rows = rows.alias(words=SearchVector("name", config="simple"))
        matches |= Q(words=words)
    rows = rows.filter(matches)
    if tradable_only:
        rows = rows.filter(is_active=True, owner__isnull=True).exclude(
            asset_class__in=[AssetClass.INDEX, AssetClass.CURRENCY]
        )
    rank = Case(
        When(Q(symbol_key=upper) | Q(isin=upper), then=Value(0)),
        When(symbol_key__startswith=upper, then=Value(1)),
        When(name_key__startswith=lower, then=Value(2)),
        default=Value(3),
        output_field=IntegerField(),
    )
    return list(rows.order_by(rank, "-is_active", Length("symbol"), "symbol_key", "pk")[:limit])


def _words(text: str) -> SearchQuery | None:
    """A full-text query that wants every word as the beginning of one in the name; None when there is no word
    in it."""
    words = ["".join(sign for sign in word if sign.isalnum()) for word in text.split()]
    words = [word for word in words if word]
    if not words:
        return None
    return SearchQuery(" & ".join(f"{word}:*" for word in words), config="simple", search_type="raw")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassView:
    """The first instruments of a kind, and how many there are."""

    asset_class: str
    instruments: list[Instrument]
    total: int


def instruments_overview(*, user: Any, per_class: int) -> list[ClassView]:
    """Return what is quoted: the first few of each kind by symbol, kinds in the order of `CLASS_ORDER`. One
    statement."""
    rows = (
        Instrument.objects.visible_to(user)
        .active()
        .annotate(
            place=Window(RowNumber(), partition_by="asset_class", order_by=["symbol_key", "pk"]),
            total=Window(Count("*"), partition_by="asset_class"),
        )
        .filter(place__lte=per_class)
        .order_by("symbol_key", "pk")
    )
    by_class: dict[str, list[Any]] = {}
    for row in rows:
        by_class.setdefault(row.asset_class, []).append(row)
    return [
        ClassView(asset_class=kind, instruments=by_class[kind], total=by_class[kind][0].total)
        for kind in CLASS_ORDER
        if kind in by_class
    ]


def instruments_of_class(
    *, user: Any, asset_class: str, offset: int = 0, limit: int = 100
) -> tuple[int, list[Instrument]]:
    """Return how many active instruments of a kind there are, and some of them by symbol. Two statements."""
    rows = Instrument.objects.visible_to(user).active().filter(asset_class=asset_class)
    return rows.count(), list(rows.order_by("symbol_key", "pk")[offset : offset + limit])
