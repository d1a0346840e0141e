"""Posting trades as a part of trading's own statement: what `post_trade` does, with one statement for all of it.

The domain's ledger says what follows from a trade, as everywhere; here it is only read and written differently. Where that is
not enough (a pooled method, another currency, wash sales, a date in the past, very many lots) the general way is taken.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from django.db import IntegrityError

from holdings.domain.ledger import Books, Effects, Ledger, LedgerError, open_ledger
from holdings.domain.market import Market
from holdings.domain.numbers import exact
from holdings.entries import Entry
from holdings.events import TransactionsPosted, stream_of
from holdings.models import CostBasisMethod, Transaction
from holdings.operations.applying import LOT_CHANGES, add_cost_changes, refusal_of_size
from holdings.operations.locking import LockedPortfolio
from holdings.operations.posting import TRADING_SOURCE
from holdings.operations.preparing import Preparer
from holdings.queries.derived import (
    LOT_FIELDS,
    POSITION_FIELDS,
    REALISED_FIELDS,
    TOTAL_FIELDS,
    PositionFigures,
    add_effects,
    lot_columns,
    realised_columns,
    totals_of,
)
from holdings.queries.facts import BookFacts
from holdings.queries.journal import domain_accounts, domain_instrument, domain_transaction
from holdings.queries.replaying import setup_for
from marketdata.models import Instrument
from portfolio_site.kernel.rows import columns_of
from portfolio_site.kernel.writing import Writing

Costs = dict[int | None, tuple[Decimal, Decimal]]
_SIMPLE_METHODS = frozenset({CostBasisMethod.FIFO, CostBasisMethod.LIFO, CostBasisMethod.HIFO})
_JOURNAL = tuple(column.attname for column in Transaction._meta.concrete_fields)
_REALISED = ("portfolio_id", *REALISED_FIELDS)

# The array comes first: of a document the planner expects so many rows that it would read a whole table.
_OF = "= ANY(ARRAY(SELECT (r->>'portfolio_id')::bigint FROM jsonb_array_elements(%(rows)s::jsonb) r))"
_FORGET = f"""
DELETE FROM holdings_ledgercheckpoint c USING jsonb_to_recordset(%(rows)s::jsonb) AS n(portfolio_id bigint, day date)
WHERE c.portfolio_id {_OF} AND c.portfolio_id = n.portfolio_id AND c.before_date > n.day
"""  # noqa: S608
_COUNT = f"""
UPDATE holdings_portfolio p SET revision = revision + 1, last_sequence = n.sequence
FROM jsonb_to_recordset(%(rows)s::jsonb) AS n(portfolio_id bigint, sequence bigint)
WHERE p.id {_OF} AND p.id = n.portfolio_id
"""  # noqa: S608
_CLOSE = """
DELETE FROM holdings_lot WHERE id = ANY(ARRAY(SELECT (r->>'id')::bigint FROM jsonb_array_elements(%(rows)s::jsonb) r))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """A fill for the journal; as in `post_trade`."""

    side: str
    quantity: Decimal
    price: Decimal
    amount: Decimal
    fees: Decimal
    occurred_at: datetime
    external_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedTrade:
    """The journal row's id, and the news to publish with it."""

    entry_id: int
    told: TransactionsPosted
    stream: str


def post_trade_within(
    writing: Writing,
    locked: LockedPortfolio,
    *,
    facts: BookFacts,
    instrument: Instrument,
    trade: Trade,
    actor: Any,
    now: datetime,
) -> PostedTrade | None:
    """Post a trade as a part of the caller's statement; None, and nothing added, where only `post_trade` can.

    The caller holds the portfolio's lock, has read `facts` under it and has booked nothing since. Raises `EntryRefused`
    where the books refuse.
    """
    if not _is_simple(locked, facts, instrument, trade):
        return None
    preparer = Preparer(
        locked,
        entries=[],
        owner=None,
        now=now,
        accounts=dict(facts.accounts),
        instruments={instrument.id: instrument},
    )
    row = _row(preparer, trade, instrument, facts=facts, actor=actor)
    if row is None:
        return None
    try:
        ledger, effects, before = _applied(locked, facts, preparer, row)
    except LedgerError:
        return None  # the general way says in words of the person what is wrong
    if effects.replay or any(flow.kind == "missing_cash" for flow in effects.flows):
        return None
    _write_journal(writing, row)
    _write_lots(writing, locked, effects)
    _write_sums(writing, locked, ledger, effects, before, row)
    told = TransactionsPosted(
        portfolio_id=locked.id,
        user_id=locked.owner_id,
        actor_id=None if actor is None else actor.pk,
        transaction_ids=[row.id],
        voided_ids=[],
        revision=facts.revision + 1,
    )
    return PostedTrade(entry_id=row.id, told=told, stream=stream_of(locked.id))


def write_trade(writing: Writing) -> None:
    """Carry out a statement with trades in it. Raises `EntryRefused` where a figure is beyond what the books keep."""
    try:
        writing.execute()
    except IntegrityError as error:
        refusal = refusal_of_size(error)
        if refusal is None:
            raise
        raise refusal from error


def _is_simple(locked: LockedPortfolio, facts: BookFacts, instrument: Instrument, trade: Trade) -> bool:
    return (
        locked.cost_basis_method in _SIMPLE_METHODS
        and locked.tax_country != "US"
        and instrument.currency == locked.base_currency
        and facts.lots is not None
        and (facts.for_sale or trade.side == "buy")
        and (facts.last_entry_at is None or facts.last_entry_at <= trade.occurred_at)
    )


