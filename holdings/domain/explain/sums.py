"""The rows behind a sum of the books, of `totals` or of a statement.

``REGISTRY`` maps a figure to the function that lists its rows; a new figure is one function and one line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from holdings.domain.analysis import Analysis
from holdings.domain.definitions import DEFINITIONS, Definition
from holdings.domain.ledger.state import Charge, Income
from holdings.domain.numbers import exact, quotient
from holdings.domain.statement import OUTWARD
from holdings.domain.types import ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of an explanation; ``amount`` is in base currency and the rows' amounts add up to the figure.

    ``instrument`` and ``account`` are the ids that the label names, for pages that write names instead.
    """

    label: str
    amount: Decimal
    day: date | None = None
    transaction: str | None = None
    quantity: Decimal | None = None
    price: Decimal | None = None
    price_day: date | None = None
    currency: str | None = None
    rate: Decimal | None = None
    rate_pairs: tuple[str, ...] = ()
    instrument: str | None = None
    account: str | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """A figure with its definition and the rows behind it; ``total`` is their sum."""

    figure: str
    definition: Definition
    rows: tuple[Row, ...]
    total: Decimal


def explain(analysis: Analysis, figure: str) -> Explanation:
    """The explanation of a figure of ``totals`` or of ``statement`` (``statement.dividends``). Raises KeyError for others."""
    with exact():
        rows = tuple(REGISTRY[figure](analysis))
        total = sum((row.amount for row in rows), ZERO)
    name = figure.removeprefix("statement.")
    special = f"statement_{name}"
    key = special if figure.startswith("statement.") and special in DEFINITIONS else name
    return Explanation(figure, DEFINITIONS[key], rows, total)


def _rate(analysis: Analysis, currency: str, ordinal: int) -> tuple[Decimal, tuple[str, ...]]:
    market = analysis.market
    return market.rate(currency, market.base_currency, ordinal), tuple(
        market.pairs_used(currency, market.base_currency)
    )


def _positions(analysis: Analysis) -> Iterable[Row]:
    for row in analysis.positions:
        if not row.quantity:
            continue
        rate, pairs = (
            (None, ()) if not row.market_value else _rate(analysis, row.currency, analysis.end.toordinal())
        )
        yield Row(
            label=f"{row.instrument} · {row.account}",
            amount=row.market_value_base,
            day=analysis.end,
            quantity=row.quantity,
            price=row.price,
            price_day=row.price_date,
            currency=row.currency,
            rate=rate,
            rate_pairs=pairs,
            instrument=row.instrument,
            account=row.account,
        )


def _cash(analysis: Analysis) -> Iterable[Row]:
    for balance in analysis.cash:
        rate, pairs = (
            (None, ()) if not balance.balance else _rate(analysis, balance.currency, analysis.end.toordinal())
        )
        yield Row(
            label=f"{balance.account} · {balance.currency}",
            amount=balance.balance_base,
            day=analysis.end,
            quantity=balance.balance,
            currency=balance.currency,
            rate=rate,
            rate_pairs=pairs,
            account=balance.account,
        )


def _liabilities(analysis: Analysis) -> Iterable[Row]:
    for currency, debt in analysis.replay.ledger.liabilities.items():
        if debt:
            rate, pairs = _rate(analysis, currency, analysis.end.toordinal())
            yield Row(
                label=currency,
                amount=debt * rate,
                day=analysis.end,
                quantity=debt,
                currency=currency,
                rate=rate,
                rate_pairs=pairs,
            )


def _net_worth(analysis: Analysis) -> Iterable[Row]:
    yield from closing_rows(analysis)
    for row in _liabilities(analysis):
        yield Row(label=f"debt · {row.label}", amount=-row.amount, currency=row.currency, rate=row.rate)


def closing_rows(analysis: Analysis) -> Iterable[Row]:
    """What is held at the end, at the last prices and rates."""
    yield from _positions(analysis)
    yield from _cash(analysis)


