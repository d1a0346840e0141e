"""What follows from a journal, as values: computed by a replay, or read from the tables. Comparing the two is `verify_books`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from decimal import Decimal
from itertools import zip_longest
from typing import Any

from holdings.domain.ledger import Books, Effects, Realised
from holdings.domain.ledger import Lot as OpenLot
from holdings.domain.numbers import exact
from holdings.models import CashBalance, LedgerState, Liability, Lot, Position, RealisedTrade

ZERO = Decimal(0)
PositionKey = tuple[int, int]
"""(instrument, account)"""


@dataclass(slots=True)
class PositionFigures:
    """The figures of a position, in the instrument's and (`_base`) in the portfolio's currency."""

    quantity: Decimal = ZERO
    cost_basis: Decimal = ZERO
    cost_basis_base: Decimal = ZERO
    realised_gain: Decimal = ZERO
    realised_gain_base: Decimal = ZERO
    income: Decimal = ZERO
    income_base: Decimal = ZERO
    fees: Decimal = ZERO
    fees_base: Decimal = ZERO
    taxes: Decimal = ZERO
    taxes_base: Decimal = ZERO


POSITION_FIELDS = tuple(f.name for f in fields(PositionFigures))

LOT_FIELDS = (
    "key",
    "instrument_id",
    "account_id",
    "is_pool",
    "opened_date",
    "held_since",
    "position",
    "quantity",
    "cost",
    "cost_base",
    "basis_base",
    "fees",
    "fees_base",
    "is_purchase",
    "is_washed",
)
REALISED_FIELDS = (
    "transaction_id",
    "number",
    "instrument_id",
    "account_id",
    "currency",
    "direction",
    "opened_date",
    "closed_date",
    "held_since",
    "quantity",
    "proceeds",
    "proceeds_base",
    "cost",
    "cost_base",
    "fees",
    "fees_base",
    "statement_gain",
    "lot_key",
    "match",
    "wash_sale_adjustment",
    "wash_sale_adjustment_base",
)


TOTAL_FIELDS = ("realised_gain", "dividends", "interest", "fees", "taxes", "net_contributions", "cash_cost")


@dataclass(slots=True, kw_only=True)
class Derived:
    """Everything that follows from a journal. Rows are dicts of column to value, keyed by what identifies them.

    A purchase can lie in an account in several pieces (moved there bit by bit, or in part the replacement of a loss): they
    differ in cost or holding period, not in what identifies them. So each key has its lots, in the order in which they were
    made, which is the order in which they are sold.
    """

    lots: dict[tuple[Any, ...], tuple[dict[str, Any], ...]] = field(default_factory=dict)
    positions: dict[PositionKey, PositionFigures] = field(default_factory=dict)
    cash: dict[tuple[int, str], Decimal] = field(default_factory=dict)
    liabilities: dict[str, Decimal] = field(default_factory=dict)
    realised: dict[tuple[int, int], dict[str, Any]] = field(default_factory=dict)
    last_occurred_at: datetime | None = None
    lot_order: int = 0
    totals: dict[str, Decimal] = field(default_factory=lambda: dict.fromkeys(TOTAL_FIELDS, ZERO))


def lot_columns(lot: OpenLot) -> dict[str, Any]:
    """The columns of an open lot or pool."""
    return {
        "key": lot.id,
        "instrument_id": int(lot.instrument),
        "account_id": int(lot.account) if lot.account else None,
        "is_pool": not lot.account,
        "opened_date": lot.opened,
        "held_since": lot.held_since,
        "position": lot.order,
        "quantity": lot.quantity,
        "cost": lot.cost,
        "cost_base": lot.cost_base,
        "basis_base": lot.basis_base,
        "fees": lot.fees,
        "fees_base": lot.fees_base,
        "is_purchase": lot.purchased,
        "is_washed": lot.washed,
    }


def lot_identity(columns: Mapping[str, Any]) -> tuple[Any, ...]:
    """What tells a purchase's lots in an account from every other of the portfolio."""
    return (columns["instrument_id"], columns["account_id"] or 0, columns["position"], columns["key"])


def open_lot(row: Lot) -> OpenLot:
    """The domain's lot of a row; `ref` is the row's primary key."""
    return OpenLot(
        id=row.key,
        instrument=str(row.instrument_id),
        account="" if row.account_id is None else str(row.account_id),
        opened=row.opened_date,
        held_since=row.held_since,
        order=row.position,
        quantity=row.quantity,
        cost=row.cost,
        cost_base=row.cost_base,
        basis_base=row.basis_base,
        fees=row.fees,
        fees_base=row.fees_base,
        purchased=row.is_purchase,
        washed=row.is_washed,
        unit_cost=row.unit_cost,
        ref=row.pk,
    )


