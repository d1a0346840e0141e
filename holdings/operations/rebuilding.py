"""Bringing the derived tables to what a replay of the journal says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import F

from holdings.models import (
    CashBalance,
    LedgerCheckpoint,
    LedgerState,
    Liability,
    Lot,
    Portfolio,
    Position,
    RealisedTrade,
    Transaction,
)
from holdings.operations.locking import LockedPortfolio, lock_portfolio
from holdings.queries.checkpoints import (
    Checkpoint,
    can_be_divided,
    newest_checkpoint,
    replayed_from,
    stand_alone,
)
from holdings.queries.derived import POSITION_FIELDS, Derived, derived_in_tables
from holdings.queries.journal import Journal, load_journal
from portfolio_site.kernel.copying import copy_rows

_BATCH = 2000


def rebuild_holdings(*, portfolio_id: int) -> None:
    """Recompute everything that follows from the portfolio's journal, and write what is different."""
    with transaction.atomic():
        rebuild_locked(lock_portfolio(portfolio_id))
        Portfolio.objects.filter(pk=portfolio_id).update(revision=F("revision") + 1)


def rebuild_locked(locked: LockedPortfolio, *, since: date | None = None) -> None:
    """The same within the caller's transaction, which holds the lock. Raises the domain's refusals.

    `since`: nothing changed before that day, so that the replay may begin at the last checkpoint before it.
    """
    start, journal = _from_checkpoint(locked, since) if since is not None else (None, None)
    if start is None or journal is None:
        start, journal = None, load_journal(locked.id)
    wanted, checkpoints = replayed_from(locked, journal, start)
    stored = derived_in_tables(locked.id, closed_since=start.before if start else None)
    _write_rows(Lot, locked.id, stored=stored.lots, wanted=wanted.lots, name=_lot_filter)
    _write_rows(
        RealisedTrade,
        locked.id,
        stored={key: (columns,) for key, columns in stored.realised.items()},
        wanted={key: (columns,) for key, columns in wanted.realised.items()},
        name=_realised_filter,
    )
    forget_checkpoints(locked.id, after=start.before if start else date.min)
    LedgerCheckpoint.objects.bulk_create(
        LedgerCheckpoint(portfolio_id=locked.id, before_date=day, content=content)
        for day, content in checkpoints
    )
    _write_positions(locked.id, stored=stored, wanted=wanted)
    _write_balances(locked.id, stored=stored, wanted=wanted)
    last = (
        Transaction.objects.filter(portfolio_id=locked.id)
        .counting()
        .order_by("-occurred_at")
        .values_list("occurred_at", flat=True)
        .first()
    )
    LedgerState.objects.update_or_create(
        portfolio_id=locked.id,
        defaults={"last_occurred_at": last, "lot_order": wanted.lot_order, **wanted.totals},
    )


def forget_checkpoints(portfolio_id: int, *, after: date) -> None:
    """Drop what was kept of the books at the beginning of days after one on which an entry changes."""
    LedgerCheckpoint.objects.filter(portfolio_id=portfolio_id, before_date__gt=after).delete()


def _from_checkpoint(locked: LockedPortfolio, since: date) -> tuple[Checkpoint | None, Journal | None]:
    """The last checkpoint before a change and the entries after it; none where they ask for something older."""
    if not can_be_divided(locked):
        return None, None
    start = newest_checkpoint(locked.id, until=since)
    if start is None:
        return None, None
    journal = load_journal(locked.id, since=start.before)
    if not stand_alone(journal.transactions, journal, locked.base_currency):
        return None, None
    return start, journal


def _write_rows(
    model: Any,
    portfolio_id: int,
    *,
    stored: Mapping[Any, tuple[Mapping[str, Any], ...]],
    wanted: Mapping[Any, tuple[Mapping[str, Any], ...]],
    name: Any,
) -> None:
    """Delete rows that are gone or different, insert those that are new or different; what has one key is written anew
    together, in its order."""
    stale = [rows[0] for key, rows in stored.items() if wanted.get(key) != rows]
    for start in range(0, len(stale), _BATCH):
        name(model.objects.filter(portfolio_id=portfolio_id), stale[start : start + _BATCH]).delete()
    fresh = [columns for key, rows in wanted.items() if stored.get(key) != rows for columns in rows]
    if fresh:
        names = tuple(fresh[0])
        copy_rows(
            model._meta.db_table,
            ("portfolio_id", *names),
            ((portfolio_id, *(columns[name] for name in names)) for columns in fresh),
        )


def _lot_filter(rows: Any, columns: list[Mapping[str, Any]]) -> Any:
    return rows.filter(pk__in=_ids(rows, columns, ("instrument_id", "account_id", "position", "key")))


def _realised_filter(rows: Any, columns: list[Mapping[str, Any]]) -> Any:
    return rows.filter(pk__in=_ids(rows, columns, ("transaction_id", "number")))


def _ids(rows: Any, columns: list[Mapping[str, Any]], names: tuple[str, ...]) -> list[int]:
    wanted = {tuple(row[name] for name in names) for row in columns}
    first = names[0]
    candidates = rows.filter(**{f"{first}__in": {row[first] for row in columns}}).values_list("pk", *names)
    return [pk for pk, *key in candidates if tuple(key) in wanted]


def _write_positions(portfolio_id: int, *, stored: Derived, wanted: Derived) -> None:
    gone = [key for key in stored.positions if key not in wanted.positions]
    for instrument_id, account_id in gone:
        Position.objects.filter(
            portfolio_id=portfolio_id, instrument_id=instrument_id, account_id=account_id
        ).delete()
    changed = [
        Position(
            portfolio_id=portfolio_id,
            instrument_id=key[0],
            account_id=key[1],
            **{name: getattr(figures, name) for name in POSITION_FIELDS},
        )
        for key, figures in wanted.positions.items()
        if stored.positions.get(key) != figures
    ]
    Position.objects.bulk_create(
        changed,
        update_conflicts=True,
        unique_fields=["portfolio", "instrument", "account"],
        update_fields=list(POSITION_FIELDS),
        batch_size=_BATCH,
    )


def _write_balances(portfolio_id: int, *, stored: Derived, wanted: Derived) -> None:
    if stored.cash != wanted.cash:
        CashBalance.objects.filter(portfolio_id=portfolio_id).delete()
        CashBalance.objects.bulk_create(
            CashBalance(portfolio_id=portfolio_id, account_id=account, currency=currency, balance=balance)
            for (account, currency), balance in wanted.cash.items()
        )
    if stored.liabilities != wanted.liabilities:
        Liability.objects.filter(portfolio_id=portfolio_id).delete()
        Liability.objects.bulk_create(
            Liability(portfolio_id=portfolio_id, currency=currency, amount=amount)
            for currency, amount in wanted.liabilities.items()
        )