def opening_rows(analysis: Analysis) -> Iterable[Row]:
    """What was held at the end of the day the period starts from, at that day's prices and rates."""
    day, market = analysis.start, analysis.market
    start = day.toordinal()
    held: dict[tuple[str, str], Decimal] = {}
    for move in analysis.effects.quantities:
        if move.ordinal <= start:
            key = (move.instrument, move.account)
            held[key] = held.get(key, ZERO) + move.change
    for (name, account), quantity in held.items():
        quote = market.price(name, start, account) if quantity else None
        if quote is None:
            continue
        instrument = analysis.setup.instruments[name]
        rate, pairs = _rate(analysis, instrument.currency, start)
        yield Row(
            label=f"{name} · {account}",
            amount=quantity * quote.price * instrument.unit * rate,
            day=day,
            quantity=quantity,
            price=quote.price,
            price_day=quote.day,
            currency=instrument.currency,
            rate=rate,
            rate_pairs=pairs,
            instrument=name,
            account=account,
        )
    balances: dict[tuple[str, str], Decimal] = {}
    for cash in analysis.effects.cash:
        if cash.ordinal <= start:
            key = (cash.account, cash.currency)
            balances[key] = balances.get(key, ZERO) + cash.amount
    for (account, currency), balance in balances.items():
        if balance:
            rate, pairs = _rate(analysis, currency, start)
            yield Row(
                label=f"{account} · {currency}",
                amount=balance * rate,
                day=day,
                quantity=balance,
                currency=currency,
                rate=rate,
                rate_pairs=pairs,
                account=account,
            )


def _lots(analysis: Analysis) -> Iterable[Row]:
    for row in analysis.positions:
        for lot in row.lots:
            yield Row(
                label=f"{row.instrument} · {row.account} · lot {lot.id}",
                amount=lot.cost_base,
                day=lot.opened,
                transaction=lot.id,
                quantity=lot.quantity,
                currency=row.currency,
                instrument=row.instrument,
                account=row.account,
            )


def _unrealised(analysis: Analysis) -> Iterable[Row]:
    yield from _positions(analysis)
    for row in _lots(analysis):
        yield Row(
            label=f"cost · {row.label}",
            amount=-row.amount,
            day=row.day,
            transaction=row.transaction,
            quantity=row.quantity,
            instrument=row.instrument,
            account=row.account,
        )


def _realised(analysis: Analysis) -> Iterable[Row]:
    for row in analysis.effects.realised:
        yield Row(
            label=f"{row.instrument} · {row.account} · lot {row.lot or 'pool'}",
            amount=row.proceeds_base - row.cost_base,
            day=row.closed,
            transaction=row.transaction,
            quantity=row.quantity,
            currency=row.currency,
            instrument=row.instrument,
            account=row.account,
        )


def _statement_realised(analysis: Analysis) -> Iterable[Row]:
    for row in analysis.effects.realised:
        if row.closed > analysis.start:
            yield Row(
                label=f"{row.instrument} · {row.account}",
                amount=row.statement_gain,
                day=row.closed,
                transaction=row.transaction,
                quantity=row.quantity,
                currency=row.currency,
                instrument=row.instrument,
                account=row.account,
            )


def _booked(rows: Iterable[Income | Charge], kind: str, after: int) -> Iterable[Row]:
    for row in rows:
        if row.kind == kind and row.ordinal > after:
            yield Row(
                label=row.instrument or row.account,
                amount=row.base,
                day=date.fromordinal(row.ordinal),
                transaction=row.transaction,
                quantity=row.amount,
                currency=row.currency,
                rate=quotient(row.base, row.amount) if row.amount else None,
                instrument=row.instrument,
                account=row.account,
            )


def _flows(analysis: Analysis, after: int, *, outward: bool | None) -> Iterable[Row]:
    for flow in analysis.effects.flows:
        if flow.ordinal > after and outward in (None, flow.kind in OUTWARD):
            yield Row(
                label=flow.kind.replace("_", " "),
                amount=-flow.amount if outward else flow.amount,
                day=date.fromordinal(flow.ordinal),
                transaction=flow.transaction,
                account=flow.account,
            )


