"""The backups page and its API: each person's own, a preview before every restore."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from documents.models import Document
from documents.operations import open_document, store_document
from holdings import operations
from holdings.models import BackupPlan, Portfolio
from holdings.tests.support import NOW, assert_books_are_right, post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]

JSON = "application/json"


def token_of(client: Client, url: str, form: str) -> str:
    return str(client.get(url).context[form]["form_token"].value())


class TestPage:
    def test_backs_up_once_for_each_form_and_lists_it(self, as_owner: Client, filled: Portfolio) -> None:
        token = token_of(as_owner, "/backups/", "new_form")
        for _ in range(2):
            assert as_owner.post("/backups/new/", {"what": "", "form_token": token}).status_code == 302
        document = Document.objects.get(kind="backup")
        page = as_owner.get("/backups/").content.decode()
        assert document.filename in page
        assert f"/backups/{document.pk}/restore/" in page

    def test_restores_after_a_preview(self, as_owner: Client, owner: Any, filled: Portfolio) -> None:
        made = operations.make_backup(owner=owner, now=NOW)
        url = f"/backups/{made.id}/restore/"
        data = {"file": "portfolio-001.json", "into": "new", "form_token": token_of(as_owner, url, "form")}
        seen = as_owner.post(url, {**data, "step": "preview"})
        assert "A new portfolio" in seen.content.decode()
        assert Portfolio.objects.count() == 1
        for _ in range(2):
            done = as_owner.post(url, {**data, "step": "restore"})
            assert done.status_code == 303
        restored = Portfolio.objects.exclude(pk=filled.pk).get()
        assert done["Location"] == f"/portfolios/{restored.pk}/"
        assert_books_are_right(restored)

    def test_says_when_nothing_would_change(self, as_owner: Client, owner: Any, filled: Portfolio) -> None:
        made = operations.make_backup(owner=owner, now=NOW)
        url = f"/backups/{made.id}/restore/"
        data = {"file": "portfolio-001.json", "into": str(filled.pk), "form_token": "x", "exact": "on"}
        assert "as in the backup already" in as_owner.post(url, {**data, "step": "preview"}).content.decode()

    def test_takes_a_file_from_elsewhere_and_forgets_it_after_a_day(
        self, as_owner: Client, as_outsider: Client, owner: Any, outsider: Any, filled: Portfolio
    ) -> None:
        made = operations.make_backup(owner=owner, now=NOW)
        _, content = open_document(document_id=made.id, actor=owner, now=NOW)
        with content:
            file = SimpleUploadedFile("mine.zip", content.read())
        token = token_of(as_outsider, "/backups/", "upload_form")
        sent = as_outsider.post("/backups/upload/", {"file": file, "form_token": token})
        document = Document.objects.get(owner=outsider)
        assert sent["Location"] == f"/backups/{document.pk}/restore/"
        assert document.expires_at is not None
        assert as_owner.get(sent["Location"]).status_code == 404

    def test_refuses_what_is_no_backup(self, as_owner: Client) -> None:
        other = io.BytesIO()
        with zipfile.ZipFile(other, "w") as archive:
            archive.writestr("a.txt", "b")
        for content in (b"hello", other.getvalue()):
            file = SimpleUploadedFile("x.zip", content)
            answer = as_owner.post("/backups/upload/", {"file": file, "form_token": "t"})
            assert answer.status_code == 422
            assert "This is no backup" in answer.content.decode()
        assert not Document.objects.exists()

    def test_plans(self, as_owner: Client, owner: Any) -> None:
        as_owner.post("/backups/plan/", {"every": "weekly", "keep": "3"})
        plan = BackupPlan.objects.get(owner=owner)
        assert (plan.every, plan.keep) == ("weekly", 3)
        for wrong in ({"every": "hourly", "keep": "3"}, {"every": "daily", "keep": "0"}, {}):
            assert as_owner.post("/backups/plan/", wrong).status_code == 422

    def test_costs_few_queries(
        self, as_owner: Client, owner: Any, filled: Portfolio, django_assert_max_num_queries: Any
    ) -> None:
        operations.make_backup(owner=owner, now=NOW)
        as_owner.get("/backups/")
        with django_assert_max_num_queries(12):
            as_owner.get("/backups/")


class TestApi:
    def test_from_backup_to_restore(self, as_owner: Client, filled: Portfolio) -> None:
        made = as_owner.post("/api/v1/backups/", {}, content_type=JSON)
        assert made.status_code == 201
        assert as_owner.get("/api/v1/backups/").json()["results"] == [made.json()]
        url = f"/api/v1/backups/{made.json()['id']}/"
        assert [row["name"] for row in as_owner.get(url).json()["portfolios"]] == [filled.name]
        post(filled, "deposit", "2026-05-01", amount="12", currency="EUR")
        preview = as_owner.post(f"{url}restore/", {"preview": True}, content_type=JSON).json()
        assert (preview["is_new"], preview["portfolio_id"]) == (True, None)
        done = as_owner.post(f"{url}restore/", {"portfolio_id": filled.pk}, content_type=JSON).json()
        assert done["changes_nothing"]
        assert as_owner.delete(url).status_code == 204
        assert as_owner.get(url).status_code == 404

    def test_a_retry_makes_one(self, as_owner: Client, filled: Portfolio) -> None:
        answers = [
            as_owner.post("/api/v1/backups/", {}, content_type=JSON, headers={"Idempotency-Key": "k"}).json()
            for _ in range(2)
        ]
        assert answers[0] == answers[1]
        assert Document.objects.count() == 1

    def test_takes_in_a_backup_of_another_site(
        self, as_owner: Client, as_outsider: Client, filled: Portfolio, at_noon: None
    ) -> None:
        made = as_owner.post("/api/v1/backups/", {}, content_type="application/json").json()
        _, file = open_document(document_id=made["id"], actor=filled.owner, now=NOW)
        with file:
            whole = file.read()
        key = {"Idempotency-Key": "once"}

        def send(content: bytes, name: str = "../../evil\r\nX: y.exe", **headers: str) -> Any:
            upload = SimpleUploadedFile("x.zip", content)
            upload.name = name
            return as_outsider.post("/api/v1/backups/upload/", {"file": upload}, headers=headers)

        first, again = send(whole, **key), send(whole, **key)
        assert (first.status_code, again.status_code) == (201, 201)
        assert again.headers["Idempotency-Replayed"] == "true"
        assert first.json() == again.json()
        assert first.json()["filename"].endswith(".zip")
        assert not {"/", "\r", "\n"} & set(first.json()["filename"])
        assert [row["name"] for row in first.json()["portfolios"]] == [filled.name]
        assert send(whole + b"\n", **key).status_code == 409
        assert len(as_outsider.get("/api/v1/backups/").json()["results"]) == 1
        restored = as_outsider.post(
            f"/api/v1/backups/{first.json()['id']}/restore/", {}, content_type="application/json"
        )
        assert restored.status_code == 200
        assert Portfolio.objects.get(pk=restored.json()["portfolio_id"]).owner.email == "outsider@example.org"
        for bad in (b"x", whole[:-30], b""):
            refused = send(bad)
            assert refused.status_code in {400, 422}, refused.content
            assert refused.json()["errors"][0]["field"] == "file"
        assert len(as_outsider.get("/api/v1/backups/").json()["results"]) == 1

    def test_takes_in_no_more_than_it_reads(self, as_owner: Client, settings: Any) -> None:
        settings.UPLOAD_MAX_BYTES = 100
        answer = as_owner.post("/api/v1/backups/upload/", {"file": SimpleUploadedFile("x.zip", b"x" * 101)})
        assert (answer.status_code, answer.json()["code"]) == (413, "document_too_large")

    def test_is_everybodys_own(self, as_owner: Client, as_outsider: Client, filled: Portfolio) -> None:
        made = as_owner.post("/api/v1/backups/", {"portfolio_id": filled.pk}, content_type=JSON).json()
        url = f"/api/v1/backups/{made['id']}/"
        assert as_outsider.get("/api/v1/backups/").json() == {"results": []}
        assert as_outsider.get(url).status_code == 404
        assert as_outsider.delete(url).status_code == 404
        assert as_outsider.post(f"{url}restore/", {}, content_type=JSON).status_code == 404
        other = as_outsider.post("/api/v1/backups/", {"portfolio_id": filled.pk}, content_type=JSON)
        assert other.status_code == 404

    def test_other_documents_are_no_backups(self, as_owner: Client, owner: Any) -> None:
        document = store_document(
            owner_id=owner.pk, kind="report", filename="a.txt", content=io.BytesIO(b"text"), now=NOW
        )
        url = f"/api/v1/backups/{document.id}/"
        assert as_owner.get(url).status_code == 404
        assert as_owner.delete(url).status_code == 404
        assert Document.objects.count() == 1

    @pytest.mark.parametrize("body", [{"file": "x"}, {"unknown": 1}, {"portfolio_id": "x"}, {"exact": 7}, []])
    def test_wrong_questions(self, as_owner: Client, filled: Portfolio, body: Any) -> None:
        made = as_owner.post("/api/v1/backups/", {}, content_type=JSON).json()
        answer = as_owner.post(f"/api/v1/backups/{made['id']}/restore/", body, content_type=JSON)
        assert answer.status_code in (400, 422)
        assert Portfolio.objects.count() == 1

    def test_plan(self, as_owner: Client) -> None:
        assert as_owner.get("/api/v1/backups/plan/").json()["every"] == "never"
        said = as_owner.put("/api/v1/backups/plan/", {"every": "daily", "keep": 5}, content_type=JSON)
        assert (said.status_code, said.json()["keep"]) == (200, 5)
        assert as_owner.put("/api/v1/backups/plan/", {"every": "daily"}, content_type=JSON).status_code == 400
