"""Taking entries back, and replacing them. The old row stays: a void says who, when and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db import transaction

from holdings.entries import Entry
from holdings.models import DraftTransaction, Transaction
from holdings.models.journal import VoidKind
from holdings.operations.errors import EntryUnknown, PaperJournalClosed
from holdings.operations.locking import LockedPortfolio, lock_for_writing
from holdings.operations.posting import post_locked


def void_transaction(
    *, portfolio_id: int, transaction_id: int, actor: Any, now: datetime, reason: str = ""
) -> None:
    """Take an entry back: it stays in the journal and no longer counts.

    Raises `EntryUnknown` when it is not there or was taken back already, `EntryRefused` when a later entry depends on it.
    """
    void_transactions(
        portfolio_id=portfolio_id, transaction_ids=[transaction_id], actor=actor, now=now, reason=reason
    )


def void_transactions(
    *, portfolio_id: int, transaction_ids: Sequence[int], actor: Any, now: datetime, reason: str = ""
) -> None:
    """Take several entries back at once: all, or none."""
    with transaction.atomic():
        locked = lock_for_writing(portfolio_id)
        _refuse_paper(locked)
        rows = _counting(portfolio_id, transaction_ids)
        post_locked(locked, entries=[], actor=actor, now=now, voids=rows, void_reason=reason)


def correct_transaction(
    *, portfolio_id: int, transaction_id: int, entry: Entry, actor: Any, now: datetime, reason: str = ""
) -> Transaction:
    """Replace an entry: the old row is voided, the new one names it, and takes over its outside id and its import.

    Raises as `void_transaction` and `post_transaction`; nothing changes then.
    """
    with transaction.atomic():
        locked = lock_for_writing(portfolio_id)
        _refuse_paper(locked)
        (old,) = _counting(portfolio_id, [transaction_id])
        kept = replace(entry, source=old.source, external_id=old.external_id)
        posted = post_locked(
            locked,
            entries=[kept],
            actor=actor,
            now=now,
            batch=old.import_batch,
            replaces=old,
            voids=[old],
            void_kind=VoidKind.CORRECTED,
            void_reason=reason,
        )
        return posted.transactions[0]


def remove_draft(*, portfolio_id: int, draft_id: int, actor: Any, now: datetime) -> None:
    """Forget an entry that waits for its day. Raises `EntryUnknown` when it is not there (any more)."""
    with transaction.atomic():
        lock_for_writing(portfolio_id)
        deleted, _ = DraftTransaction.objects.filter(portfolio_id=portfolio_id, pk=draft_id).delete()
        if not deleted:
            raise EntryUnknown


def _refuse_paper(locked: LockedPortfolio) -> None:
    if locked.is_traded:
        raise PaperJournalClosed


def _counting(portfolio_id: int, ids: Sequence[int]) -> list[Transaction]:
    rows = list(
        Transaction.objects.filter(portfolio_id=portfolio_id, pk__in=ids)
        .counting()
        .select_related("import_batch")
        .order_by("sequence")
    )
    if len(rows) != len(set(ids)):
        raise EntryUnknown("This entry is not there any more: it was removed or corrected meanwhile.")
    return rows
