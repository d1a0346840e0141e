"""The cellar: links that open one document for a few minutes.

On S3 the store itself signs them. On a local disk they are signed here: document, person and end of validity, under a
salt of their own. A link names its person, and that person's right is asked again when it is followed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.urls import reverse
from django.utils.http import content_disposition_header

from documents.errors import LinkExpired, LinkInvalid
from documents.models import Document
from documents.store import private_storage

LIFETIME: Final = timedelta(minutes=5)
_SALT: Final = "documents.link"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Where a document can be fetched, and until when. ``is_direct``: the store answers, not this site."""

    url: str
    expires_at: datetime
    is_direct: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What a signed link says. ``is_bearer``: it opens for whoever holds it (a program), else only in the session of the
    person it names."""

    document_id: UUID
    user_id: int
    is_bearer: bool


def signed_path(document_id: UUID, user_id: int, now: datetime, *, is_bearer: bool = False) -> str:
    """The local path of a link that is valid for `LIFETIME` from ``now``."""
    until = int((now + LIFETIME).timestamp())
    token = signing.dumps([str(document_id), user_id, until, is_bearer], salt=_SALT)
    return reverse("documents:file", args=[token])


def read_token(token: str, *, now: datetime) -> Ticket:
    """What a link's token says. Raises `LinkInvalid` for one that was not signed here, `LinkExpired` for an old one."""
    try:
        document_id, user_id, until, is_bearer = signing.loads(token, salt=_SALT)
        ticket = Ticket(document_id=UUID(document_id), user_id=user_id, is_bearer=is_bearer)
    except (signing.BadSignature, ValueError, TypeError):
        raise LinkInvalid("This link is not valid.") from None
    if now.timestamp() > until:
        raise LinkExpired("This link has expired. Open the document from its list to get a new one.")
    return ticket


def link_to(document: Document, *, user_id: int, now: datetime, is_bearer: bool = False) -> Link:
    """A link to ``document`` for the person; signed by the store where it can, else by this site."""
    direct = presigned_url(document)
    return Link(
        url=direct or signed_path(document.pk, user_id, now, is_bearer=is_bearer),
        expires_at=now + LIFETIME,
        is_direct=direct is not None,
    )


def presigned_url(document: Document) -> str | None:
    """A link signed by the store (S3), which answers as a download under the document's name; None on a local disk."""
    storage: Any = private_storage()
    if not hasattr(storage, "bucket_name"):
        return None
    url: str = storage.url(
        document.storage_key,
        parameters={
            "ResponseContentDisposition": disposition(document),
            "ResponseContentType": document.content_type,
            "ResponseCacheControl": "private, no-store",
        },
        expire=int(LIFETIME.total_seconds()),
    )
    return public_url(url)


def public_url(url: str) -> str:
    """The store's link under the address by which browsers reach the store, where that is another (`S3_PUBLIC_URL`).

    The proxy there passes the request on under the inner name, for which the signature was made."""
    if not settings.S3_PUBLIC_URL:
        return url
    outside = urlsplit(settings.S3_PUBLIC_URL)
    return urlunsplit(urlsplit(url)._replace(scheme=outside.scheme, netloc=outside.netloc))


def disposition(document: Document) -> str:
    """The Content-Disposition header: always an attachment, the name in RFC 6266 form."""
    return content_disposition_header(as_attachment=True, filename=document.filename) or "attachment"
