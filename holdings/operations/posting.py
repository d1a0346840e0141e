"""Writing to the journal: posting entries, one or many. All of them, or none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth import get_user_model
from django.db import IntegrityError, connection, transaction
from django.db.models import F

from holdings.entries import Entry
from holdings.events import TransactionsPosted, stream_of
from holdings.models import DraftTransaction, EntryKey, ImportBatch, Portfolio, Transaction, TransactionVoid
from holdings.models.journal import VoidKind
from holdings.operations.applying import apply_to_books
from holdings.operations.errors import AlreadyPosted, EntryRefused, PaperJournalClosed
from holdings.operations.locking import LockedPortfolio, lock_for_writing, lock_portfolio
from holdings.operations.preparing import Preparer
from holdings.operations.rates import Rates
from portfolio_site.kernel.copying import reserved_ids
from portfolio_site.kernel.errors import DomainError
from portfolio_site.kernel.events import publish

TRADING_SOURCE = "trading"


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """What a call has written: rows that count now, and entries that wait for their day."""

    transactions: tuple[Transaction, ...]
    drafts: tuple[DraftTransaction, ...]


def post_transaction(
    *, portfolio_id: int, entry: Entry, actor: Any, now: datetime
) -> Transaction | DraftTransaction:
    """Post one entry and return its row; one that is dated in the future is returned as the draft it becomes.

    Raises `EntryRefused` (field, sentence), `AlreadyPosted`, `PaperJournalClosed`, `PortfolioArchived` or
    `PortfolioUnknown`; nothing is posted then.
    """
    try:
        posted = post_transactions(portfolio_id=portfolio_id, entries=[entry], actor=actor, now=now)
    except EntryRefused as refusal:
        raise EntryRefused(
            refusal.message, code=refusal.code, field=refusal.field
        ) from refusal  # of the only row
    return posted.transactions[0] if posted.transactions else posted.drafts[0]


def post_transactions(*, portfolio_id: int, entries: Sequence[Entry], actor: Any, now: datetime) -> Posted:
    """Post several entries, in this order where their times are equal, in one transaction.

    Raises as `post_transaction`; an `EntryRefused` says by `row` which entry it is about.
    """
    with transaction.atomic():
        locked = lock_for_writing(portfolio_id)
        if locked.is_traded:
            raise PaperJournalClosed
        return post_locked(locked, entries=entries, actor=actor, now=now)


def post_trade(
    *,
    portfolio_id: int,
    instrument_id: int,
    side: str,
    quantity: Decimal,
    price: Decimal,
    amount: Decimal | None = None,
    fees: Decimal,
    occurred_at: datetime,
    external_id: str,
    actor: Any,
    now: datetime,
) -> Transaction:
    """Post a fill of trading, inside trading's transaction, which holds the portfolio's lock.

    `amount` is what the fill is worth before fees (quantity × price × multiplier when left out). `external_id` is the
    execution's id: the same one again raises `AlreadyPosted`. Raises `RuntimeError` outside a transaction.
    """
    if side not in ("buy", "sell"):
        raise ValueError("side is buy or sell")
    locked = lock_portfolio(portfolio_id)
    entry = Entry(
        type=side,
        occurred=occurred_at,
        instrument_id=instrument_id,
        quantity=quantity,
        price=price,
        amount=amount,
        fees=fees,
        source=TRADING_SOURCE,
        external_id=external_id,
    )
    return post_locked(locked, entries=[entry], actor=actor, now=now).transactions[0]


def post_starting_cash(
    *, portfolio_id: int, amount: Decimal, currency: str, actor: Any, now: datetime
) -> Transaction:
    """Give a paper portfolio money to play with: a deposit, the one manual entry it has."""
    with transaction.atomic():
        locked = lock_for_writing(portfolio_id)
        if not locked.is_paper:
            raise EntryRefused("Only a paper portfolio has starting cash; book a deposit.", field="amount")
        entry = Entry(
            type="deposit",
            occurred=now,
            amount=amount,
            currency=currency,
            note="Starting cash",
            source=TRADING_SOURCE,
        )
        return post_locked(locked, entries=[entry], actor=actor, now=now).transactions[0]


def post_account_entry(*, portfolio_id: int, entry: Entry, actor: Any, now: datetime) -> Transaction:
    """Post what happens to a trading account beside its trades (interest, borrow fees, dividends, splits), inside trading's
    transaction, which holds the portfolio's lock. The same `external_id` again raises `AlreadyPosted`."""
    locked = lock_portfolio(portfolio_id)
    if not locked.is_traded:
        raise EntryRefused("Only the journal of a trading account is written by trading.", field="type")
    entry = replace(entry, source=TRADING_SOURCE)
    return post_locked(locked, entries=[entry], actor=actor, now=now).transactions[0]


