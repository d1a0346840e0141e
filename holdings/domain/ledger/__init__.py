"""The ledger: one transaction after another, exact and incremental.

A whole journal (``analyse``, a rebuild, ``verify_books``)::

    ordered = in_order(transactions, timezone)
    market = market_of(base_currency=…, instruments=…, prices=…, fx=…, ordered=ordered)
    result = replay(Setup(base_currency=…, market=market, instruments=…, method=…), ordered)
    result.ledger.books(), result.effects, result.problems

One transaction at the end of the journal, at a cost that does not grow with it (what the database side does when it posts)::

    books = Books(lots=open lots of the instruments named (and of to_instrument), cash={(account, currency): balance} of the
                  accounts named, pools={instrument: pool} and held={(instrument, account): quantity} for pooled methods,
                  order=highest Lot.order stored, watch={instruments traded in the last 30 days})
    ledger = open_ledger(setup, books)
    effects = ledger.apply(transaction)      # LedgerError: refused, nothing changed; field and message say why

then store ``effects.touched`` (lots opened or changed; quantity 0 means closed; ``ref`` comes back as given, None is a new
lot), ``effects.realised``, ``effects.cash`` (balances: ``ledger.cash``), ``effects.flows``, ``.incomes``, ``.charges``,
``.quantities``, ``.positions``. Every Lot field has to be stored, ``order``, ``purchased`` and ``washed`` too. A market for one
posting only needs the prices and rates of that day; ``Setup.contribute`` False refuses nothing and books no contribution.

``effects.replay`` names instruments whose earlier realised rows may change through this transaction: a Section 104 trade or, in
the United States, a purchase, within 30 days of another trade (``Books.watch``). For those, and for a posting in the past, replay
the instrument's own rows (``instruments_linked`` finds the ones that corporate actions tie together) with ``replay`` and replace
its lots and realised rows; cash and other instruments do not change.
"""

from __future__ import annotations

from collections.abc import Iterable

from holdings.domain.ledger.engine import Ledger
from holdings.domain.ledger.handlers import HANDLERS
from holdings.domain.ledger.replay import Replay, in_order, market_of, replay
from holdings.domain.ledger.state import (
    Books,
    CashMove,
    Charge,
    Effects,
    Flow,
    Income,
    LedgerError,
    Lot,
    PositionFlow,
    QuantityMove,
    Realised,
    Setup,
)
from holdings.domain.ledger.tally import Tally
from holdings.domain.types import Transaction


def open_ledger(setup: Setup, books: Books | None = None) -> Ledger:
    """A ledger on (a part of) the books, ready to apply transactions."""
    return Ledger(setup, books, handlers=HANDLERS)


def instruments_linked(transactions: Iterable[Transaction], names: Iterable[str]) -> set[str]:
    """The instruments named and every one that corporate actions tie to them."""
    links = [(t.instrument, t.to_instrument) for t in transactions if t.instrument and t.to_instrument]
    found = set(names)
    grown = True
    while grown:
        grown = False
        for old, new in links:
            if (old in found) is not (new in found):
                found |= {old, new}
                grown = True
    return found


__all__ = [
    "HANDLERS",
    "Books",
    "CashMove",
    "Charge",
    "Effects",
    "Flow",
    "Income",
    "Ledger",
    "LedgerError",
    "Lot",
    "PositionFlow",
    "QuantityMove",
    "Realised",
    "Replay",
    "Setup",
    "Tally",
    "in_order",
    "instruments_linked",
    "market_of",
    "open_ledger",
    "replay",
]
