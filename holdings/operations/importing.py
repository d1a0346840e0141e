"""Bringing in a file: upload, preview, commit, undo.

The preview is the commit, done and rolled back: what it shows is what will happen, to the last digit.
"""

from __future__ import annotations

import hashlib
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction

from holdings.entries import Entry
from holdings.events import ImportFinished, stream_of
from holdings.importers import FileRefused, ParsedFile, Problem, importer_by_code, sniff
from holdings.importers.base import ParsedRow
from holdings.models import DraftTransaction, EntryKey, ImportBatch, Transaction
from holdings.models.imports import ImportState
from holdings.models.journal import VoidKind
from holdings.operations.errors import EntryRefused, PaperJournalClosed
from holdings.operations.importing_things import ThingsOfFile
from holdings.operations.locking import LockedPortfolio, lock_for_writing
from holdings.operations.posting import post_locked
from holdings.operations.preparing import Preparer
from holdings.operations.rates import Rates
from holdings.queries.balances import cash_balances, position_quantities
from portfolio_site.kernel.errors import ConflictError, DomainError, NotFoundError
from portfolio_site.kernel.events import publish

MOST_PROBLEMS = 200
# A file with more wrong rows than this is the wrong file.
_MOST_ROUNDS = 20
KEEP_PREVIEWS = timedelta(days=1)


class ImportRefused(DomainError):
    """The file cannot be read; `details["problems"]` lists paths and reasons."""

    code = "import_refused"

    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        shown = [{"path": problem.path, "message": problem.message} for problem in problems[:MOST_PROBLEMS]]
        super().__init__(message, field="file", details={"problems": shown, "problem_count": len(problems)})
        self.problems = tuple(problems)


class ImportUnknown(NotFoundError):
    """No such import."""

    def __init__(self) -> None:
        super().__init__("There is no such import.")


class ImportDecided(ConflictError):
    """The import was committed, undone or discarded already."""

    code = "import_decided"


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewRow:
    """One entry of the file: `state` is new, planned (its day is to come), duplicate, skipped or error."""

    path: str
    state: str
    message: str
    type: str
    occurred: date | datetime
    symbol: str
    quantity: Decimal | None
    price: Decimal | None
    amount: Decimal | None
    fees: Decimal
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A balance or a quantity before and after."""

    label: str
    before: Decimal
    after: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentMatch:
    """How an instrument of the file was understood; `created`: it is entered as one of the person's own."""

    key: str
    symbol: str
    name: str
    currency: str
    created: bool


@dataclass(slots=True, kw_only=True)
class ImportOutcome:
    """What an import does, or would do."""

    rows: list[PreviewRow] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    instruments: list[InstrumentMatch] = field(default_factory=list)
    new_accounts: list[str] = field(default_factory=list)
    cash: list[Change] = field(default_factory=list)
    holdings: list[Change] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def error_count(self) -> int:
        """Rows and places of the file that are left out because they are wrong."""
        return self.counts.get("error", 0)

    @property
    def importable(self) -> int:
        """Entries that a commit books or plans."""
        return self.counts.get("new", 0) + self.counts.get("planned", 0)


class _Undo(Exception):
    pass


def upload_import(
    *, portfolio_id: int, filename: str, content: bytes, actor: Any, now: datetime
) -> ImportBatch:
    """Read a file and keep it for the preview; nothing is booked. Raises `ImportRefused` with a message per path."""
    try:
        importer = sniff(content)
        parsed = importer.parse(content)
    except FileRefused as refusal:
        first = refusal.problems[0]
        place = "it" if first.path == "$" else first.path
        message = f"The file cannot be imported: {place} {first.message}."
        raise ImportRefused(message, refusal.problems) from refusal
    if not parsed.rows and any(problem.is_error for problem in parsed.problems):
        wrong = [problem for problem in parsed.problems if problem.is_error]
        raise ImportRefused("No entry of the file can be imported.", wrong)
    with transaction.atomic():
        locked = lock_for_writing(portfolio_id)
        if locked.is_paper:
            raise PaperJournalClosed
        return ImportBatch.objects.create(
            portfolio_id=portfolio_id,
            format=importer.code,
            filename=filename.replace("\x00", "")[-255:] or "upload",
            sha256=hashlib.sha256(content).hexdigest(),
            content=zlib.compress(content, 6),
            created_at=now,
            created_by=actor,
        )


def preview_import(*, batch_id: int, actor: Any, now: datetime) -> ImportOutcome:
    """What a commit would do now. Writes nothing. Raises `ImportUnknown`, `ImportDecided`."""
    parsed = _parsed(batch_id)
    outcome: ImportOutcome | None = None
    try:
        with transaction.atomic():
            batch, locked = _open(batch_id)
            outcome = _carry_out(locked, batch, parsed, actor=actor, now=now)
            raise _Undo  # noqa: TRY301 - leaves the transaction, and takes it back
    except _Undo:
        pass
    if outcome is None:
        raise ImportUnknown
    return outcome


