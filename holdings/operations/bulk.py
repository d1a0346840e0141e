"""Many entries at once: giving them tags, and bringing back what was removed. All of them, or none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef

from holdings.entries import Entry
from holdings.models import Transaction
from holdings.models.journal import VoidKind
from holdings.operations.correcting import correct_transaction
from holdings.operations.errors import EntryRefused, EntryUnknown, PaperJournalClosed
from holdings.operations.locking import lock_for_writing
from holdings.operations.posting import post_locked

MOST = 200


def tag_transactions(
    *,
    portfolio_id: int,
    transaction_ids: Sequence[int],
    add: Iterable[str] = (),
    remove: Iterable[str] = (),
    actor: Any,
    now: datetime,
) -> int:
    """Add tags to entries, or take them off; each changed entry keeps its history. Returns how many were changed.

    Raises as `correct_transaction`; `EntryRefused` for more than `MOST` at once.
    """
    _check_number(transaction_ids)
    added, removed = list(dict.fromkeys(add)), set(remove)
    changed = 0
    with transaction.atomic():
        lock_for_writing(portfolio_id)
        rows = Transaction.objects.filter(portfolio_id=portfolio_id, pk__in=transaction_ids).counting()
        found = list(rows.in_order())
        if len(found) != len(set(transaction_ids)):
            raise EntryUnknown("This entry is not there any more: it was removed or corrected meanwhile.")
        for row in found:
            tags = tuple(tag for tag in dict.fromkeys([*row.tags, *added]) if tag not in removed)
            if list(tags) == row.tags:
                continue
            correct_transaction(
                portfolio_id=portfolio_id,
                transaction_id=row.pk,
                entry=replace(entry_of(row), tags=tags),
                actor=actor,
                now=now,
            )
            changed += 1
    return changed


def restore_transactions(
    *, portfolio_id: int, transaction_ids: Sequence[int], actor: Any, now: datetime
) -> int:
    """Bring removed entries back: each is posted again, and its history names the one that was removed.

    Raises `EntryUnknown` when none of them can be brought back (any more), and as `post_transactions`.
    """
    _check_number(transaction_ids)
    with transaction.atomic():
        if lock_for_writing(portfolio_id).is_traded:
            raise PaperJournalClosed
        back = Transaction.objects.filter(replaces=OuterRef("pk"))
        rows = Transaction.objects.filter(
            ~Exists(back), portfolio_id=portfolio_id, pk__in=transaction_ids, void__kind=VoidKind.REMOVED
        )
        found = list(rows.select_related("import_batch").in_order())
        if not found:
            raise EntryUnknown("There is nothing to bring back: it was done already.")
        for row in found:
            post_locked(
                lock_for_writing(portfolio_id),
                entries=[entry_of(row)],
                actor=actor,
                now=now,
                batch=row.import_batch,
                replaces=row,
            )
    return len(found)


def entry_of(row: Transaction) -> Entry:
    """The entry that a row was posted from."""
    return Entry(
        type=row.type,
        occurred=row.occurred_date if row.is_date_only else row.occurred_at,
        account_id=row.account_id,
        to_account_id=row.to_account_id,
        cash_account_id=row.cash_account_id,
        instrument_id=row.instrument_id,
        to_instrument_id=row.to_instrument_id,
        quantity=row.quantity,
        price=row.price,
        amount=row.amount,
        fees=row.fees,
        taxes=row.taxes,
        currency=row.currency,
        fx_rate=row.fx_rate,
        instrument_rate=row.instrument_rate,
        ratio=row.ratio,
        cost=row.cost,
        lots=tuple(row.lots),
        note=row.note,
        tags=tuple(row.tags),
        source=row.source,
        external_id=row.external_id,
    )


def _check_number(ids: Sequence[int]) -> None:
    if not ids:
        raise EntryRefused("Choose at least one entry.")
    if len(ids) > MOST:
        raise EntryRefused(f"At most {MOST} entries can be changed at once.")
