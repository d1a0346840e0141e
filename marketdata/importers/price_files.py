"""Market data importers: daily price files as CSV, checked row by row while they stream.

Forms understood, told apart by their header (columns in any order, capitals do not matter):

* tidy: `symbol,date,open,high,low,close[,adj_close][,volume]`; without `symbol` when the symbol is given;
close alone will do * corporate actions: `symbol,ex_date,type,value[,source][,value_kind]` * euro reference
rates as the ECB publishes them: `Date,USD,JPY,…`, one column a currency, `N/A` where there is none * wide
closes: `Date,AAPL,MSFT,…`, one column a symbol

Numbers are compared as floats, which is enough to tell a mistake, and passed on as the text they came as.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from enum import Enum

from portfolio_site.kernel.money import ISO_CURRENCIES

#: Earlier codes that still stand in the ECB's file.
_FORMER_CURRENCIES = frozenset(["CYP", "EEK", "LTL", "LVL", "MTL", "ROL", "SIT", "SKK", "TRL", "BGN", "HRK"])
_EARLIEST = "1800-01-01"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
#: What the text of good numbers is made of; `float` alone would also take blanks, underscores and other
#: digits.
_NUMBERS = re.compile(r"[0-9.eE+-]*")
_LIMIT = 1e12
#: How COPY writes nothing.
_NULL = r"\N"


class Form(Enum):
    """What kind of file it is."""

    TIDY = "daily prices"
    ACTIONS = "corporate actions"
    RATES = "euro reference rates"
    WIDE = "closes, one column a symbol"


class NotAPriceFile(ValueError):
    """The header is none of the known forms."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A row that was not taken: where, and why."""

    line: int
    reason: str


@dataclass(slots=True)
class Reading:
    """What a file turned out to be, and what was met in it so far.

    `symbols` numbers the symbols in the order in which they appeared; rows carry the number. `rows` counts
    the data rows read, good or bad.
    """

    form: Form
    header: list[str]
    on_fault: Callable[[Fault], None]
    today: date
    symbol: str = ""
    has_adjusted_close: bool = False
    rows: int = 0
    symbols: dict[str, int] = field(default_factory=dict)

    def number_of(self, symbol: str) -> int:
        """Return the number of a symbol, giving it the next one when it is new."""
        return self.symbols.setdefault(symbol, len(self.symbols))


_NAMES = {
    "ticker": "symbol",
    "day": "date",
    "price": "close",
    "adj close": "adj_close",
    "adjclose": "adj_close",
}


def begin(
    lines: Iterator[list[str]], *, on_fault: Callable[[Fault], None], today: date, symbol: str = ""
) -> Reading:
    """Read the header and say what follows. Raises `NotAPriceFile` with a sentence about what was found
    instead."""
    header = next(lines, None)
    if not header or not any(cell.strip() for cell in header):
        raise NotAPriceFile("the file is empty")
    names = [_NAMES.get(cell.strip().lower(), cell.strip().lower()) for cell in header]
    known = set(names)
    reading = Reading(form=Form.TIDY, header=names, on_fault=on_fault, today=today, symbol=symbol)
    reading.has_adjusted_close = "adj_close" in known
    if {"symbol", "ex_date", "type", "value"} <= known:
        reading.form = Form.ACTIONS
    elif "date" in known and "close" in known:
        if "symbol" not in known and not symbol:
            raise NotAPriceFile("it has no symbol column; name the symbol with --symbol")
    elif names[0] == "date" and len(names) > 1:
        columns = [cell.strip() for cell in header[1:] if cell.strip()]
        currencies = ISO_CURRENCIES | _FORMER_CURRENCIES
        reading.form = Form.RATES if all(cell in currencies for cell in columns) else Form.WIDE
        reading.header = ["date", *(cell.strip() for cell in header[1:])]
        if reading.form is Form.WIDE and any(" " in cell or cell.endswith("_pct") for cell in columns):
            raise NotAPriceFile(f"its columns ({', '.join(header[:6])}) are neither currencies nor symbols")
    else:
        raise NotAPriceFile(
            f"its columns are {', '.join(cell.strip() for cell in header[:8])}; "
            "expected symbol, date, open, high, low, close, volume"
        )
    return reading


