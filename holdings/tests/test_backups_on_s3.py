"""Backups over the S3 protocol, spoken with a real server on this machine: put away, listed, brought back, refused."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from botocore.config import Config
from django.core.management import call_command
from django.test import Client
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


class _CutShort(BaseHTTPRequestHandler):
    """Promises ten thousand bytes, and hangs up after a hundred."""

    def _begin(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "10000")
        self.send_header("ETag", '"x"')
        self.end_headers()

    def do_HEAD(self) -> None:
        """What is promised."""
        self._begin()

    def do_GET(self) -> None:
        """What is kept of it."""
        self._begin()
        self.wfile.write(b"x" * 100)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def cut_short() -> Iterator[str]:
    """The address of a store that goes away in the middle of every answer."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _CutShort)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


class TestTheStoreGoesAway:
    """Said as what it is, on pages, by the API and the command alike; nothing is changed, and nothing is half there."""

    @pytest.fixture
    def away(self, bucket: Any, settings: Any) -> Callable[[str], None]:
        """From now on the store is at another address."""

        def move(address: str) -> None:
            options = settings.STORAGES["private"]["OPTIONS"] | {
                "endpoint_url": address,
                "client_config": Config(
                    connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 1},
                    s3={"addressing_style": "path"},
                ),
            }  # fmt: skip
            private = {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}
            settings.STORAGES = {**settings.STORAGES, "private": private}

        return move

    def test_before_a_backup_is_put_away(
        self, away: Callable[[str], None], owner: Any, portfolio: Portfolio, client: Client
    ) -> None:
        away("http://127.0.0.1:9")
        client.force_login(owner)
        answer = client.post(
            "/api/v1/backups/", {}, content_type="application/json", headers={"Idempotency-Key": "x"}
        )
        assert (answer.status_code, answer.json()["code"]) == (503, "store_unreachable")
        page = client.post("/backups/new/", {"form_token": "0" * 32, "what": ""})
        assert "does not answer" in page.content.decode()
        assert not operations.backups_for(owner, now=LATER)

    def test_while_a_backup_is_fetched(
        self, away: Callable[[str], None], cut_short: str, owner: Any, portfolio: Portfolio, client: Client
    ) -> None:
        backup = operations.make_backup(owner=owner, now=NOW)
        client.force_login(owner)
        for address in ("http://127.0.0.1:9", cut_short):
            away(address)
            for answer in (
                client.get(f"/api/v1/backups/{backup.id}/"),
                client.post(f"/api/v1/backups/{backup.id}/restore/", {}, content_type="application/json"),
            ):
                assert (answer.status_code, answer.json()["code"]) == (503, "store_unreachable")
            assert client.get(f"/backups/{backup.id}/restore/").status_code == 503
            out = io.StringIO()
            with pytest.raises(SystemExit) as left:
                call_command("portfolio", "restore", "--user", owner.email, "--json", stdout=out)
            assert left.value.code == 1
            assert json.loads(out.getvalue())["error"]["code"] == "store_unreachable"
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
