"""What portfolios hold and are worth now: positions, cash and totals from the derived tables, with the latest prices.

What it costs depends on how many things are held, not on how long the journal is: everything that only the journal
decides (cost, realised gains, income, contributions) is kept up to date by posting.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from holdings.domain.numbers import exact, quotient
from holdings.models import Portfolio
from holdings.queries.books import Book, Thing, books_of, unit_of
from holdings.queries.carrying import carried, splits_after
from holdings.queries.pricing import PriceNow, prices_now, rates_now
from marketdata.models import AssetClass

__all__ = ["CashRow", "HoldingRow", "Snapshot", "snapshot", "snapshots", "unit_of"]

ZERO = Decimal(0)
_LABELS: dict[str, str] = {value: str(label) for value, label in AssetClass.choices}


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingRow:
    """One instrument over all accounts. Unsuffixed money is in the instrument's currency, `_base` in the portfolio's.

    Values are None where a price (`price` None) or an exchange rate is missing. A closed position has quantity 0.
    """

    instrument_id: int
    symbol: str
    name: str
    asset_class: str
    asset_class_label: str
    sector: str
    country: str
    currency: str
    unit: Decimal
    quantity: Decimal
    cost_basis: Decimal
    cost_basis_base: Decimal
    realised_gain: Decimal
    realised_gain_base: Decimal
    income: Decimal
    income_base: Decimal
    fees_base: Decimal
    taxes_base: Decimal
    price: PriceNow | None
    rate: Decimal | None
    market_value: Decimal | None
    market_value_base: Decimal | None
    day_change_base: Decimal | None
    weight: Decimal | None = None

    @property
    def average_cost(self) -> Decimal:
        """Cost basis per unit; 0 when closed."""
        return quotient(self.cost_basis, self.quantity)

    @property
    def unrealised_gain(self) -> Decimal | None:
        """Market value less cost basis."""
        return None if self.market_value is None else self.market_value - self.cost_basis

    @property
    def unrealised_gain_base(self) -> Decimal | None:
        """Market value less cost basis, in the portfolio's currency."""
        return None if self.market_value_base is None else self.market_value_base - self.cost_basis_base

    @property
    def unrealised_fraction(self) -> Decimal | None:
        """Unrealised gain as a part of the cost basis."""
        gain = self.unrealised_gain_base
        return None if gain is None or not self.cost_basis_base else gain / abs(self.cost_basis_base)

    @property
    def total_gain_base(self) -> Decimal | None:
        """Unrealised and realised gain and income, before taxes, in the portfolio's currency."""
        gain = self.unrealised_gain_base
        return None if gain is None else gain + self.realised_gain_base + self.income_base

    @property
    def day_change_fraction(self) -> Decimal | None:
        """Since the previous close, as a fraction of it."""
        if self.price is None or not self.price.previous_close:
            return None
        return (self.price.price - self.price.previous_close) / self.price.previous_close


