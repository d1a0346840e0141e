"""What the portfolio pays: dividends, interest and staking by month, year and thing, and what may come next year.

The coming payments are an estimate: what each thing held now paid over the last year, a unit, on the same day of the year.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from holdings.domain.analysis import Analysis
from holdings.domain.ledger.state import anniversary
from holdings.domain.numbers import exact, quotient, scaled
from holdings.domain.types import TransactionType
from holdings.queries.insights.lens import Lens
from holdings.queries.valuing import HoldingRow

ZERO = Decimal(0)
YEAR = timedelta(days=365)
KINDS = ("dividends", "interest", "staking")
_KIND = {
    TransactionType.DIVIDEND: "dividends",
    TransactionType.DISTRIBUTION: "dividends",
    TransactionType.STAKING: "staking",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """One payment in the lens's currency: gross, and the taxes booked with it. Negative for interest charged."""

    day: date
    kind: str
    instrument_id: int | None
    gross: Decimal
    taxes: Decimal
    transaction_id: int


@dataclass(slots=True, kw_only=True)
class Sums:
    """Gross income by kind, and the taxes booked with it."""

    dividends: Decimal = ZERO
    interest: Decimal = ZERO
    staking: Decimal = ZERO
    taxes: Decimal = ZERO

    @property
    def gross(self) -> Decimal:
        """All kinds together."""
        return self.dividends + self.interest + self.staking

    @property
    def interest_and_staking(self) -> Decimal:
        """What the books count as interest."""
        return self.interest + self.staking

    @property
    def net(self) -> Decimal:
        """Gross less taxes."""
        return self.gross - self.taxes


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A payment that may come, and what it is estimated from: so much a unit, on that day, for so many units held now."""

    day: date
    instrument_id: int
    symbol: str
    amount: Decimal
    last_day: date
    per_unit: Decimal
    currency: str
    quantity: Decimal
    rate: Decimal
    transaction_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Payer:
    """A thing that pays: all it paid, the last year of it, and what that is of its cost and of its value."""

    instrument_id: int
    symbol: str
    name: str
    sums: Sums
    last_year: Decimal
    expected: Decimal
    cost_basis: Decimal | None
    market_value: Decimal | None

    @property
    def yield_on_cost(self) -> Decimal | None:
        """Dividends of the last year for each unit of cost; None for what never paid one."""
        if not self.sums.dividends or self.cost_basis is None or self.cost_basis <= 0:
            return None
        return quotient(self.last_year, self.cost_basis)

    @property
    def current_yield(self) -> Decimal | None:
        """Dividends expected within a year for each unit of value; None for what never paid one."""
        if not self.sums.dividends or self.market_value is None or self.market_value <= 0:
            return None
        return quotient(self.expected, self.market_value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Income:
    """Everything on the page. Months are (year, month). What came after the day `since` is of the last year."""

    payments: tuple[Payment, ...]
    since: date
    total: Sums
    years: dict[int, Sums]
    months: dict[tuple[int, int], Sums]
    payers: tuple[Payer, ...]
    expected: tuple[Expected, ...]
    yield_on_cost: Decimal | None
    current_yield: Decimal | None


@dataclass(frozen=True, slots=True)
class _Found:
    payments: tuple[Payment, ...]
    expected: tuple[Expected, ...]
    costs: dict[int, Decimal]


def income_of(lens: Lens) -> Income:
    """The income of a portfolio. Cached with the books; raises the domain's `PortfolioError` where a rate is missing."""
    found = lens.cached("income", lambda: _found(lens))
    total = Sums()
    years: dict[int, Sums] = defaultdict(Sums)
    months: dict[tuple[int, int], Sums] = defaultdict(Sums)
    things: dict[int, Sums] = defaultdict(Sums)
    last: dict[int, Decimal] = defaultdict(Decimal)
    coming: dict[int, Decimal] = defaultdict(Decimal)
    since = lens.today - YEAR
    with exact():
        for payment in found.payments:
            into = [total, years[payment.day.year], months[payment.day.year, payment.day.month]]
            if payment.instrument_id is not None:
                into.append(things[payment.instrument_id])
                if payment.kind == "dividends" and payment.day > since:
                    last[payment.instrument_id] += payment.gross
            for sums in into:
                setattr(sums, payment.kind, getattr(sums, payment.kind) + payment.gross)
                sums.taxes += payment.taxes
        for expected in found.expected:
            coming[expected.instrument_id] += expected.amount
        payers = tuple(_payers(lens, things, last, coming, found.costs))
        held = [payer for payer in payers if payer.cost_basis and payer.sums.dividends]
        paid = sum((payer.last_year for payer in held), ZERO)
        cost = sum((payer.cost_basis or ZERO for payer in held), ZERO)
        worth = sum((payer.market_value or ZERO for payer in held), ZERO)
    return Income(
        payments=found.payments,
        since=since,
        total=total,
        years=dict(sorted(years.items(), reverse=True)),
        months=dict(sorted(months.items())),
        payers=payers,
        expected=found.expected,
        yield_on_cost=quotient(paid, cost) if cost > 0 else None,
        current_yield=quotient(sum(coming.values(), ZERO), worth) if worth > 0 else None,
    )


