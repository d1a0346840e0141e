"""Replaying in parts: what the books were at the beginning of some past days, so that a change recomputes from its day on.

A checkpoint holds everything that follows from the entries before a day. It is a copy, not a truth: a full replay makes
them anew, a change deletes those after its day, and `verify_books` never reads them.

There is none for Section 104 and for wash sales, which match entries across any border of days.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

from holdings.domain import types as domain
from holdings.domain.ledger import Books, Lot, in_order, replay
from holdings.domain.ledger.replay import Replay
from holdings.domain.numbers import exact
from holdings.models import LedgerCheckpoint
from holdings.queries.derived import (
    Derived,
    PositionFigures,
    PositionKey,
    add_effects,
    derived_of,
    realised_columns,
    totals_of,
)
from holdings.queries.journal import BookSettings, Journal
from holdings.queries.replaying import books_market, closes_needed, setup_for

#: A part with fewer entries is not divided further.
SMALLEST_PART = 400
_KIND = domain.TransactionType
_ALONE = frozenset(
    {
        _KIND.BUY, _KIND.SELL, _KIND.DEPOSIT, _KIND.WITHDRAWAL, _KIND.DIVIDEND, _KIND.DISTRIBUTION, _KIND.INTEREST,
        _KIND.STAKING, _KIND.INTEREST_CHARGE, _KIND.FEE, _KIND.FEE_REFUND, _KIND.TAX, _KIND.TAX_REFUND, _KIND.SPLIT,
        _KIND.LIABILITY,
    }
)  # fmt: skip
_LOT = (
    "id", "instrument", "account", "opened", "held_since", "order", "quantity", "cost", "cost_base", "basis_base", "fees",
    "fees_base", "purchased", "washed",
)  # fmt: skip
_DATES = frozenset({"opened", "held_since"})
_EXACT = frozenset({"quantity", "cost", "cost_base", "basis_base", "fees", "fees_base"})


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The books, and the figures of positions and totals, as the entries before a day left them."""

    before: date
    books: Books
    positions: Mapping[PositionKey, PositionFigures] = field(default_factory=dict)
    totals: Mapping[str, Decimal] = field(default_factory=dict)


def can_be_divided(settings: BookSettings) -> bool:
    """Whether a portfolio's journal can be replayed in parts at all."""
    return settings.cost_basis_method != "section104" and settings.tax_country != "US"


def newest_checkpoint(portfolio_id: int, *, until: date) -> Checkpoint | None:
    """The last checkpoint that holds no entry of a day or of a later one."""
    row = (
        LedgerCheckpoint.objects.filter(portfolio_id=portfolio_id, before_date__lte=until)
        .order_by("-before_date")
        .first()
    )
    return None if row is None else _decoded(row.before_date, bytes(row.content))


def stand_alone(rows: Iterable[domain.Transaction], journal: Journal, base: str) -> bool:
    """Whether entries say all that follows from them, so that no price or rate of an earlier entry is asked for."""
    for row in rows:
        if row.type not in _ALONE and not (row.type is _KIND.TRANSFER and row.instrument is None):
            return False
        if row.currency != base and row.fx_rate is None:
            return False
        if row.instrument is None:
            continue
        own = journal.instruments[row.instrument].currency
        if own not in (base, row.currency) and row.instrument_rate is None:
            return False
        if row.quantity is not None and row.type not in (_KIND.BUY, _KIND.SELL, _KIND.SPLIT):
            return False  # paid in kind, at a price
    return True