def commit_import(*, batch_id: int, actor: Any, now: datetime) -> ImportOutcome:
    """Book the entries of an uploaded file in one transaction; duplicates and wrong rows are left out.

    Raises `ImportUnknown`, `ImportDecided` (a second click), `ImportRefused` when nothing is left to import.
    """
    parsed = _parsed(batch_id)
    with transaction.atomic():
        batch, locked = _open(batch_id)
        outcome = _carry_out(locked, batch, parsed, actor=actor, now=now)
        if not outcome.importable:
            raise ImportRefused("There is nothing new in the file.")
        batch.state, batch.content, batch.committed_at = ImportState.COMMITTED, None, now
        batch.posted_count = outcome.counts.get("new", 0)
        batch.draft_count = outcome.counts.get("planned", 0)
        batch.duplicate_count = outcome.counts.get("duplicate", 0)
        batch.skipped_count = outcome.counts.get("skipped", 0) + outcome.error_count
        batch.save()
        _announce(locked, batch, posted=outcome.importable, undone=False)
    return outcome


def discard_import(*, batch_id: int, actor: Any, now: datetime) -> None:
    """Forget an uploaded file that was not committed."""
    with transaction.atomic():
        batch, _ = _open(batch_id)
        batch.delete()


def undo_import(*, batch_id: int, actor: Any, now: datetime) -> int:
    """Take back everything that an import booked and that still counts; return how many entries that is.

    Corrected entries of the import go too. Raises `EntryRefused` when a later entry depends on one of them.
    """
    with transaction.atomic():
        found = ImportBatch.objects.filter(pk=batch_id).values_list("portfolio_id", flat=True).first()
        if found is None:
            raise ImportUnknown
        locked = lock_for_writing(found)
        batch = ImportBatch.objects.get(pk=batch_id)
        if batch.state != ImportState.COMMITTED:
            raise ImportDecided("This import was undone already.")
        rows = list(Transaction.objects.filter(import_batch=batch).counting().order_by("sequence"))
        drafts, _ = DraftTransaction.objects.filter(import_batch=batch).delete()
        post_locked(
            locked,
            entries=[],
            actor=actor,
            now=now,
            voids=rows,
            void_kind=VoidKind.UNDONE,
            void_reason=f"Import of {batch.filename} undone",
        )
        batch.state, batch.undone_at = ImportState.UNDONE, now
        batch.save(update_fields=["state", "undone_at"])
        _announce(locked, batch, posted=len(rows) + drafts, undone=True)
        return len(rows) + drafts


def import_entries(
    *, portfolio_id: int, filename: str, content: bytes, actor: Any, now: datetime
) -> tuple[ImportBatch, ImportOutcome]:
    """Upload and commit in one go, for programs."""
    with transaction.atomic():
        batch = upload_import(
            portfolio_id=portfolio_id, filename=filename, content=content, actor=actor, now=now
        )
        outcome = commit_import(batch_id=batch.pk, actor=actor, now=now)
    batch.refresh_from_db()
    return batch, outcome


def forget_old_previews(*, now: datetime) -> int:
    """Delete uploads that nobody decided on within a day."""
    deleted, _ = ImportBatch.objects.filter(
        state=ImportState.PREVIEW, created_at__lt=now - KEEP_PREVIEWS
    ).delete()
    return deleted


def _parsed(batch_id: int) -> ParsedFile:
    """Read the kept file, before any lock is taken."""
    row = ImportBatch.objects.filter(pk=batch_id).values_list("format", "content").first()
    if row is None:
        raise ImportUnknown
    if row[1] is None:
        raise ImportDecided("This import was decided already.")
    return importer_by_code(row[0]).parse(zlib.decompress(bytes(row[1])))


def _open(batch_id: int) -> tuple[ImportBatch, LockedPortfolio]:
    portfolio_id = ImportBatch.objects.filter(pk=batch_id).values_list("portfolio_id", flat=True).first()
    if portfolio_id is None:
        raise ImportUnknown
    locked = lock_for_writing(portfolio_id)
    if locked.is_paper:
        raise PaperJournalClosed
    batch = ImportBatch.objects.filter(pk=batch_id).first()
    if batch is None:
        raise ImportUnknown
    if batch.state != ImportState.PREVIEW:
        raise ImportDecided("This import was decided already.")
    return batch, locked


def _announce(locked: LockedPortfolio, batch: ImportBatch, *, posted: int, undone: bool) -> None:
    publish(
        ImportFinished(
            portfolio_id=locked.id,
            user_id=locked.owner_id,
            batch_id=batch.pk,
            filename=batch.filename,
            posted_count=posted,
            undone=undone,
        ),
        stream=stream_of(locked.id),
    )


# --- carrying out ---


