"""What the books know that a trade of one instrument needs, in one statement: the caller's own, or one for it alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from holdings.domain.ledger import Lot as OpenLot
from holdings.models import Account
from portfolio_site.kernel.rows import instance_of
from portfolio_site.kernel.statements import Statement
from portfolio_site.kernel.writing import loaded

ZERO = Decimal(0)
#: Where more parcels are open, the general way of posting reads them.
MOST_LOTS = 200

#: A scalar expression; it takes the values `portfolio`, `instrument` and `sells`. Numbers travel as text, to their last digit.
#: A purchase changes no lot but the short ones that it covers, so only a sale reads the others.
BOOK_FACTS = f"""
jsonb_build_object(
    'portfolio', (SELECT jsonb_build_array(revision, last_sequence) FROM holdings_portfolio WHERE id = %(portfolio)s),
    'entry', nextval('holdings_transaction_id_seq'),
    'accounts', (SELECT jsonb_agg(jsonb_build_array(id, name, kind, currency, cash_account_id, closed_at IS NULL) ORDER BY id)
                 FROM holdings_account WHERE portfolio_id = %(portfolio)s),
    'cash', (SELECT jsonb_agg(jsonb_build_array(account_id, currency, balance::text))
             FROM holdings_cashbalance WHERE portfolio_id = %(portfolio)s),
    'state', (SELECT jsonb_build_array(last_occurred_at, lot_order)
              FROM holdings_ledgerstate WHERE portfolio_id = %(portfolio)s),
    'position', (SELECT sum(quantity)::text FROM holdings_position
                 WHERE portfolio_id = %(portfolio)s AND instrument_id = %(instrument)s),
    'lots', (SELECT jsonb_agg(jsonb_build_array(
                 l.id, l.key, l.account_id, l.opened_date, l.held_since, l.position, l.quantity::text, l.cost::text,
                 l.cost_base::text, l.basis_base::text, l.fees::text, l.fees_base::text, l.is_purchase, l.is_washed,
                 l.unit_cost::text) ORDER BY l.position, l.id)
             FROM (SELECT * FROM holdings_lot
                   WHERE portfolio_id = %(portfolio)s AND instrument_id = %(instrument)s AND NOT is_pool
                     AND (%(sells)s::boolean OR quantity < 0)
                   ORDER BY position, id LIMIT {MOST_LOTS + 1}) l)
)
"""  # noqa: S608
_ACCOUNT = ("id", "name", "kind", "currency", "cash_account_id", "portfolio_id", "closed_at")
_ALONE = Statement(f"SELECT {BOOK_FACTS}")


@dataclass(frozen=True, slots=True, kw_only=True)
class BookFacts:
    """The accounts of a portfolio, its cash, how far its books have come, and one instrument's position and open lots (None:
    more than are read this way; of a purchase only the short ones). ``entry_id`` is for a journal row to come."""

    for_sale: bool
    revision: int
    last_sequence: int
    entry_id: int
    instrument_id: int
    accounts: Mapping[int, Account]
    cash: Mapping[tuple[int, str], Decimal]
    last_entry_at: datetime | None
    lot_order: int
    position: Decimal
    lots: tuple[OpenLot, ...] | None

    def cash_in(self, currency: str) -> Decimal:
        """Cash in one currency, over all accounts."""
        return sum((amount for (_, code), amount in self.cash.items() if code == currency), ZERO)


def read_book_facts(*, portfolio_id: int, instrument_id: int, for_sale: bool) -> BookFacts:
    """The facts as they are. One statement; the caller holds the portfolio's lock."""
    row = _ALONE.row({"portfolio": portfolio_id, "instrument": instrument_id, "sells": for_sale})
    assert row is not None
    return book_facts_of(portfolio_id, instrument_id, row[0], for_sale=for_sale)


def book_facts_of(portfolio_id: int, instrument_id: int, text: str, *, for_sale: bool) -> BookFacts:
    """The value of that expression."""
    found = loaded(text)
    state = found["state"]
    lots = found["lots"] or []
    return BookFacts(
        instrument_id=instrument_id,
        for_sale=for_sale,
        revision=found["portfolio"][0],
        last_sequence=found["portfolio"][1],
        entry_id=found["entry"],
        accounts={row[0]: _account(portfolio_id, row) for row in found["accounts"] or []},
        cash={(row[0], row[1]): Decimal(row[2]) for row in found["cash"] or []},
        last_entry_at=datetime.fromisoformat(state[0]) if state and state[0] else None,
        lot_order=state[1] if state else 0,
        position=Decimal(found["position"] or 0),
        lots=None if len(lots) > MOST_LOTS else tuple(_lot(instrument_id, row) for row in lots),
    )


def _account(portfolio_id: int, row: Sequence[Any]) -> Account:
    *columns, is_open = row
    found = instance_of(
        Account, _ACCOUNT, (*columns, portfolio_id, None if is_open else datetime.min.replace(tzinfo=UTC))
    )
    assert found is not None
    return found


def _lot(instrument_id: int, row: Sequence[Any]) -> OpenLot:
    return OpenLot(
        id=row[1],
        instrument=str(instrument_id),
        account="" if row[2] is None else str(row[2]),
        opened=date.fromisoformat(row[3]),
        held_since=date.fromisoformat(row[4]),
        order=row[5],
        quantity=Decimal(row[6]),
        cost=Decimal(row[7]),
        cost_base=Decimal(row[8]),
        basis_base=Decimal(row[9]),
        fees=Decimal(row[10]),
        fees_base=Decimal(row[11]),
        purchased=row[12],
        washed=row[13],
        unit_cost=None if row[14] is None else Decimal(row[14]),
        ref=row[0],
    )
