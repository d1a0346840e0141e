"""What every importer gives back: plain values, with the place in the file of each, and what was wrong with it.

Importers are pure: bytes in, `ParsedFile` out. They know the format and nothing of the database; instruments and
accounts are named by keys of the file, which `holdings.operations.importing` matches to ours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

ZERO = Decimal(0)


class FileRefused(Exception):
    """The file as a whole cannot be read; `problems` says where and why."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{problem.path}: {problem.message}" for problem in self.problems[:5]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something about a place in the file. A row with an error is not imported; a warning only informs."""

    path: str
    message: str
    is_error: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedInstrument:
    """An instrument as the file knows it. `provider` and `provider_symbol` are where its prices came from there."""

    key: str
    currency: str
    symbol: str = ""
    name: str = ""
    asset_class: str = ""
    isin: str = ""
    exchange: str = ""
    multiplier: Decimal = Decimal(1)
    quote_unit: str = "unit"
    coupon_rate: Decimal | None = None
    maturity_date: date | None = None
    provider: str = ""
    provider_symbol: str = ""
    prices: Mapping[date, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedAccount:
    """An account as the file knows it."""

    key: str
    name: str
    kind: str
    currency: str
    cash_account: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedRow:
    """One entry of the file; the same fields as `holdings.entries.Entry`, with the file's keys for ids.

    `opens` is the id by which later rows of the file name this one in `lots`; `skip` says why a row is left out.
    """

    path: str
    type: str
    occurred: date | datetime
    account: str = ""
    to_account: str = ""
    cash_account: str = ""
    instrument: str = ""
    to_instrument: str = ""
    quantity: Decimal | None = None
    price: Decimal | None = None
    amount: Decimal | None = None
    fees: Decimal = ZERO
    taxes: Decimal = ZERO
    currency: str = ""
    fx_rate: Decimal | None = None
    instrument_rate: Decimal | None = None
    ratio: str = ""
    cost: Decimal | None = None
    lots: tuple[str, ...] = ()
    note: str = ""
    tags: tuple[str, ...] = ()
    external_id: str = ""
    opens: str = ""
    skip: str = ""

    def fingerprint(self) -> str:
        """What makes this entry the same as another where the source gives no id: its content, without its note."""
        parts = (
            self.type,
            self.occurred.isoformat(),
            self.account,
            self.to_account,
            self.instrument,
            self.to_instrument,
            *(_plain(value) for value in (self.quantity, self.price, self.amount, self.fees, self.taxes)),
            self.currency,
            self.ratio,
        )
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedFile:
    """The content of a file. `problems` with errors stand at rows that are missing from `rows`."""

    format: str
    title: str
    base_currency: str
    rows: tuple[ParsedRow, ...]
    instruments: Mapping[str, ParsedInstrument]
    accounts: Mapping[str, ParsedAccount]
    problems: tuple[Problem, ...] = ()
    fx: Mapping[str, Mapping[date, Decimal]] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)


class Importer(Protocol):
    """One file format."""

    code: str
    label: str

    def sniff(self, head: bytes) -> bool:
        """Whether the first kilobytes of a file look like this format."""

    def parse(self, content: bytes) -> ParsedFile:
        """Read the file. Raises `FileRefused` when it is not readable as a whole."""


def with_external_ids(rows: Iterable[ParsedRow]) -> tuple[ParsedRow, ...]:
    """Give each row without an id of its own a fingerprint and its number among equal ones, which stay as many."""
    return tuple(named(rows))


def named(rows: Iterable[ParsedRow]) -> Iterator[ParsedRow]:
    """The same, row by row."""
    seen: dict[str, int] = {}
    for row in rows:
        if row.external_id:
            yield row
            continue
        print_ = row.fingerprint()
        seen[print_] = seen.get(print_, 0) + 1
        yield replace(row, external_id=f"fp:{print_}:{seen[print_]}")


def _plain(value: Decimal | None) -> str:
    return "" if value is None else format(value.normalize(), "f")
