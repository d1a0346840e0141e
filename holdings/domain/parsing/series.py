"""Prices and rates: large, regular, and usually right, so whole series are checked at once and only wrong ones value by value."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from datetime import date

import numpy as np

from holdings.domain.currencies import is_currency
from holdings.domain.parsing.reader import FIRST_YEAR, LAST_YEAR, Reader, shown
from holdings.domain.series import Series

# A line "2024-01-31 12.34": a sensible day and a value short enough to be exact in a double.
_LINES = re.compile(r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{1,15}(?:\.[0-9]{1,14})?\n)*", re.ASCII)
_EXACT_DIGITS = 15


def read_prices(
    reader: Reader, value: object, path: str, *, known: Container[str] | None
) -> dict[str, Series]:
    """``{"<id>": {"<date>": "<price>"}}``; ids that no instrument has are ignored with a warning."""
    found: dict[str, Series] = {}
    if value is None:
        return found
    for name, days in (reader.mapping(value, path) or {}).items():
        where = f"{path}.{name}"
        if known is not None and name not in known:
            reader.notice(
                "unknown_instrument", f"no instrument {shown(name)}: its prices were ignored", where
            )
            continue
        found[name] = read_series(reader, days, where, zero=True)
    return found


def read_fx(reader: Reader, value: object) -> dict[tuple[str, str], Series]:
    """``{"USD/CHF": {"<date>": "<rate>"}}``: one unit of the first in units of the second."""
    found: dict[tuple[str, str], Series] = {}
    if value is None:
        return found
    for pair, days in (reader.mapping(value, "fx") or {}).items():
        source, slash, target = pair.partition("/")
        if not slash or not source or not target or source == target:
            reader.wrong(f"fx.{pair}", 'must be a pair of two currencies like "USD/CHF"')
            continue
        for code in (source, target):
            if not is_currency(code):
                reader.wrong(f"fx.{pair}", f"unknown currency {shown(code)}")
        found[source, target] = read_series(reader, days, f"fx.{pair}", zero=False)
    return found


def read_series(reader: Reader, value: object, path: str, *, zero: bool) -> Series:
    """One series of dated values; ``zero``: whether a value may be 0."""
    days = reader.mapping(value, path)
    if not days:
        return Series(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), 0)
    fast = _fast(days, zero=zero)
    return _slow(reader, days, path, zero=zero) if fast is None else fast


def _fast(days: Mapping[str, object], *, zero: bool) -> Series | None:
    """The whole series at once, or None where a value needs a closer look."""
    try:
        values: list[str] = list(days.values())  # type: ignore[arg-type]
        lines = "\n".join(map(" ".join, zip(days, values, strict=True))) + "\n"
    except TypeError:
        return None
    if not _LINES.fullmatch(lines):
        return None
    scale = max([len(value) - 1 - dot for value in values if (dot := value.find(".")) >= 0], default=0)
    try:
        ordinals = np.array(list(map(date.toordinal, map(date.fromisoformat, days))), dtype=np.int64)
    except ValueError:
        return None
    if (
        ordinals.min() < date(FIRST_YEAR, 1, 1).toordinal()
        or ordinals.max() > date(LAST_YEAR, 12, 31).toordinal()
    ):
        return None
    floats = np.array(values, dtype=np.float64)
    largest = float(floats.max())
    # Fifteen significant digits survive a double: the nearest integer of value × 10^scale is then the exact one.
    if largest * 10.0**scale >= 10.0**_EXACT_DIGITS or (not zero and float(floats.min()) <= 0):
        return None
    integers = np.rint(floats * 10.0**scale).astype(np.int64)
    if (np.diff(ordinals) <= 0).any():
        order = np.argsort(ordinals, kind="stable")
        ordinals, integers = ordinals[order], integers[order]
    return Series(ordinals, integers, scale)


def _slow(reader: Reader, days: Mapping[str, object], path: str, *, zero: bool) -> Series:
    pairs = []
    for text, value in days.items():
        day = reader.day(text, f"{path}.{text}")
        if value is None:
            reader.wrong(f"{path}.{text}", "must be a string holding a plain decimal, not null")
        number = reader.decimal(value, f"{path}.{text}", zero=zero)
        if day is not None and number is not None:
            pairs.append((day, number))
    return Series.from_pairs(pairs)
