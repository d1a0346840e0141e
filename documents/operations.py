"""The cellar: putting a file away, taking it out, throwing it away.

Bytes and row cannot commit together, so a storage key is written down as "to be removed" before its bytes are, and
crossed out in the transaction that makes the row. Whatever crashes in between, the sweep finds it.
"""

from __future__ import annotations

import hashlib
import uuid
from datetime import datetime, timedelta
from typing import Any, BinaryIO, Final
from uuid import UUID

import structlog
from django.contrib.auth import get_user_model
from django.core.files import File
from django.db import IntegrityError, transaction

from documents.errors import DocumentNotFound, DocumentTooLarge, LinkInvalid
from documents.links import Link, link_to, read_token
from documents.models import Document, DocumentKind, FileToRemove
from documents.naming import safe_filename
from documents.queries import DocumentView, view_of, visible_document
from documents.sniffing import EXTENSIONS, sniff
from documents.store import answering, opened, private_storage
from portfolio_site.kernel.audit import add_audit_context

log = structlog.get_logger(__name__)

LARGEST: Final = 50 * 1024 * 1024
#: How long an upload may take before the sweep takes its bytes for left behind.
GRACE: Final = timedelta(hours=1)
_BLOCK: Final = 1024 * 1024


def store_document(
    *,
    owner_id: int,
    kind: str,
    filename: str,
    content: BinaryIO,
    now: datetime,
    source: str = "",
    expires_at: datetime | None = None,
) -> DocumentView:
    """Keep ``content`` (seekable) as a private file of the owner and return its document.

    The content type is found out from the bytes, and the name's extension follows it. With a ``source`` the same call
    made again (after a crash) returns the document that is there. Not to be called inside a transaction: storing may be
    slow. Raises `DocumentTooLarge` beyond 50 MB, and `StoreUnreachable`.
    """
    if source:
        existing = Document.objects.filter(owner_id=owner_id, source=source).first()
        if existing is not None:
            return view_of(existing)
    size, sha256 = _measure(content)
    content_type = sniff(content, filename=filename)
    document_id = uuid.uuid4()
    extension = EXTENSIONS[content_type]
    key = f"documents/{owner_id}/{document_id}{extension}"
    with transaction.atomic(durable=True):
        FileToRemove.objects.create(storage_key=key, remove_after=now + GRACE)
    content.seek(0)
    with answering():
        saved_as = private_storage().save(key, File(content))
    if saved_as != key:
        private_storage().delete(saved_as)
        raise RuntimeError("the private storage did not keep the name of a new file")
    try:
        with transaction.atomic(durable=True):
            document = Document.objects.create(
                id=document_id,
                owner_id=owner_id,
                kind=DocumentKind(kind),
                filename=safe_filename(filename, extension=extension),
                content_type=content_type,
                size=size,
                sha256=sha256,
                storage_key=key,
                source=source,
                created_at=now,
                expires_at=expires_at,
            )
            FileToRemove.objects.filter(storage_key=key).delete()
    except IntegrityError:
        # Two workers made the same thing at once: the first one's stays, these bytes go with the next sweep.
        existing = Document.objects.filter(owner_id=owner_id, source=source).first() if source else None
        if existing is None:
            raise
        document = existing
    return view_of(document)


def delete_document(*, document_id: UUID, actor: Any, now: datetime) -> None:
    """Throw one of the actor's documents away: the row now, its bytes right after the commit.

    Raises `DocumentNotFound`.
    """
    with transaction.atomic():
        document = visible_document(actor, document_id, now=now)
        key = document.storage_key
        document.delete()
        transaction.on_commit(lambda: _remove_file(key), robust=True)


def issue_link(*, document_id: UUID, actor: Any, now: datetime, is_bearer: bool = False) -> Link:
    """A link for a few minutes to one of the actor's documents. Raises `DocumentNotFound`.

    Where the store itself will answer, handing out the link is what the audit trail calls the download.
    """
    with transaction.atomic():
        document = visible_document(actor, document_id, now=now)
        link = link_to(document, user_id=actor.pk, now=now, is_bearer=is_bearer)
        if link.is_direct:
            _note_download(document, now)
    return link


def open_by_link(*, token: str, actor: Any, now: datetime) -> tuple[Document, File[bytes]]:
    """The document behind a link of this site, and its bytes opened for reading.

    Who the link names must be active and still own the document; a link made for a page opens only for that person's
    session. Raises `LinkInvalid`, `LinkExpired`, `DocumentNotFound`.
    """
    ticket = read_token(token, now=now)
    signed_in = actor is not None and actor.is_authenticated
    if (signed_in and actor.pk != ticket.user_id) or (not signed_in and not ticket.is_bearer):
        raise LinkInvalid("This link is not valid.")
    person = get_user_model().objects.filter(pk=ticket.user_id, is_active=True).first()
    if person is None:
        raise LinkInvalid("This link is not valid.")
    document = visible_document(person, ticket.document_id, now=now)
    file = _opened(document)
    add_audit_context(user=person.pk)
    _note_download(document, now)
    return document, file


def open_document(*, document_id: UUID, actor: Any, now: datetime) -> tuple[DocumentView, File[bytes]]:
    """One of the actor's documents and its bytes, for rooms above that read what they put away.

    Raises `DocumentNotFound`, `StoreUnreachable`.
    """
    document = visible_document(actor, document_id, now=now)
    return view_of(document), _opened(document)


def _opened(document: Document) -> File[bytes]:
    try:
        return opened(document.storage_key)
    except FileNotFoundError:
        log.exception("document_file_missing", document=str(document.pk), key=document.storage_key)
        raise DocumentNotFound("The file of this document is missing. Delete it and make it again.") from None


def remove_expired(*, now: datetime) -> int:
    """Throw away documents whose time has run out; return how many."""
    deleted, _ = Document.objects.filter(expires_at__lte=now).delete()
    return deleted


def remove_files(*, now: datetime, limit: int = 500) -> int:
    """Remove bytes that no document needs, oldest first; return how many. Safe to run several at once."""
    removed = 0
    while removed < limit:
        with transaction.atomic():
            entry = (
                FileToRemove.objects.select_for_update(skip_locked=True)
                .filter(remove_after__lte=now)
                .order_by("remove_after", "id")
                .first()
            )
            if entry is None:
                break
            _remove(entry)
        removed += 1
    return removed


def _remove_file(key: str) -> None:
    """Remove one file now, if it is still on the list; the sweep takes it should this fail."""
    with transaction.atomic():
        entry = FileToRemove.objects.select_for_update(skip_locked=True).filter(storage_key=key).first()
        if entry is not None:
            _remove(entry)


def _remove(entry: FileToRemove) -> None:
    if not Document.objects.filter(storage_key=entry.storage_key).exists():
        private_storage().delete(entry.storage_key)
    entry.delete()


def _note_download(document: Document, now: datetime) -> None:
    """Keep the time; the audit trail of the database keeps each one, with who and from where."""
    Document.objects.filter(pk=document.pk).update(downloaded_at=now)


def _measure(content: BinaryIO) -> tuple[int, str]:
    """Size and SHA-256 of a file, refusing what is too large before all of it is read."""
    content.seek(0)
    digest, size = hashlib.sha256(), 0
    while block := content.read(_BLOCK):
        size += len(block)
        if size > LARGEST:
            raise DocumentTooLarge(f"A document may have at most {LARGEST // 1024 // 1024} MB.")
        digest.update(block)
    return size, digest.hexdigest()
