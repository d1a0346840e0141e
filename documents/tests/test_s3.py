"""The same over the S3 protocol, spoken with a real server on this machine."""

from __future__ import annotations

import io
import urllib.request
from collections.abc import Iterator
from datetime import timedelta

import boto3
import pytest
from django.urls import reverse
from moto.server import ThreadedMotoServer

from documents import models, operations
from documents.models import Document
from documents.tests.conftest import NOW

pytestmark = pytest.mark.django_db(transaction=True)
BUCKET = "private-files"


@pytest.fixture(scope="module")
def s3_server() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_server, settings):
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=s3_server, **keys)
    client.create_bucket(Bucket=BUCKET)
    settings.STORAGES = {
        **settings.STORAGES,
        "private": {
            "BACKEND": "storages.backends.s3.S3Storage",
            "OPTIONS": {
                "bucket_name": BUCKET,
                "endpoint_url": s3_server,
                "access_key": "test",
                "secret_key": "test",
                "region_name": "us-east-1",
                "default_acl": "private",
                "querystring_auth": True,
                "file_overwrite": False,
                "signature_version": "s3v4",
                "addressing_style": "path",
            },
        },
    }
    yield client
    for entry in client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        client.delete_object(Bucket=BUCKET, Key=entry["Key"])
    client.delete_bucket(Bucket=BUCKET)
    client.close()


def _keys(client) -> list[str]:
    return [entry["Key"] for entry in client.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


class TestS3:
    def test_stores_links_and_removes(self, bucket, owner, client):
        document = operations.store_document(
            owner_id=owner.pk,
            kind="report",
            filename="Übersicht.pdf",
            content=io.BytesIO(b"%PDF-1.7 in the cloud"),
            now=NOW,
        )
        assert _keys(bucket) == [f"documents/{owner.pk}/{document.id}.pdf"]

        client.force_login(owner)
        answer = client.get(reverse("documents:download", args=[document.id]))
        assert answer.status_code == 302
        link = answer["Location"]
        assert "X-Amz-Signature=" in link
        assert "X-Amz-Expires=300" in link
        with urllib.request.urlopen(link) as response:
            assert response.read() == b"%PDF-1.7 in the cloud"
            assert response.headers["Content-Type"] == "application/pdf"
            assert response.headers["Content-Disposition"].startswith("attachment;")
        labels = models.DocumentEvent.objects.values_list("pgh_label", flat=True)  # type: ignore[attr-defined]
        assert "document.downloaded" in labels

        operations.delete_document(document_id=document.id, actor=owner, now=NOW)
        assert not Document.objects.exists()
        assert _keys(bucket) == []

    def test_removes_what_an_upload_left_behind(self, bucket, owner, monkeypatch):
        def die(**_):
            raise SystemExit

        upload = io.BytesIO(b"%PDF")
        with monkeypatch.context() as patched:
            patched.setattr(Document.objects, "create", die)
            with pytest.raises(SystemExit):
                operations.store_document(
                    owner_id=owner.pk, kind="report", filename="x.pdf", content=upload, now=NOW
                )
        assert len(_keys(bucket)) == 1
        operations.remove_files(now=NOW + timedelta(hours=2))
        assert _keys(bucket) == []
