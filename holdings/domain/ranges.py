"""Named periods: a range ends on a day and starts at the end of the day named by its first part, as (from, to]."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

NAMES = ("1D", "1W", "1M", "3M", "6M", "YTD", "1Y", "3Y", "5Y", "MAX")
_DAYS = {"1D": 1, "1W": 7}
_MONTHS = {"1M": 1, "3M": 3, "6M": 6, "1Y": 12, "3Y": 36, "5Y": 60}


@dataclass(frozen=True, slots=True)
class Period:
    """(start, end]: from the end of ``start`` to the end of ``end``."""

    name: str
    start: date
    end: date


def months_before(day: date, months: int) -> date:
    """The same day some months earlier, the month's last day where it has no such day."""
    index = day.year * 12 + day.month - 1 - months
    year, month = divmod(index, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, min(day.day, last))
        except ValueError:
            continue
    raise ValueError(f"{months} months before {day}")


def named(name: str, end: date, first: date) -> Period:
    """A named range that ends on a day; never starts before ``first`` (the day before the first transaction).

    Raises ValueError for an unknown name; a calendar year is named by its number.
    """
    if name == "MAX":
        start = first
    elif name == "YTD":
        start = date(end.year - 1, 12, 31)
    elif name in _DAYS:
        start = end - timedelta(days=_DAYS[name])
    elif name in _MONTHS:
        start = months_before(end, _MONTHS[name])
    elif len(name) == 4 and name.isascii() and name.isdigit():
        start, end = date(int(name) - 1, 12, 31), min(end, date(int(name), 12, 31))
    else:
        raise ValueError(f"unknown range {name!r}")
    return Period(name, min(max(start, first), end), end)


def calendar_years(first: date, end: date) -> Iterator[Period]:
    """Every calendar year with a day after ``first``, oldest first."""
    for year in range((first + timedelta(days=1)).year, end.year + 1):
        yield named(str(year), end, first)
