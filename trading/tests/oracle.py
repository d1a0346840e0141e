"""A second, slow and plain way to an account's figures: its own arithmetic on fractions, sharing no code with the counter.

It is told what was executed (units, price, side) and what happened to the instruments, and works out from that what everything
else has to be: amounts, fees, cash, lots, gains, what orders may hold, equity, margins and buying power.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from math import ceil, floor
from typing import Any

F = Fraction

ZERO, ONE = F(0), F(1)
PLACES = {"USD": 2, "JPY": 0}


def to_even(value: F, places: int) -> F:
    """Rounded to so many decimals, halves to the even digit."""
    scaled = value * 10**places
    whole = floor(scaled)
    rest = scaled - whole
    if rest > F(1, 2) or (rest == F(1, 2) and whole % 2):
        whole += 1
    return F(whole, 10**places)


@dataclass(frozen=True)
class Thing:
    """An instrument, as far as money is concerned."""

    pk: int
    kind: str  # stock, crypto or other
    currency: str
    factor: F = ONE
    step: F = ONE


@dataclass(frozen=True)
class Tariff:
    """A tariff by its parts: a share of the amount, an amount a unit (each with its least), SEC and TAF, coins."""

    percent: tuple[F, F] | None = None
    per_unit: tuple[F, F] | None = None
    regulatory: tuple[F, F, F] | None = None
    coins: tuple[F, F] | None = None  # maker, taker


TARIFFS = {
    "none": Tariff(),
    "percent:0.002:1": Tariff(percent=(F("0.002"), F(1))),
    "per_share:0.01:0.50+us_regulatory:0.0000206:0.000195:9.79": Tariff(
        per_unit=(F("0.01"), F("0.50")), regulatory=(F("0.0000206"), F("0.000195"), F("9.79"))
    ),
    "crypto:0.0015:0.0025": Tariff(coins=(F("0.0015"), F("0.0025"))),
    "percent:0.001+crypto:0.0015:0.0025": Tariff(
        percent=(F("0.001"), F(0)), coins=(F("0.0015"), F("0.0025"))
    ),
}


@dataclass
class Cost:
    """What a trade comes to: ``amount`` of money, ``fees`` in money, ``coins`` taken and what they were worth."""

    amount: F
    fees: F = ZERO
    coins: F = ZERO
    worth: F = ZERO


def cost_of(
    tariff: Tariff, thing: Thing, *, side: str, quantity: F, price: F, is_maker: bool = False
) -> Cost:
    """Amount and fees of so many units at a price."""
    places = PLACES[thing.currency]
    exact = quantity * price * thing.factor
    amount, money = to_even(exact, places), F(0)
    found = Cost(amount=amount)
    if tariff.percent is not None:
        money += to_even(max(exact * tariff.percent[0], tariff.percent[1]), places)
    if tariff.per_unit is not None:
        money += to_even(max(quantity * tariff.per_unit[0], tariff.per_unit[1]), places)
    if tariff.regulatory is not None and side == "sell" and thing.kind == "stock" and thing.currency == "USD":
        sec, taf, most = tariff.regulatory
        money += F(ceil(exact * sec * 100), 100) + min(F(ceil(quantity * taf * 100), 100), most)
    if tariff.coins is not None and thing.kind == "crypto":
        rate = tariff.coins[0 if is_maker else 1]
        if side == "sell":
            money += to_even(exact * rate, places)
        else:
            found.coins = to_even(quantity * rate, 9)
            found.worth = min(to_even(exact * rate, places), amount) if found.coins else F(0)
    found.fees = min(money, amount) if side == "sell" else money
    return found


@dataclass
class Lots:
    """Open parcels of one instrument, the oldest first: [units (negative: short), cost or (negative) proceeds]."""

    open: list[list[F]] = field(default_factory=list)
    gain: F = ZERO

    @property
    def units(self) -> F:
        """What is held."""
        return sum((lot[0] for lot in self.open), F(0))

    @property
    def cost(self) -> F:
        """What it cost."""
        return sum((lot[1] for lot in self.open), F(0))

    def trade(self, units: F, money: F) -> None:
        """``units`` bought (negative: sold) for ``money`` paid (negative: received), fees included."""
        left, rest = units, money
        while left and self.open and self.open[0][0] * left < 0:
            lot = self.open[0]
            part = min(abs(left), abs(lot[0]))
            paid, cost = rest * part / abs(left), lot[1] * part / abs(lot[0])
            self.gain -= paid + cost
            sign = 1 if left > 0 else -1
            lot[0], lot[1] = lot[0] + sign * part, lot[1] - cost
            left, rest = left - sign * part, rest - paid
            if not lot[0]:
                self.open.pop(0)
        if left:
            self.open.append([left, rest])

    def split(self, ratio: F) -> None:
        """New units for old."""
        for lot in self.open:
            lot[0] = to_even(lot[0] * ratio, 12)


@dataclass
class Margin:
    """What the rules say of an account at this moment."""

    equity: F
    initial: F
    maintenance: F
    buying_power: F
    free: F  # the same before it is cut at zero


@dataclass
class Shadow:
    """What an account has to look like."""

    currency: str
    multiplier: int
    tariff: Tariff
    things: dict[int, Thing]
    began: date
    cash: F = ZERO
    lots: dict[int, Lots] = field(default_factory=lambda: defaultdict(Lots))
    fees: F = ZERO
    interest: F = ZERO  # accrued, not booked
    borrow: F = ZERO
    charged_until: date | None = None
    margin_rate: F = ZERO
    borrow_rate: F = ZERO

    def fill(self, pk: int, *, side: str, quantity: F, price: F, is_maker: bool) -> Cost:
        """An execution."""
        cost = cost_of(
            self.tariff, self.things[pk], side=side, quantity=quantity, price=price, is_maker=is_maker
        )
        if side == "buy":
            self.cash -= cost.amount + cost.fees
            self.lots[pk].trade(quantity - cost.coins, cost.amount + cost.fees)
        else:
            self.cash += cost.amount - cost.fees
            self.lots[pk].trade(-quantity, cost.fees - cost.amount)
        self.fees += cost.fees
        return cost

    def units(self, pk: int) -> F:
        """What is held of an instrument."""
        return self.lots[pk].units if pk in self.lots else F(0)

    def dividend(self, pk: int, held: F, value: F) -> None:
        """Paid on what was held, owed on what was short."""
        thing = self.things[pk]
        amount = to_even(abs(held) * value * thing.factor, PLACES[thing.currency])
        self.cash += amount if held > 0 else -amount

    def charge(self, today: date, prices: dict[int, F]) -> None:
        """Days that are over: interest on a debit balance, fees for what is borrowed. Whole cents are booked."""
        shorts = {pk: -lots.units for pk, lots in self.lots.items() if lots.units < 0}
        if self.cash >= 0 and not shorts:
            self.charged_until = max(self.charged_until or today, today)
            return
        days = (today - (self.charged_until or self.began)).days
        if days <= 0:
            return
        if self.cash < 0:
            self.interest += to_even(-self.cash * self.margin_rate / 360, 12) * days
        for pk, units in shorts.items():
            worth = units * prices[pk] * self.things[pk].factor
            self.borrow += to_even(worth * self.borrow_rate / 360, 12) * days
        unit = 10 ** PLACES[self.currency]
        for name in ("interest", "borrow"):
            whole = F(floor(getattr(self, name) * unit), unit)
            self.cash -= whole
            setattr(self, name, getattr(self, name) - whole)
        self.charged_until = today

    def margin(self, prices: dict[int, F], *, chosen: int, held_margin: F, held_cash: F) -> Margin:
        """Equity, margins and buying power by the rules as they are written down. ``chosen`` is the owner's multiplier."""
        long = short = initial = maintenance = F(0)
        for pk, lots in self.lots.items():
            units, thing = lots.units, self.things[pk]
            value = units * prices[pk] * thing.factor
            is_marginable = thing.kind == "stock"
            long, short = long + max(value, F(0)), short + min(value, F(0))
            initial += abs(value) / 2 if is_marginable else abs(value)
            maintenance += self._maintenance(thing, units, prices[pk])
        equity = self.cash + long + short
        limit = min(self.multiplier, chosen)
        force = limit if equity >= 2000 else 1
        excess = max(equity - initial, F(0))
        if limit == 1:
            power = max(self.cash, F(0))
        elif force == 1:
            power = max(min(self.cash, excess), F(0))
        else:
            power = 2 * excess if force == 2 else 4 * max(equity - maintenance, F(0))
        free = power - held_margin - held_cash * force
        return Margin(equity, initial, maintenance, max(free, F(0)), free)

    @staticmethod
    def _maintenance(thing: Thing, units: F, price: F) -> F:
        value = abs(units * price * thing.factor)
        if thing.kind != "stock" or not units:
            return value
        size = abs(units) * thing.factor
        if units > 0:
            return value if price < F("2.5") else value * F("0.3")
        return max(size * F("2.5"), value) if price < 5 else max(size * 5, value * F("0.3"))

    def begin_anew(self, cash: F, today: date) -> None:
        """Everything forgotten but the cash."""
        self.cash, self.lots, self.began = cash, defaultdict(Lots), today
        self.interest = self.borrow = F(0)
        self.charged_until = None


def sums(rows: Any) -> tuple[F, F]:
    """(units, units x price) of executions."""
    quantity = sum((F(row.quantity) for row in rows), F(0))
    return quantity, sum((F(row.quantity) * F(row.price) for row in rows), F(0))
