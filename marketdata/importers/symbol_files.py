"""Market data importers: lists of symbols as exchanges and others publish them, checked row by row while they stream.

Forms understood, told apart by their header (columns in any order, capitals do not matter, `,` or `|` between):

* NASDAQ: `Symbol,Security Name,Market Category,Test Issue,…,ETF,NextShares[,Company Name]`
* other American exchanges: `ACT Symbol,Security Name,Exchange,…,ETF,…,Test Issue`; the exchange is a letter
* constituents: `Symbol,Security,GICS Sector,…[,Headquarters Location]`: sectors of what is listed elsewhere
* ISINs: `ISIN,symbol[,symbol…]`
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum

from marketdata.domain.numbers import isin_is_valid
from marketdata.domain.sectors import sector_name

#: Letters of the consolidated tape for the exchange that lists a security.
EXCHANGES = {"N": "XNYS", "A": "XASE", "P": "ARCX", "Z": "BATS", "V": "IEXG", "Q": "XNAS"}
#: The markets these lists are of: a security moves among them and stays the same.
AMERICAN = ("ARCX", "BATS", "IEXG", "XASE", "XNAS", "XNYS")

_SYMBOL = re.compile(r"[A-Z0-9][A-Z0-9.$=+^*#-]{0,39}")
_TRAILER = "file creation time"
_MADE_AT = re.compile(r"(\d{2})(\d{2})(\d{4})(\d{2}):(\d{2})")
#: What follows a dot or a dollar sign, and how Yahoo writes it.
_YAHOO = {"U": "UN", "W": "WT", "WS": "WT", "R": "RI", "RT": "RI", "WI": "WI"}
_NOT_SHARES = re.compile(r"\b(warrants?|rights?|units?)\b\s*(,|$|each|consisting|exercisable)", re.IGNORECASE)
_COMMON = re.compile(r"\s+-?\s*(common stock|common shares|ordinary shares?)\s*$", re.IGNORECASE)
_COUNTRIES = {
    "ireland": "IE", "united kingdom": "GB", "switzerland": "CH", "bermuda": "BM", "netherlands": "NL",
    "canada": "CA", "luxembourg": "LU", "singapore": "SG", "israel": "IL", "germany": "DE",
}  # fmt: skip


class Form(Enum):
    """What kind of list it is."""

    NASDAQ = "NASDAQ listing"
    OTHER = "listing of other American exchanges"
    CONSTITUENTS = "constituents with sectors"
    ISINS = "ISINs by symbol"

    @property
    def is_listing(self) -> bool:
        """Whether it says what is listed at an exchange, and so also what is not any more."""
        return self in {Form.NASDAQ, Form.OTHER}


class NotASymbolFile(ValueError):
    """The header is none of the known forms."""


@dataclass(frozen=True, slots=True)
class SymbolFault:
    """A row that was not taken: where, and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolRow:
    """What a row says; empty where it does not. A row of ISINs says nothing but symbol and ISIN."""

    symbol: str
    name: str = ""
    exchange: str = ""
    asset_class: str = ""
    sector: str = ""
    country: str = ""
    yahoo: str = ""
    isin: str = ""


@dataclass(slots=True)
class SymbolReading:
    """What a file turned out to be, and what was met in it so far."""

    form: Form
    columns: dict[str, int]
    on_fault: Callable[[SymbolFault], None]
    rows: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    made_at: str = ""


def begin(header: list[str], *, on_fault: Callable[[SymbolFault], None]) -> SymbolReading:
    """Tell the form of a list by its header; raises `NotASymbolFile`."""
    columns = {name.strip().lower(): place for place, name in enumerate(header)}
    names = set(columns)
    if {"act symbol", "security name", "exchange"} <= names:
        form = Form.OTHER
    elif {"symbol", "security name", "market category"} <= names:
        form = Form.NASDAQ
    elif {"symbol", "security", "gics sector"} <= names:
        form = Form.CONSTITUENTS
    elif names >= {"isin", "symbol"} and len(names) <= 3:
        form = Form.ISINS
    else:
        raise NotASymbolFile("its header is not that of a list of symbols")
    return SymbolReading(form=form, columns=columns, on_fault=on_fault)


def open_reader(text: Iterable[str]) -> Iterator[list[str]]:
    """Read the lines of a list, with whichever sign stands between the columns of its first one."""
    lines = iter(text)
    first = next(lines, "")
    sign = "|" if first.count("|") > first.count(",") else ","

    def every() -> Iterator[str]:
        yield first
        yield from lines

    return csv.reader(every(), delimiter=sign, strict=True)


def symbol_rows(reader: Iterator[list[str]], reading: SymbolReading) -> Iterator[SymbolRow]:
    """Yield what the rows say; faults go to `reading.on_fault`, test issues and the like are counted."""
    line = 1
    for line, row in enumerate(reader, start=2):
        if not any(cell.strip() for cell in row):
            continue
        if row[0].strip().lower().startswith(_TRAILER):
            reading.made_at = _instant(row[0])
            continue
        reading.rows += 1
        try:
            yield from _READERS[reading.form](row, reading)
        except _Faulty as fault:
            reading.on_fault(SymbolFault(line, str(fault)))


