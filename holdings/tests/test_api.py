"""`/api/v1/portfolios/…`: who may, what it answers, and doing a POST once."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from holdings.models import Portfolio, Transaction
from holdings.tests.support import GHOSTFOLIO, assert_books_are_right

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]

READS = ("", "transactions/", "positions/", "cash/", "summary/", "valuations/")


class TestWhoMay:
    def test_reading(self, as_owner, as_auditor, as_outsider, client, filled):
        row = Transaction.objects.filter(portfolio=filled).first()
        for path in (*READS, f"transactions/{row.pk}/"):
            url = f"/api/v1/portfolios/{filled.pk}/{path}"
            assert as_owner.get(url).status_code == 200, url
            assert as_auditor.get(url).status_code == 200, url
            assert as_outsider.get(url).status_code == 404, url
            assert client.get(url).status_code in (401, 403), url

    def test_writing(self, as_auditor, as_outsider, filled):
        row = Transaction.objects.filter(portfolio=filled).first()
        entry = {"type": "deposit", "date": "2026-05-01", "amount": "1"}
        base = f"/api/v1/portfolios/{filled.pk}/"
        for method, path, body in (
            ("post", "transactions/", entry),
            ("put", f"transactions/{row.pk}/", entry),
            ("delete", f"transactions/{row.pk}/", None),
            ("patch", "", {"name": "Mine"}),
        ):
            for person, status in ((as_auditor, 403), (as_outsider, 404)):
                answer = getattr(person, method)(base + path, body, content_type="application/json")
                assert answer.status_code == status, (method, path)
        assert Transaction.objects.counting().filter(portfolio=filled).count() == 4

    def test_the_list_holds_ones_own(self, as_owner, as_outsider, filled):
        assert [row["id"] for row in as_owner.get("/api/v1/portfolios/").json()["results"]] == [filled.pk]
        assert as_outsider.get("/api/v1/portfolios/").json()["results"] == []


class TestEntries:
    def test_a_retry_gets_the_first_answer(self, as_owner, filled):
        url = f"/api/v1/portfolios/{filled.pk}/transactions/"
        body = {"type": "deposit", "date": "2026-05-01", "amount": "12.5", "currency": "EUR"}
        first, second = (
            as_owner.post(url, body, content_type="application/json", headers={"Idempotency-Key": "k"})
            for _ in "ab"
        )
        assert (first.status_code, second.status_code) == (201, 201)
        assert first.json() == second.json()
        assert first.json()["amount"] == "12.5"
        other = as_owner.post(
            url, {**body, "amount": "13"}, content_type="application/json", headers={"Idempotency-Key": "k"}
        )
        assert other.status_code == 409
        assert_books_are_right(filled)

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"quantity": "99"}, "quantity"),
            ({"quantity": "NaN"}, "quantity"),
            ({"quantity": "1e400"}, "quantity"),
            ({"price": "-1"}, "price"),
            ({"date": "0001-01-01"}, "occurred"),
            ({"date": "soon"}, "date"),
            ({"currency": "XYZ"}, "currency"),
            ({"instrument_id": 10**12}, "instrument_id"),
        ],
    )
    def test_refusals_name_the_field(self, as_owner, filled, acme, change, field):
        body = {
            "type": "sell",
            "date": "2026-05-01",
            "instrument_id": acme.pk,
            "quantity": "1",
            "price": "1",
        } | change
        answer = as_owner.post(
            f"/api/v1/portfolios/{filled.pk}/transactions/", body, content_type="application/json"
        )
        assert answer.status_code in (400, 422)
        assert field in {error["field"] for error in answer.json()["errors"]}
        assert Transaction.objects.filter(portfolio=filled).count() == 4

    def test_correct_and_remove(self, as_owner, filled):
        row = Transaction.objects.get(portfolio=filled, type="dividend")
        url = f"/api/v1/portfolios/{filled.pk}/transactions/{row.pk}/"
        body = {"type": "dividend", "date": "2026-04-02", "instrument_id": row.instrument_id, "amount": "4"}
        new = as_owner.put(url, body, content_type="application/json").json()
        assert new["replaces_id"] == row.pk
        assert as_owner.get(url).status_code == 404
        assert as_owner.delete(f"/api/v1/portfolios/{filled.pk}/transactions/{new['id']}/").status_code == 204
        assert_books_are_right(filled)

    def test_future_entries_are_kept_aside(self, as_owner, filled):
        body = {"type": "deposit", "date": "2027-05-01", "amount": "1"}
        answer = as_owner.post(
            f"/api/v1/portfolios/{filled.pk}/transactions/", body, content_type="application/json"
        )
        assert (answer.status_code, answer.json()["date"]) == (202, "2027-05-01")


class TestNumbersBeyondTheBooks:
    def test_a_split_that_would_outgrow_them_is_refused_and_leaves_them_as_they_were(self, as_owner, filled):
        url = f"/api/v1/portfolios/{filled.pk}/transactions/"
        held = Transaction.objects.filter(portfolio=filled, type="buy").first().instrument_id
        body = {"type": "split", "date": "2026-05-02", "instrument_id": held, "ratio": "9999999999"}
        answers = [as_owner.post(url, body, content_type="application/json") for _ in range(5)]
        assert {answer.status_code for answer in answers} == {201, 422}
        refused = answers[-1].json()
        assert (refused["code"], refused["detail"]) == (
            "too_large",
            "With this entry a figure would be larger than the books can hold.",
        )
        assert_books_are_right(filled)

    def test_a_lot_number_that_no_entry_can_have_is_refused_at_the_field(self, as_owner, filled):
        held = Transaction.objects.filter(portfolio=filled, type="buy").first().instrument_id
        body = {"type": "sell", "date": "2026-05-02", "instrument_id": held, "quantity": "1", "price": "1"}
        answer = as_owner.post(
            f"/api/v1/portfolios/{filled.pk}/transactions/",
            {**body, "lots": [10**19]},
            content_type="application/json",
        )
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["field"].startswith("lots")


class TestFigures:
    def test_are_decimal_strings(self, as_owner, filled):
        base = f"/api/v1/portfolios/{filled.pk}/"
        (position,) = as_owner.get(base + "positions/").json()
        assert (position["symbol"], position["quantity"], position["market_value"]) == ("ACME", "3", "397.5")
        assert as_owner.get(base + "cash/").json()[0]["balance"] == "737.33"
        assert as_owner.get(base + "summary/").json()["net_worth"] == "907.864"
        series = as_owner.get(base + "valuations/?range=MAX").json()
        assert series["results"][-1]["value"] == "907.864"
        assert as_owner.get(base + "valuations/?range=7Y").status_code == 400


class TestPortfolios:
    def test_open_and_change(self, as_owner, owner):
        body = {"name": "By program", "base_currency": "CHF"}
        first, second = (
            as_owner.post(
                "/api/v1/portfolios/", body, content_type="application/json", headers={"Idempotency-Key": "p"}
            )
            for _ in "ab"
        )
        assert first.json()["id"] == second.json()["id"]
        portfolio = Portfolio.objects.get(owner=owner)
        url = f"/api/v1/portfolios/{portfolio.pk}/"
        answer = as_owner.patch(url, {"cost_basis_method": "lifo"}, content_type="application/json")
        assert answer.json()["cost_basis_method"] == "lifo"
        bad = as_owner.post(
            "/api/v1/portfolios/", {**body, "base_currency": "XYZ"}, content_type="application/json"
        )
        assert bad.status_code == 422

    def test_import_in_one_go(self, as_owner, filled):
        url = f"/api/v1/portfolios/{filled.pk}/imports/"
        answer = as_owner.post(url, {"file": SimpleUploadedFile("g.json", GHOSTFOLIO)})
        assert answer.status_code == 201
        assert (answer.json()["posted_count"], answer.json()["skipped_count"]) == (1, 1)
        assert_books_are_right(filled)
        refused = as_owner.post(url, {"file": SimpleUploadedFile("g.json", b"{}")})
        assert refused.status_code == 422