def restart_paper_journal(
    *, portfolio_id: int, amount: Decimal | None, currency: str, actor: Any, now: datetime
) -> Decimal:
    """Take back everything a paper portfolio has booked and give it starting cash anew; returns how much.

    Without `amount` it is what the first entry gave. The old entries stay to be read, they only no longer count.
    """
    with transaction.atomic():
        locked = lock_for_writing(portfolio_id)
        if not locked.is_paper:
            raise EntryRefused("Only a paper portfolio begins anew.", field="amount")
        rows = list(Transaction.objects.filter(portfolio_id=portfolio_id).counting().in_order())
        if amount is None:
            first = next((row for row in rows if row.type == "deposit"), None)
            amount = first.amount if first is not None and first.amount is not None else Decimal(0)
        entry = Entry(
            type="deposit",
            occurred=now,
            amount=amount,
            currency=currency,
            note="Starting cash",
            source=TRADING_SOURCE,
        )
        post_locked(
            locked,
            entries=[entry] if amount else [],
            actor=actor,
            now=now,
            voids=rows,
            void_reason="The account began anew",
        )
        return amount


def post_locked(
    locked: LockedPortfolio,
    *,
    entries: Sequence[Entry],
    actor: Any,
    now: datetime,
    batch: ImportBatch | None = None,
    replaces: Transaction | None = None,
    voids: Sequence[Transaction] = (),
    void_kind: str = VoidKind.REMOVED,
    void_reason: str = "",
    rates: Rates | None = None,
) -> Posted:
    """Void `voids`, post `entries`, bring what follows from the journal up to date, bump the revision, announce it.

    The portfolio is locked and the transaction open. This is the one way into the journal. A negative number -1 - n among
    an entry's `lots` means the n-th of `entries`, which has no id of its own yet.
    """
    owner = actor if actor is not None and actor.pk == locked.owner_id else _owner(locked)
    preparer = Preparer(locked, entries=entries, owner=owner, now=now, rates=rates)
    rows: list[Transaction] = []
    own_ids = _ids_for(entries)
    waiting: list[DraftTransaction] = []
    for index, entry in enumerate(entries):
        try:
            prepared = preparer.prepare(entry)
        except EntryRefused as refusal:
            raise refusal.at_row(index) from refusal
        row = prepared.row
        row.posted_at, row.posted_by, row.import_batch, row.replaces = now, actor, batch, replaces
        if prepared.is_future:
            if replaces is not None:
                raise EntryRefused(
                    "An entry that counts cannot move into the future. Remove it and enter it anew.",
                    field="occurred",
                )
            waiting.append(_draft(entry, row, actor=actor, now=now, batch=batch))
        else:
            row.sequence = locked.last_sequence + len(rows) + 1
            if own_ids:
                row.pk = own_ids[index]
                row.lots = [own_ids[-1 - lot] if lot < 0 else lot for lot in row.lots]
            rows.append(row)
    void_rows(voids, kind=void_kind, reason=void_reason, actor=actor, now=now)
    if rows:
        Transaction.objects.bulk_create(rows, batch_size=2000)
    _write_keys(rows)
    drafts = _write_drafts(waiting)
    apply_to_books(locked, preparer=preparer, added=rows, voided=list(voids))
    if rows or voids:
        announce_posting(
            locked,
            count=len(rows),
            posted_ids=[row.pk for row in rows[:1000]],
            voided_ids=[row.pk for row in voids[:1000]],
            actor=actor,
        )
    return Posted(transactions=tuple(rows), drafts=tuple(drafts))


def _ids_for(entries: Sequence[Entry]) -> list[int]:
    """Ids for all entries beforehand, where one names another of them as the lot it closes; else none."""
    if not any(lot < 0 for entry in entries for lot in entry.lots):
        return []
    return reserved_ids("holdings_transaction", len(entries))


def _owner(locked: LockedPortfolio) -> Any:
    return get_user_model()._default_manager.get(pk=locked.owner_id)


def void_rows(voids: Sequence[Transaction], *, kind: str, reason: str, actor: Any, now: datetime) -> None:
    """Write that rows no longer count, and free their outside names. What follows from it is the caller's to bring up to date."""
    if not voids:
        return
    TransactionVoid.objects.bulk_create(
        [
            TransactionVoid(transaction=row, kind=kind, reason=reason[:300], voided_at=now, voided_by=actor)
            for row in voids
        ],
        batch_size=2000,
    )
    EntryKey.objects.filter(transaction__in=voids).delete()


