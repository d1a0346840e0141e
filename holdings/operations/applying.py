"""Carrying journal entries over into lots, positions, cash and realised trades.

An entry at the end of the journal is applied to the part of the books that it touches: what that costs does not depend on
how long the journal is. An entry in the past, a void, a correction and a bulk import replay the journal instead.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, connection
from django.db.models import Q
from psycopg.errors import CheckViolation

from holdings.domain.ledger import Books, Effects, Ledger, LedgerError, open_ledger
from holdings.domain.ledger import Lot as OpenLot
from holdings.domain.numbers import exact
from holdings.domain.types import PortfolioError
from holdings.models import (
    CashBalance,
    LedgerState,
    Liability,
    Lot,
    Position,
    RealisedTrade,
    Transaction,
)
from holdings.operations.errors import EntryRefused
from holdings.operations.locking import LockedPortfolio
from holdings.operations.preparing import Preparer
from holdings.operations.rebuilding import forget_checkpoints, rebuild_locked
from holdings.operations.refusing import refusal_of, refusal_of_problems
from holdings.queries.derived import (
    POSITION_FIELDS,
    TOTAL_FIELDS,
    PositionFigures,
    add_effects,
    lot_columns,
    open_lot,
    realised_columns,
    spread_pool,
    totals_of,
)
from holdings.queries.journal import domain_accounts, domain_instrument, domain_transaction
from holdings.queries.replaying import books_market, setup_for

# From here on a replay is cheaper than hydrating and writing entry by entry.
BULK = 50
LOT_CHANGES = (
    "opened_date",
    "held_since",
    "quantity",
    "cost",
    "cost_base",
    "basis_base",
    "fees",
    "fees_base",
    "is_washed",
)
ZERO = Decimal(0)
_OPENING = frozenset({"buy", "delivery_in"})
_POOLED = frozenset({"average", "section104"})
_CASH_ONLY = frozenset(
    {"deposit", "withdrawal", "fee", "fee_refund", "tax", "tax_refund", "interest_charge", "liability"}
)
_INCOME = frozenset({"dividend", "distribution", "interest", "staking"})
# What a market value decides, or what ties instruments together, is left to a replay: it is rare. So is a split: the day's
# price counts in the units after it, also for what was delivered earlier that day.
_REPLAYED = frozenset({"delivery_out", "spin_off", "merger", "symbol_change", "split"})


def apply_to_books(
    locked: LockedPortfolio,
    *,
    preparer: Preparer,
    added: Sequence[Transaction],
    voided: Sequence[Transaction],
) -> None:
    """Bring the derived tables up to date with rows just written and rows just voided.

    Raises `EntryRefused` when the books cannot hold together (a sale of more than is held, a missing rate, a figure
    beyond what they keep).
    """
    if not added and not voided:
        return
    try:
        _carry_over(locked, preparer=preparer, added=added, voided=voided)
    except IntegrityError as error:
        refusal = refusal_of_size(error)
        if refusal is None:
            raise
        raise refusal from error


def refusal_of_size(error: IntegrityError) -> EntryRefused | None:
    """The refusal where the database refused a number for its size (`models.checks.finite` and `bounded`), else None."""
    cause = error.__cause__
    if isinstance(cause, CheckViolation) and str(cause.diag.constraint_name).endswith("_finite"):
        return EntryRefused(
            "With this entry a figure would be larger than the books can hold.", code="too_large"
        )
    return None


def _carry_over(
    locked: LockedPortfolio,
    *,
    preparer: Preparer,
    added: Sequence[Transaction],
    voided: Sequence[Transaction],
) -> None:
    state = LedgerState.objects.filter(portfolio_id=locked.id).first()
    last = state.last_occurred_at if state else None
    rows = sorted(added, key=lambda row: (row.occurred_at, row.sequence))
    changed_from = min(row.occurred_date for row in [*added, *voided])
    forget_checkpoints(locked.id, after=changed_from)
    at_end = not voided and (last is None or (bool(rows) and rows[0].occurred_at >= last))
    if at_end and len(rows) <= BULK and _append(locked, preparer, rows, state):
        return
    try:
        rebuild_locked(locked, since=changed_from)
    except PortfolioError as error:
        raise refusal_of_problems(error, added=list(added), voided=bool(voided), preparer=preparer) from error


def _append(
    locked: LockedPortfolio, preparer: Preparer, rows: Sequence[Transaction], state: LedgerState | None
) -> bool:
    """Apply entries that come after everything else. False: only a replay can say what follows from them."""
    if any(_asks_the_market(row) for row in rows):
        return False
    accounts = domain_accounts(preparer.accounts.values())
    instruments = {str(pk): domain_instrument(i) for pk, i in preparer.instruments.items()}
    entries = [domain_transaction(row, accounts) for row in rows]
    setup = setup_for(
        locked,
        accounts=accounts,
        instruments=instruments,
        market=books_market(locked.base_currency, instruments, entries),
    )
    books = _hydrate(locked, rows, lot_order=state.lot_order if state else 0)
    before = {lot.ref: (lot.cost, lot.cost_base) for lot in [*books.lots, *books.pools.values()]}
    debts = dict(books.liabilities)
    ledger = open_ledger(setup, books)
    effects = Effects()
    for row, entry in zip(rows, entries, strict=True):
        try:
            _collect(effects, ledger.apply(entry))
        except LedgerError as error:
            if len(rows) > 1:
                return False  # a replay names every entry that does not fit, not only the first
            raise refusal_of(error, row=row, ledger=ledger, preparer=preparer) from error
    if locked.is_paper and any(flow.kind == "missing_cash" for flow in effects.flows):
        raise EntryRefused("There is not enough cash for this.", code="cash_short", field="quantity")
    if effects.replay or (
        locked.tax_country == "US" and any(row.gain_base < 0 or row.gain < 0 for row in effects.realised)
    ):
        return False
    _store(locked, ledger, effects, before=before, debts=debts)
    _store_state(locked.id, rows[-1], ledger, effects)
    return True


def _asks_the_market(row: Transaction) -> bool:
    """Whether an entry is worth what others of the journal say: its own books could not know."""
    if row.type == "delivery_in":
        return row.price is None
    return row.type in _REPLAYED or (row.type in _INCOME and row.quantity is not None)


def _collect(total: Effects, part: Effects) -> None:
    for field in fields(Effects):
        whole, more = getattr(total, field.name), getattr(part, field.name)
        if field.name == "touched":
            known = {id(lot) for lot in whole}
            whole.extend(lot for lot in more if id(lot) not in known)
        elif isinstance(whole, set):
            whole.update(more)
        else:
            whole.extend(more)


def _hydrate(locked: LockedPortfolio, rows: Sequence[Transaction], *, lot_order: int) -> Books:
    """The part of the books that these entries can touch."""
    books = Books(order=lot_order)
    for account, currency, balance in CashBalance.objects.filter(portfolio_id=locked.id).values_list(
        "account_id", "currency", "balance"
    ):
        books.cash[str(account), currency] = balance
    if any(row.type == "liability" for row in rows):
        books.liabilities = dict(
            Liability.objects.filter(portfolio_id=locked.id).values_list("currency", "amount")
        )
    touched = [row for row in rows if row.instrument_id is not None and row.type not in _CASH_ONLY]
    if not touched:
        return books
    pooled = locked.cost_basis_method in _POOLED
    wanted = _lots_touched(touched, pooled=pooled)
    if wanted:
        # Pieces of one purchase have the same age: they stay in the order in which they were made.
        for lot in Lot.objects.filter(wanted, portfolio_id=locked.id).order_by("pk"):
            if lot.is_pool:
                books.pools[str(lot.instrument_id)] = open_lot(lot)
            else:
                books.lots.append(open_lot(lot))
    if locked.cost_basis_method == "section104" or locked.tax_country == "US":
        books.watch = _traded_lately(locked, rows)
    if pooled:
        named = [pk for row in touched for pk in (row.instrument_id, row.to_instrument_id)]
        ids = {pk for pk in named if pk is not None}
        for instrument, account, quantity in Position.objects.filter(
            portfolio_id=locked.id, instrument_id__in=ids, quantity__gt=0
        ).values_list("instrument_id", "account_id", "quantity"):
            books.held[str(instrument), str(account)] = quantity
    return books


def _lots_touched(rows: Sequence[Transaction], *, pooled: bool) -> Q:
    """Which lots these entries may change; empty: none."""
    wanted = Q()
    for row in rows:
        if row.type in _INCOME:
            continue
        condition = Q(instrument_id__in=[pk for pk in (row.instrument_id, row.to_instrument_id) if pk])
        if row.account_id is not None:
            places = Q(account_id__in=[pk for pk in (row.account_id, row.to_account_id) if pk])
            condition &= places | Q(is_pool=True) if pooled else places
        if row.type in _OPENING and not pooled:
            condition &= Q(quantity__lt=0)  # a purchase changes no lot but the short ones it covers
        wanted |= condition
    return wanted


def _traded_lately(locked: LockedPortfolio, rows: Sequence[Transaction]) -> set[str]:
    """Instruments of these entries that were also traded in the 30 days before: what is realised may change then."""
    new = {row.pk for row in rows}
    earlier = Transaction.objects.filter(
        portfolio_id=locked.id,
        instrument_id__in={row.instrument_id for row in rows},
        occurred_date__gte=min(row.occurred_date for row in rows) - timedelta(days=31),
    ).exclude(pk__in=new)
    return {str(pk) for pk in earlier.values_list("instrument_id", flat=True).distinct()}


def _store(
    locked: LockedPortfolio,
    ledger: Ledger,
    effects: Effects,
    *,
    before: dict[int | None, tuple[Decimal, Decimal]],
    debts: dict[str, Decimal],
) -> None:
    _store_lots(locked.id, effects.touched)
    RealisedTrade.objects.bulk_create(
        RealisedTrade(portfolio_id=locked.id, **columns) for columns in realised_columns(effects.realised)
    )
    positions: dict[tuple[int, int], PositionFigures] = {}
    add_effects(positions, effects)
    add_cost_changes(locked, ledger, effects, positions, before)
    _upsert_positions(locked.id, positions)
    cash: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    with exact():
        for move in effects.cash:
            cash[move.account, move.currency] += move.amount
    _upsert(
        "holdings_cashbalance",
        ("portfolio_id", "account_id", "currency"),
        ("balance",),
        [(locked.id, int(account), currency, amount) for (account, currency), amount in cash.items()],
    )
    with exact():
        owed = [
            (locked.id, currency, amount - debts.get(currency, ZERO))
            for currency, amount in ledger.liabilities.items()
            if amount != debts.get(currency)
        ]
    _upsert("holdings_liability", ("portfolio_id", "currency"), ("amount",), owed)


def _store_state(portfolio_id: int, last: Transaction, ledger: Ledger, effects: Effects) -> None:
    totals = totals_of(effects)
    row: list[Any] = [
        portfolio_id,
        last.occurred_at,
        ledger.last_order,
        *(totals[name] for name in TOTAL_FIELDS),
    ]
    columns = ("portfolio_id", "last_occurred_at", "lot_order", *TOTAL_FIELDS)
    setting = ["last_occurred_at = EXCLUDED.last_occurred_at", "lot_order = EXCLUDED.lot_order"]
    setting += [f"{name} = holdings_ledgerstate.{name} + EXCLUDED.{name}" for name in TOTAL_FIELDS]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO holdings_ledgerstate ({', '.join(columns)}) "  # noqa: S608 - names of this module alone
            f"VALUES ({', '.join(['%s'] * len(columns))}) "
            f"ON CONFLICT (portfolio_id) DO UPDATE SET {', '.join(setting)}",
            row,
        )


def _store_lots(portfolio_id: int, lots: Iterable[OpenLot]) -> None:
    fresh: list[Lot] = []
    changed: list[Lot] = []
    closed: list[int] = []
    for lot in lots:
        if not lot.quantity:
            if lot.ref is not None:
                closed.append(lot.ref)
            continue
        row = Lot(pk=lot.ref, portfolio_id=portfolio_id, **lot_columns(lot))
        (fresh if lot.ref is None else changed).append(row)
    if closed:
        Lot.objects.filter(pk__in=closed).delete()
    if changed:
        Lot.objects.bulk_update(changed, LOT_CHANGES)
    if fresh:
        Lot.objects.bulk_create(fresh)


def add_cost_changes(
    locked: LockedPortfolio,
    ledger: Ledger,
    effects: Effects,
    positions: dict[tuple[int, int], PositionFigures],
    before: dict[int | None, tuple[Decimal, Decimal]],
) -> None:
    """Add to positions by how much the cost of the lots in them changed; `before` has the costs by lot's key."""
    pools = set()
    with exact():
        for lot in effects.touched:
            if not lot.account:
                pools.add(lot.instrument)
                continue
            old = before[lot.ref] if lot.ref is not None else (ZERO, ZERO)
            figures = positions.setdefault((int(lot.instrument), int(lot.account)), PositionFigures())
            figures.cost_basis += lot.cost - old[0]
            figures.cost_basis_base += lot.cost_base - old[1]
    if locked.cost_basis_method in _POOLED:
        # Only pools that were loaded: income or a fee touches a position, not its cost.
        moved = {move.instrument for move in effects.quantities}
        _add_pool_changes(locked, ledger, pools | moved, positions)


