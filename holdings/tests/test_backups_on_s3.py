"""Backups over the S3 protocol, spoken with a real server on this machine: put away, listed, brought back, refused."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from documents.operations import open_document
from holdings import operations
from holdings.models import Portfolio, Transaction
from holdings.operations import RestoreRefused
from holdings.tests.support import NOW, assert_books_are_right, make_portfolio, post

pytestmark = pytest.mark.django_db(transaction=True)

BUCKET = "backups"
LATER = NOW + timedelta(hours=1)
_KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}


@pytest.fixture(scope="module")
def s3_server() -> Iterator[str]:
    """The address of a server that speaks S3."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_server: str, settings: Any) -> Iterator[Any]:
    """An empty bucket in which the site keeps its private files; the client to look into it."""
    client = boto3.client("s3", endpoint_url=s3_server, **_KEYS)
    client.create_bucket(Bucket=BUCKET)
    options = {
        "bucket_name": BUCKET,
        "endpoint_url": s3_server,
        "access_key": "test",
        "secret_key": "test",
        "region_name": "us-east-1",
        "file_overwrite": False,
        "signature_version": "s3v4",
        "addressing_style": "path",
    }
    settings.STORAGES = {
        **settings.STORAGES,
        "private": {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options},
    }
    yield client
    for name in keys(client):
        client.delete_object(Bucket=BUCKET, Key=name)
    client.delete_bucket(Bucket=BUCKET)
    client.close()


@pytest.fixture
def portfolio(owner: Any) -> Portfolio:
    """Two entries."""
    made = make_portfolio(owner)
    post(made, "deposit", "2026-01-02", amount="100", currency="EUR")
    post(made, "withdrawal", "2026-01-03", amount="30", currency="EUR")
    return made


def keys(client: Any) -> list[str]:
    """What lies in the bucket."""
    return [entry["Key"] for entry in client.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


def restore(owner: Any, backup: Any, **more: Any) -> Any:
    """Bring its first portfolio back."""
    _, content = open_document(document_id=backup.id, actor=owner, now=LATER)
    with content:
        manifest = operations.look_into_backup(content=content)
        return operations.restore_backup(
            owner=owner, content=content, file=manifest.members[0].file, now=LATER, **more
        )


class TestBackupOnS3:
    def test_comes_back_as_a_new_portfolio(self, bucket: Any, owner: Any, portfolio: Portfolio) -> None:
        backup = operations.make_backup(owner=owner, now=NOW)
        assert len(keys(bucket)) == 1

        outcome = restore(owner, backup, portfolio_id=None, is_exact=False, is_preview=False)

        made = Portfolio.objects.exclude(pk=portfolio.pk).get()
        assert outcome.portfolio_id == made.pk
        assert Transaction.objects.filter(portfolio=made).count() == 2
        assert_books_are_right(made)

    def test_restored_into_the_same_portfolio_changes_nothing(
        self, bucket: Any, owner: Any, portfolio: Portfolio
    ) -> None:
        backup = operations.make_backup(owner=owner, now=NOW, portfolio_id=portfolio.pk)

        outcome = restore(owner, backup, portfolio_id=portfolio.pk, is_exact=False, is_preview=False)

        assert (outcome.added, outcome.unchanged) == (0, 2)
        assert Portfolio.objects.count() == 1
        assert Transaction.objects.filter(portfolio=portfolio).count() == 2

    @pytest.mark.parametrize("spoil", ["cut short", "foreign", "altered"])
    def test_refuses_a_damaged_object_and_changes_nothing(
        self, bucket: Any, owner: Any, portfolio: Portfolio, spoil: str
    ) -> None:
        backup = operations.make_backup(owner=owner, now=NOW)
        (name,) = keys(bucket)
        good = bucket.get_object(Bucket=BUCKET, Key=name)["Body"].read()
        bad = {"cut short": good[: len(good) // 2], "foreign": b"GIF89a", "altered": altered(good)}[spoil]
        bucket.put_object(Bucket=BUCKET, Key=name, Body=bad)

        with pytest.raises(RestoreRefused):
            restore(owner, backup, portfolio_id=None, is_exact=False, is_preview=False)

        assert Portfolio.objects.count() == 1
        assert Transaction.objects.count() == 2


def altered(good: bytes) -> bytes:
    """The same archive with one amount changed, well packed again."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(good)) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for item in old.infolist():
            text = old.read(item)
            new.writestr(item, text.replace(b'"100"', b'"900"') if item.filename != "manifest.json" else text)
    return packed.getvalue()
