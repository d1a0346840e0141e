"""Totals since the first transaction, and the statement of a period whose lines add up to the closing value."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from operator import attrgetter

from holdings.domain.ledger.state import Flow
from holdings.domain.ledger.tally import DIVIDEND, FEE, INTEREST, TAX, Tally
from holdings.domain.market import Market
from holdings.domain.numbers import EXACT, exact
from holdings.domain.positions import Position
from holdings.domain.types import ZERO

_ORDINAL = attrgetter("ordinal")

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


def totals_of(
    market: Market,
    tally: Tally,
    *,
    flows: Iterable[Flow],
    positions: Iterable[Position],
    cash: Iterable[CashBalance],
    liabilities: Mapping[str, Decimal],
    ordinal: int,
) -> Totals:
    """Totals on the valuation day. Needs the exact context."""
    value = cost = realised = ZERO
    for position in positions:
        value += position.market_value_base
        cost += position.cost_basis_base
        realised += position.realised_gain_base
    cash_base = sum((balance.balance_base for balance in cash), ZERO)
    return Totals(
        market_value=value,
        cash=cash_base,
        liabilities=in_base(market, liabilities, ordinal),
        cost_basis=cost,
        realised_gain=realised,
        dividends=tally.whole[DIVIDEND],
        interest=tally.whole[INTEREST],
        fees=tally.whole[FEE],
        taxes=tally.whole[TAX],
        currency_gain=cash_base - tally.moved,
        net_contributions=sum((flow.amount for flow in flows), ZERO),
    )


def statement_of(
    market: Market,
    tally: Tally,
    *,
    flows: Sequence[Flow],
    start: int,
    end: int,
    opening_value: Decimal,
    closing_value: Decimal,
    closing_cash: Decimal,
) -> Statement:
    """The statement of (start, end], from a replay that was rebased on ``start``. Needs the exact context.

    Securities gain what their value changed by beyond what was put in and taken out, before fees; the part of it that was
    realised is measured lot by lot against the value at ``start``, the rest is unrealised. Cash gains what its balances are
    worth beyond the movements at their own days' rates. So every amount is in exactly one line.
    """
    before = tally.opening
    assert before is not None
    opening_cash = in_base(market, before.cash, start)
    put_in = tally.put_in - before.put_in
    securities_gain = (closing_value - closing_cash) - (opening_value - opening_cash) - put_in
    gain = tally.realised - before.realised
    later = flows[bisect_right(flows, start, key=_ORDINAL) :]
    sums = [whole - earlier for whole, earlier in zip(tally.whole, before.whole, strict=True)]
    return Statement(
        start=date.fromordinal(start),
        end=date.fromordinal(end),
        opening_value=opening_value,
        contributions=_flows(later, outward=False),
        withdrawals=-_flows(later, outward=True),
        realised_gain=gain,
        unrealised_gain=securities_gain - gain,
        dividends=sums[DIVIDEND],
        interest=sums[INTEREST],
        fees=sums[FEE],
        taxes=sums[TAX],
        currency_gain=closing_cash - opening_cash - (tally.moved - before.moved),
        closing_value=closing_value,
    )


def _flows(flows: Iterable[Flow], *, outward: bool) -> Decimal:
    return sum((flow.amount for flow in flows if (flow.kind in OUTWARD) is outward), ZERO)