def realised_columns(rows: Iterable[Realised]) -> list[dict[str, Any]]:
    """The columns of closed parcels, numbered within their transaction."""
    numbers: dict[str, int] = {}
    columns = []
    for row in rows:
        numbers[row.transaction] = number = numbers.get(row.transaction, 0) + 1
        columns.append(
            {
                "transaction_id": int(row.transaction),
                "number": number,
                "instrument_id": int(row.instrument),
                "account_id": int(row.account) if row.account else None,
                "currency": row.currency,
                "direction": row.direction.value,
                "opened_date": row.opened,
                "closed_date": row.closed,
                "held_since": row.held_since,
                "quantity": row.quantity,
                "proceeds": row.proceeds,
                "proceeds_base": row.proceeds_base,
                "cost": row.cost,
                "cost_base": row.cost_base,
                "fees": row.fees,
                "fees_base": row.fees_base,
                "statement_gain": row.statement_gain,
                "lot_key": row.lot or "",
                "match": row.match.value if row.match else "",
                "wash_sale_adjustment": row.wash_sale_adjustment,
                "wash_sale_adjustment_base": row.wash_sale_adjustment_base,
            }
        )
    return columns


def add_effects(positions: dict[PositionKey, PositionFigures], effects: Effects) -> None:
    """Add to positions what effects did to quantity, realised gain, income, fees and taxes (cost basis aside)."""
    with exact():
        for move in effects.quantities:
            _at(positions, move.instrument, move.account).quantity += move.change
        for row in effects.realised:
            figures = _at(positions, row.instrument, row.account)
            figures.realised_gain += row.gain
            figures.realised_gain_base += row.gain_base
        for income in effects.incomes:
            if income.instrument is not None and income.account:
                figures = _at(positions, income.instrument, income.account)
                figures.income += income.amount
                figures.income_base += income.base
        for charge in effects.charges:
            if charge.instrument is None or not charge.account:
                continue
            figures = _at(positions, charge.instrument, charge.account)
            if charge.kind == "fee":
                figures.fees += charge.amount
                figures.fees_base += charge.base
            else:
                figures.taxes += charge.amount
                figures.taxes_base += charge.base


def totals_of(effects: Effects) -> dict[str, Decimal]:
    """The sums over all of a portfolio, in base currency, that effects add to."""
    totals = dict.fromkeys(TOTAL_FIELDS, ZERO)
    with exact():
        for row in effects.realised:
            totals["realised_gain"] += row.gain_base
        for income in effects.incomes:
            totals["dividends" if income.kind == "dividend" else "interest"] += income.base
        for charge in effects.charges:
            totals["fees" if charge.kind == "fee" else "taxes"] += charge.base
        for flow in effects.flows:
            totals["net_contributions"] += flow.amount
        for move in effects.cash:
            totals["cash_cost"] += move.base
    return totals


def _at(positions: dict[PositionKey, PositionFigures], instrument: str, account: str) -> PositionFigures:
    return positions.setdefault((int(instrument), int(account)), PositionFigures())


def spread_pool(pool: OpenLot, held: Mapping[int, Decimal]) -> dict[int, tuple[Decimal, Decimal]]:
    """A pool's cost and base cost by account, in proportion to what each holds; the last account takes the remainder."""
    from holdings.domain.numbers import share

    accounts = sorted(account for account, quantity in held.items() if quantity > 0)
    spread: dict[int, tuple[Decimal, Decimal]] = {}
    with exact():
        total = sum((held[account] for account in accounts), ZERO)
        rest, rest_base = pool.cost, pool.cost_base
        for account in accounts[:-1]:
            part = share(pool.cost, held[account], total), share(pool.cost_base, held[account], total)
            spread[account] = part
            rest, rest_base = rest - part[0], rest_base - part[1]
        if accounts:
            spread[accounts[-1]] = rest, rest_base
    return spread


def derived_from(books: Books, effects: Effects) -> Derived:
    """What a replay says should be in the tables."""
    positions: dict[PositionKey, PositionFigures] = {}
    add_effects(positions, effects)
    return derived_of(
        books, positions=positions, totals=totals_of(effects), realised=realised_columns(effects.realised)
    )


def derived_of(
    books: Books,
    *,
    positions: dict[PositionKey, PositionFigures],
    totals: dict[str, Decimal],
    realised: Iterable[dict[str, Any]],
) -> Derived:
    """The same from sums over the effects; `positions` come without their cost basis, and get it here."""
    derived = Derived(lot_order=books.order, totals=totals, positions=positions)
    with exact():
        for lot in [*books.lots, *books.pools.values()]:
            if not lot.quantity:
                continue
            columns = lot_columns(lot)
            key = lot_identity(columns)
            derived.lots[key] = (*derived.lots.get(key, ()), columns)
            if lot.account:
                figures = _at(derived.positions, lot.instrument, lot.account)
                figures.cost_basis += lot.cost
                figures.cost_basis_base += lot.cost_base
        for name, pool in books.pools.items():
            held = {int(a): q for (i, a), q in books.held.items() if i == name}
            for account, (cost, cost_base) in spread_pool(pool, held).items():
                figures = _at(derived.positions, name, str(account))
                figures.cost_basis += cost
                figures.cost_basis_base += cost_base
    derived.cash = {(int(account), currency): value for (account, currency), value in books.cash.items()}
    derived.liabilities = dict(books.liabilities)
    derived.realised = {(columns["transaction_id"], columns["number"]): columns for columns in realised}
    return derived