@dataclass(frozen=True, slots=True, kw_only=True)
class CashRow:
    """Cash of one account in one currency."""

    account_id: int
    account: str
    currency: str
    balance: Decimal
    balance_base: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A portfolio as it is now. Totals are in its base currency, None where something they need is missing.

    `missing` says in words which prices and rates those are.
    """

    portfolio_id: int
    base_currency: str
    day: date
    holdings: tuple[HoldingRow, ...]
    cash: tuple[CashRow, ...]
    liabilities: tuple[tuple[str, Decimal, Decimal | None], ...]
    market_value: Decimal | None
    cash_value: Decimal | None
    liabilities_value: Decimal | None
    cost_basis: Decimal
    realised_gain: Decimal
    dividends: Decimal
    interest: Decimal
    fees: Decimal
    taxes: Decimal
    net_contributions: Decimal
    cash_cost: Decimal
    day_change: Decimal | None
    missing: tuple[str, ...]
    has_simulated_prices: bool
    has_stale_prices: bool

    @property
    def net_worth(self) -> Decimal | None:
        """Market value and cash, less liabilities."""
        if self.market_value is None or self.cash_value is None or self.liabilities_value is None:
            return None
        return self.market_value + self.cash_value - self.liabilities_value

    @property
    def unrealised_gain(self) -> Decimal | None:
        """Market value less cost basis."""
        return None if self.market_value is None else self.market_value - self.cost_basis

    @property
    def currency_gain(self) -> Decimal | None:
        """What cash is worth beyond its movements at the rates of their own days."""
        return None if self.cash_value is None else self.cash_value - self.cash_cost

    @property
    def total_gain(self) -> Decimal | None:
        """Net worth and liabilities, less net contributions: with income, after fees and taxes."""
        if self.market_value is None or self.cash_value is None:
            return None
        return self.market_value + self.cash_value - self.net_contributions

    @property
    def total_gain_fraction(self) -> Decimal | None:
        """Total gain as a part of net contributions."""
        gain = self.total_gain
        return None if gain is None or self.net_contributions <= 0 else gain / self.net_contributions


def snapshot(portfolio: Portfolio, *, now: datetime) -> Snapshot:
    """One portfolio as it is now. Mostly three statements."""
    return snapshots([portfolio], now=now)[portfolio.pk]


def snapshots(portfolios: Iterable[Portfolio], *, now: datetime) -> dict[int, Snapshot]:
    """Several portfolios as they are now, by id. One statement for their books, and those that prices and exchange rates
    need (one more for splits where prices are not of today); the number does not depend on how many portfolios there are."""
    wanted = list(portfolios)
    books = books_of([portfolio.pk for portfolio in wanted])
    things = {row.thing.pk: row.thing for book in books.values() for row in book.positions}
    units = {pk: thing.unit for pk, thing in things.items()}
    prices = prices_now(things, portfolio_ids=[portfolio.pk for portfolio in wanted], units=units, now=now)
    today = now.astimezone(UTC).date()
    splits = splits_after(
        [portfolio.pk for portfolio in wanted],
        {pk: price.day for pk, price in prices.items() if price.day < today},
    )
    codes = {thing.currency for thing in things.values()}
    codes |= {row.currency for book in books.values() for row in book.cash}
    codes |= {row.currency for book in books.values() for row in book.liabilities}
    rates: dict[tuple[str, date], Mapping[str, Decimal | None]] = {}
    found = {}
    for portfolio in wanted:
        day = now.astimezone(ZoneInfo(portfolio.time_zone)).date()
        key = (portfolio.base_currency, day)
        if key not in rates:
            rates[key] = rates_now(codes, base=portfolio.base_currency, on=day)
        with exact():
            own = carried(prices, splits.get(portfolio.pk, {}))
            found[portfolio.pk] = _Valuer(portfolio, day, own, rates[key]).snapshot(books[portfolio.pk])
    return found


class _Worth(NamedTuple):
    price: PriceNow | None
    value: Decimal | None
    value_base: Decimal | None
    change: Decimal | None


class _Valuer:
    def __init__(
        self,
        portfolio: Portfolio,
        day: date,
        prices: Mapping[int, PriceNow],
        rates: Mapping[str, Decimal | None],
    ) -> None:
        self.portfolio, self.day, self.prices, self.rates = portfolio, day, prices, rates
        self.missing: dict[str, None] = {}

    def snapshot(self, book: Book) -> Snapshot:
        worth = [self._worth(row.thing, row.figures) for row in book.positions]
        cash = tuple(
            CashRow(
                account_id=row.account_id,
                account=row.account,
                currency=row.currency,
                balance=row.balance,
                balance_base=self._in_base(row.balance, row.currency),
            )
            for row in book.cash
        )
        debts = tuple(
            (debt.currency, debt.amount, self._in_base(debt.amount, debt.currency))
            for debt in book.liabilities
        )
        # What is closed is worth nothing.
        market_value = _sum(each.value_base for each in worth)
        cash_value = _sum(row.balance_base for row in cash)
        total = None if market_value is None or cash_value is None else market_value + cash_value
        holdings = [
            self._holding(row.thing, row.figures, each, weight_of(each.value_base, total))
            for row, each in zip(book.positions, worth, strict=True)
        ]
        held = [holding for holding in holdings if holding.quantity]
        changes = [holding.day_change_base for holding in held if holding.day_change_base is not None]
        return Snapshot(
            portfolio_id=self.portfolio.pk,
            base_currency=self.portfolio.base_currency,
            day=self.day,
            holdings=tuple(sorted(holdings, key=_by_value)),
            cash=cash,
            liabilities=debts,
            market_value=market_value,
            cash_value=cash_value,
            liabilities_value=_sum(value for _, _, value in debts),
            cost_basis=sum((row.cost_basis_base for row in holdings), ZERO),
            day_change=sum(changes, ZERO) if changes or not held else None,
            missing=tuple(self.missing),
            has_simulated_prices=any(row.price is not None and row.price.is_simulated for row in held),
            has_stale_prices=any(row.price is not None and row.price.is_stale for row in held),
            **book.totals,
        )

    def _worth(self, instrument: Thing, figures: Mapping[str, Decimal]) -> _Worth:
        unit = instrument.unit
        price = self.prices.get(instrument.pk)
        quantity = figures["quantity"]
        value: Decimal | None = None
        value_base: Decimal | None = None
        change: Decimal | None = None
        if not quantity:
            value = value_base = ZERO
        elif price is None:
            self.missing[f"no price of {instrument.symbol}"] = None
        else:
            value = quantity * price.price * unit
            value_base = self._in_base(value, instrument.currency)
            change = self._day_change(quantity * unit, price, instrument.currency)
        return _Worth(price, value, value_base, change)

    def _holding(
        self, instrument: Thing, figures: Mapping[str, Decimal], worth: _Worth, weight: Decimal | None
    ) -> HoldingRow:
        return HoldingRow(
            instrument_id=instrument.pk,
            symbol=instrument.symbol,
            name=instrument.name,
            asset_class=instrument.asset_class,
            asset_class_label=_LABELS.get(instrument.asset_class, instrument.asset_class),
            sector=instrument.sector,
            country=instrument.country,
            currency=instrument.currency,
            unit=instrument.unit,
            quantity=figures["quantity"],
            cost_basis=figures["cost_basis"],
            cost_basis_base=figures["cost_basis_base"],
            realised_gain=figures["realised_gain"],
            realised_gain_base=figures["realised_gain_base"],
            income=figures["income"],
            income_base=figures["income_base"],
            fees_base=figures["fees_base"],
            taxes_base=figures["taxes_base"],
            price=worth.price,
            rate=self.rates.get(instrument.currency),
            market_value=worth.value,
            market_value_base=worth.value_base,
            day_change_base=worth.change,
            weight=weight,
        )

    def _day_change(self, units: Decimal, price: PriceNow, currency: str) -> Decimal | None:
        """What the price's move since the previous close is worth; nothing on a day without a new price."""
        if price.previous_close is None:
            return None
        made = price.at.astimezone(UTC).date() if price.at else price.day
        if (self.day - made).days > 1:
            return ZERO
        return self._in_base(units * (price.price - price.previous_close), currency)

    def _in_base(self, amount: Decimal, currency: str) -> Decimal | None:
        if not amount:
            return ZERO
        rate = self.rates.get(currency)
        if rate is None:
            self.missing[f"no exchange rate from {currency} to {self.portfolio.base_currency}"] = None
            return None
        return amount * rate


def weight_of(value: Decimal | None, total: Decimal | None) -> Decimal | None:
    """A value as a part of all that is held and in cash; None where either is not known, or that is nothing."""
    return quotient(value, total) if value is not None and total is not None and total > 0 else None


def _sum(values: Iterable[Decimal | None]) -> Decimal | None:
    total = ZERO
    for value in values:
        if value is None:
            return None
        total += value
    return total


def _by_value(row: HoldingRow) -> tuple[bool, Decimal, str]:
    return (not row.quantity, -(row.market_value_base or ZERO), row.symbol)