class _Faulty(ValueError):
    """A row that says nothing usable."""


def _cell(row: list[str], reading: SymbolReading, name: str) -> str:
    place = reading.columns.get(name)
    if place is None:
        return ""
    if place >= len(row):
        raise _Faulty(f"the row ends before the column “{name}”")
    return " ".join(row[place].split())


def _symbol(row: list[str], reading: SymbolReading, name: str) -> str:
    symbol = _cell(row, reading, name).upper()
    if not symbol:
        raise _Faulty("there is no symbol")
    if not _SYMBOL.fullmatch(symbol):
        raise _Faulty(f"“{symbol[:40]}” is not a symbol")
    return symbol


def _listed(row: list[str], reading: SymbolReading) -> Iterator[SymbolRow]:
    is_nasdaq = reading.form is Form.NASDAQ
    symbol = _symbol(row, reading, "symbol" if is_nasdaq else "act symbol")
    for column, reason in (("test issue", "test issues"), ("nextshares", "NextShares")):
        flag = _cell(row, reading, column).upper()
        if flag not in {"", "Y", "N"}:
            raise _Faulty(f"“{flag}” is neither Y nor N in the column “{column}”")
        if flag == "Y":
            reading.skipped[reason] += 1
            return
    name = _cell(row, reading, "security name")
    if not name:
        raise _Faulty(f"{symbol} has no name")
    exchange = "XNAS"
    if not is_nasdaq:
        letter = _cell(row, reading, "exchange").upper()
        if letter not in EXCHANGES:
            raise _Faulty(f"“{letter}” is no exchange we know")
        exchange = EXCHANGES[letter]
    etf = _cell(row, reading, "etf").upper()
    if etf not in {"", "Y", "N"}:
        raise _Faulty(f"“{etf}” is neither Y nor N in the column “etf”")
    yield SymbolRow(
        symbol=symbol,
        name=plain_name(name),
        exchange=exchange,
        asset_class="etf" if etf == "Y" else "other" if _NOT_SHARES.search(name) else "equity",
        yahoo=yahoo_symbol(symbol),
    )


def _constituent(row: list[str], reading: SymbolReading) -> Iterator[SymbolRow]:
    symbol = _symbol(row, reading, "symbol")
    name, sector = _cell(row, reading, "security"), _cell(row, reading, "gics sector")
    if not name or not sector:
        raise _Faulty(f"{symbol} has no {'name' if not name else 'sector'}")
    place = _cell(row, reading, "headquarters location").rpartition(",")[2].strip().lower()
    yield SymbolRow(
        symbol=symbol,
        name=plain_name(name),
        asset_class="equity",
        sector=sector_name(sector),
        country=_COUNTRIES.get(place, "US" if place else ""),
        yahoo=yahoo_symbol(symbol),
    )


def _isins(row: list[str], reading: SymbolReading) -> Iterator[SymbolRow]:
    isin = _cell(row, reading, "isin").upper()
    if not isin_is_valid(isin):
        raise _Faulty(f"“{isin[:20]}” is not an ISIN: its form or check digit is wrong")
    symbols = [" ".join(cell.split()).upper() for cell in row[reading.columns["symbol"] :]]
    good = [symbol for symbol in symbols if symbol]
    if not good:
        reading.skipped["ISINs without a symbol"] += 1
    for symbol in good:
        if not _SYMBOL.fullmatch(symbol):
            raise _Faulty(f"“{symbol[:40]}” is not a symbol")
        yield SymbolRow(symbol=symbol, isin=isin)


_READERS = {Form.NASDAQ: _listed, Form.OTHER: _listed, Form.CONSTITUENTS: _constituent, Form.ISINS: _isins}


def plain_name(text: str) -> str:
    """Return the name of a security as people say it: without “Common Stock”, at most 200 signs."""
    name = _COMMON.sub("", text.strip()).strip(" ,-") or text.strip()
    name = name.replace(" - ", " ")
    return name if len(name) <= 200 else f"{name[:199]}…"


def yahoo_symbol(symbol: str) -> str:
    """Return how Yahoo writes a symbol of an American list: `BRK.B` is `BRK-B`, `ABR$D` `ABR-PD`."""
    if "$" in symbol:
        base, _, series = symbol.partition("$")
        return f"{base}-P{series.replace('.', '')}"
    base, dot, suffix = symbol.partition(".")
    return f"{base}-{_YAHOO.get(suffix, suffix)}" if dot else symbol


def _instant(text: str) -> str:
    found = _MADE_AT.search(text)
    if not found:
        return ""
    month, day, year, hour, minute = found.groups()
    return f"{year}-{month}-{day} {hour}:{minute}"
