"""Which rows of a file are left out, and why: `verdicts` by place in the file hold a state and a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from holdings.entries import Entry
from holdings.importers.base import ParsedRow
from holdings.models import DraftTransaction, EntryKey, Transaction
from holdings.operations.errors import EntryRefused
from holdings.operations.preparing import Preparer


def mark_known_ids(
    portfolio_id: int,
    source: str,
    rows: Sequence[ParsedRow],
    verdicts: dict[int, tuple[str, str]],
) -> None:
    """Rows whose id was imported before, waits for its day, or stands twice in the file."""
    ids = [row.external_id for row in rows]
    booked = set(
        EntryKey.objects.filter(portfolio_id=portfolio_id, source=source, external_id__in=ids).values_list(
            "external_id", flat=True
        )
    )
    planned = set(
        DraftTransaction.objects.filter(
            portfolio_id=portfolio_id, source=source, external_id__in=ids
        ).values_list("external_id", flat=True)
    )
    seen: set[str] = set()
    for index, row in enumerate(rows):
        if index in verdicts:
            continue
        if row.external_id in booked:
            verdicts[index] = ("duplicate", "It was imported before.")
        elif row.external_id in planned:
            verdicts[index] = ("duplicate", "It waits for its day already.")
        elif row.external_id in seen:
            verdicts[index] = ("duplicate", "The file holds it twice, under the same id.")
        seen.add(row.external_id)


def mark_unfit(preparer: Preparer, entries: dict[int, Entry], verdicts: dict[int, tuple[str, str]]) -> None:
    """Rows that are wrong by themselves, and rows whose day is to come."""
    for index, entry in list(entries.items()):
        if index in verdicts:
            continue
        try:
            prepared = preparer.prepare(entry)
        except EntryRefused as refusal:
            verdicts[index] = ("error", refusal.message)
        else:
            if prepared.is_future:
                verdicts[index] = ("planned", "Its day is to come: it is kept aside until then.")


def mark_same_content(
    portfolio_id: int,
    source: str,
    preparer: Preparer,
    entries: dict[int, Entry],
    verdicts: dict[int, tuple[str, str]],
) -> None:
    """Entries that are in the books from elsewhere (typed in, another format): as many as there are, one each."""
    known = Counter(
        _content(row)
        for row in Transaction.objects.filter(portfolio_id=portfolio_id).counting().exclude(source=source)
    )
    if not known:
        return
    for index, entry in entries.items():
        if index in verdicts:
            continue
        content = _content(preparer.prepare(entry).row)
        if known[content] > 0:
            known[content] -= 1
            verdicts[index] = ("duplicate", "You have the same entry already.")


def _content(row: Transaction) -> tuple[Any, ...]:
    zero = Decimal(0)
    return (
        row.type,
        row.occurred_at,
        row.instrument_id,
        row.to_instrument_id,
        *((value or zero).normalize() for value in (row.quantity, row.amount, row.fees, row.taxes)),
        row.currency,
        row.ratio,
    )
