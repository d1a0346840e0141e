"""Market data importers: what reading a price file is about: its form, its faults, what is met on the way."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from enum import Enum

EARLIEST = "1800-01-01"
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
#: What the text of good numbers is made of; `float` alone would also take blanks, underscores and other
#: digits.
NUMBERS = re.compile(r"[0-9.eE+-]*")
LIMIT = 1e12
#: How COPY writes nothing.
NULL = r"\N"


class Form(Enum):
    """What kind of file it is."""

    TIDY = "daily prices"
    ACTIONS = "corporate actions"
    RATES = "euro reference rates"
    WIDE = "closes, one column a symbol"


@dataclass(frozen=True, slots=True)
class Fault:
    """A row that was not taken: where, and why."""

    line: int
    reason: str


@dataclass(slots=True)
class Reading:
    """What a file turned out to be, and what was met in it so far.

    `symbols` numbers the symbols in the order in which they appeared; rows carry the number. `rows` counts
    the data rows read, good or bad. `may_repeat`: rows came in no order that would keep a day from being there twice.
    `is_rate`: its figures are an interest rate in percent a year.
    """

    form: Form
    header: list[str]
    on_fault: Callable[[Fault], None]
    today: date
    symbol: str = ""
    has_adjusted_close: bool = False
    is_rate: bool = False
    rows: int = 0
    may_repeat: bool = False
    symbols: dict[str, int] = field(default_factory=dict)

    def number_of(self, symbol: str) -> int:
        """Return the number of a symbol, giving it the next one when it is new."""
        return self.symbols.setdefault(symbol, len(self.symbols))


class Days:
    """Remembers which dates are good: files repeat the same few thousand."""

    def __init__(self, today: date) -> None:
        self._today = today.isoformat()
        self._known: dict[str, bool] = {}
        self._seen_good: set[str] = set()

    def good(self, text: str) -> bool:
        """Say whether the text is a date of the past."""
        known = self._known.get(text)
        if known is None:
            known = self._known[text] = self._check(text) is None
            if known:
                self._seen_good.add(text)
        return known

    def all_good(self, texts: Iterable[str]) -> bool:
        """Say whether all of them are."""
        return all(map(self.good, set(texts) - self._seen_good))

    def why(self, text: str) -> str:
        """Say what is wrong with the date."""
        return self._check(text) or "the date is fine"

    def _check(self, text: str) -> str | None:
        if not DATE.fullmatch(text) or not _exists(text):
            return f"“{text[:20]}” is not a date (YYYY-MM-DD)"
        if text > self._today:
            return f"{text} is in the future"
        return f"{text} is too long ago" if text < EARLIEST else None


def _exists(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def plain_symbol(symbol: str) -> bool:
    """Say whether the text can be a symbol: printable, without blanks around it, not too long."""
    return 0 < len(symbol) <= 40 and symbol.isprintable() and symbol == symbol.strip()


def number_fault(name: str, text: str) -> str | None:
    """Say what is wrong with a price; None when nothing is."""
    try:
        value = float(text)
    except ValueError:
        return f"the {name} “{text[:20]}” is not a number" if text else f"the {name} is missing"
    if value != value or not NUMBERS.fullmatch(text):  # noqa: PLR0124 - only NaN differs from itself
        return f"the {name} is not a number ({text})"
    if value <= 0:
        return f"the {name} is {'zero' if value == 0 else 'negative'} ({text})"
    return f"the {name} is absurdly high ({text})" if value >= LIMIT else None


def line_of(reader: Iterable[list[str]]) -> int:
    """The line of the file on which the current row ended."""
    return int(getattr(reader, "line_num", 0))
