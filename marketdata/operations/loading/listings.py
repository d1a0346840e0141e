"""Market data operations: lists of symbols into the shared instruments, by batches. The file streams."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from django.db import transaction
from django.db.models import Q

from marketdata.importers.symbol_files import (
    AMERICAN,
    Form,
    NotASymbolFile,
    SymbolFault,
    SymbolRow,
    begin,
    open_reader,
    symbol_rows,
)
from marketdata.models import AssetClass, Instrument
from marketdata.operations.loading.files import FileRefused, open_text
from marketdata.providers import registry

_BATCH = 1000
#: How Yahoo's names of European listings end.
ENDINGS = (".L", ".DE", ".AS", ".PA", ".MI", ".SW", ".BR", ".MC", ".LS", ".IR", ".VI", ".F")
#: What is listed at exchanges: a list says nothing of indices, coins and the like that are called the same.
_LISTED = (AssetClass.EQUITY, AssetClass.ETF, AssetClass.FUND, AssetClass.OTHER)
#: A list that would take more than this part of an exchange off it is not complete.
MOST_DELISTED = 0.10


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingOptions:
    """How to take a list.

    `complete`: a listing names everything its exchanges list; what is not in it is delisted, what is in it again is
    listed again. `update_names`: names in the list replace those on record. `exchange`: where the symbols of a list
    of ISINs are traded. `provider`: who gives the prices of what is new; Yahoo where this site has it, unless told.
    """

    complete: bool = False
    update_names: bool = False
    exchange: str = "XLON"
    provider: str = ""


@dataclass(slots=True, kw_only=True)
class ListingSummary:
    """What became of a list, counted in instruments (ISINs may concern several each)."""

    name: str
    form: str
    made_at: str = ""
    rows: int = 0
    faults: int = 0
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    moved: list[str] = field(default_factory=list)
    relisted: list[str] = field(default_factory=list)
    delisted: list[str] = field(default_factory=list)
    unknown: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    conflicts: list[str] = field(default_factory=list)


def load_symbols(
    *, path: Path, options: ListingOptions, on_fault: Callable[[SymbolFault], None]
) -> ListingSummary:
    """Take a list of symbols (`.gz` too) into the shared instruments, in one transaction. Safe to repeat.

    What is there keeps what it has: only what is empty is filled in, and a security that moved to another American
    exchange goes there. Faulty rows are told to `on_fault` by line; test issues and NextShares are left out. Raises
    `FileRefused` when the file cannot be read, is of no known form, or is called complete and plainly is not.
    """
    faults = 0

    def counted(fault: SymbolFault) -> None:
        nonlocal faults
        faults += 1
        on_fault(fault)

    try:
        with open_text(path) as text:
            reader = open_reader(text)
            try:
                reading = begin(next(reader, []), on_fault=counted)
            except NotASymbolFile as error:
                raise FileRefused(f"{path.name} is not a list of symbols: {error}.") from error
            if not reading.form.is_listing:
                options = replace(options, complete=False)
            summary = ListingSummary(name=path.name, form=reading.form.value)
            seen: dict[str, set[str]] = {}
            with transaction.atomic():
                for rows in _batches(symbol_rows(reader, reading)):
                    _take(rows, reading.form, options, summary)
                    for row in rows:
                        seen.setdefault(row.exchange, set()).add(row.symbol)
                if options.complete:
                    _delist(seen, summary)
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise FileRefused(f"{path.name} cannot be read: {error}.") from error
    summary.rows, summary.faults, summary.made_at = reading.rows, faults, reading.made_at
    summary.skipped = dict(reading.skipped)
    return summary


def _batches(rows: Iterable[SymbolRow]) -> Iterator[list[SymbolRow]]:
    every = iter(rows)
    while batch := list(islice(every, _BATCH)):
        yield batch


def _take(rows: list[SymbolRow], form: Form, options: ListingOptions, summary: ListingSummary) -> None:
    if form is Form.ISINS:
        _take_isins(rows, options, summary)
        return
    known = _Known(row.symbol for row in rows)
    new: dict[tuple[str, str], Instrument] = {}
    changed: dict[int, Instrument] = {}
    for row in rows:
        instrument = known.match(row)
        if instrument is None:
            made = _made(row, options)
            new[row.symbol, row.exchange] = made
            known.add(made)
            continue
        is_changed = _fill(instrument, row, options, summary)
        if not instrument.pk:
            continue  # it was in the list before, and is made below
        if is_changed:
            changed[instrument.pk] = instrument
        else:
            summary.unchanged += 1
    Instrument.objects.bulk_create(new.values())
    Instrument.objects.bulk_update(
        changed.values(), ["name", "exchange", "sector", "country", "provider_symbols", "is_active"]
    )
    summary.added += len(new)
    summary.updated += len(changed)


class _Known:
    """The shared instruments that some symbols may mean in America."""

    def __init__(self, symbols: Iterable[str]) -> None:
        rows = Instrument.objects.shared().filter(
            symbol_key__in={symbol.upper() for symbol in symbols},
            currency="USD",
            asset_class__in=_LISTED,
            exchange__in=[*AMERICAN, ""],
        )
        self._by_symbol: dict[str, list[Instrument]] = {}
        for instrument in rows.order_by("-is_active", "pk"):
            self.add(instrument)

    def add(self, instrument: Instrument) -> None:
        """Have one more."""
        self._by_symbol.setdefault(instrument.symbol.upper(), []).append(instrument)

    def match(self, row: SymbolRow) -> Instrument | None:
        """The one at the row's exchange, else the one that was elsewhere and must have moved."""
        found = self._by_symbol.get(row.symbol, [])
        here = [one for one in found if one.exchange == row.exchange]
        with_place = [one for one in found if one.exchange]
        return next(iter([*here, *with_place, *found]), None)