def copy_rows(reader: Iterable[list[str]], reading: Reading) -> Iterator[str]:
    """Yield each good row of a price file as a line for COPY: symbol number, date, open, high, low, close,
    volume.

    Faulty rows go to `reading.on_fault` with their line number. Memory does not grow with the file.
    """
    if reading.form is Form.TIDY:
        return _tidy(reader, reading)
    return _wide(reader, reading)


def _tidy(reader: Iterable[list[str]], reading: Reading) -> Iterator[str]:
    day_at, close_at = (reading.header.index(name) for name in ("date", "close"))
    symbol_at = reading.header.index("symbol") if "symbol" in reading.header else None
    if {"open", "high", "low"} <= set(reading.header):
        open_at, high_at, low_at = (reading.header.index(name) for name in ("open", "high", "low"))
    else:
        open_at = high_at = low_at = close_at
    close_only = open_at == close_at
    volume_at = reading.header.index("volume") if "volume" in reading.header else None
    days = _Days(reading.today)
    number_of, symbols = reading.number_of, reading.symbols
    for row in reader:
        if not row:
            continue
        reading.rows += 1
        # The fast way: everything is as it should be. Whatever is not takes the slow way, which finds the
        # reason.
        good = False
        symbol = day = opened = high = low = close = volume = ""
        try:
            symbol = row[symbol_at] if symbol_at is not None else reading.symbol
            day, opened, high, low, close = (
                row[day_at],
                row[open_at],
                row[high_at],
                row[low_at],
                row[close_at],
            )
            volume = row[volume_at] if volume_at is not None else ""
            top, bottom = float(high), float(low)
            good = (
                0.0 < bottom <= float(opened) <= top < _LIMIT
                and bottom <= float(close) <= top
                and (not volume or 0.0 <= float(volume) < 1e15)
            )
        except (ValueError, IndexError):
            good = False
        plain = good and _NUMBERS.fullmatch(f"{opened}{high}{low}{close}{volume}") is not None
        if not plain or not symbol or not days.good(day):
            reading.on_fault(Fault(_line(reader), _why(row, reading, days)))
            continue
        number = symbols.get(symbol)
        if number is None:
            if not _plain_symbol(symbol):
                reading.on_fault(Fault(_line(reader), f"“{symbol[:40]}” cannot be a symbol"))
                continue
            number = number_of(symbol)
        if close_only:
            yield f"{number}\t{day}\t{_NULL}\t{_NULL}\t{_NULL}\t{close}\t{volume or _NULL}\n"
        else:
            yield f"{number}\t{day}\t{opened}\t{high}\t{low}\t{close}\t{volume or _NULL}\n"


def _wide(reader: Iterable[list[str]], reading: Reading) -> Iterator[str]:
    """Rates and wide closes: a row is a day, a cell a price; an empty one is none."""
    days = _Days(reading.today)
    numbers = [reading.number_of(name) if name else -1 for name in reading.header[1:]]
    for row in reader:
        if not row:
            continue
        reading.rows += 1
        day = row[0].strip()
        if not days.good(day):
            reading.on_fault(Fault(_line(reader), days.why(day)))
            continue
        for number, cell in zip(numbers, row[1:], strict=False):
            text = cell.strip()
            if number < 0 or not text or text == "N/A":
                continue
            reason = _number_fault("value", text)
            if reason:
                reading.on_fault(Fault(_line(reader), f"{reading.header[number + 1]}: {reason}"))
                continue
            yield f"{number}\t{day}\t{_NULL}\t{_NULL}\t{_NULL}\t{text}\t{_NULL}\n"


