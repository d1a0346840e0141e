"""A second, slow and plain way to the same figures: fractions, one day at a time, sharing no code with the domain.

It knows quantities, cash, values, flows, the time-weighted index and FIFO cost; each day is valued from scratch.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

Json = dict[str, Any]
F = Fraction
CASH_OF = {"cash": "cash", "cash2": "cash2", "s1": "cash", "s2": "s2"}


def ratio_of(text: str) -> F:
    """New shares per old share."""
    new, _, old = text.partition(":")
    return F(new) / F(old or 1)


class Oracle:
    """Replays a drawn portfolio file (see `journals`) day by day."""

    def __init__(self, body: Json) -> None:
        self.body = body
        self.instruments = {row["id"]: row for row in body["instruments"]}
        self.rows = sorted(body["transactions"], key=lambda row: row["date"])
        self.quantity: dict[tuple[str, str], F] = defaultdict(F)
        self.lots: dict[tuple[str, str], list[list[F]]] = defaultdict(list)  # [quantity, cost in base, age]
        self.cash: dict[tuple[str, str], F] = defaultdict(F)
        self.realised = F(0)
        self.opened = 0
        self.inflow = self.outflow = F(0)
        self.trades: dict[str, list[tuple[str, int, F]]] = defaultdict(list)
        self.splits: dict[str, list[tuple[str, int, F, str | None]]] = defaultdict(list)
        self.learn()

    # --- prices and rates ---

    def rate(self, currency: str, day: str) -> F:
        """US dollars for one unit of a currency."""
        if currency == "USD":
            return F(1)
        dollars = self.last(self.body["fx"]["EUR/USD"], day)
        return dollars if currency == "EUR" else dollars / self.last(self.body["fx"]["EUR/CHF"], day)

    @staticmethod
    def last(series: Json, day: str) -> F:
        """The last value on or before a day."""
        return F(series[max(d for d in series if d <= day)])

    def learn(self) -> None:
        """Note splits and the prices that transactions show."""
        for order, row in enumerate(self.rows):
            name = row.get("instrument")
            if row["type"] == "split":
                self.splits[name].append((row["date"], order, ratio_of(row["ratio"]), row.get("account")))
            shown = row.get("price") or row.get("amount") or row.get("cost")
            known = row["type"] in {"buy", "sell"} or not self.trades[name]
            if row["type"] in {"buy", "sell", "delivery_in"} and shown is not None and known:
                price = F(shown)
                if "price" not in row:
                    price /= F(row["quantity"]) * self.unit(name)
                own = self.instruments[name]["currency"]
                price *= self.rate(row.get("currency", own), row["date"]) / self.rate(own, row["date"])
                self.trades[name].append((row["date"], order, price))
            if row["type"] in {"merger", "symbol_change"} and "amount" not in row:
                old, new = name, row["to_instrument"]
                if self.instruments[old]["currency"] == self.instruments[new]["currency"]:
                    carried = self.raw(old, row["date"])
                    if carried is not None:
                        self.trades[new].append(
                            (row["date"], order, carried / ratio_of(row.get("ratio", "1")))
                        )

    def raw(self, name: str, day: str) -> F | None:
        """A close on or before a day, else the last transaction price noted so far."""
        closes = [d for d in self.body["prices"].get(name, {}) if d <= day]
        if closes:
            return F(self.body["prices"][name][max(closes)])
        return self.trades[name][-1][2] if self.trades[name] else None

    def unit(self, name: str) -> F:
        """Money per unit of quantity and price."""
        row = self.instruments[name]
        return F(row.get("multiplier", "1")) / (100 if row.get("quote_unit") == "percent" else 1)

    def price(self, name: str, account: str, day: str, order: int = 10**9) -> F:
        """The unit price in an account at a place in the journal."""
        closes = [d for d in self.body["prices"].get(name, {}) if d <= day]
        trades = [t for t in self.trades[name] if t[0] <= day]
        splits = [s for s in self.splits[name] if s[3] in (None, account)]
        if closes:
            found, seen = F(self.body["prices"][name][max(closes)]), (max(closes), 10**9)
        elif trades:
            found, seen = trades[-1][2], trades[-1][:2]
        else:
            return F(0)
        for when, place, factor, _ in splits:
            if seen < (when, place) and when <= day:
                found /= factor
            if when == day and place > order:
                found *= factor
        return found

    # --- the journal ---

    def apply(self, order: int, row: Json) -> None:  # noqa: C901 - one branch per transaction type
        """One row."""
        name: Any
        kind, day, name = row["type"], row["date"], row.get("instrument")
        account: Any = row.get("account")
        own = self.instruments[name]["currency"] if name else None
        pot = row.get("cash_account") or (CASH_OF[account] if account else "cash")
        default = own or {"cash": "USD", "cash2": "EUR", "s2": "USD"}[pot]
        currency = row.get("currency", default)
        dollars = self.rate(currency, day)
        fees, taxes = F(row.get("fees", 0)), F(row.get("taxes", 0))
        amount, quantity = F(row.get("amount", 0)), F(row.get("quantity", 0))
        key = (name, account)

        def pay(money: F) -> None:
            self.cash[pot, currency] += money

        if kind in {"buy", "sell"}:
            gross = amount or quantity * F(row.get("price", 0)) * self.unit(name)
            if kind == "buy":
                missing = gross + fees + taxes - self.cash[pot, currency]
                if missing > 0:
                    pay(missing)
                    self.inflow += missing * dollars
                pay(-gross - fees - taxes)
                self.open(key, quantity, (gross + fees) * dollars)
            else:
                pay(gross - fees - taxes)
                self.close(key, quantity, (gross - fees) * dollars)
        elif kind == "deposit":
            pay(amount - fees - taxes)
            self.inflow += amount * dollars
        elif kind == "withdrawal":
            pay(-amount - fees - taxes)
            self.outflow += amount * dollars
        elif kind in {"fee", "tax", "interest_charge"}:
            pay(-amount - fees - taxes)
        elif kind in {"fee_refund", "tax_refund", "interest"} or (
            kind in {"dividend", "distribution"} and not quantity
        ):
            pay(amount - fees - taxes)
        elif kind in {"dividend", "staking"}:
            pay(-fees - taxes)
            self.open(key, quantity, self.worth(name, account, quantity, day, order))
        elif kind == "delivery_in":
            value = self.worth(name, account, quantity, day, order)
            self.inflow += value + (fees + taxes) * dollars
            self.open(key, quantity, F(row["cost"]) * dollars if "cost" in row else value)
        elif kind == "delivery_out":
            value = self.worth(name, account, quantity, day, order)
            self.outflow += value - (fees + taxes) * dollars
            self.close(key, quantity, value)
        elif kind == "transfer":
            if name is None:
                pay(-amount - fees - taxes)
                self.cash[CASH_OF[row["to_account"]], currency] += amount
            else:
                pay(-fees - taxes)
                target = self.lots[name, row["to_account"]]
                target += [[part, cost, age] for part, cost, age in self.take(key, quantity)]
                target.sort(key=lambda lot: lot[2])
                self.quantity[key] -= quantity
                self.quantity[name, row["to_account"]] += quantity
        elif kind == "split":
            for place in self.holders(name, account):
                self.quantity[place] *= ratio_of(row["ratio"])
                for lot in self.lots[place]:
                    lot[0] *= ratio_of(row["ratio"])
            pay(amount)
            self.realised += amount * dollars
        elif kind in {"merger", "symbol_change", "spin_off", "return_of_capital"}:
            # Cost does not follow these here: only quantities and cash are compared.
            factor = ratio_of(row.get("ratio", "1"))
            pay(amount - fees - taxes)
            for place in self.holders(name, account) if kind != "return_of_capital" else []:
                self.quantity[row["to_instrument"], place[1]] += self.quantity[place] * factor
                if kind != "spin_off":
                    self.quantity[place] = F(0)

    def worth(self, name: str, account: str, quantity: F, day: str, order: int) -> F:
        """Market value in base currency."""
        value = quantity * self.price(name, account, day, order) * self.unit(name)
        return value * self.rate(self.instruments[name]["currency"], day)

    def holders(self, name: str, account: str | None) -> list[tuple[str, str]]:
        """Positions an action reaches."""
        return [
            key
            for key, held in self.quantity.items()
            if key[0] == name and held and account in (None, key[1])
        ]

    def open(self, key: tuple[str, str], quantity: F, cost: F) -> None:
        """A new lot."""
        self.quantity[key] += quantity
        self.opened += 1
        self.lots[key].append([quantity, cost, F(self.opened)])

    def take(self, key: tuple[str, str], quantity: F) -> list[tuple[F, F, F]]:
        """The oldest lots, until the quantity is reached."""
        taken = []
        while quantity > 0 and self.lots[key]:
            lot = self.lots[key][0]
            part = min(quantity, lot[0])
            cost = lot[1] * part / lot[0]
            taken.append((part, cost, lot[2]))
            lot[0], lot[1] = lot[0] - part, lot[1] - cost
            quantity -= part
            if not lot[0]:
                self.lots[key].pop(0)
        return taken

    def close(self, key: tuple[str, str], quantity: F, proceeds: F) -> None:
        """Sell the oldest lots."""
        self.quantity[key] -= quantity
        self.realised += proceeds - sum(cost for _, cost, _ in self.take(key, quantity))

    def value(self, day: str) -> F:
        """Securities and cash at the end of a day."""
        total = F(0)
        for (name, account), quantity in self.quantity.items():
            total += self.worth(name, account, quantity, day, 10**9)
        for (_, currency), balance in self.cash.items():
            total += balance * self.rate(currency, day)
        return total

    def days(self) -> list[tuple[str, F, F, float]]:
        """(day, value, flow, index) of every calendar day."""
        last = date.fromisoformat(self.body["as_of"])
        day = date.fromisoformat(self.rows[0]["date"]) - timedelta(days=1)
        found = [(day.isoformat(), F(0), F(0), 1.0)]
        previous, level, place = F(0), F(1), 0
        while day < last:
            day += timedelta(days=1)
            self.inflow = self.outflow = F(0)
            while place < len(self.rows) and self.rows[place]["date"] == day.isoformat():
                self.apply(place, self.rows[place])
                place += 1
            value = self.value(day.isoformat())
            if previous + self.inflow > 0:
                level *= (value + self.outflow) / (previous + self.inflow)
            found.append((day.isoformat(), value, self.inflow - self.outflow, float(level)))
            previous = value
        return found
