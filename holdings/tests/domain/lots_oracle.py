"""Cost and gain by every method, the slow and plain way: fractions, lists, and no code of the domain.

Prices and rates are the plain ones of `oracle`; what each method takes is worked out here from the definitions alone.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

from holdings.tests.domain.oracle import Oracle, ratio_of

F = Fraction

Json = dict[str, Any]
Key = tuple[str, str]
TYPES = frozenset(
    ["buy", "sell", "deposit", "withdrawal", "delivery_in", "delivery_out", "transfer", "dividend_in_kind", "staking", "split",
     "symbol_change", "merger", "return_of_capital", "fee", "dividend"]
)  # fmt: skip
#: What a pool of the United Kingdom is compared on: nothing that turns one instrument into another.
PLAIN = TYPES - {"symbol_change", "merger", "return_of_capital"}


@dataclass
class Parcel:
    """Units (negative: short) with what they cost in the instrument's and in base currency."""

    units: F
    own: F
    base: F
    age: int

    def part(self, units: F) -> Parcel:
        """Take so many (positive) units out."""
        share = units / abs(self.units)
        taken = Parcel(self.units * share, self.own * share, self.base * share, self.age)
        self.units, self.own, self.base = (
            self.units - taken.units,
            self.own - taken.own,
            self.base - taken.base,
        )
        return taken


@dataclass
class Event:
    """A purchase (positive) or disposal in the units of the end, with its money in base currency."""

    day: int
    units: F
    left: F
    money: F


