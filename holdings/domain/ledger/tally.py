"""Sums of what a replay did, by day and by position: what the figures take, in columns instead of a row for each effect.

A long journal has half a million effects. Writing each of them down and adding them up afterwards took most of the time
of an analysis; so a replay adds up while it books, and writes rows only where somebody wants to see them (``Effects``).
Everything here is exact, like the rows it stands for.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from holdings.domain.types import ZERO, Instrument

Key = tuple[str, str]
#: Changes by day (ordinal).
Column = dict[int, Decimal]
#: What is booked beside trades, in the instrument's currency; the same in base currency lies ``IN_BASE`` further on.
DIVIDEND, INTEREST, FEE, TAX = range(4)
IN_BASE = 4
KINDS = {"dividend": DIVIDEND, "interest": INTEREST, "fee": FEE, "tax": TAX}


class Place:
    """What happened to an instrument in an account: ``quantities`` and ``flows`` (money put in, net of fees) by day.

    ``flows_base``: the same in base currency, None where that is the instrument's own. ``sums``: dividends, interest, fees,
    taxes, in the instrument's and in base currency; ``gain`` and ``gain_base`` what was realised.
    """

    __slots__ = ("flows", "flows_base", "gain", "gain_base", "quantities", "sums")

    def __init__(self, *, foreign: bool) -> None:
        self.quantities: Column = {}
        self.flows: Column = {}
        self.flows_base: Column | None = {} if foreign else None
        self.sums = [ZERO] * (2 * IN_BASE)
        self.gain = self.gain_base = ZERO


class Tally:
    """``places`` by (instrument, account); ``held``: those that ever held something, in order of first appearance.

    ``cash``: movements by day of each currency. ``whole``: dividends, interest, fees and taxes of everything in base currency,
    ``moved``: all cash at its own day's rates, ``put_in``: what went into securities before fees. ``opening``: how they stood
    when the statement opened.
    """

    __slots__ = (
        "base_currency",
        "cash",
        "held",
        "instruments",
        "moved",
        "opening",
        "places",
        "put_in",
        "realised",
        "whole",
    )

    def __init__(self, base_currency: str, instruments: Mapping[str, Instrument]) -> None:
        self.base_currency, self.instruments = base_currency, instruments
        self.places: dict[Key, Place] = {}
        self.held: dict[Key, Column] = {}
        self.cash: dict[str, Column] = {}
        self.whole = [ZERO] * IN_BASE
        self.moved = self.put_in = self.realised = ZERO
        self.opening: Opening | None = None

    def place(self, key: Key) -> Place:
        """What happened to an instrument in an account so far."""
        found = self.places.get(key)
        if found is None:
            foreign = self.instruments[key[0]].currency != self.base_currency
            found = self.places[key] = Place(foreign=foreign)
        return found

    def change(self, day: int, key: Key, change: Decimal) -> None:
        """A position's quantity changes."""
        column = self.held.get(key)
        if column is None:
            column = self.held[key] = self.place(key).quantities
        column[day] = column[day] + change if day in column else change

    def move(self, day: int, currency: str, amount: Decimal, base: Decimal) -> None:
        """Cash moves."""
        self.moved += base
        column = self.cash.get(currency)
        if column is None:
            column = self.cash[currency] = {}
        column[day] = column[day] + amount if day in column else amount

    def flow(self, day: int, key: Key, amount: Decimal, base: Decimal, gross_base: Decimal) -> None:
        """Money goes into a position, or comes out of it."""
        self.put_in += gross_base
        place = self.places.get(key) or self.place(key)
        column = place.flows
        column[day] = column[day] + amount if day in column else amount
        column_base = place.flows_base
        if column_base is not None:
            column_base[day] = column_base[day] + base if day in column_base else base

    def close(self, key: Key, gain: Decimal, gain_base: Decimal, statement_gain: Decimal) -> None:
        """A parcel is closed."""
        self.realised += statement_gain
        place = self.places.get(key) or self.place(key)
        place.gain += gain
        place.gain_base += gain_base

    def book(self, kind: int, instrument: str | None, account: str, amount: Decimal, base: Decimal) -> None:
        """A dividend, interest, fee or tax."""
        self.whole[kind] += base
        if instrument is not None:
            sums = (self.places.get((instrument, account)) or self.place((instrument, account))).sums
            sums[kind] += amount
            sums[kind + IN_BASE] += base

    def mark(self, cash: Mapping[Key, Decimal]) -> None:
        """Keep how things stand: a statement opens here. ``cash`` are the balances."""
        self.opening = Opening(self, cash)


class Opening:
    """How a tally stood when a statement opened: ``cash`` by currency, and the sums up to then."""

    __slots__ = ("cash", "moved", "put_in", "realised", "whole")

    def __init__(self, tally: Tally, cash: Mapping[Key, Decimal]) -> None:
        self.whole, self.moved = list(tally.whole), tally.moved
        self.put_in, self.realised = tally.put_in, tally.realised
        self.cash: dict[str, Decimal] = {}
        for (_, currency), balance in cash.items():
            self.cash[currency] = self.cash.get(currency, ZERO) + balance
