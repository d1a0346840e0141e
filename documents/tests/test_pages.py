"""The pages and links: the owner gets the file, nobody else learns that it exists."""

import io
from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.urls import reverse

from documents.links import signed_path
from documents.models import Document
from documents.tests.conftest import NOW
from documents.tests.test_storing import DocumentEvent


def _body(response) -> bytes:
    return response.content if not response.streaming else b"".join(response.streaming_content)


@pytest.fixture
def signed_in(client, owner):
    client.force_login(owner)
    return client


class TestDownload:
    def test_sends_the_file_as_an_attachment_that_nobody_sniffs_or_keeps(self, signed_in, store):
        document = store(b"%PDF-1.7 mine", 'Übersicht "2026"\r\nX.pdf')
        response = signed_in.get(reverse("documents:download", args=[document.id]), follow=True)
        assert response.status_code == 200
        assert _body(response) == b"%PDF-1.7 mine"
        assert response["Content-Type"] == "application/pdf"
        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["Cache-Control"] == "private, no-store"
        assert response["Content-Length"] == "13"
        assert "sandbox" in response["Content-Security-Policy"]
        disposition = response["Content-Disposition"]
        assert disposition.startswith("attachment;")
        assert "filename*=utf-8''%C3%9Cbersicht%202026%20X.pdf" in disposition

    def test_never_shows_markup(self, signed_in, store):
        document = store(b"<html><script>alert(1)</script></html>", "page.html")
        response = signed_in.get(reverse("documents:download", args=[document.id]), follow=True)
        assert _body(response)
        assert response["Content-Type"] == "application/octet-stream"
        assert response["Content-Disposition"].startswith("attachment;")

    def test_says_when_the_file_itself_is_missing(self, signed_in, store, private_folder):
        document = store()
        next(path for path in private_folder.rglob("*.pdf")).unlink()
        response = signed_in.get(reverse("documents:download", args=[document.id]), follow=True)
        assert response.status_code == 404


class TestAudit:
    """Who fetched a file, when and from where, is kept for each time."""

    def downloads(self, document):
        rows = DocumentEvent.objects.filter(pgh_obj_id=document.id, pgh_label="document.downloaded")
        return [row.pgh_context for row in rows.order_by("pgh_id")]

    def test_of_a_page_names_person_address_and_request(self, signed_in, store, owner):
        document = store()
        url = reverse("documents:download", args=[document.id])
        assert _body(signed_in.get(url, follow=True, REMOTE_ADDR="192.0.2.7"))
        (context,) = self.downloads(document)
        assert (context["user"], context["ip"]) == (owner.pk, "192.0.2.7")
        assert context["url"].startswith("/documents/file/")
        assert "request_id" in context

    def test_of_a_program_without_a_session_names_whose_link_it_was(self, client, store, owner):
        document = store()
        with time_machine.travel(NOW, tick=False):
            path = signed_path(document.id, owner.pk, NOW, is_bearer=True)
            assert _body(client.get(path, REMOTE_ADDR="192.0.2.8"))
        (context,) = self.downloads(document)
        assert (context["user"], context["ip"]) == (owner.pk, "192.0.2.8")


class TestLink:
    def test_expires(self, signed_in, store, owner):
        path = signed_path(store().id, owner.pk, NOW)
        with time_machine.travel(NOW + timedelta(minutes=4), tick=False):
            assert _body(signed_in.get(path)) == b"%PDF-1.7 report"
        with time_machine.travel(NOW + timedelta(minutes=6), tick=False):
            assert signed_in.get(path).status_code in (400, 410)

    def test_refuses_one_that_was_changed(self, signed_in, store, owner):
        path = signed_path(store().id, owner.pk, NOW)
        with time_machine.travel(NOW, tick=False):
            assert signed_in.get(path[:-3] + ("AA/" if path[-3:] != "AA/" else "BB/")).status_code == 404
            assert signed_in.get(reverse("documents:file", args=["x" * 60])).status_code == 404

    def test_refuses_another_persons_session(self, client, store, owner, outsider):
        path = signed_path(store().id, owner.pk, NOW, is_bearer=True)
        client.force_login(outsider)
        with time_machine.travel(NOW, tick=False):
            assert client.get(path).status_code == 404

    def test_of_a_page_needs_the_session(self, client, store, owner):
        with time_machine.travel(NOW, tick=False):
            assert client.get(signed_path(store().id, owner.pk, NOW)).status_code == 404

    def test_for_a_program_opens_without_a_session(self, client, store, owner):
        with time_machine.travel(NOW, tick=False):
            assert (
                _body(client.get(signed_path(store().id, owner.pk, NOW, is_bearer=True)))
                == b"%PDF-1.7 report"
            )

    def test_made_for_the_wrong_person_opens_nothing(self, client, store, outsider):
        client.force_login(outsider)
        with time_machine.travel(NOW, tick=False):
            assert client.get(signed_path(store().id, outsider.pk, NOW)).status_code == 404

    def test_dies_with_the_account(self, client, store, owner):
        path = signed_path(store().id, owner.pk, NOW, is_bearer=True)
        type(owner).objects.filter(pk=owner.pk).update(is_active=False, suspended_at=NOW)
        with time_machine.travel(NOW, tick=False):
            assert client.get(path).status_code == 404