def _carry_out(
    locked: LockedPortfolio, batch: ImportBatch, parsed: ParsedFile, *, actor: Any, now: datetime
) -> ImportOutcome:
    outcome = ImportOutcome(problems=list(parsed.problems))
    cash, held = cash_balances(locked.id), position_quantities(locked.id)
    things = ThingsOfFile.of(parsed, locked, actor=actor, now=now)
    outcome.instruments = [
        InstrumentMatch(
            key=key, symbol=i.symbol, name=i.name, currency=i.currency, created=i.pk in things.created
        )
        for key, i in things.instruments.items()
    ]
    outcome.new_accounts = things.new_accounts
    source = f"import:{parsed.format}"
    verdicts: dict[int, tuple[str, str]] = {
        index: ("skipped", row.skip) for index, row in enumerate(parsed.rows) if row.skip
    }
    for index, row in enumerate(parsed.rows):
        if index not in verdicts and (problem := things.problem_of(row)):
            verdicts[index] = ("error", problem)
    _mark_known_ids(locked.id, source, parsed.rows, verdicts)
    rates = Rates(locked.base_currency, file_rates=parsed.fx)
    entries = {
        index: things.entry(row, source=source)
        for index, row in enumerate(parsed.rows)
        if index not in verdicts
    }
    rates.preload(entries.values(), things.currencies())
    preparer = Preparer(locked, entries=entries.values(), owner=actor, now=now, rates=rates)
    _mark_unfit(preparer, entries, verdicts)
    _mark_same_content(locked.id, source, preparer, entries, verdicts)
    _post(locked, batch, entries, verdicts, parsed=parsed, actor=actor, now=now, rates=rates)
    outcome.rows = [
        _preview_row(row, things, *verdicts.get(index, ("new", ""))) for index, row in enumerate(parsed.rows)
    ]
    outcome.counts = dict(Counter(row.state for row in outcome.rows))
    outcome.counts["error"] = outcome.counts.get("error", 0) + sum(p.is_error for p in parsed.problems)
    outcome.cash = _changes(cash, cash_balances(locked.id), label=lambda code: code)
    names = {i.pk: i.symbol for i in things.instruments.values()}
    outcome.holdings = _changes(
        held, position_quantities(locked.id), label=lambda pk: names.get(pk, f"instrument {pk}")
    )
    return outcome


def _mark_known_ids(
    portfolio_id: int, source: str, rows: Sequence[ParsedRow], verdicts: dict[int, tuple[str, str]]
) -> None:
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


def _mark_unfit(preparer: Preparer, entries: dict[int, Entry], verdicts: dict[int, tuple[str, str]]) -> None:
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


def _mark_same_content(
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


def _post(
    locked: LockedPortfolio,
    batch: ImportBatch,
    entries: dict[int, Entry],
    verdicts: dict[int, tuple[str, str]],
    *,
    parsed: ParsedFile,
    actor: Any,
    now: datetime,
    rates: Rates,
) -> None:
    """Post what is left; rows that the books refuse (a sale of more than is held) are taken out and the rest tried again."""
    opens = {row.opens: index for index, row in enumerate(parsed.rows) if row.opens}
    for _ in range(_MOST_ROUNDS):
        wanted = [index for index in entries if verdicts.get(index, ("new",))[0] in ("new", "planned")]
        if not wanted:
            return
        places = {index: place for place, index in enumerate(wanted)}
        chosen = [_with_lots(entries[i], parsed.rows[i], opens, places) for i in wanted]
        try:
            with transaction.atomic():
                post_locked(locked, entries=chosen, actor=actor, now=now, batch=batch, rates=rates)
        except EntryRefused as refusal:
            if not refusal.rows:
                raise ImportRefused(refusal.message) from refusal
            for place, message in refusal.rows.items():
                verdicts[wanted[place]] = ("error", message)
        else:
            return
    raise ImportRefused("Too many entries of the file do not fit together. Is it complete?")


def _with_lots(entry: Entry, row: ParsedRow, opens: dict[str, int], places: dict[int, int]) -> Entry:
    """Lots that the file names by its own ids, as places among the entries posted together (see `post_locked`)."""
    if not row.lots:
        return entry
    named = [places[opens[name]] for name in row.lots if name in opens and opens[name] in places]
    return replace(entry, lots=tuple(-1 - place for place in named))


def _preview_row(row: ParsedRow, things: ThingsOfFile, state: str, message: str) -> PreviewRow:
    return PreviewRow(
        path=row.path,
        state=state,
        message=message,
        type=row.type,
        occurred=row.occurred,
        symbol=things.symbol(row.instrument),
        quantity=row.quantity,
        price=row.price,
        amount=row.amount,
        fees=row.fees,
        currency=row.currency,
    )


def _changes(before: dict[Any, Decimal], after: dict[Any, Decimal], *, label: Any) -> list[Change]:
    keys: Iterable[Any] = dict.fromkeys([*before, *after])
    zero = Decimal(0)
    return [
        Change(label=label(key), before=before.get(key, zero), after=after.get(key, zero))
        for key in keys
        if before.get(key, zero) != after.get(key, zero)
    ]
