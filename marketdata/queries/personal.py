"""Market data queries: what a person has of an instrument, as the books above this room tell it.

Imports go down only, and prices know nothing of portfolios. So the room that keeps the books registers here how
it answers (in its `AppConfig.ready()`), and pages of this room ask here. Without it nobody holds anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldView:
    """What one portfolio holds of an instrument; money is in the instrument's currency.

    `unit` is money per unit of quantity and price. `url` is the page of the holding, `is_paper`: play money.
    """

    instrument_id: int
    portfolio_id: int
    portfolio: str
    is_paper: bool
    url: str
    quantity: Decimal
    cost_basis: Decimal
    realised_gain: Decimal
    income: Decimal
    unit: Decimal

    @property
    def average_cost(self) -> Decimal | None:
        """What a unit cost, as a price is quoted; None when nothing is held."""
        units = self.quantity * self.unit
        return self.cost_basis / units if units else None

    def value_at(self, price: Decimal) -> Decimal:
        """What it is worth at a price."""
        return self.quantity * self.unit * price


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeView:
    """A purchase or sale that counts, on a day of the portfolio's (`at` where the instant is known); `price` per
    unit as traded."""

    portfolio: str
    is_paper: bool
    day: date
    at: datetime | None
    side: str
    quantity: Decimal
    price: Decimal | None


class Books(Protocol):
    """What the room that keeps the books answers. Each of these is one statement."""

    def held(self, user: Any) -> Sequence[HeldView]:
        """What is open in the person's own portfolios, archived ones left out."""

    def held_of(self, user: Any, instrument_id: int) -> Sequence[HeldView]:
        """What the person's own portfolios have or had of one instrument."""

    def trades_of(self, user: Any, instrument_id: int, limit: int) -> Sequence[TradeView]:
        """The person's latest trades of one instrument, oldest first."""


_books: list[Books] = []
#: In a word why an instrument concerns a person, and how that is known: {"held": …}.
_concerns: dict[str, Callable[[Any], Iterable[int]]] = {}


def register_books(books: Books) -> None:
    """Say who answers; the last one counts."""
    _books[:] = [books]


def held_by(user: Any) -> list[HeldView]:
    """Return everything the person holds, by portfolio. One statement."""
    return [view for books in _books for view in books.held(user)]


def held_of(user: Any, instrument_id: int) -> list[HeldView]:
    """Return what the person's portfolios have or had of one instrument. One statement."""
    return [view for books in _books for view in books.held_of(user, instrument_id)]


def trades_of(user: Any, instrument_id: int, *, limit: int = 300) -> list[TradeView]:
    """Return the person's latest trades of one instrument, oldest first. One statement."""
    return [view for books in _books for view in books.trades_of(user, instrument_id, limit)]


def register_concern(word: str, source: Callable[[Any], Iterable[int]]) -> None:
    """Say which instruments concern a person, and in a word why: "held", "watched". One statement."""
    _concerns[word] = source


def concerns_of(user: Any) -> dict[int, list[str]]:
    """Return the instruments that concern a person, each with why. One statement for each reason that there is."""
    found: dict[int, list[str]] = {}
    for word, source in _concerns.items():
        for pk in source(user):
            words = found.setdefault(pk, [])
            if word not in words:
                words.append(word)
    return found
