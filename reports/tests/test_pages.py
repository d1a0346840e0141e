"""The page and the API: asking, watching, downloading; and nobody else's."""

from __future__ import annotations

import re
from uuid import UUID, uuid4

import pytest
import time_machine
from django.urls import reverse

from portfolio_site.kernel.events import dispatch_pending
from reports.models import JobState, ReportJob
from reports.renderers import pdf
from reports.tests.conftest import NOW

URL = "/reports/"


@pytest.fixture(autouse=True)
def at_noon():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def signed_in(client, owner):
    client.force_login(owner)
    return client


def _form(client, book, **more):
    body = client.get(URL).content.decode()
    token = re.search(r'name="form_token" value="([^"]+)"', body)
    assert token
    return {
        "form_token": token[1],
        "portfolio": book.portfolio.pk,
        "kind": "portfolio_summary",
        "format": "xlsx",
        "period": "ytd",
        "currency": "",
        **more,
    }


#: Fixed, because every test worker has to collect the same names.
NOBODYS = UUID("7d9d9cf2-35c3-4a43-8b2c-6f2f1c8a1a10")


class TestAsking:
    @pytest.mark.django_db(transaction=True)
    def test_from_the_form_to_the_file(self, signed_in, book):
        signed_in.post(URL, _form(signed_in, book))
        dispatch_pending()
        job = ReportJob.objects.get()
        assert job.state == JobState.DONE, job.error
        body = signed_in.get(URL).content.decode()
        link = reverse("documents:download", args=[job.document_id])
        assert link in body
        response = signed_in.get(link, follow=True)
        assert b"".join(response.streaming_content).startswith(b"PK")

    def test_twice_with_the_same_form_makes_one(self, signed_in, book):
        form = _form(signed_in, book)
        for _ in range(2):
            assert signed_in.post(URL, form)["Location"] == URL
        assert ReportJob.objects.count() == 1

    def test_again_with_a_new_form_makes_another(self, signed_in, book):
        for _ in range(2):
            signed_in.post(URL, _form(signed_in, book))
        assert ReportJob.objects.count() == 2

    @pytest.mark.parametrize(
        ("wrong", "sentence"),
        [
            ({"portfolio": "999999"}, "Select a valid choice"),
            ({"kind": "x"}, "Select a valid choice"),
            (
                {"period": "custom", "period_from": "2026-11-02", "period_to": "2026-11-01"},
                "after the last one",
            ),
            ({"period": "custom", "period_to": "2027-01-01"}, "cannot end in the future"),
            ({"period": "custom", "period_from": "yesterday"}, "valid date"),
            ({"currency": "XXX"}, "Select a valid choice"),
        ],
    )
    def test_says_at_the_field_what_is_wrong(self, signed_in, book, wrong, sentence):
        response = signed_in.post(URL, _form(signed_in, book, **wrong))
        assert response.status_code == 422
        assert sentence in response.content.decode()
        assert not ReportJob.objects.exists()

    def test_settles_the_period_in_the_persons_zone(self, signed_in, owner, book):
        with time_machine.travel("2026-12-31T23:30:00+00:00", tick=False):
            # Signed in on that evening: a session of weeks ago would have run out.
            signed_in.force_login(owner)
            signed_in.post(URL, _form(signed_in, book))
        assert ReportJob.objects.get().parameters == {
            "from": "2027-01-01",
            "to": "2027-01-01",
            "currency": "EUR",
        }


class TestPage:
    def test_says_what_to_do_without_a_portfolio(self, signed_in):
        assert "Nothing to report on yet" in signed_in.get(URL).content.decode()

    def test_offers_no_pdf_where_it_cannot_be_made(self, signed_in, book, monkeypatch):
        monkeypatch.setattr(pdf, "unavailable_reason", lambda: "Install it with “apt-get install libpango”.")
        body = signed_in.get(URL).content.decode()
        assert "apt-get install libpango" in body
        assert 'value="pdf"' not in body
        assert 'value="xlsx"' in body

    def test_shows_progress_and_asks_by_itself_while_something_is_made(self, signed_in, ask):
        job = ask()
        ReportJob.objects.filter(pk=job.pk).update(
            state="running", progress=42, stage="Drawing", heartbeat_at=NOW
        )
        body = signed_in.get(reverse("reports:jobs")).content.decode()
        assert 'value="42"' in body
        assert "Drawing" in body
        assert "every 3s" in body
        ReportJob.objects.filter(pk=job.pk).update(state="failed", error="No rate <b>.", finished_at=NOW)
        body = signed_in.get(reverse("reports:jobs")).content.decode()
        assert "every 3s" not in body
        assert "No rate &lt;b&gt;." in body

    def test_escapes_names(self, signed_in, ask):
        ask()
        assert "<b>Co" not in signed_in.get(URL).content.decode()

    def test_asks_the_database_little_however_many_there_are(
        self, signed_in, ask, django_assert_max_num_queries
    ):
        for _ in range(9):
            ask()
        signed_in.get(URL)
        with django_assert_max_num_queries(20):
            signed_in.get(URL)
        with django_assert_max_num_queries(5):
            signed_in.get(reverse("reports:jobs"))

    def test_deletes_after_asking(self, signed_in, ask):
        url = reverse("reports:delete", args=[ask().pk])
        assert "Delete this report?" in signed_in.get(url).content.decode()
        signed_in.post(url)
        assert not ReportJob.objects.exists()


