"""Putting away and throwing away: nothing is lost, and no file is left that nobody knows of."""

import hashlib
import io
import stat
import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError

from documents import models, operations
from documents.errors import DocumentNotFound, DocumentTooLarge
from documents.models import Document, FileToRemove
from documents.store import private_storage
from documents.tests.conftest import NOW

# Commits are what this is about.
pytestmark = pytest.mark.django_db(transaction=True)
# Made by the audit library.
DocumentEvent = models.DocumentEvent  # type: ignore[attr-defined]


def _files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


class TestStoreDocument:
    def test_keeps_bytes_hash_size_and_kind(self, store, private_folder):
        document = store(b"%PDF-1.7 figures", "Summary.pdf")
        assert document.content_type == "application/pdf"
        assert document.size == 16
        assert document.sha256 == hashlib.sha256(b"%PDF-1.7 figures").hexdigest()
        [file] = _files(private_folder)
        assert file.read_bytes() == b"%PDF-1.7 figures"
        assert not FileToRemove.objects.exists()

    def test_lets_nobody_else_on_the_machine_read_it(self, store, private_folder):
        store()
        [file] = _files(private_folder)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert {
            stat.S_IMODE(folder.stat().st_mode) for folder in file.parents if private_folder in folder.parents
        } == {0o700}

    def test_gives_the_extension_of_what_the_bytes_are(self, store):
        assert store(b"<html><script>", "page.html").filename == "page.html"
        assert store(b"<html><script>", "page.html").content_type == "application/octet-stream"
        assert store(b"%PDF-1.4", "sheet.xlsx").filename == "sheet.xlsx.pdf"

    def test_makes_one_document_for_a_source_made_twice(self, store, private_folder):
        first = store(source="report:1")
        assert store(b"%PDF other", source="report:1").id == first.id
        assert Document.objects.count() == 1
        assert len(_files(private_folder)) == 1

    def test_makes_one_document_for_a_source_made_by_two_workers_at_once(self, store, private_folder):
        start, found = threading.Barrier(2), []

        def work():
            start.wait()
            try:
                found.append(store(source="report:2").id)
            finally:
                connection.close()

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 2
        assert len(set(found)) == 1
        operations.remove_files(now=NOW + timedelta(hours=2))
        assert len(_files(private_folder)) == 1

    def test_refuses_what_is_too_large_before_anything_is_kept(self, store, private_folder, monkeypatch):
        monkeypatch.setattr(operations, "LARGEST", 10)
        with pytest.raises(DocumentTooLarge):
            store(b"x" * 11)
        assert not Document.objects.exists()
        assert not private_folder.exists()

    def test_leaves_a_note_for_the_sweep_when_it_dies_half_way(self, store, private_folder, monkeypatch):
        def die(**_):
            raise SystemExit

        monkeypatch.setattr(Document.objects, "create", die)
        with pytest.raises(SystemExit):
            store()
        assert len(_files(private_folder)) == 1
        operations.remove_files(now=NOW + timedelta(minutes=30))
        assert len(_files(private_folder)) == 1, "an upload under way is left alone"
        operations.remove_files(now=NOW + timedelta(hours=2))
        assert _files(private_folder) == []
        assert not FileToRemove.objects.exists()

    def test_never_changes_afterwards(self, store):
        document = store()
        with pytest.raises(DatabaseError, match="does not change"), transaction.atomic():
            Document.objects.filter(pk=document.id).update(sha256="0" * 64)


class TestDeleteDocument:
    def test_removes_row_and_bytes(self, store, owner, private_folder):
        document = store()
        operations.delete_document(document_id=document.id, actor=owner, now=NOW)
        assert not Document.objects.exists()
        assert _files(private_folder) == []
        assert not FileToRemove.objects.exists()

    def test_refuses_somebody_else(self, store, outsider, private_folder):
        document = store()
        with pytest.raises(DocumentNotFound):
            operations.delete_document(document_id=document.id, actor=outsider, now=NOW)
        assert len(_files(private_folder)) == 1

    def test_leaves_the_bytes_when_the_transaction_is_undone(self, store, owner, private_folder):
        document = store()
        with transaction.atomic():
            operations.delete_document(document_id=document.id, actor=owner, now=NOW)
            transaction.set_rollback(True)
        assert Document.objects.exists()
        assert len(_files(private_folder)) == 1

    def test_leaves_it_to_the_sweep_when_the_store_is_down(self, store, owner, private_folder, monkeypatch):
        document = store()
        storage = private_storage()

        def down(_name):
            raise OSError("store is down")

        with monkeypatch.context() as patched:
            patched.setattr(storage, "delete", down)
            operations.delete_document(document_id=document.id, actor=owner, now=NOW)
        assert not Document.objects.exists()
        assert len(_files(private_folder)) == 1
        operations.remove_files(now=NOW + timedelta(days=400))
        assert _files(private_folder) == []


class TestRetention:
    def test_throws_away_what_has_expired(self, store, private_folder):
        store(expires_at=NOW + timedelta(days=1), filename="old.pdf")
        kept = store(expires_at=NOW + timedelta(days=3), filename="new.pdf")
        assert operations.remove_expired(now=NOW + timedelta(days=2)) == 1
        operations.remove_files(now=NOW + timedelta(days=400))
        assert [d.pk for d in Document.objects.all()] == [kept.id]
        assert len(_files(private_folder)) == 1

    def test_takes_the_files_of_a_person_who_is_removed(self, store, owner, private_folder):
        store()
        type(owner).objects.filter(pk=owner.pk).delete()
        assert not Document.objects.exists()
        operations.remove_files(now=NOW + timedelta(days=400))
        assert _files(private_folder) == []


class TestAudit:
    def test_keeps_creation_download_and_deletion(self, store, owner):
        document = store()
        path = operations.issue_link(document_id=document.id, actor=owner, now=NOW).url
        token = path.rstrip("/").rpartition("/")[2]
        _, file = operations.open_by_link(token=token, actor=owner, now=NOW)
        file.close()
        operations.delete_document(document_id=document.id, actor=owner, now=NOW)
        labels = list(
            DocumentEvent.objects.filter(pgh_obj_id=document.id)
            .order_by("pgh_id")
            .values_list("pgh_label", flat=True)
        )
        assert labels == ["document.created", "document.downloaded", "document.deleted"]

    def test_refuses_to_change_the_trail(self, store):
        store()
        with pytest.raises(DatabaseError), transaction.atomic():
            DocumentEvent.objects.all().delete()


class TestMeasure:
    def test_reads_in_blocks(self):
        content = io.BytesIO(b"ab" * (3 * 1024 * 1024))
        size, digest = operations._measure(content)
        assert size == 6 * 1024 * 1024
        assert digest == hashlib.sha256(content.getvalue()).hexdigest()
