"""A long portfolio file in two readings: first everything but its entries, then the entries one by one.

What comes out is what `parse` says of the same file, and what is wrong with it is found in the same words; only that not all of
it is in memory at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

from holdings.domain.parsing import series
from holdings.domain.parsing.document import parse_document
from holdings.domain.parsing.reader import Reader, shown
from holdings.domain.parsing.scanner import Scanner
from holdings.domain.parsing.transactions import RowReader
from holdings.domain.series import Series
from holdings.domain.types import Notice, Portfolio, PortfolioError, Problem, Transaction

#: Problems and warnings beyond so many are counted by nobody.
MOST_TOLD = 200
_LONG = ("transactions", "prices")
#: Which thing an entry can name, and where.
_NAMING = ("account", "to_account", "cash_account", "instrument", "to_instrument")


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """A file without its entries. `used`: what these name, by the kind of name; `leaves_account`: whether one leaves its
    account, or whose cash moves, to the file; `has_lots`: whether one says what it closes."""

    portfolio: Portfolio
    used: dict[str, tuple[str, ...]]
    count: int
    leaves_account: bool
    has_lots: bool


def survey(blocks: Iterable[bytes]) -> Survey:
    """The first reading. Raises PortfolioError with every problem outside the entries."""
    scanner, reader = Scanner(blocks), Reader()
    body: dict[str, Any] = {}
    used: dict[str, dict[str, None]] = {name: {} for name in _NAMING}
    count, leaves, has_lots = 0, False, False
    prices: dict[str, Series] = {}
    if scanner.begins_with() != "{":
        return Survey(
            portfolio=parse_document(scanner.value()), used={}, count=0, leaves_account=False, has_lots=False
        )
    for name in scanner.members():
        if name in body and name in _LONG:
            raise PortfolioError([Problem(name, "stands twice in the file")])
        first = scanner.begins_with()
        if name == "transactions" and first == "[":
            body[name] = []
            for _ in scanner.elements():
                row = scanner.value()
                count += 1
                if isinstance(row, dict):
                    for key, names in used.items():
                        if isinstance(row.get(key), str):
                            names[row[key]] = None
                    has_lots = has_lots or bool(row.get("lots"))
                    leaves = leaves or row.get("account") is None or row.get("cash_account") is None
        elif name == "prices" and first == "{":
            body[name] = {}
            for thing in scanner.members():
                # Two arrays of numbers instead of a text for each day.
                prices[thing] = series.read_series(reader, scanner.value(), f"prices.{thing}", zero=True)
        else:
            body[name] = scanner.value()
    scanner.end()
    portfolio = parse_document(body)
    if reader.problems:
        raise PortfolioError(reader.problems[:MOST_TOLD])
    unknown = [
        Notice(
            "unknown_instrument", f"no instrument {shown(name)}: its prices were ignored", f"prices.{name}"
        )
        for name in prices
        if name not in portfolio.instruments
    ]
    portfolio = replace(
        portfolio,
        prices={name: found for name, found in prices.items() if name in portfolio.instruments},
        notices=(*portfolio.notices, *unknown),
    )
    return Survey(
        portfolio=portfolio,
        used={name: tuple(names) for name, names in used.items()},
        count=count,
        leaves_account=leaves,
        has_lots=has_lots,
    )


def entries(
    blocks: Iterable[bytes], portfolio: Portfolio, tell: Callable[[Notice], None]
) -> Iterator[Transaction]:
    """The second reading: each entry in file order. Warnings are told. Raises PortfolioError at the first entry that is wrong."""
    scanner, reader = Scanner(blocks), Reader()
    rows = RowReader(
        reader,
        ZoneInfo(portfolio.timezone),
        portfolio.base_currency,
        portfolio.accounts,
        portfolio.instruments,
    )
    seen: set[str] = set()
    for name in scanner.members():
        if name != "transactions" or scanner.begins_with() != "[":
            scanner.value()
            continue
        for number in scanner.elements():
            path = f"transactions[{number}]"
            row = reader.mapping(scanner.value(), path)
            found = rows.read(path, row or {})
            if row is not None:
                if found.id in seen:
                    reader.wrong(f"{path}.id", f"duplicate id {shown(found.id)}")
                seen.add(found.id)
            if reader.problems:
                raise PortfolioError(reader.problems)
            for notice in reader.notices:
                tell(notice)
            reader.notices.clear()
            yield found
        return