def _add_pool_changes(
    locked: LockedPortfolio,
    ledger: Ledger,
    instruments: set[str],
    positions: dict[tuple[int, int], PositionFigures],
) -> None:
    """A pool's cost lies with the accounts in proportion to what they hold: say by how much each share changes."""
    stored = {
        (row.instrument_id, row.account_id): row
        for row in Position.objects.filter(
            portfolio_id=locked.id, instrument_id__in=[int(i) for i in instruments]
        )
    }
    with exact():
        for name in instruments:
            pool = ledger.pools.get(name)
            held = {int(account): q for (i, account), q in ledger.held.items() if i == name}
            spread = spread_pool(pool, held) if pool is not None and pool.quantity else {}
            long_before = {key[1] for key, row in stored.items() if key[0] == int(name) and row.quantity > 0}
            for account in spread.keys() | long_before:
                key = (int(name), account)
                old = stored.get(key) if account in long_before else None
                new = spread.get(account, (ZERO, ZERO))
                figures = positions.setdefault(key, PositionFigures())
                figures.cost_basis += new[0] - (old.cost_basis if old else ZERO)
                figures.cost_basis_base += new[1] - (old.cost_basis_base if old else ZERO)


def _upsert_positions(portfolio_id: int, positions: dict[tuple[int, int], PositionFigures]) -> None:
    _upsert(
        "holdings_position",
        ("portfolio_id", "instrument_id", "account_id"),
        POSITION_FIELDS,
        [
            (portfolio_id, *key, *(getattr(figures, name) for name in POSITION_FIELDS))
            for key, figures in positions.items()
        ],
    )


def _upsert(table: str, keys: tuple[str, ...], figures: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    """Add each row's figures to those of the row with the same keys, or insert it. Names come from this module alone."""
    if not rows:
        return
    columns = ", ".join((*keys, *figures))
    one = "(" + ", ".join(["%s"] * (len(keys) + len(figures))) + ")"
    adding = ", ".join(f"{name} = {table}.{name} + EXCLUDED.{name}" for name in figures)
    statement = (
        f"INSERT INTO {table} ({columns}) VALUES {', '.join([one] * len(rows))} "  # noqa: S608
        f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {adding}"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [value for row in rows for value in row])