def _row(
    preparer: Preparer, trade: Trade, instrument: Instrument, *, facts: BookFacts, actor: Any
) -> Transaction | None:
    prepared = preparer.prepare(
        Entry(
            type=trade.side,
            occurred=trade.occurred_at,
            instrument_id=instrument.id,
            quantity=trade.quantity,
            price=trade.price,
            amount=trade.amount,
            fees=trade.fees,
            source=TRADING_SOURCE,
            external_id=trade.external_id,
        )
    )
    row = prepared.row
    row.id, row.sequence = facts.entry_id, facts.last_sequence + 1
    row.posted_at, row.posted_by_id = preparer.now, None if actor is None else actor.pk
    return None if prepared.is_future else row


def _applied(
    locked: LockedPortfolio, facts: BookFacts, preparer: Preparer, row: Transaction
) -> tuple[Ledger, Effects, Costs]:
    """The ledger after the entry, what it did, and what the lots cost before. Raises `LedgerError`."""
    accounts = domain_accounts(preparer.accounts.values())
    instruments = {str(pk): domain_instrument(thing) for pk, thing in preparer.instruments.items()}
    entry = domain_transaction(row, accounts)
    setup = setup_for(
        locked,
        accounts=accounts,
        instruments=instruments,
        # A trade in the base currency asks for no rate and no price; one that did would be refused, and goes the general way.
        market=Market(base_currency=locked.base_currency, instruments=instruments, prices={}, fx={}),
    )
    books = Books(
        order=facts.lot_order,
        lots=list(facts.lots or ()),
        cash={(str(account), currency): amount for (account, currency), amount in facts.cash.items()},
    )
    before: Costs = {lot.ref: (lot.cost, lot.cost_base) for lot in books.lots}
    ledger = open_ledger(setup, books)
    return ledger, ledger.apply(entry), before


def _write_journal(writing: Writing, row: Transaction) -> None:
    writing.insert("holdings_transaction", _JOURNAL, [columns_of(row, _JOURNAL)])
    key = {
        "portfolio_id": row.portfolio_id,
        "source": row.source,
        "external_id": row.external_id,
        "transaction_id": row.id,
    }
    writing.insert("holdings_entrykey", list(key), [key])
    writing.add(_FORGET, [{"portfolio_id": row.portfolio_id, "day": row.occurred_date}])
    writing.add(_COUNT, [{"portfolio_id": row.portfolio_id, "sequence": row.sequence}])


def _write_lots(writing: Writing, locked: LockedPortfolio, effects: Effects) -> None:
    fresh, changed, closed = [], [], []
    for lot in effects.touched:
        if not lot.quantity:
            if lot.ref is not None:
                closed.append(lot.ref)
        elif lot.ref is None:
            fresh.append({"portfolio_id": locked.id, **lot_columns(lot)})
        else:
            changed.append({"id": lot.ref, **lot_columns(lot)})
    writing.add(_CLOSE, [{"id": ref} for ref in closed])
    writing.update("holdings_lot", LOT_CHANGES, changed)
    writing.insert("holdings_lot", ("portfolio_id", *LOT_FIELDS), fresh)
    writing.insert(
        "holdings_realisedtrade",
        _REALISED,
        [{"portfolio_id": locked.id, **columns} for columns in realised_columns(effects.realised)],
    )


def _write_sums(
    writing: Writing,
    locked: LockedPortfolio,
    ledger: Ledger,
    effects: Effects,
    before: Costs,
    row: Transaction,
) -> None:
    positions: dict[tuple[int, int], PositionFigures] = {}
    add_effects(positions, effects)
    add_cost_changes(locked, ledger, effects, positions, before)
    keys: tuple[str, ...] = ("portfolio_id", "instrument_id", "account_id")
    writing.insert(
        "holdings_position",
        (*keys, *POSITION_FIELDS),
        [
            {"portfolio_id": locked.id, "instrument_id": instrument, "account_id": account}
            | {name: getattr(figures, name) for name in POSITION_FIELDS}
            for (instrument, account), figures in positions.items()
        ],
        _adding("holdings_position", keys, POSITION_FIELDS),
    )
    cash: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    with exact():
        for move in effects.cash:
            cash[move.account, move.currency] += move.amount
    keys = ("portfolio_id", "account_id", "currency")
    writing.insert(
        "holdings_cashbalance",
        (*keys, "balance"),
        [
            {"portfolio_id": locked.id, "account_id": int(account), "currency": currency, "balance": amount}
            for (account, currency), amount in cash.items()
        ],
        _adding("holdings_cashbalance", keys, ("balance",)),
    )
    state = {"last_occurred_at": row.occurred_at, "lot_order": ledger.last_order}
    writing.insert(
        "holdings_ledgerstate",
        ("portfolio_id", *state, *TOTAL_FIELDS),
        [{"portfolio_id": locked.id, **state, **totals_of(effects)}],
        _adding("holdings_ledgerstate", ("portfolio_id",), TOTAL_FIELDS)
        + "".join(f", {name} = EXCLUDED.{name}" for name in state),
    )


@lru_cache(maxsize=16)
def _adding(table: str, keys: tuple[str, ...], figures: tuple[str, ...]) -> str:
    adding = ", ".join(f"{name} = {table}.{name} + EXCLUDED.{name}" for name in figures)
    return f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {adding}"
