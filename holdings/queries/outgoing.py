"""A portfolio on its way out: the lines of the portfolio file, written from columns as they come from the database.

`domain.writing` says what an entry looks like in the file; here the same text is made without making an entry. A long
journal comes through a cursor of the server, some thousand rows at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import orjson
from django.db import connection

from holdings.domain import types as domain
from holdings.domain import writing
from holdings.models import Account, Transaction
from holdings.queries.journal import (
    Journal,
    cash_account_of,
    domain_accounts,
    domain_instrument,
    ratio_of,
)
from marketdata.models import Instrument

_AT_ONCE: Final = 2000
_FIGURES: Final = ("quantity", "price", "amount", "fx_rate", "instrument_rate", "cost")

_COUNTING: Final = """
FROM holdings_transaction t
WHERE t.portfolio_id = %s::bigint
  AND NOT EXISTS (SELECT 1 FROM holdings_transactionvoid v WHERE v.transaction_id = t.id)
"""
_EXTENT: Final = f"""
SELECT min(t.occurred_date), array_agg(DISTINCT t.currency), array_agg(DISTINCT t.instrument_id),
       array_agg(DISTINCT t.to_instrument_id)
{_COUNTING}
"""
_ROWS: Final = f"""
SELECT t.id, t.occurred_date::text, CASE WHEN t.is_date_only THEN NULL ELSE t.occurred_at END, t.type, t.account_id,
       t.to_account_id, t.cash_account_id, t.instrument_id, t.to_instrument_id,
       {", ".join(f"trim_scale(t.{name})::text" for name in _FIGURES)},
       trim_scale(t.fees)::text, trim_scale(t.taxes)::text, t.currency, t.ratio,
       CASE WHEN cardinality(t.lots) > 0 THEN t.lots END, t.external_id, t.note,
       CASE WHEN cardinality(t.tags) > 0 THEN t.tags END
{_COUNTING}
ORDER BY t.sequence
"""


@dataclass(frozen=True, slots=True)
class Extent:
    """What a journal touches: its first day (None: it is empty), its currencies, and accounts and instruments."""

    first: date | None
    currencies: frozenset[str]
    frame: Journal


def extent_of(portfolio_id: int) -> Extent:
    """What the counting entries of a portfolio touch. Three statements, and no entry is read."""
    with connection.cursor() as cursor:
        cursor.execute(_EXTENT, [portfolio_id])
        first, currencies, things, goals = cursor.fetchone()
    wanted = {pk for pk in (*(things or ()), *(goals or ())) if pk is not None}
    instruments = {
        str(row.pk): domain_instrument(row) for row in Instrument.objects.filter(pk__in=wanted).order_by("pk")
    }
    used = {*(currencies or ()), *(instrument.currency for instrument in instruments.values())}
    accounts = domain_accounts(Account.objects.filter(portfolio_id=portfolio_id).order_by("pk"))
    frame = Journal(accounts=accounts, instruments=instruments, transactions=())
    return Extent(first, frozenset(used), frame)


class Names:
    """What accounts and instruments are called in the file, as JSON texts by their ids."""

    def __init__(
        self,
        accounts: Mapping[str, domain.Account],
        places: Mapping[str, str],
        things: Mapping[str, str],
    ) -> None:
        #: None, an account that is not named, is in neither.
        self.places: dict[int | None, str] = {int(key): _json(name) for key, name in places.items()}
        self.things: dict[int | None, str] = {int(key): _json(name) for key, name in things.items()}
        #: The account whose cash an entry moves, by its account and the one it names.
        self._accounts = accounts
        self._cash: dict[tuple[int | None, int | None], str | None] = {}

    def cash(self, account: int | None, named: int | None) -> str | None:
        """The name of the account whose cash is moved; None where none is."""
        key = (account, named)
        if key not in self._cash:
            found = cash_account_of(self._accounts, account=_key(account), cash_account=_key(named))
            self._cash[key] = None if found is None else self.places[int(found)]
        return self._cash[key]


def written_entries(portfolio_id: int, names: Names) -> Iterator[str]:
    """Each counting entry as its line of the file, in the order of posting."""
    corrected = Transaction.objects.filter(portfolio_id=portfolio_id, replaces__isnull=False)
    successors: dict[int, int] = dict(corrected.values_list("replaces_id", "pk"))
    with connection.chunked_cursor() as cursor:
        cursor.execute(_ROWS, [portfolio_id])
        while rows := cursor.fetchmany(_AT_ONCE):
            for row in rows:
                yield _line(row, names, successors)


def _line(row: Sequence[Any], names: Names, successors: Mapping[int, int]) -> str:
    pk, day, at, kind, account, to_account, cash_account, thing, goal = row[:9]
    places, things = names.places, names.things
    named = {
        "account": places.get(account),
        "to_account": places.get(to_account),
        "cash_account": names.cash(account, cash_account),
        "instrument": things.get(thing),
        "to_instrument": things.get(goal),
    }
    parts = [f'{{"id": "{pk}", "date": "{day if at is None else at.isoformat()}", "type": "{kind}"']
    parts += [f'"{name}": {text}' for name, text in named.items() if text is not None]
    figures = zip(_FIGURES, row[9:15], strict=True)
    parts += [f'"{name}": "{value}"' for name, value in figures if value is not None]
    fees, taxes, currency, *rest = row[15:]
    if fees != "0":
        parts.append(f'"fees": "{fees}"')
    if taxes != "0":
        parts.append(f'"taxes": "{taxes}"')
    parts.append(f'"currency": {_json(currency)}')
    if any(rest):
        parts += _said(*rest, successors=successors)
    return ", ".join(parts) + "}"


def _said(
    ratio: str, lots: list[int] | None, external_id: str, note: str, tags: list[str] | None, *,
    successors: Mapping[int, int],
) -> Iterator[str]:  # fmt: skip
    """What few entries have."""
    made = ratio_of(ratio)
    if made is not None:
        yield f'"ratio": "{writing.ratio(made)}"'
    if lots:
        yield f'"lots": {_json([str(_latest(lot, successors)) for lot in lots])}'
    if external_id:
        yield f'"external_id": {_json(external_id)}'
    if note:
        yield f'"note": {_json(note)}'
    if tags:
        yield f'"tags": {_json(tags)}'


def _latest(pk: int, successors: Mapping[int, int]) -> int:
    while pk in successors:
        pk = successors[pk]
    return pk


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _key(pk: int | None) -> str | None:
    return None if pk is None else str(pk)


__all__ = ["Extent", "Names", "extent_of", "written_entries"]