def replayed_from(
    settings: BookSettings, journal: Journal, start: Checkpoint | None
) -> tuple[Derived, list[tuple[date, bytes]]]:
    """Replay the entries after a checkpoint: what follows from the whole journal, and new checkpoints on the way.

    With `start`, `journal` holds the entries from its day on, which have to `stand_alone`, and of realised trades only
    theirs are returned. Raises PortfolioError with every problem.
    """
    ordered = in_order(journal.transactions, settings.time_zone)
    market = books_market(settings.base_currency, journal.instruments, ordered, closes=closes_needed(ordered))
    setup = setup_for(settings, accounts=journal.accounts, instruments=journal.instruments, market=market)
    books = start.books if start else Books()
    positions = {} if start is None else {key: replace(row) for key, row in start.positions.items()}
    totals = dict(start.totals) if start else {}
    realised: list[dict[str, Any]] = []
    checkpoints: list[tuple[date, bytes]] = []
    problems: list[domain.Problem] = []
    borders = _borders(ordered, journal, settings)
    for first, last in zip([0, *borders], [*borders, len(ordered)], strict=True):
        if first:
            checkpoints.append((ordered[first].day, _encoded(books, positions, totals)))
        done: Replay = replay(setup, ordered[first:last], books=books)
        problems += done.problems
        books = done.ledger.books()
        add_effects(positions, done.effects)
        with exact():
            for name, amount in totals_of(done.effects).items():
                totals[name] = totals.get(name, Decimal(0)) + amount
        realised += realised_columns(done.effects.realised)
    if problems:
        raise domain.PortfolioError(problems)
    return derived_of(books, positions=positions, totals=totals, realised=realised), checkpoints


def _borders(ordered: Sequence[domain.Transaction], journal: Journal, settings: BookSettings) -> list[int]:
    """Where to cut: half of the entries lie after the first cut, a quarter after the second, always between two days.

    What lies after a cut stands alone.
    """
    borders: list[int] = []
    if not can_be_divided(settings):
        return borders
    bound = 0
    for index, row in enumerate(ordered):
        if not stand_alone([row], journal, settings.base_currency):
            bound = index + 1
    left = len(ordered) // 2
    while left >= SMALLEST_PART:
        index = len(ordered) - left
        while index > 0 and ordered[index - 1].day == ordered[index].day:
            index -= 1
        if index >= bound and index > (borders[-1] if borders else 0):
            borders.append(index)
        left //= 2
    return borders


def _encoded(
    books: Books, positions: Mapping[PositionKey, PositionFigures], totals: Mapping[str, Decimal]
) -> bytes:
    content = {
        "lots": [_lot_values(lot) for lot in books.lots],
        "pools": [_lot_values(lot) for lot in books.pools.values()],
        "held": [[*key, str(quantity)] for key, quantity in books.held.items()],
        "cash": [[*key, str(balance)] for key, balance in books.cash.items()],
        "liabilities": {currency: str(amount) for currency, amount in books.liabilities.items()},
        "order": books.order,
        "positions": [[*key, *map(str, astuple(row))] for key, row in positions.items()],
        "totals": {name: str(amount) for name, amount in totals.items()},
    }
    return zlib.compress(json.dumps(content, separators=(",", ":")).encode(), 1)


def _decoded(before: date, content: bytes) -> Checkpoint:
    known = json.loads(zlib.decompress(content))
    pools = [_lot(values) for values in known["pools"]]
    books = Books(
        lots=[_lot(values) for values in known["lots"]],
        pools={pool.instrument: pool for pool in pools},
        held={(name, account): Decimal(quantity) for name, account, quantity in known["held"]},
        cash={(account, currency): Decimal(balance) for account, currency, balance in known["cash"]},
        liabilities={currency: Decimal(amount) for currency, amount in known["liabilities"].items()},
        order=known["order"],
    )
    positions = {
        (name, account): PositionFigures(*map(Decimal, figures))
        for name, account, *figures in known["positions"]
    }
    return Checkpoint(
        before, books, positions, {name: Decimal(text) for name, text in known["totals"].items()}
    )


def _lot_values(lot: Lot) -> list[Any]:
    values: list[Any] = [getattr(lot, name) for name in _LOT]
    return [
        value.isoformat() if isinstance(value, date) else str(value) if isinstance(value, Decimal) else value
        for value in values
    ]


def _lot(values: Sequence[Any]) -> Lot:
    read: dict[str, Any] = {}
    for name, value in zip(_LOT, values, strict=True):
        if name in _DATES:
            read[name] = date.fromisoformat(value)
        else:
            read[name] = Decimal(value) if name in _EXACT else value
    return Lot(**read)
