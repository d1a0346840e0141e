"""The journal as a person reads it: entries that count, searched and filtered, and the history of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import Q, QuerySet
from django.db.models.functions import Abs

from holdings.models import DraftTransaction, Portfolio, Transaction, TransactionVoid

PAGE_SIZE = 50
_RELATED = ("account", "to_account", "instrument", "to_instrument", "posted_by", "import_batch")


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFilter:
    """What to show; empty fields do not filter. `text` is looked for in symbols, names, notes, tags and outside ids."""

    text: str = ""
    type: str = ""
    account_id: int | None = None
    instrument_id: int | None = None
    since: date | None = None
    until: date | None = None
    tag: str = ""
    amount_min: Decimal | None = None
    amount_max: Decimal | None = None
    batch_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryPage:
    """Some entries, newest first, and the cursors of the pages beside it (empty: there is none)."""

    rows: tuple[Transaction, ...]
    older: str
    newer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryVersion:
    """One version of an entry: the row, and what ended it (None: it counts)."""

    row: Transaction
    void: TransactionVoid | None


def filtered_transactions(portfolio: Portfolio, wanted: EntryFilter | None = None) -> QuerySet[Transaction]:
    """Entries of a portfolio that count and fit the filter, in no order."""
    chosen = wanted or EntryFilter()
    rows: QuerySet[Transaction] = (
        Transaction.objects.filter(portfolio_id=portfolio.pk).counting().select_related(*_RELATED)
    )
    if chosen.type:
        rows = rows.filter(type=chosen.type)
    if chosen.account_id is not None:
        rows = rows.filter(Q(account_id=chosen.account_id) | Q(to_account_id=chosen.account_id))
    if chosen.instrument_id is not None:
        rows = rows.filter(Q(instrument_id=chosen.instrument_id) | Q(to_instrument_id=chosen.instrument_id))
    if chosen.since is not None:
        rows = rows.filter(occurred_date__gte=chosen.since)
    if chosen.until is not None:
        rows = rows.filter(occurred_date__lte=chosen.until)
    if chosen.tag:
        rows = rows.filter(tags__contains=[chosen.tag])
    if chosen.amount_min is not None or chosen.amount_max is not None:
        rows = rows.annotate(moved=Abs("amount"))
        if chosen.amount_min is not None:
            rows = rows.filter(moved__gte=chosen.amount_min)
        if chosen.amount_max is not None:
            rows = rows.filter(moved__lte=chosen.amount_max)
    if chosen.batch_id is not None:
        rows = rows.filter(import_batch_id=chosen.batch_id)
    for word in chosen.text.replace("\x00", "").split()[:8]:
        rows = rows.filter(
            Q(instrument__symbol__icontains=word)
            | Q(instrument__name__icontains=word)
            | Q(instrument__isin__iexact=word)
            | Q(note__icontains=word)
            | Q(external_id__iexact=word)
            | Q(tags__contains=[word])
        )
    return rows


def transactions_for(
    portfolio: Portfolio, *, wanted: EntryFilter | None = None, cursor: str = "", size: int = PAGE_SIZE
) -> EntryPage:
    """A page of entries, newest first. Costs the same however far back it is. One statement, two with a cursor."""
    rows = filtered_transactions(portfolio, wanted)
    forward = cursor.startswith("n")
    position = _position(cursor)
    if position is None:
        found = list(rows.order_by("-occurred_at", "-sequence")[: size + 1])
        more = len(found) > size
        return _page(found[:size], older=more, newer=False)
    at, sequence = position
    if forward:
        newer = rows.filter(Q(occurred_at__gt=at) | Q(occurred_at=at, sequence__gt=sequence))
        found = list(newer.order_by("occurred_at", "sequence")[: size + 1])
        more = len(found) > size
        return _page(found[:size][::-1], older=True, newer=more)
    older = rows.filter(Q(occurred_at__lt=at) | Q(occurred_at=at, sequence__lt=sequence))
    found = list(older.order_by("-occurred_at", "-sequence")[: size + 1])
    more = len(found) > size
    return _page(found[:size], older=more, newer=True)


def visible_entry(user: Any, portfolio_id: int, transaction_id: int) -> Transaction | None:
    """An entry, voided or not, if this person may see it."""
    found: Transaction | None = (
        Transaction.objects.visible_to(user)
        .filter(portfolio_id=portfolio_id, pk=transaction_id)
        .select_related("portfolio", "void", *_RELATED)
        .first()
    )
    return found


def entry_history(row: Transaction) -> list[EntryVersion]:
    """Every version of the entry that `row` is one of, the newest first: who, when, and what it was before."""
    rows = {row.pk: row}
    current = row
    while current.replaces_id is not None:
        current = Transaction.objects.select_related("void__voided_by", *_RELATED).get(pk=current.replaces_id)
        rows[current.pk] = current
    frontier = [row.pk]
    while frontier:
        later = list(
            Transaction.objects.filter(replaces_id__in=frontier).select_related("void__voided_by", *_RELATED)
        )
        rows.update({found.pk: found for found in later})
        frontier = [found.pk for found in later]
    return [
        EntryVersion(row=version, void=getattr(version, "void", None))
        for version in sorted(rows.values(), key=lambda version: -version.sequence)
    ]


def drafts_of(portfolio: Portfolio) -> list[DraftTransaction]:
    """Entries that wait for their day, the next one first."""
    return list(DraftTransaction.objects.filter(portfolio_id=portfolio.pk).order_by("occurred_at", "pk"))


def tags_of(portfolio_id: int) -> list[str]:
    """Every tag in use in a portfolio, in order."""
    used: Iterable[list[str]] = (
        Transaction.objects.filter(portfolio_id=portfolio_id)
        .counting()
        .exclude(tags=[])
        .values_list("tags", flat=True)
        .distinct()[:500]
    )
    return sorted({tag for tags in used for tag in tags})


def cash_effect(row: Transaction) -> Decimal | None:
    """What an entry does to the cash in its currency; None where it moves none."""
    amount: Decimal = row.amount or Decimal(0)
    costs: Decimal = row.fees + row.taxes
    if row.type in ("buy", "withdrawal", "interest_charge", "fee", "tax"):
        return -amount - costs
    if row.type in ("sell", "deposit", "fee_refund", "tax_refund", "return_of_capital"):
        return amount - costs
    if row.type in ("dividend", "distribution", "interest", "staking", "split", "merger"):
        return amount - costs if amount or costs else None
    if row.type in ("transfer", "spin_off") and costs:
        return -costs
    return None


def _page(rows: list[Transaction], *, older: bool, newer: bool) -> EntryPage:
    return EntryPage(
        rows=tuple(rows),
        older=_cursor("o", rows[-1]) if older and rows else "",
        newer=_cursor("n", rows[0]) if newer and rows else "",
    )


def _cursor(side: str, row: Transaction) -> str:
    return f"{side}{row.occurred_at.timestamp():.6f}_{row.sequence}"


def _position(cursor: str) -> tuple[datetime, int] | None:
    if not cursor or cursor[0] not in "on" or len(cursor) > 60:
        return None
    stamp, _, sequence = cursor[1:].partition("_")
    try:
        return datetime.fromtimestamp(float(stamp), tz=UTC), int(sequence)
    except (ValueError, OverflowError, OSError):
        return None
