"""Refusals of the books in words of the person: names instead of ids, and what is held."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from holdings.domain.ledger import Ledger, LedgerError
from holdings.domain.numbers import plain
from holdings.domain.types import PortfolioError
from holdings.models import Transaction
from holdings.operations.errors import EntryRefused
from holdings.operations.preparing import Preparer

ZERO = Decimal(0)
_FIELDS = {
    "instrument": "instrument_id",
    "to_instrument": "to_instrument_id",
    "account": "account_id",
    "to_account": "to_account_id",
    "currency": "fx_rate",
}


def refusal_of(error: LedgerError, *, row: Transaction, ledger: Ledger, preparer: Preparer) -> EntryRefused:
    """The refusal in words of the person: names instead of ids, and what is held."""
    field = _FIELDS.get(error.field, error.field)
    if error.field == "quantity" and row.instrument_id is not None and row.quantity:
        held = ledger.quantities.get((str(row.instrument_id), str(row.account_id)), ZERO)
        return _not_held(row, held, preparer)
    return EntryRefused(_sentence(error.message), code="books_refuse", field=field)


def refusal_of_problems(
    error: PortfolioError, *, added: Sequence[Transaction], voided: bool, preparer: Preparer
) -> EntryRefused:
    """A replay names the entries that do not work: new ones, or later ones that depended on what changed."""
    places = {f"entry {row.pk}": index for index, row in enumerate(added)}
    rows: dict[int, str] = {}
    first: EntryRefused | None = None
    for problem in error.problems:
        path, _, field = problem.path.partition(".")
        if path in places and places[path] not in rows:
            refusal = _refusal_of_problem(added[places[path]], field, problem.message, preparer)
            rows[places[path]] = refusal.message
            first = first or refusal
    if first is not None:
        return EntryRefused(first.message, code=first.code, field=first.field, rows=rows)
    path, _, field = error.problems[0].path.partition(".")
    pk = path.removeprefix("entry ")
    other = (
        Transaction.objects.filter(pk=int(pk)).select_related("instrument").first() if pk.isdigit() else None
    )
    if other is None:
        return EntryRefused(_sentence(error.problems[0].message), code="books_refuse")
    what = f"the {other.get_type_display().lower()} of {other.occurred_date.isoformat()}"
    if other.instrument is not None:
        what = f"{what} ({other.instrument.symbol})"
    because = "Without this entry" if voided and not added else "With this change"
    every = dict.fromkeys(range(len(added)), f"{because}, {what} could not have happened.")
    return EntryRefused(
        f"{because}, {what} could not have happened: there would not be enough to take it from.",
        code="later_entry_depends",
        field=_FIELDS.get(field, field) if added else None,
        rows=every,
    )


def _refusal_of_problem(row: Transaction, field: str, message: str, preparer: Preparer) -> EntryRefused:
    if field == "quantity" and row.instrument_id is not None and row.quantity:
        held = re.search(r"only ([0-9.]+) is held", message)
        return _not_held(row, Decimal(held[1]) if held else ZERO, preparer)
    return EntryRefused(_sentence(message), code="books_refuse", field=_FIELDS.get(field, field))


def _not_held(row: Transaction, held: Decimal, preparer: Preparer) -> EntryRefused:
    symbol = preparer.instruments[row.instrument_id].symbol  # type: ignore[index]
    account = preparer.accounts[row.account_id].name if row.account_id is not None else "any account"
    return EntryRefused(
        f"Only {plain(max(held, ZERO))} {symbol} is held in “{account}” on {row.occurred_date.isoformat()}; "
        f"this needs {plain(row.quantity or ZERO)}."
        + ("" if preparer.locked.allow_short else " Short positions are off in this portfolio."),
        code="not_held",
        field="quantity",
    )


def _sentence(text: str) -> str:
    clean = text.strip()
    return clean[:1].upper() + clean[1:] + ("" if clean.endswith(".") else ".")