def _payers(
    lens: Lens,
    things: dict[int, Sums],
    last: dict[int, Decimal],
    coming: dict[int, Decimal],
    costs: dict[int, Decimal],
) -> Iterable[Payer]:
    rows = {row.instrument_id: row for row in lens.snapshot.holdings}
    for pk, sums in sorted(things.items(), key=lambda item: -item[1].gross):
        row = rows.get(pk)
        if row is None:
            continue
        yield Payer(
            instrument_id=pk,
            symbol=row.symbol,
            name=row.name,
            sums=sums,
            last_year=last[pk],
            expected=coming[pk],
            cost_basis=costs.get(pk) if row.quantity else None,
            market_value=_worth(lens, row) if row.quantity else None,
        )


def _worth(lens: Lens, row: HoldingRow) -> Decimal | None:
    """What a holding is worth now, in the lens's currency."""
    if not lens.is_foreign:
        return row.market_value_base
    return None if row.market_value is None else lens.converted(row.market_value, row.currency)


def _found(lens: Lens) -> _Found:
    if not lens.whole.transactions:
        return _Found((), (), {})
    analysis = lens.analysis()
    types = {row.id: row.type for row in analysis.journal}
    taxes: dict[str, Decimal] = defaultdict(Decimal)
    with exact():
        for charge in analysis.effects.charges:
            if charge.kind == "tax":
                taxes[charge.transaction] += charge.base
        payments = [
            Payment(
                day=date.fromordinal(row.ordinal),
                kind=_KIND.get(types[row.transaction], "interest"),
                instrument_id=None if row.instrument is None else int(row.instrument),
                gross=row.base,
                taxes=taxes.pop(row.transaction, ZERO),
                transaction_id=int(row.transaction),
            )
            for row in analysis.effects.incomes
        ]
        expected = sorted(_expected(lens, analysis), key=lambda row: (row.day, row.symbol))
        costs: dict[int, Decimal] = defaultdict(Decimal)
        for position in analysis.positions:
            costs[int(position.instrument)] += position.cost_basis_base
    return _Found(tuple(payments), tuple(expected), dict(costs))


def _expected(lens: Lens, analysis: Analysis) -> Iterable[Expected]:
    today, instruments = analysis.end, analysis.setup.instruments
    now: dict[str, Decimal] = defaultdict(Decimal)
    for position in analysis.positions:
        now[position.instrument] += position.quantity
    for row in analysis.effects.incomes:
        paid = date.fromordinal(row.ordinal)
        if (
            row.kind != "dividend"
            or row.instrument is None
            or not today - YEAR < paid <= today
            or row.amount <= 0
        ):
            continue
        held = _held_on(analysis, row.instrument, row.ordinal)
        if now[row.instrument] <= 0 or held <= 0:
            continue
        rate = lens.converted(Decimal(1), row.currency)
        if rate is None:
            continue
        per_unit = quotient(row.amount, held)
        yield Expected(
            day=anniversary(paid),
            instrument_id=int(row.instrument),
            symbol=instruments[row.instrument].symbol,
            amount=per_unit * now[row.instrument] * rate,
            last_day=paid,
            per_unit=per_unit,
            currency=row.currency,
            quantity=now[row.instrument],
            rate=rate,
            transaction_id=int(row.transaction),
        )


def _held_on(analysis: Analysis, instrument: str, ordinal: int) -> Decimal:
    """Units held at the end of the day before a payment, in units of today (later splits multiplied in)."""
    held = sum(
        (
            move.change
            for move in analysis.effects.quantities
            if move.instrument == instrument and move.ordinal < ordinal
        ),
        ZERO,
    )
    for row in analysis.journal:
        if (
            row.type is TransactionType.SPLIT
            and row.instrument == instrument
            and row.day.toordinal() >= ordinal
        ):
            held = scaled(held, row.ratio) if row.ratio is not None else held
    return held