def _write_keys(rows: Sequence[Transaction]) -> None:
    keys = [
        EntryKey(
            portfolio_id=row.portfolio_id, source=row.source, external_id=row.external_id, transaction=row
        )
        for row in rows
        if row.external_id
    ]
    if not keys:
        return
    try:
        with transaction.atomic():
            EntryKey.objects.bulk_create(keys, batch_size=2000)
    except IntegrityError as error:
        raise AlreadyPosted("An entry with this id is in the books already.", field="external_id") from error


def write_entry_keys(locked: LockedPortfolio) -> None:
    """Take the outside names of rows that were copied into the journal since it was locked. One statement.

    Raises `AlreadyPosted` where one is taken.
    """
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO holdings_entrykey (portfolio_id, source, external_id, transaction_id) "
                "SELECT portfolio_id, source, external_id, id FROM holdings_transaction "
                "WHERE portfolio_id = %s AND sequence > %s AND external_id <> ''",
                [locked.id, locked.last_sequence],
            )
    except IntegrityError as error:
        raise AlreadyPosted("An entry with this id is in the books already.", field="external_id") from error


def keep_for_its_day(
    entry: Entry, row: Transaction, *, actor: Any, now: datetime, batch: ImportBatch | None
) -> None:
    """Keep one entry that is dated in the future aside. Raises `AlreadyPosted`."""
    _write_drafts([_draft(entry, row, actor=actor, now=now, batch=batch)])


def _draft(
    entry: Entry, row: Transaction, *, actor: Any, now: datetime, batch: ImportBatch | None
) -> DraftTransaction:
    return DraftTransaction(
        portfolio_id=row.portfolio_id,
        occurred_at=row.occurred_at,
        occurred_date=row.occurred_date,
        entry=replace(entry, source=row.source, external_id=row.external_id).as_json(),
        source=row.source,
        external_id=row.external_id,
        import_batch=batch,
        created_at=now,
        created_by=actor,
    )


def _write_drafts(drafts: list[DraftTransaction]) -> list[DraftTransaction]:
    if not drafts:
        return []
    try:
        with transaction.atomic():
            return DraftTransaction.objects.bulk_create(drafts)
    except IntegrityError as error:
        raise AlreadyPosted(
            "An entry with this id waits for its day already.", field="external_id"
        ) from error


def announce_posting(
    locked: LockedPortfolio,
    *,
    count: int,
    posted_ids: list[int],
    voided_ids: list[int],
    actor: Any,
) -> None:
    """Bump the revision and the last sequence by `count` new rows, and tell the other rooms (of many rows, the first ids)."""
    Portfolio.objects.filter(pk=locked.id).update(
        revision=F("revision") + 1, last_sequence=locked.last_sequence + count
    )
    publish(
        TransactionsPosted(
            portfolio_id=locked.id,
            user_id=locked.owner_id,
            actor_id=actor.pk if actor is not None else None,
            transaction_ids=posted_ids,
            voided_ids=voided_ids,
            revision=locked.revision + 1,
        ),
        stream=stream_of(locked.id),
    )


def post_due_drafts(*, now: datetime, limit: int = 1000) -> int:
    """Post the drafts whose day has come; return how many. One that is refused keeps its reason for its owner to see."""
    posted = 0
    due = DraftTransaction.objects.filter(occurred_at__lte=now, refused_at__isnull=True).order_by(
        "occurred_at", "pk"
    )
    for draft_id, portfolio_id in list(due.values_list("pk", "portfolio_id")[:limit]):
        try:
            posted += _post_draft(draft_id=draft_id, portfolio_id=portfolio_id, now=now)
        except DomainError as refusal:
            DraftTransaction.objects.filter(pk=draft_id).update(refused_at=now, refusal=refusal.message[:300])
    return posted


def _post_draft(*, draft_id: int, portfolio_id: int, now: datetime) -> int:
    with transaction.atomic():
        locked = lock_for_writing(portfolio_id)
        draft = (
            DraftTransaction.objects.filter(pk=draft_id).select_related("created_by", "import_batch").first()
        )
        if draft is None:  # somebody else posted or removed it meanwhile
            return 0
        draft.delete()
        post_locked(
            locked,
            entries=[Entry.from_json(draft.entry)],
            actor=draft.created_by,
            now=now,
            batch=draft.import_batch,
        )
    return 1
