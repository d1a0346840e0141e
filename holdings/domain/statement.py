"""Totals since the first transaction, and the statement of a period whose lines add up to the closing value."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from operator import attrgetter
from typing import Any, TypeVar

from holdings.domain.ledger.state import CashMove, Charge, Effects, Flow, Income
from holdings.domain.market import Market
from holdings.domain.numbers import EXACT, exact
from holdings.domain.positions import Position
from holdings.domain.types import ZERO

_BASE, _AMOUNT, _ORDINAL = attrgetter("base"), attrgetter("amount"), attrgetter("ordinal")
_GROSS_BASE = attrgetter("gross_base")
_PROCEEDS_BASE, _COST_BASE = attrgetter("proceeds_base"), attrgetter("cost_base")
Row = TypeVar("Row", bound=tuple[Any, ...])

OUTWARD = frozenset(["withdrawal", "delivery_out"])


@dataclass(frozen=True, slots=True)
class CashBalance:
    """Cash of one account in one currency on the valuation day."""

    account: str
    currency: str
    balance: Decimal
    balance_base: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Figures since the first transaction, in base currency."""

    market_value: Decimal
    cash: Decimal
    liabilities: Decimal
    cost_basis: Decimal
    realised_gain: Decimal
    dividends: Decimal
    interest: Decimal
    fees: Decimal
    taxes: Decimal
    currency_gain: Decimal
    net_contributions: Decimal

    @property
    def net_worth(self) -> Decimal:
        """Securities and cash less debts."""
        return EXACT.subtract(EXACT.add(self.market_value, self.cash), self.liabilities)

    @property
    def unrealised_gain(self) -> Decimal:
        """Market value less cost basis."""
        return EXACT.subtract(self.market_value, self.cost_basis)

    @property
    def total_gain(self) -> Decimal:
        """Net worth + liabilities − net contributions."""
        return EXACT.subtract(EXACT.add(self.net_worth, self.liabilities), self.net_contributions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A period (start, end] in base currency; ``withdrawals``, ``fees`` and ``taxes`` are positive and subtracted."""

    start: date
    end: date
    opening_value: Decimal
    contributions: Decimal
    withdrawals: Decimal
    realised_gain: Decimal
    unrealised_gain: Decimal
    dividends: Decimal
    interest: Decimal
    fees: Decimal
    taxes: Decimal
    currency_gain: Decimal
    closing_value: Decimal

    def difference(self) -> Decimal:
        """Closing value less the sum of the lines above it: 0 unless the books are broken."""
        with exact():
            return self.closing_value - (
                self.opening_value + self.contributions - self.withdrawals + self.realised_gain + self.unrealised_gain
                + self.dividends + self.interest - self.fees - self.taxes + self.currency_gain
            )  # fmt: skip


def in_base(market: Market, balances: Mapping[str, Decimal], ordinal: int) -> Decimal:
    """A sum of money per currency at a day's rates; only non-zero amounts need one (MissingRate)."""
    return sum(
        (
            amount * market.rate(currency, market.base_currency, ordinal)
            for currency, amount in balances.items()
            if amount
        ),
        ZERO,
    )


def cash_of(market: Market, balances: Mapping[tuple[str, str], Decimal], ordinal: int) -> list[CashBalance]:
    """Every cash balance with its base value."""
    return [
        CashBalance(account, currency, amount, in_base(market, {currency: amount}, ordinal))
        for (account, currency), amount in balances.items()
    ]


def base_sums(effects: Effects, start: int) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    """Sums in base currency of dividend, interest, fee, tax and cash movements: of all effects, and of those after a day.

    Needs the exact context.
    """
    whole: dict[str, Decimal] = {}
    after: dict[str, Decimal] = {}
    dated: list[tuple[Sequence[Income | Charge], tuple[str, str]]] = [
        (effects.incomes, ("dividend", "interest")),
        (effects.charges, ("fee", "tax")),
    ]
    for rows, kinds in dated:
        earlier, later = _parted(rows, start)
        for kind in kinds:
            after[kind] = _of_kind(kind, later)
            whole[kind] = _of_kind(kind, earlier) + after[kind]
    before, moved = _parted(effects.cash, start)
    after["cash"] = _sum(_BASE, moved)
    whole["cash"] = _sum(_BASE, before) + after["cash"]
    return whole, after


def totals_of(
    market: Market,
    effects: Effects,
    *,
    sums: Mapping[str, Decimal],
    positions: Iterable[Position],
    cash: Iterable[CashBalance],
    liabilities: Mapping[str, Decimal],
    ordinal: int,
) -> Totals:
    """Totals on the valuation day; ``sums`` are the first of ``base_sums``. Needs the exact context."""
    value = cost = ZERO
    for position in positions:
        value += position.market_value_base
        cost += position.cost_basis_base
    cash_base = sum((balance.balance_base for balance in cash), ZERO)
    return Totals(
        market_value=value,
        cash=cash_base,
        liabilities=in_base(market, liabilities, ordinal),
        cost_basis=cost,
        realised_gain=_sum(_PROCEEDS_BASE, effects.realised) - _sum(_COST_BASE, effects.realised),
        dividends=sums["dividend"],
        interest=sums["interest"],
        fees=sums["fee"],
        taxes=sums["tax"],
        currency_gain=cash_base - sums["cash"],
        net_contributions=_sum(_AMOUNT, effects.flows),
    )


def statement_of(
    market: Market,
    effects: Effects,
    *,
    sums: Mapping[str, Decimal],
    start: int,
    end: int,
    opening_value: Decimal,
    closing_value: Decimal,
    closing_cash: Decimal,
) -> Statement:
    """The statement of (start, end], from a replay that was rebased on ``start``; ``sums`` are the second of ``base_sums``.

    Needs the exact context.

    Securities gain what their value changed by beyond what was put in and taken out, before fees; the part of it that was
    realised is measured lot by lot against the value at ``start``, the rest is unrealised. Cash gains what its balances are
    worth beyond the movements at their own days' rates. So every amount is in exactly one line.
    """
    opening_cash = in_base(market, _by_currency(_parted(effects.cash, start)[0]), start)
    put_in = _sum(_GROSS_BASE, _parted(effects.positions, start)[1])
    securities_gain = (closing_value - closing_cash) - (opening_value - opening_cash) - put_in
    opened = date.fromordinal(start)
    realised = sum([row.statement_gain for row in effects.realised if row.closed > opened], ZERO)
    flows = _parted(effects.flows, start)[1]
    return Statement(
        start=opened,
        end=date.fromordinal(end),
        opening_value=opening_value,
        contributions=_flows(flows, outward=False),
        withdrawals=-_flows(flows, outward=True),
        realised_gain=realised,
        unrealised_gain=securities_gain - realised,
        dividends=sums["dividend"],
        interest=sums["interest"],
        fees=sums["fee"],
        taxes=sums["tax"],
        currency_gain=closing_cash - opening_cash - sums["cash"],
        closing_value=closing_value,
    )


def _sum(name: Callable[[Any], Decimal], rows: Iterable[Any]) -> Decimal:
    return sum(map(name, rows), ZERO)


def _of_kind(kind: str, rows: Iterable[Income | Charge]) -> Decimal:
    return sum([row.base for row in rows if row.kind == kind], ZERO)


def _parted(rows: Sequence[Row], start: int) -> tuple[Sequence[Row], Sequence[Row]]:
    """Effects up to the end of a day, and those after it: they stand in the order of their days."""
    index = bisect_right(rows, start, key=_ORDINAL)
    return rows[:index], rows[index:]


def _by_currency(moves: Iterable[CashMove]) -> dict[str, Decimal]:
    """The sum of cash movements per currency."""
    amounts: dict[str, list[Decimal]] = {}
    for move in moves:
        amounts.setdefault(move.currency, []).append(move.amount)
    return {currency: sum(found, ZERO) for currency, found in amounts.items()}


def _flows(flows: Iterable[Flow], *, outward: bool) -> Decimal:
    return sum((flow.amount for flow in flows if (flow.kind in OUTWARD) is outward), ZERO)
