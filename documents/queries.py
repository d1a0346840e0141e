"""The cellar: reads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from documents.errors import DocumentNotFound
from documents.models import Document, DocumentKind

KINDS = DocumentKind


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentView:
    """A document as other rooms see it."""

    id: UUID
    owner_id: int
    kind: str
    filename: str
    content_type: str
    size: int
    sha256: str
    created_at: datetime
    expires_at: datetime | None


def view_of(document: Document) -> DocumentView:
    """The plain values of a row."""
    return DocumentView(
        id=document.pk,
        owner_id=document.owner_id,
        kind=document.kind,
        filename=document.filename,
        content_type=document.content_type,
        size=document.size,
        sha256=document.sha256,
        created_at=document.created_at,
        expires_at=document.expires_at,
    )


def documents_for(user: Any, *, now: datetime, text: str = "", kind: str = "") -> QuerySet[Document]:
    """The person's documents, newest first; those whose name contains every word of ``text``, of ``kind`` if given."""
    found = Document.objects.visible_to(user).live(now)
    for word in text.replace("\0", "").split()[:8]:
        found = found.filter(filename__icontains=word)
    if kind:
        found = found.filter(kind=kind)
    return found.order_by("-created_at", "id")


def visible_document(user: Any, document_id: UUID, *, now: datetime) -> Document:
    """One of the person's documents. Raises ``DocumentNotFound``, also for somebody else's and for expired ones."""
    document = Document.objects.visible_to(user).live(now).filter(pk=document_id).first()
    if document is None:
        raise DocumentNotFound("There is no such document.")
    return document


def document_by_source(*, owner_id: int, source: str) -> DocumentView | None:
    """The document that ``source`` made for this person, if it was made."""
    document = Document.objects.filter(owner_id=owner_id, source=source).first()
    return view_of(document) if document else None
