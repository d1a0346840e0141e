"""Random but possible journals of every transaction type, for property tests.

A journal is built from drawn steps by a small simulation that knows what is held where, so that every row is possible; steps that
are not are skipped.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from fractions import Fraction
from random import Random
from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]
FIRST = date(2023, 1, 2)
INSTRUMENTS = ("A", "B", "C", "D")
SECURITIES = ("s1", "s2")
CURRENCY = {"A": "USD", "B": "EUR", "C": "CHF", "D": "USD"}
UNIT = {"A": Fraction(1), "B": Fraction(1), "C": Fraction(1, 100), "D": Fraction(10)}
KINDS = (
    "buy", "buy", "buy", "buy", "sell", "sell", "sell", "transfer", "transfer", "split", "split", "deposit", "withdrawal",
    "delivery_in", "delivery_out", "transfer_cash", "dividend", "dividend_in_kind", "distribution", "interest", "staking",
    "interest_charge", "fee", "fee_refund", "tax", "tax_refund", "spin_off", "merger", "symbol_change",
    "return_of_capital", "liability",
)  # fmt: skip
RATIOS = ("2", "3", "0.5", "1:3", "3:2", "0.125")


def text(value: Fraction, places: int = 6) -> str:
    """A fraction that ends, as plain digits."""
    scaled = round(value * 10**places)
    digits = str(abs(scaled)).zfill(places + 1)
    return ("-" if scaled < 0 else "") + f"{digits[:-places]}.{digits[-places:]}"


def _drawn(seed: int, size: int) -> list[tuple[Any, ...]]:
    """Steps from a seed: hypothesis shrinks the number of steps, the generator keeps them dense enough to meet each other."""
    random = Random(seed)
    names = INSTRUMENTS[: random.choice((1, 2, 4))]
    return [
        (
            random.choice(KINDS),
            random.choice((0, 0, 1, 2, 5)),  # days later
            random.choice(names),
            random.choice(INSTRUMENTS),
            random.randint(0, 1),  # account
            random.randint(1, 100_000),  # size
            random.randint(1, 5000),  # price in cents
            random.choice((0, random.randint(0, 500))),  # fees in cents
            random.choice((0, random.randint(0, 500))),  # taxes in cents
            random.choice(RATIOS),
            random.choice(("USD", "EUR", "CHF", None, None)),  # another currency than the instrument's
        )
        for _ in range(size)
    ]


steps = st.builds(_drawn, st.integers(0, 2**32), st.integers(1, 60))


class Builder:
    """Turns drawn steps into rows while keeping count of what is held."""

    def __init__(self, *, shorts: bool) -> None:
        self.shorts = shorts
        self.rows: list[Json] = []
        self.held: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
        self.day = FIRST

    def add(self, kind: str, **fields: Any) -> None:
        """Append a row."""
        row = {key: value for key, value in fields.items() if value is not None}
        self.rows.append({"id": f"t{len(self.rows)}", "type": kind, "date": self.day.isoformat(), **row})

    def step(self, drawn: tuple[Any, ...]) -> None:  # noqa: C901 - one branch per transaction type
        """Take one drawn step, if it is possible."""
        kind, days, name, other, place, size, price, fees, taxes, ratio, currency = drawn
        self.day += timedelta(days=days)
        account, away = SECURITIES[place], SECURITIES[1 - place]
        costs = {"fees": text(Fraction(fees, 100), 2), "taxes": text(Fraction(taxes, 100), 2)}
        common = {"account": account, **costs}
        held = self.held[name, account]
        quantity = Fraction(size, 1000)
        amount = text(Fraction(size, 100), 2)
        if kind == "buy":
            if price % 2:
                self.add(
                    kind,
                    instrument=name,
                    quantity=text(quantity),
                    price=text(Fraction(price, 100)),
                    currency=currency,
                    **common,
                )
            else:
                self.add(
                    kind, instrument=name, quantity=text(quantity), amount=amount, currency=currency, **common
                )
            self.held[name, account] += quantity
        elif kind == "sell":
            part = quantity if self.shorts else min(quantity, self.whole(held))
            if part > 0 and not (self.shorts and held % 1 and part > held):
                self.add(
                    kind,
                    instrument=name,
                    quantity=text(part),
                    price=text(Fraction(price, 100)),
                    currency=currency,
                    **common,
                )
                self.held[name, account] -= part
        elif kind in {
            "deposit",
            "withdrawal",
            "fee",
            "fee_refund",
            "tax",
            "tax_refund",
            "interest_charge",
            "interest",
        }:
            self.add(kind, amount=amount, currency=currency, **common)
        elif kind == "liability":
            self.add(kind, amount=("-" if price % 2 else "") + amount, currency=currency)
        elif kind == "transfer_cash":
            self.add("transfer", amount=amount, currency=currency, to_account="cash2", **common)
        elif kind in {"dividend", "distribution"}:
            self.add(kind, instrument=name, amount=amount, currency=currency, **common)
        elif kind in {"dividend_in_kind", "staking"}:
            if held >= 0:
                self.add(
                    "dividend" if kind != "staking" else kind,
                    instrument=name,
                    quantity=text(quantity),
                    **common,
                )
                self.held[name, account] += quantity
        elif kind == "delivery_in":
            cost = amount if price % 2 else None
            self.add(kind, instrument=name, quantity=text(quantity), cost=cost, **common)
            self.held[name, account] += quantity
        elif kind == "delivery_out":
            part = min(quantity, self.whole(held))
            if part > 0:
                self.add(kind, instrument=name, quantity=text(part), **common)
                self.held[name, account] -= part
        elif kind == "transfer":
            part = min(quantity, self.whole(held))
            if part > 0 and self.held[name, away] >= 0:
                self.add(kind, instrument=name, quantity=text(part), to_account=away, **common)
                self.held[name, account] -= part
                self.held[name, away] += part
        else:
            self.action(kind, name, other, account if size % 2 else None, ratio, amount, price, costs)

    @staticmethod
    def whole(held: Fraction) -> Fraction:
        """What can be written with six decimals."""
        return Fraction(int(held * 10**6), 10**6)

    def action(
        self,
        kind: str,
        name: str,
        other: str,
        account: str | None,
        ratio: str,
        amount: str,
        price: int,
        costs: Json,
    ) -> None:
        """A corporate action on what is held."""
        keys = [(name, place) for place in SECURITIES if account in (None, place) and self.held[name, place]]
        new, _, old = ratio.partition(":")
        factor = Fraction(new) / Fraction(old or 1)
        if not keys:
            return
        common = {"instrument": name, "account": account, "cash_account": "cash"}
        if kind == "split":
            lieu = amount if price % 3 == 0 else None
            self.add(kind, ratio=ratio, amount=lieu, **common)
            for key in keys:
                self.held[key] *= factor
        elif kind == "return_of_capital":
            if any(self.held[key] > 0 for key in keys):
                self.add(kind, amount=amount, **common, **costs)
        elif name != other and all(self.held[key] * self.held[other, key[1]] >= 0 for key in keys):
            cash = (
                amount
                if kind == "merger" and price % 3 == 0 and all(self.held[key] > 0 for key in keys)
                else None
            )
            self.add(kind, to_instrument=other, ratio=ratio, amount=cash, **common)
            for key in keys:
                self.held[other, key[1]] += self.held[key] * factor
                if kind != "spin_off":
                    self.held[key] = Fraction(0)


def fx_series(shift: int) -> dict[str, str]:
    """A rate for every third day, from before the first transaction."""
    return {
        (FIRST + timedelta(days=3 * n - 3)).isoformat(): text(
            Fraction(9000 + (n * (37 + shift)) % 2300, 10000), 4
        )
        for n in range(45)
    }


def price_series(seed: int) -> dict[str, str]:
    """A price on most weekdays."""
    found = {}
    for n in range(-3, 130):
        day = FIRST + timedelta(days=n)
        if day.weekday() < 5 and (n * seed) % 7:
            found[day.isoformat()] = text(Fraction(2000 + (n * n * seed + 11 * n) % 1700, 100), 2)
    return found


def build(
    drawn: list[tuple[Any, ...]], *, shorts: bool = False, method: str = "fifo", country: str = ""
) -> Json:
    """The portfolio file of the drawn steps."""
    builder = Builder(shorts=shorts)
    for step in drawn:
        builder.step(step)
    return {
        "format": "portfolio/1",
        "name": "Drawn",
        "base_currency": "USD",
        "as_of": (builder.day + timedelta(days=3)).isoformat(),
        "cost_basis_method": method,
        "allow_short": shorts,
        "tax_country": country,
        "accounts": [
            {"id": "cash", "kind": "cash", "currency": "USD"},
            {"id": "cash2", "kind": "cash", "currency": "EUR"},
            {"id": "s1", "kind": "securities", "currency": "USD", "cash_account": "cash"},
            {"id": "s2", "kind": "securities", "currency": "USD"},
        ],
        "instruments": [
            {"id": "A", "currency": "USD", "asset_class": "equity"},
            {"id": "B", "currency": "EUR", "asset_class": "etf"},
            {"id": "C", "currency": "CHF", "asset_class": "bond", "quote_unit": "percent"},
            {"id": "D", "currency": "USD", "asset_class": "other", "multiplier": "10"},
        ],
        "transactions": builder.rows,
        "prices": {"A": price_series(3), "B": price_series(5), "C": price_series(11)},
        "fx": {"EUR/USD": fx_series(0), "EUR/CHF": fx_series(5)},
    }
