"""Market data importers: daily price files as CSV, checked row by row while they stream.

Forms understood, told apart by their header (columns in any order, capitals do not matter):

* tidy: `symbol,date,open,high,low,close[,adj_close][,volume]`; without `symbol` when the symbol is given;
close alone will do
* an interest rate: `date,rate_pct`, percent a year; its symbol is the one given, else the file's name
* corporate actions: `symbol,ex_date,type,value[,source][,value_kind]`
* euro reference rates as the ECB publishes them: `Date,USD,JPY,…`, one column a currency, `N/A` where there is none
* wide closes: `Date,AAPL,MSFT,…`, one column a symbol

Numbers are compared as floats, which is enough to tell a mistake, and passed on as the text they came as.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from datetime import date

from marketdata.importers.price_reading import (
    NULL,
    Days,
    Fault,
    Form,
    Reading,
    line_of,
    number_fault,
    plain_symbol,
)
from marketdata.importers.price_rows import tidy_rows
from portfolio_site.kernel.money import ISO_CURRENCIES

__all__ = ["Fault", "Form", "NotAPriceFile", "Reading", "action_rows", "begin", "copy_rows", "open_reader"]

#: Earlier codes that still stand in the ECB's file.
_FORMER_CURRENCIES = frozenset(["CYP", "EEK", "LTL", "LVL", "MTL", "ROL", "SIT", "SKK", "TRL", "BGN", "HRK"])


class NotAPriceFile(ValueError):
    """The header is none of the known forms."""


_NAMES = {
    "ticker": "symbol",
    "day": "date",
    "price": "close",
    "adj close": "adj_close",
    "adjclose": "adj_close",
    "rate_pct": "close",
}


def begin(
    lines: Iterator[list[str]],
    *,
    on_fault: Callable[[Fault], None],
    today: date,
    symbol: str = "",
    name: str = "",
) -> Reading:
    """Read the header and say what follows. `symbol` is that of a file without a symbol column; an interest rate is
    else called by the file's `name`. Raises `NotAPriceFile` with a sentence about what was found instead."""
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
        reading.is_rate = any(cell.strip().lower() == "rate_pct" for cell in header)
        if reading.is_rate and not symbol:
            reading.symbol = name.upper()[:40]
        if "symbol" not in known and not reading.symbol:
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


def copy_rows(reader: Iterator[list[str]], reading: Reading) -> Iterator[str]:
    """Yield the good rows of a price file as lines for COPY (one or many to a text): symbol number, date, open,
    high, low, close, volume.

    Faulty rows go to `reading.on_fault` with their line number. Memory does not grow with the file.
    """
    if reading.form is Form.TIDY:
        return tidy_rows(reader, reading)
    return _wide(reader, reading)


def _wide(reader: Iterable[list[str]], reading: Reading) -> Iterator[str]:
    """Rates and wide closes: a row is a day, a cell a price; an empty one is none."""
    days = Days(reading.today)
    numbers = [reading.number_of(name) if name else -1 for name in reading.header[1:]]
    reading.may_repeat = len(reading.symbols) < sum(number >= 0 for number in numbers)
    met: set[str] = set()
    for row in reader:
        if not row:
            continue
        reading.rows += 1
        day = row[0].strip()
        if not days.good(day):
            reading.on_fault(Fault(line_of(reader), days.why(day)))
            continue
        reading.may_repeat = reading.may_repeat or day in met
        met.add(day)
        for number, cell in zip(numbers, row[1:], strict=False):
            text = cell.strip()
            if number < 0 or not text or text == "N/A":
                continue
            reason = number_fault("value", text)
            if reason:
                reading.on_fault(Fault(line_of(reader), f"{reading.header[number + 1]}: {reason}"))
                continue
            yield f"{number}\t{day}\t{NULL}\t{NULL}\t{NULL}\t{text}\t{NULL}\n"


def action_rows(reader: Iterable[list[str]], reading: Reading) -> Iterator[tuple[int, str, str, str, bool]]:
    """Yield each good row of a corporate-actions file: symbol number, ex-date, kind, value, and whether the
    file says that its dividends are adjusted for later splits (as Yahoo gives them)."""
    at = {name: reading.header.index(name) for name in ("symbol", "ex_date", "type", "value")}
    source_at = reading.header.index("source") if "source" in reading.header else None
    days = Days(reading.today)
    for row in reader:
        if not row:
            continue
        reading.rows += 1
        if len(row) < len(reading.header):
            reading.on_fault(Fault(line_of(reader), f"{len(row)} columns instead of {len(reading.header)}"))
            continue
        symbol, day = row[at["symbol"]].strip(), row[at["ex_date"]].strip()
        kind, value = row[at["type"]].strip().lower(), row[at["value"]].strip()
        reason = None
        if not plain_symbol(symbol):
            reason = "no symbol"
        elif not days.good(day):
            reason = days.why(day)
        elif kind not in {"dividend", "split"}:
            reason = f"“{row[at['type']][:20]}” is neither DIVIDEND nor SPLIT"
        else:
            reason = number_fault("value", value)
        if reason:
            reading.on_fault(Fault(line_of(reader), reason))
            continue
        adjusted = source_at is not None and row[source_at] in {"yahoo", "implied-from-adj_close"}
        yield reading.number_of(symbol), day, kind, value, adjusted


def open_reader(text: Iterable[str]) -> Iterator[list[str]]:
    """Return a CSV reader; it knows its line number."""
    return csv.reader(text)
