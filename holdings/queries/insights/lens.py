"""The lens through which a page looks at a portfolio: which currency, which moment; and what is computed once for it.

Values by day and statements follow from the books and the closes alone, so they are cached by the books' revision and the
stamp of what is priced; the present price of each thing is laid over them afterwards, which costs no replay.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import TypeVar

from django.core.cache import cache

from holdings.domain import types as domain
from holdings.domain.analysis import Analysis, analyse
from holdings.domain.ledger import market_of
from holdings.domain.market import MissingRate
from holdings.domain.numbers import EXACT, decimals, exact, from_scaled, to_scaled
from holdings.domain.ranges import Period
from holdings.domain.series import Series
from holdings.domain.statement import OUTWARD, Statement
from holdings.domain.types import CostMethod, PortfolioError
from holdings.domain.valuation import Valuation
from holdings.models import Portfolio
from holdings.queries.journal import load_journal
from holdings.queries.pricing import rates_now
from holdings.queries.rates import rates_since
from holdings.queries.valuing import Snapshot, snapshot
from holdings.queries.whole import assembled, currencies_of
from marketdata.queries import closes_on

ZERO = Decimal(0)
_KEEP_SECONDS = 600
_VERSION = 3
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Basis:
    """Exact values (without debts) at the end of each day from the day before the first entry, and external flows.

    `values[i] × 10^-scale` belongs to the day `first + i`. `leaving` are outflows, positive. `problem` says why there
    is nothing.
    """

    first: int = 0
    values: tuple[int, ...] = ()
    scale: int = 0
    entering: tuple[tuple[int, Decimal], ...] = ()
    leaving: tuple[tuple[int, Decimal], ...] = ()
    every_day: bool = False
    problem: str = ""

    @property
    def first_day(self) -> date:
        """The day before the first entry."""
        return date.fromordinal(self.first)

    @property
    def last_day(self) -> date:
        """The last day that is valued."""
        return date.fromordinal(self.first + len(self.values) - 1)

    def part(self, period: Period) -> Valuation:
        """The values of a period that lies within."""
        start, end = period.start.toordinal() - self.first, period.end.toordinal() - self.first
        return Valuation(period.start.toordinal(), list(self.values[start : end + 1]), self.scale)


@dataclass(frozen=True, slots=True)
class _Stated:
    statement: Statement
    market_value: Decimal
    cash: Decimal


class Lens:
    """One portfolio at one moment in one currency. Raises the domain's `PortfolioError` where a rate is missing."""

    def __init__(self, portfolio: Portfolio, *, now: datetime, currency: str = "") -> None:
        self.portfolio, self.now = portfolio, now
        self.currency = currency or portfolio.base_currency

    @cached_property
    def snapshot(self) -> Snapshot:
        """The portfolio as it is now, in its own currency."""
        return snapshot(self.portfolio, now=self.now)

    @property
    def today(self) -> date:
        """The day it is for the portfolio."""
        return self.snapshot.day

    @property
    def is_foreign(self) -> bool:
        """Whether the figures are in another currency than the portfolio's."""
        return self.currency != self.portfolio.base_currency

    @cached_property
    def whole(self) -> domain.Portfolio:
        """The journal with every price and rate, in this currency. About six statements."""
        journal = load_journal(self.portfolio.pk)
        prices = {row.instrument_id: row.price for row in self.snapshot.holdings if row.price is not None}
        found = assembled(self.portfolio, journal, now=self.now, prices_now=prices)
        if not self.is_foreign:
            return found
        first = min((row.day for row in journal.transactions), default=self.today)
        codes = currencies_of(journal) | {self.portfolio.base_currency}
        start = date.fromordinal(first.toordinal() - 1)
        rates = {
            pair: Series.from_pairs(pairs)
            for pair, pairs in rates_since(codes, self.currency, start, self.today).items()
        }
        return _in_currency(found, self.currency, rates)

    def analysis(self, period: Period | None = None, *, method: CostMethod | None = None) -> Analysis:
        """Everything `analyse` says about a period, uncached."""
        if period is None:
            return analyse(self.whole, method=method)
        return analyse(self.whole, start=period.start, end=period.end, method=method)

    def cached(self, name: str, compute: Callable[[], T], *, live: bool = False) -> T:
        """What `compute` says, from the cache while books, closes and rates are the same; `live`: prices now as well."""
        key = (
            f"holdings:insights:{_VERSION}:{name}:{self.portfolio.pk}:{self.portfolio.revision}:{self._stamp}"
        )
        if live:
            prices = [
                (row.instrument_id, row.price and str(row.price.price)) for row in self.snapshot.holdings
            ]
            key += ":" + _digest(repr(prices))
        found: T | None = cache.get(key)
        if found is None:
            found = compute()
            cache.set(key, found, timeout=_KEEP_SECONDS)
        return found

    @cached_property
    def basis(self) -> Basis:
        """Values and flows of every day up to now."""
        basis = self.cached("basis", self._basis)
        closing = self._closing
        if not basis.values or closing is None:
            return basis
        value = EXACT.add(*closing)
        scale = max(basis.scale, decimals(value))
        factor = 10 ** (scale - basis.scale)
        values = basis.values if factor == 1 else tuple(known * factor for known in basis.values)
        return replace(basis, values=(*values[:-1], to_scaled(value, scale)), scale=scale)

    def statement(self, period: Period) -> Statement:
        """The statement of a period that adds up, valued with the present prices where it ends today."""
        stated = self.cached(f"statement:{period.start}:{period.end}", lambda: self._stated(period))
        closing = self._closing
        if period.end != self.today or closing is None:
            return stated.statement
        with exact():
            securities, cash = closing[0] - stated.market_value, closing[1] - stated.cash
            return replace(
                stated.statement,
                unrealised_gain=stated.statement.unrealised_gain + securities,
                currency_gain=stated.statement.currency_gain + cash,
                closing_value=stated.statement.closing_value + securities + cash,
            )

    def converted(self, amount: Decimal, currency: str) -> Decimal | None:
        """An amount at today's rate, or None where there is none."""
        if not amount:
            return ZERO
        rate = self._rates.get(currency)
        return None if rate is None else EXACT.multiply(amount, rate)

    def _stated(self, period: Period) -> _Stated:
        analysis = self.analysis(period)
        return _Stated(analysis.statement, analysis.totals.market_value, analysis.totals.cash)

    def _basis(self) -> Basis:
        if not self.whole.transactions:
            return Basis(problem="There are no entries yet.")
        try:
            analysis = self.analysis()
        except PortfolioError as error:
            return Basis(problem=problem_of(error))
        measured, flows = analysis.performance, analysis.replay.effects.flows
        return Basis(
            first=measured.first,
            values=tuple(measured.values),
            scale=measured.scale,
            entering=tuple((flow.ordinal, flow.amount) for flow in flows if flow.kind not in OUTWARD),
            leaving=tuple((flow.ordinal, -flow.amount) for flow in flows if flow.kind in OUTWARD),
            every_day=bool(measured.returns.periods == 365),
        )

    @cached_property
    def _rates(self) -> dict[str, Decimal | None]:
        codes = {row.currency for row in self.snapshot.holdings} | {
            row.currency for row in self.snapshot.cash
        }
        return rates_now(codes | {self.portfolio.base_currency}, base=self.currency, on=self.today)

    @cached_property
    def _closing(self) -> tuple[Decimal, Decimal] | None:
        """Securities and cash now, in this currency; None where something is missing."""
        shown = self.snapshot
        if not self.is_foreign:
            if shown.market_value is None or shown.cash_value is None:
                return None
            return shown.market_value, shown.cash_value
        securities = cash = ZERO
        with exact():
            for row in shown.holdings:
                value = None if row.market_value is None else self.converted(row.market_value, row.currency)
                if value is None:
                    return None
                securities += value
            for balance in shown.cash:
                value = self.converted(balance.balance, balance.currency)
                if value is None:
                    return None
                cash += value
        return securities, cash

    @cached_property
    def _stamp(self) -> str:
        ids = sorted(row.instrument_id for row in self.snapshot.holdings)
        last = closes_on(ids, self.today) if ids else {}
        stamp = (
            self.currency,
            self.today.isoformat(),
            [(pk, str(last[pk].date), str(last[pk].price), last[pk].revision) for pk in ids if pk in last],
            sorted((code, str(rate)) for code, rate in self._rates.items()),
        )
        return _digest(repr(stamp))


def problem_of(error: PortfolioError) -> str:
    """The first problem as a sentence."""
    text = error.problems[0].message
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def _in_currency(
    found: domain.Portfolio, currency: str, rates: dict[tuple[str, str], Series]
) -> domain.Portfolio:
    """The same books in another currency: rates that entries recorded are carried over at their own day's rate."""
    base = found.base_currency
    market = market_of(base_currency=currency, instruments={}, prices={}, fx=rates, ordered=())

    def recorded(row: domain.Transaction) -> Decimal | None:
        own = Decimal(1) if row.currency == base else row.fx_rate
        if own is None or row.currency in (currency, base):
            return None
        try:
            return EXACT.multiply(own, market.rate(base, currency, row.day.toordinal()))
        except MissingRate:
            return None

    return replace(
        found,
        base_currency=currency,
        fx=rates,
        transactions=tuple(
            row if row.fx_rate is None else replace(row, fx_rate=recorded(row)) for row in found.transactions
        ),
    )


def scaled_value(basis: Basis, day: date) -> Decimal:
    """The value at the end of a day."""
    return from_scaled(basis.values[day.toordinal() - basis.first], basis.scale)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:24]
