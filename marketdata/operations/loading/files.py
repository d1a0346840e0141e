"""Market data operations: loading one price file, whatever its form. The file streams; memory does not grow
with it."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any, cast

from django.db import connection, transaction

from marketdata.importers.price_files import (
    Fault,
    Form,
    NotAPriceFile,
    Reading,
    action_rows,
    begin,
    copy_rows,
    open_reader,
)
from marketdata.models import AssetClass
from marketdata.operations.history import raw_cursor
from marketdata.operations.loading import actions, prices, rates
from marketdata.operations.loading.symbols import Resolved, resolve
from portfolio_site.kernel.errors import DomainError

#: What files of closes adjusted for dividends are called.
ADJUSTED_NAME = re.compile(r"adj(usted)?[ _-]?close", re.IGNORECASE)
ADJUSTMENTS = ("auto", "none", "split", "total")


class FileRefused(DomainError):
    """A file that is not what it should be, as a whole."""

    code = "price_file_refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """How to read a file and what to do with symbols nobody knows.

    `adjusted`: what was done to the prices in the file. `none`: as traded. `split`: adjusted for splits;
    those known to lie between a bar and the file's last day are undone. `total`: for dividends too; such
    closes are taken only for instruments that have no others. `auto`: `split` where the file has an
    `adj_close` column (then its prices are Yahoo's), else `none`; a wide file of closes is `total` where its name says
    `adjclose`, and else refused. `create`: unknown symbols become instruments, in `currency`, of `asset_class` unless the symbol
    tells (`^` an index, `BTC-USD` crypto), served by `provider`. `symbol`: for a file without a symbol
    column.
    """

    adjusted: str = "auto"
    create: bool = False
    currency: str = "USD"
    asset_class: str = "equity"
    exchange: str = ""
    provider: str = "manual"
    symbol: str = ""


@dataclass(slots=True, kw_only=True)
class LoadSummary:
    """What became of a file. `rows` = data rows read; the other figures count prices (a wide row has
    several)."""

    name: str
    form: str
    adjusted: str = ""
    rows: int = 0
    faults: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    symbols: int = 0
    created: list[str] = field(default_factory=list)
    unknown: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    touched: list[int] = field(default_factory=list)


def load_prices(
    *, path: Path, options: LoadOptions, now: datetime, on_fault: Callable[[Fault], None]
) -> LoadSummary:
    """Load one CSV file (`.gz` too) of daily prices, rates or corporate actions, in one transaction.

    Good rows are stored, faulty ones told to `on_fault` by line. Rows that are there already with the same
    figures are left alone, others replaced. What was simulated of an instrument or currency that now has real
    figures goes. Raises `FileRefused` when the file cannot be read or is of no known form; then nothing is
    stored.
    """
    counted = _Counter(on_fault)
    try:
        with open_text(path) as text:
            reader = open_reader(text)
            try:
                reading = begin(
                    reader,
                    on_fault=counted,
                    today=now.astimezone(UTC).date(),
                    symbol=options.symbol,
                    name=_stem(path.name),
                )
            except NotAPriceFile as error:
                raise FileRefused(f"{path.name} is not a price file: {error}.") from error
            summary = LoadSummary(name=path.name, form=reading.form.value)
            summary.adjusted = _adjustment(reading, options, path.name)
            with transaction.atomic(), connection.cursor() as cursor:
                # Foreign keys are checked by each statement: a queue of a million checks would be kept till
                # the commit.
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
                cursor.execute("SET LOCAL work_mem = '64MB'")
                _store(cursor, reader, reading, options, summary)
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise FileRefused(f"{path.name} cannot be read: {error}.") from error
    summary.rows, summary.faults = reading.rows, counted.count
    if summary.touched and reading.form is not Form.ACTIONS:
        prices.requote(summary.touched, now=now, source=_stem(summary.name))
    return summary


def _store(
    cursor: Any, reader: Iterator[list[str]], reading: Reading, options: LoadOptions, summary: LoadSummary
) -> None:
    if reading.form is Form.ACTIONS:
        actions.stage(raw_cursor(cursor), action_rows(reader, reading))
    else:
        prices.stage(raw_cursor(cursor), copy_rows(reader, reading))
    found = resolve(
        list(reading.symbols),
        rates=reading.form is Form.RATES,
        create=options.create,
        currency=options.currency,
        asset_class=AssetClass.INDEX if reading.is_rate else options.asset_class,
        exchange=options.exchange,
        provider=options.provider,
    )
    summary.symbols, summary.created = len(reading.symbols), found.created
    summary.unknown = _unknown(cursor, reading, found)
    source = _source(summary)
    if reading.form is Form.ACTIONS:
        counts = actions.merge(cursor, found.instruments, options.adjusted, source=source)
        summary.notes += counts.notes
    else:
        counts = prices.merge(
            cursor,
            found.instruments,
            summary.adjusted,
            source=source,
            may_repeat=reading.may_repeat,
        )
        if found.pairs:
            counts = counts.plus(rates.merge(cursor, found.pairs, source=source.partition(",")[0]))
        summary.notes += counts.notes
    summary.added, summary.changed, summary.unchanged = counts.added, counts.changed, counts.unchanged
    summary.touched = sorted({instrument.instrument_id for instrument in found.instruments})


def _adjustment(reading: Reading, options: LoadOptions, name: str) -> str:
    if reading.form in {Form.RATES, Form.ACTIONS}:
        return ""
    if options.adjusted != "auto":
        return options.adjusted
    if reading.form is Form.WIDE:
        if ADJUSTED_NAME.search(name):
            return "total"
        raise FileRefused(
            f"{name} holds closes without saying whether they are adjusted: "
            "add --adjusted none, split or total (for dividends too)."
        )
    return "split" if reading.has_adjusted_close else "none"


def _unknown(cursor: Any, reading: Reading, found: Resolved) -> dict[str, int]:
    """Count the rows of each symbol nobody knows."""
    names = list(reading.symbols)
    lacking = [number for number in range(len(names)) if number not in found.numbers]
    if not lacking:
        return {}
    cursor.execute(
        "SELECT sym, count(*) FROM staged WHERE sym = ANY(%s::int[]) GROUP BY sym ORDER BY sym", [lacking]
    )
    return {names[number]: count for number, count in cursor.fetchall()}


def _source(summary: LoadSummary) -> str:
    note = {"split": ", was split-adjusted", "total": ", adjusted for dividends"}.get(summary.adjusted, "")
    return f"file {_stem(summary.name)[: 60 - 5 - len(note)]}{note}"


def _stem(name: str) -> str:
    return name.removesuffix(".gz").removesuffix(".csv")


class _Counter:
    """Counts faults on their way to who wants to hear of them."""

    def __init__(self, on_fault: Callable[[Fault], None]) -> None:
        self.count = 0
        self._on_fault = on_fault

    def __call__(self, fault: Fault) -> None:
        self.count += 1
        self._on_fault(fault)


@contextmanager
def open_text(path: Path) -> Iterator[TextIOWrapper]:
    """Open a file of text, packed (`.gz`) or not, to be read line by line."""
    with path.open("rb") as raw:
        plain: IO[bytes] = cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if path.suffix == ".gz" else raw
        with TextIOWrapper(plain, encoding="utf-8-sig", newline="") as text:
            yield text