class TestOutsider:
    def test_reaches_nothing(self, client, ask, outsider):
        job = ask()
        client.force_login(outsider)
        url = reverse("reports:delete", args=[job.pk])
        assert client.get(url).status_code == 404
        assert client.post(url).status_code == 404
        assert client.get(reverse("reports:delete", args=[uuid4()])).status_code == 404
        assert str(job.pk) not in client.get(URL).content.decode()
        assert str(job.pk) not in client.get(reverse("reports:jobs")).content.decode()
        assert client.get("/api/v1/reports/").json()["results"] == []
        assert client.get(f"/api/v1/reports/{job.pk}/").status_code == 404
        assert client.delete(f"/api/v1/reports/{job.pk}/").status_code == 404
        assert ReportJob.objects.filter(pk=job.pk).exists()

    @pytest.mark.parametrize("path", ["/reports/", "/reports/jobs/", f"/reports/{NOBODYS}/delete/"])
    def test_is_sent_to_the_sign_in_page_when_anonymous(self, client, db, path):
        response = client.get(path)
        assert response.status_code == 302
        assert "/accounts/login/" in response["Location"]


class TestApi:
    def test_creates_lists_shows_and_deletes(self, signed_in, book):
        wanted = {"portfolio": book.portfolio.pk, "kind": "transaction_history", "format": "xlsx"}
        made = signed_in.post("/api/v1/reports/", wanted, content_type="application/json")
        assert made.status_code == 201
        job = made.json()
        assert (job["state"], job["progress"], job["currency"], job["period_from"]) == (
            "queued",
            0,
            "EUR",
            None,
        )
        assert signed_in.get(f"/api/v1/reports/{job['id']}/").json() == job
        assert [entry["id"] for entry in signed_in.get("/api/v1/reports/").json()["results"]] == [job["id"]]
        assert signed_in.delete(f"/api/v1/reports/{job['id']}/").status_code == 204

    def test_does_once_what_comes_twice(self, signed_in, book):
        wanted = {"portfolio": book.portfolio.pk, "kind": "transaction_history", "format": "xlsx"}
        answers = [
            signed_in.post(
                "/api/v1/reports/",
                wanted,
                content_type="application/json",
                headers={"Idempotency-Key": "once"},
            )
            for _ in range(2)
        ]
        assert answers[0].json() == answers[1].json()
        assert ReportJob.objects.count() == 1

    @pytest.mark.parametrize(
        ("wrong", "field"),
        [
            ({"portfolio": 10**12}, "portfolio"),
            ({"portfolio": "x"}, "portfolio"),
            ({"kind": "x"}, "kind"),
            ({"format": "exe"}, "format"),
            ({"period_from": "0000-00-00"}, "period_from"),
            ({"period_from": "2026-11-20", "period_to": "2026-01-01"}, "period_from"),
            ({"currency": "NaN"}, "currency"),
        ],
    )
    def test_names_the_field_that_is_wrong(self, signed_in, book, wrong, field):
        wanted = {"portfolio": book.portfolio.pk, "kind": "transaction_history", "format": "xlsx", **wrong}
        answer = signed_in.post("/api/v1/reports/", wanted, content_type="application/json")
        assert 400 <= answer.status_code < 500
        assert [error["field"] for error in answer.json()["errors"]] == [field]
        assert not ReportJob.objects.exists()

    def test_refuses_another_persons_portfolio_like_one_that_is_not_there(self, client, book, outsider):
        client.force_login(outsider)
        wanted = {"portfolio": book.portfolio.pk, "kind": "transaction_history", "format": "xlsx"}
        theirs = client.post("/api/v1/reports/", wanted, content_type="application/json")
        nobodys = client.post(
            "/api/v1/reports/", {**wanted, "portfolio": 10**9}, content_type="application/json"
        )
        assert theirs.status_code == nobodys.status_code == 422
        assert theirs.json()["code"] == nobodys.json()["code"] == "portfolio_unknown"

    def test_wants_a_signed_in_person(self, client, db):
        assert client.get("/api/v1/reports/").status_code == 401
        assert client.post("/api/v1/reports/", {}, content_type="application/json").status_code == 401


class TestCheck:
    def test_tells_when_pdf_is_off(self, monkeypatch):
        from reports.checks import pdf_engine

        assert pdf_engine() == []
        monkeypatch.setattr(pdf, "unavailable_reason", lambda: "Install libpango.")
        [found] = pdf_engine()
        assert (found.id, found.msg) == ("reports.I001", "Install libpango.")