def _currency(analysis: Analysis, after: int) -> Iterable[Row]:
    market, effects = analysis.market, analysis.effects
    opening: dict[str, Decimal] = {}
    closing: dict[str, Decimal] = {}
    moved: dict[str, Decimal] = {}
    for move in effects.cash:
        if move.ordinal <= after:
            opening[move.currency] = opening.get(move.currency, ZERO) + move.amount
        else:
            moved[move.currency] = moved.get(move.currency, ZERO) + move.base
        closing[move.currency] = closing.get(move.currency, ZERO) + move.amount
    for currency, balance in closing.items():
        before, end = opening.get(currency, ZERO), analysis.end.toordinal()
        start_value = before * market.rate(currency, market.base_currency, after) if before else ZERO
        end_value = balance * market.rate(currency, market.base_currency, end) if balance else ZERO
        yield Row(
            label=currency,
            amount=end_value - start_value - moved.get(currency, ZERO),
            quantity=balance,
            currency=currency,
        )


def _total_gain(analysis: Analysis) -> Iterable[Row]:
    yield from closing_rows(analysis)
    for row in _flows(analysis, -1, outward=None):
        yield Row(label=row.label, amount=-row.amount, day=row.day, transaction=row.transaction)


def _statement_unrealised(analysis: Analysis) -> Iterable[Row]:
    """By position: its value at the end, less that at the start, less what was put in and what was realised since."""
    start = _start(analysis)
    for row in _positions(analysis):
        yield replace(row, label=f"value at the end · {row.label}")
    for row in opening_rows(analysis):
        if row.instrument is not None:
            yield replace(row, label=f"value at the start · {row.label}", amount=-row.amount)
    for flow in analysis.effects.positions:
        if flow.ordinal > start and flow.gross_base:
            yield Row(
                label=f"{'put in' if flow.gross_base > 0 else 'taken out'} · {flow.instrument} · {flow.account}",
                amount=-flow.gross_base,
                day=date.fromordinal(flow.ordinal),
                transaction=flow.transaction,
                instrument=flow.instrument,
                account=flow.account,
            )
    for row in _statement_realised(analysis):
        yield replace(row, label=f"realised · {row.label}", amount=-row.amount)


def _start(analysis: Analysis) -> int:
    return analysis.start.toordinal()


REGISTRY: dict[str, Callable[[Analysis], Iterable[Row]]] = {
    "market_value": _positions,
    "cash": _cash,
    "liabilities": _liabilities,
    "net_worth": _net_worth,
    "cost_basis": _lots,
    "unrealised_gain": _unrealised,
    "realised_gain": _realised,
    "dividends": lambda a: _booked(a.effects.incomes, "dividend", -1),
    "interest": lambda a: _booked(a.effects.incomes, "interest", -1),
    "fees": lambda a: _booked(a.effects.charges, "fee", -1),
    "taxes": lambda a: _booked(a.effects.charges, "tax", -1),
    "currency_gain": lambda a: _currency(a, -1),
    "net_contributions": lambda a: _flows(a, -1, outward=None),
    "total_gain": _total_gain,
    "statement.opening_value": opening_rows,
    "statement.contributions": lambda a: _flows(a, _start(a), outward=False),
    "statement.withdrawals": lambda a: _flows(a, _start(a), outward=True),
    "statement.realised_gain": _statement_realised,
    "statement.unrealised_gain": _statement_unrealised,
    "statement.dividends": lambda a: _booked(a.effects.incomes, "dividend", _start(a)),
    "statement.interest": lambda a: _booked(a.effects.incomes, "interest", _start(a)),
    "statement.fees": lambda a: _booked(a.effects.charges, "fee", _start(a)),
    "statement.taxes": lambda a: _booked(a.effects.charges, "tax", _start(a)),
    "statement.currency_gain": lambda a: _currency(a, _start(a)),
    "statement.closing_value": closing_rows,
}
