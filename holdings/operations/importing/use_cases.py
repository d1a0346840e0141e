"""Bringing in a file: upload, preview, commit, undo."""

from __future__ import annotations

import hashlib
import zlib
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from holdings.events import ImportFinished, stream_of
from holdings.importers import FileRefused, ParsedFile, importer_by_code, sniff
from holdings.models import DraftTransaction, ImportBatch, Transaction
from holdings.models.imports import ImportState
from holdings.models.journal import VoidKind
from holdings.operations.errors import PaperJournalClosed
from holdings.operations.importing.carrying_out import carry_out
from holdings.operations.importing.outcome import ImportDecided, ImportOutcome, ImportRefused, ImportUnknown
from holdings.operations.locking import LockedPortfolio, lock_for_writing
from holdings.operations.posting import post_locked
from portfolio_site.kernel.events import publish
from portfolio_site.kernel.statements import take_time

KEEP_PREVIEWS = timedelta(days=1)


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
        if locked.is_traded:
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
            outcome = carry_out(locked, batch, parsed, actor=actor, now=now)
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
        take_time()
        batch, locked = _open(batch_id)
        outcome = carry_out(locked, batch, parsed, actor=actor, now=now)
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
        take_time()
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
    if locked.is_traded:
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
