"""The cellar: the private store, and what becomes of its failures: a refusal that says so, not an error of this site."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from django.core.files import File
from django.core.files.storage import Storage, storages

from documents.errors import StoreUnreachable

log = structlog.get_logger(__name__)


def private_storage() -> Storage:
    """Where documents lie."""
    return storages["private"]


@contextmanager
def answering() -> Iterator[None]:
    """Around everything that is asked of the store. Raises `StoreUnreachable` where it is away or refuses."""
    try:
        yield
    except _failures() as error:
        log.exception("document_store_failed")
        raise StoreUnreachable(
            "The store of private files does not answer. Nothing was changed; try again in a few minutes."
        ) from error


def _failures() -> tuple[type[Exception], ...]:
    """What S3 raises. Its library takes long to load, and is not needed where files lie in a folder."""
    if not hasattr(private_storage(), "bucket_name"):
        return ()
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError
    from s3transfer.exceptions import RetriesExceededError  # type: ignore[import-untyped]

    return (Boto3Error, BotoCoreError, ClientError, RetriesExceededError)


def opened(key: str) -> File[bytes]:
    """A stored file, fetched as a whole before anybody reads it: a store that goes away meanwhile is noticed here.

    Raises `FileNotFoundError`, `StoreUnreachable`.
    """
    with answering():
        file = private_storage().open(key)
        try:
            file.seek(0)
        except BaseException:
            file.close()
            raise
        return file
