"""Market data importers: the rows of a tidy price file, checked some hundred at a time.

Some hundred rows are turned into columns and checked as such; only where something is wrong with one of them are they
looked at one by one, which finds the line and the reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import add, lt

import numpy as np

from marketdata.importers.price_reading import (
    LIMIT,
    NULL,
    NUMBERS,
    Days,
    Fault,
    Reading,
    line_of,
    number_fault,
    plain_symbol,
)

_AT_ONCE = 400
_VOLUME_LIMIT = 1e15


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where what stands in a row. Without open, high and low the close is all there is."""

    symbol: int | None
    day: int
    opened: int
    high: int
    low: int
    close: int
    volume: int | None

    @classmethod
    def of(cls, header: Sequence[str]) -> _Columns:
        at = {name: place for place, name in enumerate(header)}
        close = at["close"]
        whole = {"open", "high", "low"} <= at.keys()
        opened, high, low = (at[name] if whole else close for name in ("open", "high", "low"))
        return cls(at.get("symbol"), at["date"], opened, high, low, close, at.get("volume"))

    @property
    def close_only(self) -> bool:
        return self.opened == self.close


def tidy_rows(reader: Iterator[list[str]], reading: Reading) -> Iterator[str]:
    """Yield the good rows as lines for COPY, many to a text."""
    columns, days, order = _Columns.of(reading.header), Days(reading.today), _Order(reading)
    before = line_of(reader)
    while rows := list(islice(reader, _AT_ONCE)):
        text = _all_good(rows, reading, columns, days, order)
        if text is None:
            text = "".join(_one_by_one(rows, before, reading, columns, days, order))
        if text:
            yield text
        before = line_of(reader)


def _all_good(
    rows: list[list[str]], reading: Reading, columns: _Columns, days: Days, order: _Order
) -> str | None:
    """All rows as text for COPY; None when there is anything about one of them that has to be looked into."""
    if not all(rows):
        rows = [row for row in rows if row]
        if not rows:
            return ""
    try:
        cells = list(zip(*rows, strict=True))
        opened, high, low, close = (
            np.array(list(map(float, cells[at])))
            for at in (columns.opened, columns.high, columns.low, columns.close)
        )
        volumes = cells[columns.volume] if columns.volume is not None else ("",) * len(rows)
        volume = np.array([float(told) if told else 0.0 for told in volumes])
    except (ValueError, IndexError):
        return None
    good = (
        (low > 0) & (low <= opened) & (opened <= high) & (low <= close) & (close <= high)
        & (high < LIMIT) & (volume >= 0) & (volume < _VOLUME_LIMIT)
    )  # fmt: skip
    used = (columns.opened, columns.high, columns.low, columns.close)
    if (
        not good.all()
        or NUMBERS.fullmatch("".join("".join(cells[at]) for at in used) + "".join(volumes)) is None
    ):
        return None
    day = cells[columns.day]
    names = cells[columns.symbol] if columns.symbol is not None else (reading.symbol,) * len(rows)
    if not days.all_good(day) or not all(
        name in reading.symbols or plain_symbol(name) for name in set(names)
    ):
        return None
    reading.rows += len(rows)
    order.meet(names, day)
    numbers = {name: str(reading.number_of(name)) for name in dict.fromkeys(names)}
    keys = [numbers[name] for name in names]
    told = [each or NULL for each in volumes]
    if columns.close_only:
        return "".join(
            [
                f"{key}\t{date}\t{NULL}\t{NULL}\t{NULL}\t{price}\t{size}\n"
                for key, date, price, size in zip(keys, day, cells[columns.close], told, strict=True)
            ]
        )
    lines = zip(
        keys, day, cells[columns.opened], cells[columns.high], cells[columns.low], cells[columns.close], told,
        strict=True,
    )  # fmt: skip
    return "\n".join(map("\t".join, lines)) + "\n"


def _one_by_one(
    rows: list[list[str]], line: int, reading: Reading, columns: _Columns, days: Days, order: _Order
) -> Iterator[str]:
    """The good ones of the rows; what is wrong with the others is told with its line. `line` is the one before."""
    for row in rows:
        # A quoted cell may go over several lines.
        line += 1 + sum(cell.count("\n") for cell in row)
        if not row:
            continue
        reading.rows += 1
        reason = _why(row, reading, days)
        symbol = (
            row[columns.symbol]
            if columns.symbol is not None and len(row) > columns.symbol
            else reading.symbol
        )
        if reason is None and not plain_symbol(symbol):
            reason = f"“{symbol[:40]}” cannot be a symbol"
        if reason is not None:
            reading.on_fault(Fault(line, reason))
            continue
        day, close = row[columns.day], row[columns.close]
        order.meet((symbol,), (day,))
        told = (row[columns.volume] if columns.volume is not None else "") or NULL
        prices = (
            (NULL, NULL, NULL, close)
            if columns.close_only
            else (row[columns.opened], row[columns.high], row[columns.low], close)
        )
        yield "\t".join((str(reading.number_of(symbol)), day, *prices, told)) + "\n"


class _Order:
    """Watches whether rows come by symbol and day, or by day and symbol: then none of them can be there twice."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._last_by_symbol = self._last_by_day = ""
        self._by_symbol = self._by_day = True

    def meet(self, symbols: Sequence[str], days: Sequence[str]) -> None:
        """Note the next rows."""
        if self._by_symbol:
            self._by_symbol, self._last_by_symbol = _rises(
                self._last_by_symbol, list(map(add, symbols, days))
            )
        if self._by_day:
            self._by_day, self._last_by_day = _rises(self._last_by_day, list(map(add, days, symbols)))
        self._reading.may_repeat = not (self._by_symbol or self._by_day)


def _rises(last: str, keys: list[str]) -> tuple[bool, str]:
    """Whether each key is above the one before it, beginning after `last`; and the last of them."""
    return last < keys[0] and all(map(lt, keys, keys[1:])), keys[-1]


def _why(row: list[str], reading: Reading, days: Days) -> str | None:
    """Find the first thing that is wrong with a tidy row; None when nothing is."""
    wanted = len(reading.header)
    if len(row) < wanted:
        return f"{len(row)} columns instead of {wanted}"
    written = dict(zip(reading.header, row, strict=False))
    cells = {name: cell.strip() for name, cell in written.items()}
    if not reading.symbol and not cells.get("symbol"):
        return "the symbol is missing"
    if not days.good(written["date"]):
        return days.why(written["date"])
    for name in ("open", "high", "low", "close"):
        reason = number_fault(name, cells[name]) if name in cells else None
        if reason:
            return reason
    told = "".join(written.get(name, "") for name in ("open", "high", "low", "close", "volume"))
    return (
        _order_fault(cells)
        or _volume_fault(cells.get("volume", ""))
        or (None if NUMBERS.fullmatch(told) else "a number has blanks or signs in it")
    )


def _order_fault(cells: dict[str, str]) -> str | None:
    if not {"open", "high", "low"} <= cells.keys():
        return None
    low, high = float(cells["low"]), float(cells["high"])
    if low > high:
        return f"the low {cells['low']} is above the high {cells['high']}"
    for name in ("close", "open"):
        if not low <= float(cells[name]) <= high:
            return f"the {name} {cells[name]} is outside low..high ({cells['low']}..{cells['high']})"
    return None


def _volume_fault(text: str) -> str | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        return f"the volume “{text[:20]}” is not a number"
    if value != value:  # noqa: PLR0124 - only NaN differs from itself
        return "the volume is not a number"
    if value < 0:
        return f"the volume is negative ({text})"
    return f"the volume is absurd ({text})" if value >= _VOLUME_LIMIT else None