class LotsOracle:
    """The books of a drawn portfolio file by one method; `gain` and `cost` in base currency."""

    def __init__(self, body: Json, method: str) -> None:
        self.method = method
        self.market = Oracle(body)
        self.currency = {row["id"]: row["currency"] for row in body["instruments"]}
        self.lots: dict[Key, list[Parcel]] = defaultdict(list)
        self.pools: dict[str, Parcel] = defaultdict(lambda: Parcel(F(0), F(0), F(0), 0))
        self.held: dict[Key, F] = defaultdict(F)
        self.events: dict[str, list[Event]] = defaultdict(list)
        self.gain = F(0)
        self.opened = 0
        for order, row in enumerate(self.market.rows):
            self.apply(order, row)
        if method == "section104":
            for events in self.events.values():
                self.match(events)

    @property
    def pooled(self) -> bool:
        """Whether cost is kept in one pool for each instrument."""
        return self.method in ("average", "section104")

    @property
    def cost(self) -> F:
        """What is open cost."""
        lots = sum((lot.base for lots in self.lots.values() for lot in lots), F(0))
        return lots + sum((pool.base for pool in self.pools.values()), F(0))

    # --- rows ---

    def apply(self, order: int, row: Json) -> None:
        """One row, as far as it concerns cost."""
        kind, day = row["type"], row["date"]
        name: Any = row.get("instrument")
        if name is None:
            return
        account: Any = row.get("account")
        key, mine = (name, account), self.currency[name]
        currency = row.get("currency", mine)
        base = self.market.rate(currency, day)
        own = base / self.market.rate(mine, day)
        fees, quantity = F(row.get("fees", 0)), F(row.get("quantity", 0))
        gross = F(row.get("amount", 0)) or quantity * F(row.get("price", 0)) * self.market.unit(name)
        if kind == "buy":
            self.acquire(key, day, quantity, (gross + fees) * own, (gross + fees) * base)
        elif kind == "sell":
            self.dispose(key, day, quantity, (gross - fees) * own, (gross - fees) * base)
        elif kind in ("delivery_in", "delivery_out") or (kind in ("dividend", "staking") and quantity):
            worth = self.market.worth(name, account, quantity, day, order)
            value = worth / self.market.rate(mine, day)
            if kind == "delivery_out":
                self.dispose(key, day, quantity, value, worth)
                return
            if "cost" in row:
                value, worth = F(row["cost"]) * own, F(row["cost"]) * base
            self.acquire(key, day, quantity, value, worth)
        elif kind == "transfer":
            self.move(key, row["to_account"], quantity)
        elif kind == "split":
            self.split(name, account, ratio_of(row["ratio"]))
            self.gain += F(row.get("amount", 0)) * base
        elif kind in ("symbol_change", "merger"):
            self.convert(name, account, row["to_instrument"], ratio_of(row.get("ratio", "1")), day)
        elif kind == "return_of_capital":
            self.return_capital(name, account, F(row["amount"]) * own, F(row["amount"]) * base)

    def places(self, name: str, account: str | None) -> list[Key]:
        """Where an action reaches."""
        known = dict.fromkeys([*self.lots, *self.held])
        return [key for key in known if key[0] == name and account in (None, key[1])]

    # --- lots ---

    def order(self, lots: list[Parcel]) -> list[Parcel]:
        """Which parcels a closing takes, the first first."""
        if self.method == "lifo":
            # Of one purchase that came in pieces the last piece first.
            return sorted(lots, key=lambda lot: lot.age)[::-1]
        if self.method == "hifo":
            return sorted(lots, key=lambda lot: (-lot.own / lot.units, lot.age))
        return sorted(lots, key=lambda lot: lot.age)

    def take(self, key: Key, quantity: F, *, oldest: bool = False) -> list[Parcel]:
        """Take (positive) units out of an account's parcels."""
        lots = self.lots[key]
        taken = []
        for lot in sorted(lots, key=lambda each: each.age) if oldest else self.order(lots):
            part = min(quantity, abs(lot.units))
            if part:
                taken.append(lot.part(part))
                quantity -= part
        self.lots[key] = [lot for lot in lots if lot.units]
        return taken

    def acquire(self, key: Key, day: str, quantity: F, own: F, base: F) -> None:
        """Units come in: they cover what is short first."""
        self.opened += 1
        lots = self.lots[key]
        if lots and lots[0].units < 0:
            covered = min(quantity, -sum((lot.units for lot in lots), F(0)))
            share = covered / quantity
            sold = sum((lot.base for lot in self.take(key, covered)), F(0))
            self.gain += -sold - base * share
            quantity, own, base = quantity - covered, own * (1 - share), base * (1 - share)
            if not quantity:
                return
        if not self.pooled:
            self.lots[key].append(Parcel(quantity, own, base, self.opened))
            return
        self.held[key] += quantity
        if self.method == "average":
            self.add(key[0], Parcel(quantity, own, base, 0))
        else:
            self.events[key[0]].append(Event(date.fromisoformat(day).toordinal(), quantity, quantity, base))

    def add(self, name: str, parcel: Parcel) -> None:
        """Into the pool."""
        pool = self.pools[name]
        pool.units, pool.own, pool.base = (
            pool.units + parcel.units,
            pool.own + parcel.own,
            pool.base + parcel.base,
        )

    def dispose(self, key: Key, day: str, quantity: F, own: F, base: F) -> None:
        """Units leave; beyond what is held a short position is opened."""
        self.opened += 1
        if self.pooled:
            self.held[key] -= quantity
            if self.method == "average":
                self.gain += base - self.pools[key[0]].part(quantity).base
            else:
                self.events[key[0]].append(
                    Event(date.fromisoformat(day).toordinal(), -quantity, quantity, base)
                )
            return
        held = max(sum((lot.units for lot in self.lots[key]), F(0)), F(0))
        closing = min(held, quantity)
        share = closing / quantity
        self.gain += base * share - sum((lot.base for lot in self.take(key, closing)), F(0)) if closing else 0
        if quantity > closing:
            left = 1 - share
            self.lots[key].append(Parcel(closing - quantity, -own * left, -base * left, self.opened))

    def move(self, key: Key, account: str, quantity: F) -> None:
        """To another account, the oldest first; a pool does not notice."""
        if self.pooled:
            self.held[key] -= quantity
            self.held[key[0], account] += quantity
        else:
            self.lots[key[0], account] += self.take(key, quantity, oldest=True)

    def split(self, name: str, account: str | None, ratio: F) -> None:
        """New units for old."""
        for key in self.places(name, account):
            for lot in self.lots[key]:
                lot.units *= ratio
            if self.pooled and self.held[key]:
                self.pools[name].units += self.held[key] * (ratio - 1) if self.method == "average" else 0
                self.held[key] *= ratio
        for event in self.events[name]:
            event.units, event.left = event.units * ratio, event.left * ratio

    def convert(self, name: str, account: str | None, other: str, ratio: F, day: str) -> None:
        """Units of another instrument for these; cost and age go with them."""
        rate = self.market.rate(self.currency[name], day) / self.market.rate(self.currency[other], day)
        for key in self.places(name, account):
            target = (other, key[1])
            for lot in self.lots.pop(key, []):
                self.lots[target].append(Parcel(lot.units * ratio, lot.own * rate, lot.base, lot.age))
            units = self.held.pop(key, F(0))
            if units:
                part = self.pools[name].part(units)
                self.held[target] += units * ratio
                self.add(other, Parcel(units * ratio, part.own * rate, part.base, 0))

    def return_capital(self, name: str, account: str | None, own: F, base: F) -> None:
        """Cash that lowers the cost of what is long, by its units; beyond the cost it is a gain."""
        if self.pooled:
            keys = [key for key in self.places(name, account) if self.held[key] > 0]
            found = [self.pools[name]] if keys else []
        else:
            places = [
                key for key in self.places(name, account) if sum(lot.units for lot in self.lots[key]) > 0
            ]
            found = [lot for key in places for lot in self.lots[key]]
        total = sum((lot.units for lot in found), F(0))
        for lot in found:
            share = lot.units / total
            less = min(base * share, max(lot.base, F(0)))
            lot.own -= min(own * share, max(lot.own, F(0)))
            lot.base -= less
            self.gain += base * share - less

    # --- the United Kingdom's pool ---

    def match(self, events: list[Event]) -> None:
        """Same day, then the 30 days that follow, then the pool."""
        bought = [event for event in events if event.units > 0]
        for after in (range(1), range(1, 31)):
            for sale in events:
                if sale.units > 0:
                    continue
                for days in after:
                    for purchase in bought:
                        if purchase.day != sale.day + days or not purchase.left or not sale.left:
                            continue
                        part = min(sale.left, purchase.left)
                        sale.left -= part
                        purchase.left -= part
                        self.gain += part * (sale.money / -sale.units - purchase.money / purchase.units)
        pool = Parcel(F(0), F(0), F(0), 0)
        for event in events:
            if event.units > 0:
                pool.units += event.left
                pool.base += event.money * event.left / event.units
            elif event.left:
                self.gain += event.money * event.left / -event.units - pool.part(event.left).base
        self.pools[f"pool {len(self.pools)}"] = pool
