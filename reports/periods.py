"""The print shop: named periods, settled into days when a report is asked for."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

CUSTOM: Final = "custom"

#: Code -> words, in the order of the form.
PERIODS: Final[dict[str, str]] = {
    "ytd": "This year so far",
    "1y": "The last 12 months",
    "last_year": "Last calendar year",
    "max": "Since the beginning",
    CUSTOM: "From … to …",
}


def settle(code: str, *, today: date) -> tuple[date | None, date]:
    """First day (None: the beginning) and last day of a named period. `KeyError` for `custom` and unknown ones."""
    if code == "ytd":
        return date(today.year, 1, 1), today
    if code == "1y":
        day = today.replace(year=today.year - 1, day=28) if (today.month, today.day) == (2, 29) else None
        return (day or today.replace(year=today.year - 1)) + timedelta(days=1), today
    if code == "last_year":
        return date(today.year - 1, 1, 1), date(today.year - 1, 12, 31)
    if code == "max":
        return None, today
    raise KeyError(code)
