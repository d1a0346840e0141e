"""Charts of prices: how far back they look."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

#: Range codes and how many days they look back; None: as far as there is, 0: since New Year.
RANGES: dict[str, int | None] = {
    "1D": 1,
    "5D": 7,
    "1M": 31,
    "3M": 92,
    "6M": 183,
    "YTD": 0,
    "1Y": 366,
    "5Y": 5 * 366,
    "10Y": 3653,
    "MAX": None,
}
DEFAULT_RANGE = "1Y"
#: Ranges that are drawn from minutes where there are any.
INTRADAY = ("1D", "5D")

_SPANS = {
    "1D": "over a day",
    "5D": "over five days",
    "1M": "over a month",
    "3M": "over three months",
    "6M": "over six months",
    "YTD": "this year",
    "1Y": "over a year",
    "5Y": "over five years",
    "10Y": "over ten years",
}


def range_code(text: str | None) -> str:
    """Return a known range code, whatever the address says."""
    wanted = (text or "").upper()
    return wanted if wanted in RANGES else DEFAULT_RANGE


def start_of(code: str, now: datetime) -> date:
    """Return the first day of a range that ends today (UTC)."""
    today = now.astimezone(UTC).date()
    days = RANGES[code]
    if days is None:
        return date(1800, 1, 1)
    return today - timedelta(days=days) if days else date(today.year, 1, 1)


def span_words(code: str, first: date, now: datetime) -> str:
    """Say how long a range is: by its name where the figures reach back to its start, by the first day else."""
    whole = code in _SPANS and first - start_of(code, now) < timedelta(days=8)
    return _SPANS[code] if whole else f"since {first.isoformat()}"