def derived_in_tables(portfolio_id: int, *, closed_since: date | None = None) -> Derived:
    """What the tables hold; of realised trades only those closed since a day, where one is named. Six statements."""
    state = LedgerState.objects.filter(portfolio_id=portfolio_id).first()
    derived = Derived(
        lot_order=state.lot_order if state else 0, last_occurred_at=state.last_occurred_at if state else None
    )
    if state is not None:
        derived.totals = {name: getattr(state, name) for name in TOTAL_FIELDS}
    for columns in (
        Lot.objects.filter(portfolio_id=portfolio_id).order_by("pk").values(*LOT_FIELDS).iterator()
    ):
        key = lot_identity(columns)
        derived.lots[key] = (*derived.lots.get(key, ()), columns)
    for row in Position.objects.filter(portfolio_id=portfolio_id).values(
        "instrument_id", "account_id", *POSITION_FIELDS
    ):
        key = (row.pop("instrument_id"), row.pop("account_id"))
        derived.positions[key] = PositionFigures(**row)
    for balance in CashBalance.objects.filter(portfolio_id=portfolio_id):
        derived.cash[balance.account_id, balance.currency] = balance.balance
    for liability in Liability.objects.filter(portfolio_id=portfolio_id):
        derived.liabilities[liability.currency] = liability.amount
    closed = RealisedTrade.objects.filter(portfolio_id=portfolio_id)
    if closed_since is not None:
        closed = closed.filter(closed_date__gte=closed_since)
    for columns in closed.values(*REALISED_FIELDS).iterator():
        derived.realised[columns["transaction_id"], columns["number"]] = columns
    return derived


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure that the tables and a replay do not agree on. None: there is no such row."""

    what: str
    stored: object
    replayed: object

    def __str__(self) -> str:
        return f"{self.what}: stored {_shown(self.stored)}, replayed {_shown(self.replayed)}"


def differences(stored: Derived, replayed: Derived) -> list[Difference]:
    """Every difference, to the last digit. A position, balance or debt of nothing is the same as none."""
    found: list[Difference] = []
    for key in sorted(stored.lots.keys() | replayed.lots.keys()):
        for ours, theirs in zip_longest(stored.lots.get(key, ()), replayed.lots.get(key, ())):
            found += _row_differences(f"lot {'/'.join(map(str, key))}", ours, theirs)
    for key in sorted(stored.realised.keys() | replayed.realised.keys()):
        label = f"realised trade {'/'.join(map(str, key))}"
        found += _row_differences(label, stored.realised.get(key), replayed.realised.get(key))
    nothing = PositionFigures()
    for key in sorted(stored.positions.keys() | replayed.positions.keys()):
        ours = stored.positions.get(key, nothing)
        theirs = replayed.positions.get(key, nothing)
        found += [
            Difference(f"position {key[0]}/{key[1]}.{name}", getattr(ours, name), getattr(theirs, name))
            for name in POSITION_FIELDS
            if getattr(ours, name) != getattr(theirs, name)
        ]
    if stored.lot_order != replayed.lot_order:
        found.append(Difference("age of the last lot", stored.lot_order, replayed.lot_order))
    cash, replayed_cash = _named(stored.cash), _named(replayed.cash)
    for label, one, other in (
        ("total", stored.totals, replayed.totals),
        ("cash", cash, replayed_cash),
        ("liability", stored.liabilities, replayed.liabilities),
    ):
        found += [
            Difference(f"{label} {name}", one.get(name, ZERO), other.get(name, ZERO))
            for name in sorted(one.keys() | other.keys())
            if one.get(name, ZERO) != other.get(name, ZERO)
        ]
    return found


def _named(cash: Mapping[tuple[int, str], Decimal]) -> dict[str, Decimal]:
    return {f"{account}/{currency}": balance for (account, currency), balance in cash.items()}


def _row_differences(
    label: str, ours: Mapping[str, Any] | None, theirs: Mapping[str, Any] | None
) -> list[Difference]:
    if ours is None or theirs is None:
        return [Difference(label, ours and "a row", theirs and "a row")]
    return [
        Difference(f"{label}.{name}", ours[name], theirs[name]) for name in ours if ours[name] != theirs[name]
    ]


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, Decimal):
        return format(value, "f")
    return value.isoformat() if isinstance(value, date) else str(value)
