"""The rows behind the figures of a part of a portfolio: what it was worth at both ends, and what crossed its border."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from holdings.domain.analysis import Analysis
from holdings.domain.explain.sums import Row, closing_rows, opening_rows
from holdings.domain.numbers import exact
from holdings.domain.scopes import Scope

#: (day, what, instrument, account, amount, transaction)
Move = tuple[int, str, str | None, str, Decimal, str]
OPENING, CLOSING, FLOWS = "part_opening_value", "part_closing_value", "part_net_flows"


def part_rows(analysis: Analysis, scope: Scope, figure: str) -> tuple[Row, ...]:
    """The rows of a part's opening value, closing value or net flows; they add up to it. Raises KeyError for others."""
    with exact():
        if figure == OPENING:
            return tuple(_inside(opening_rows(analysis), scope))
        if figure == CLOSING:
            return tuple(_inside(closing_rows(analysis), scope))
        if figure == FLOWS:
            return tuple(_crossing(analysis, scope))
    raise KeyError(figure)


def _inside(rows: Iterable[Row], scope: Scope) -> Iterable[Row]:
    for row in rows:
        if row.instrument is None:
            if row.account in scope.cash_accounts:
                yield row
        elif (row.instrument, row.account) in scope.positions:
            yield row


def _crossing(analysis: Analysis, scope: Scope) -> Iterable[Row]:
    """Each flow of `scopes.flows_of`, with where it comes from."""
    start = analysis.start.toordinal()
    moves = (
        _through_accounts(analysis, scope) if scope.cash_accounts else _through_securities(analysis, scope)
    )
    for ordinal, what, instrument, account, amount, transaction in moves:
        if ordinal > start and amount:
            yield Row(
                label=" · ".join(filter(None, (what, instrument, account))),
                amount=amount,
                day=date.fromordinal(ordinal),
                transaction=transaction,
                instrument=instrument,
                account=account,
            )


def _through_securities(analysis: Analysis, scope: Scope) -> Iterable[Move]:
    for row in analysis.effects.positions:
        if (row.instrument, row.account) in scope.positions:
            what = "put in" if row.base > 0 else "taken out"
            yield row.ordinal, what, row.instrument, row.account, row.base, row.transaction


def _through_accounts(analysis: Analysis, scope: Scope) -> Iterable[Move]:
    effects = analysis.effects
    moves: list[Move] = [(m.ordinal, "cash", None, m.account, m.base, m.transaction) for m in effects.cash]
    moves += [
        (m.ordinal, "securities", m.instrument, m.account, m.gross_base, m.transaction)
        for m in effects.positions
    ]
    moves += [
        (m.ordinal, "less income", m.instrument, m.account, -m.base, m.transaction) for m in effects.incomes
    ]
    moves += [(m.ordinal, "costs", m.instrument, m.account, m.base, m.transaction) for m in effects.charges]
    return (move for move in moves if move[3] in scope.cash_accounts)