class TestList:
    def test_finds_by_every_word_of_the_name(self, signed_in, store):
        store(filename="Portfolio summary Savings.pdf")
        store(filename="Transaction history Savings.pdf")
        response = signed_in.get(reverse("documents:index"), {"q": "savings SUMMARY"})
        assert [d.filename for d in response.context["page_obj"]] == ["Portfolio summary Savings.pdf"]

    def test_takes_what_the_database_cannot_hold_for_nothing(self, signed_in, store):
        store(filename="Savings.pdf")
        response = signed_in.get(reverse("documents:index"), {"q": "sav\0ings \0"})
        assert [d.filename for d in response.context["page_obj"]] == ["Savings.pdf"]

    def test_escapes_names(self, signed_in, store):
        store(filename="<b>bold</b>.pdf")
        assert "<b>bold" not in signed_in.get(reverse("documents:index")).content.decode()

    def test_asks_the_database_little_however_many_there_are(
        self, signed_in, store, django_assert_max_num_queries
    ):
        for number in range(12):
            store(filename=f"Report {number}.pdf")
        signed_in.get(reverse("documents:index"))
        with django_assert_max_num_queries(6):
            assert signed_in.get(reverse("documents:index")).status_code == 200

    def test_says_so_when_there_is_nothing(self, signed_in):
        assert "No files yet" in signed_in.get(reverse("documents:index")).content.decode()
        assert "Nothing found" in signed_in.get(reverse("documents:index"), {"q": "x"}).content.decode()


class TestDelete:
    def test_asks_first_and_then_deletes(self, signed_in, store):
        document = store()
        url = reverse("documents:delete", args=[document.id])
        assert "Delete this file?" in signed_in.get(url).content.decode()
        assert Document.objects.exists()
        assert signed_in.post(url, follow=True).redirect_chain[-1][0] == reverse("documents:index")
        assert not Document.objects.exists()


class TestOutsider:
    @pytest.mark.parametrize("name", ["download", "delete"])
    def test_gets_404_on_every_page(self, client, store, outsider, name):
        document = store()
        client.force_login(outsider)
        url = reverse(f"documents:{name}", args=[document.id])
        assert client.get(url).status_code == 404
        assert client.post(url).status_code in (404, 405)
        assert client.get(reverse(f"documents:{name}", args=[uuid4()])).status_code == 404
        assert Document.objects.filter(pk=document.id).exists()

    def test_sees_an_empty_list(self, client, store, outsider):
        store()
        client.force_login(outsider)
        assert list(client.get(reverse("documents:index")).context["page_obj"]) == []

    @pytest.mark.parametrize("name", ["index", "download", "delete"])
    def test_is_sent_to_the_sign_in_page_when_anonymous(self, client, store, name):
        arguments = [] if name == "index" else [store().id]
        response = client.get(reverse(f"documents:{name}", args=arguments))
        assert response.status_code == 302
        assert "/accounts/login/" in response["Location"]


class TestApi:
    def test_lists_shows_links_and_deletes(self, signed_in, store):
        document = store(b"%PDF-1.7 api")
        [entry] = signed_in.get("/api/v1/documents/").json()["results"]
        assert entry["id"] == str(document.id)
        assert entry["sha256"] == document.sha256
        assert signed_in.get(f"/api/v1/documents/{document.id}/").json() == entry
        link = signed_in.post(f"/api/v1/documents/{document.id}/link/").json()
        signed_in.logout()
        assert _body(signed_in.get(link["url"])) == b"%PDF-1.7 api"

    def test_deletes(self, signed_in, store):
        document = store()
        assert signed_in.delete(f"/api/v1/documents/{document.id}/").status_code == 204
        assert not Document.objects.exists()

    def test_hides_other_peoples(self, client, store, outsider):
        document = store()
        client.force_login(outsider)
        assert client.get("/api/v1/documents/").json()["results"] == []
        for method, path in (
            (client.get, ""),
            (client.delete, ""),
            (client.post, "link/"),
        ):
            assert method(f"/api/v1/documents/{document.id}/{path}").status_code == 404

    def test_wants_a_signed_in_person(self, client, store):
        document = store()
        assert client.get("/api/v1/documents/").status_code == 401
        assert client.get(f"/api/v1/documents/{document.id}/").status_code == 401


class TestWholeFile:
    def test_comes_back_as_it_was_stored(self, signed_in, store):
        content = io.BytesIO(b"%PDF-" + bytes(range(256)) * 4096)
        document = store(content.getvalue())
        response = signed_in.get(reverse("documents:download", args=[document.id]), follow=True)
        assert _body(response) == content.getvalue()