def _fill(instrument: Instrument, row: SymbolRow, options: ListingOptions, summary: ListingSummary) -> bool:
    """Fill in what is empty; True where something changed."""
    before = (
        instrument.name,
        instrument.exchange,
        instrument.sector,
        instrument.country,
        instrument.is_active,
    )
    if row.exchange and instrument.exchange != row.exchange:
        if instrument.exchange:
            summary.moved.append(f"{row.symbol} {instrument.exchange} → {row.exchange}")
        instrument.exchange = row.exchange
    instrument.sector = instrument.sector or row.sector
    instrument.country = instrument.country or row.country
    if options.update_names:
        instrument.name = row.name
    if options.complete and not instrument.is_active:
        instrument.is_active = True
        summary.relisted.append(row.symbol)
    lacks_yahoo = "yahoo" not in instrument.provider_symbols
    if lacks_yahoo:
        instrument.provider_symbols = {**instrument.provider_symbols, "yahoo": row.yahoo}
    after = (
        instrument.name,
        instrument.exchange,
        instrument.sector,
        instrument.country,
        instrument.is_active,
    )
    return lacks_yahoo or before != after


def _made(row: SymbolRow, options: ListingOptions) -> Instrument:
    provider = options.provider or ("yahoo" if "yahoo" in registry.names() else "manual")
    return Instrument(
        symbol=row.symbol,
        name=row.name,
        asset_class=row.asset_class,
        currency="USD",
        exchange=row.exchange,
        sector=row.sector,
        country=row.country,
        provider=provider,
        provider_symbols={"yahoo": row.yahoo},
    )


def _delist(seen: dict[str, set[str]], summary: ListingSummary) -> None:
    for exchange, symbols in seen.items():
        listed = (
            Instrument.objects.shared()
            .active()
            .filter(exchange=exchange, currency="USD", asset_class__in=_LISTED)
        )
        total = listed.count()
        gone = [
            (pk, symbol)
            for pk, symbol in listed.values_list("pk", "symbol").iterator(chunk_size=2000)
            if symbol.upper() not in symbols
        ]
        if len(gone) > max(5, total * MOST_DELISTED):
            raise FileRefused(
                f"{summary.name} lacks {len(gone):,} of {total:,} instruments of {exchange}: it is not complete. "
                "Nothing was changed."
            )
        Instrument.objects.filter(pk__in=[pk for pk, _ in gone]).update(is_active=False)
        summary.delisted += [symbol for _, symbol in gone]


def _take_isins(rows: list[SymbolRow], options: ListingOptions, summary: ListingSummary) -> None:
    """Write ISINs to the instruments of that symbol: at the given exchange, American numbers in America. A number
    on record is never replaced: of the same name there may be another security."""
    wanted = Instrument.objects.shared().filter(exchange__in=[options.exchange, *AMERICAN])
    names = {row.symbol for row in rows}
    candidates: dict[tuple[str, bool], list[Instrument]] = {}
    for instrument in wanted.filter(_begins_with(names)).order_by("-is_active", "pk"):
        base = instrument.symbol.upper().partition(".")[0]
        is_american = instrument.exchange in AMERICAN
        key = instrument.symbol.upper() if is_american else base
        candidates.setdefault((key, is_american), []).append(instrument)
    changed: dict[int, Instrument] = {}
    for row in rows:
        found = candidates.get((row.symbol, row.isin.startswith("US")), [])
        if not found:
            summary.unknown += 1
        for instrument in found:
            if not instrument.isin:
                instrument.isin = row.isin
                changed[instrument.pk] = instrument
            elif instrument.isin == row.isin:
                summary.unchanged += instrument.pk not in changed
            else:
                summary.conflicts.append(
                    f"{instrument.symbol} is {instrument.isin} here, {row.isin} in the list"
                )
    Instrument.objects.bulk_update(changed.values(), ["isin"])
    summary.updated += len(changed)


def _begins_with(names: Iterable[str]) -> Q:
    """Symbols that are one of these, with or without a market's ending (`VUSA`, `VUSA.L`)."""
    every = list(names)
    return Q(symbol_key__in=[*every, *(f"{name}{ending}" for name in every for ending in ENDINGS)])