def action_rows(reader: Iterable[list[str]], reading: Reading) -> Iterator[tuple[int, str, str, str, bool]]:
    """Yield each good row of a corporate-actions file: symbol number, ex-date, kind, value, and whether the
    file says that its dividends are adjusted for later splits (as Yahoo gives them)."""
    at = {name: reading.header.index(name) for name in ("symbol", "ex_date", "type", "value")}
    source_at = reading.header.index("source") if "source" in reading.header else None
    days = _Days(reading.today)
    for row in reader:
        if not row:
            continue
        reading.rows += 1
        if len(row) < len(reading.header):
            reading.on_fault(Fault(_line(reader), f"{len(row)} columns instead of {len(reading.header)}"))
            continue
        symbol, day = row[at["symbol"]].strip(), row[at["ex_date"]].strip()
        kind, value = row[at["type"]].strip().lower(), row[at["value"]].strip()
        reason = None
        if not _plain_symbol(symbol):
            reason = "no symbol"
        elif not days.good(day):
            reason = days.why(day)
        elif kind not in {"dividend", "split"}:
            reason = f"“{row[at['type']][:20]}” is neither DIVIDEND nor SPLIT"
        else:
            reason = _number_fault("value", value)
        if reason:
            reading.on_fault(Fault(_line(reader), reason))
            continue
        adjusted = source_at is not None and row[source_at] in {"yahoo", "implied-from-adj_close"}
        yield reading.number_of(symbol), day, kind, value, adjusted


class _Days:
    """Remembers which dates are good: files repeat the same few thousand."""

    def __init__(self, today: date) -> None:
        self._today = today.isoformat()
        self._known: dict[str, bool] = {}

    def good(self, text: str) -> bool:
        """Say whether the text is a date of the past."""
        known = self._known.get(text)
        if known is None:
            known = self._known[text] = self._check(text) is None
        return known

    def why(self, text: str) -> str:
        """Say what is wrong with the date."""
        return self._check(text) or "the date is fine"

    def _check(self, text: str) -> str | None:
        if not _DATE.fullmatch(text) or not _exists(text):
            return f"“{text[:20]}” is not a date (YYYY-MM-DD)"
        if text > self._today:
            return f"{text} is in the future"
        return f"{text} is too long ago" if text < _EARLIEST else None


def _exists(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _plain_symbol(symbol: str) -> bool:
    return 0 < len(symbol) <= 40 and symbol.isprintable() and symbol == symbol.strip()


def _number_fault(name: str, text: str) -> str | None:
    try:
        value = float(text)
    except ValueError:
        return f"the {name} “{text[:20]}” is not a number" if text else f"the {name} is missing"
    if value != value or not _NUMBERS.fullmatch(text):  # noqa: PLR0124 - only NaN differs from itself
        return f"the {name} is not a number ({text})"
    if value <= 0:
        return f"the {name} is {'zero' if value == 0 else 'negative'} ({text})"
    return f"the {name} is absurdly high ({text})" if value >= _LIMIT else None


def _why(row: list[str], reading: Reading, days: _Days) -> str:
    """Find the first thing that is wrong with a tidy row."""
    wanted = len(reading.header)
    if len(row) < wanted:
        return f"{len(row)} columns instead of {wanted}"
    cells = dict(zip(reading.header, (cell.strip() for cell in row), strict=False))
    if not reading.symbol and not cells.get("symbol"):
        return "the symbol is missing"
    if not days.good(cells["date"]):
        return days.why(cells["date"])
    for name in ("open", "high", "low", "close"):
        reason = _number_fault(name, cells[name]) if name in cells else None
        if reason:
            return reason
    return (
        _order_fault(cells) or _volume_fault(cells.get("volume", "")) or "a number has blanks or signs in it"
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
    return f"the volume is negative ({text})" if value < 0 else f"the volume is absurd ({text})"


def _line(reader: Iterable[list[str]]) -> int:
    """The line of the file on which the current row ended."""
    return int(getattr(reader, "line_num", 0))


def open_reader(text: Iterable[str]) -> Iterator[list[str]]:
    """Return a CSV reader; it knows its line number."""
    return csv.reader(text)
