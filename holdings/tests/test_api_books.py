"""`/api/v1/portfolios/…`: accounts, lots, many entries at once, archiving; filters, chosen fields, tags of answers."""

from __future__ import annotations

from typing import Any

import pytest

from holdings.models import Account, Portfolio, Transaction
from holdings.tests.support import assert_books_are_right

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]

CHARTS = ("value", "performance", "allocation", "income", "drawdown")


def of(portfolio: Portfolio, path: str) -> str:
    """An address below a portfolio."""
    return f"/api/v1/portfolios/{portfolio.pk}/{path}"


def post(person: Any, url: str, body: Any, **headers: str) -> Any:
    """Send JSON."""
    return person.post(url, body, content_type="application/json", headers=headers)


class TestAccounts:
    def test_opens_one_once(self, as_owner, filled):
        body = {"name": "Second cash", "kind": "cash", "currency": "CHF"}
        first, second = (
            post(as_owner, of(filled, "accounts/"), body, **{"Idempotency-Key": "a"}) for _ in "ab"
        )
        assert (first.status_code, second.status_code) == (201, 201)
        assert first.json() == second.json()
        assert Account.objects.filter(portfolio=filled, name="Second cash").count() == 1
        names = [row["name"] for row in as_owner.get(of(filled, "accounts/")).json()]
        assert "Second cash" in names

    def test_names_what_is_wrong(self, as_owner, filled):
        answer = post(as_owner, of(filled, "accounts/"), {"name": "X", "kind": "shoe box", "currency": "CHF"})
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["field"] == "kind"


class TestLots:
    def test_lists_open_parcels_and_narrows_them(self, as_owner, filled):
        rows = as_owner.get(of(filled, "lots/")).json()["results"]
        assert rows
        instrument = rows[0]["instrument_id"]
        one = as_owner.get(of(filled, f"lots/?instrument_id={instrument}&fields=id,quantity")).json()[
            "results"
        ]
        assert one == [
            {"id": row["id"], "quantity": row["quantity"]}
            for row in rows
            if row["instrument_id"] == instrument
        ]

    def test_costs_few_statements(self, as_owner, filled, django_assert_max_num_queries):
        with django_assert_max_num_queries(7):
            as_owner.get(of(filled, "lots/"))


class TestManyEntries:
    def entries(self, *amounts: str) -> Any:
        return {
            "entries": [
                {"type": "deposit", "date": "2026-05-01", "amount": amount, "currency": "EUR"}
                for amount in amounts
            ]
        }

    def test_books_all_of_them(self, as_owner, filled):
        before = Transaction.objects.filter(portfolio=filled).count()
        answer = post(as_owner, of(filled, "transactions/bulk/"), self.entries("1", "2.50"))
        assert answer.status_code == 201
        assert [row["amount"] for row in answer.json()["posted"]] == ["1", "2.5"]
        assert Transaction.objects.filter(portfolio=filled).count() == before + 2
        assert_books_are_right(filled)

    def test_books_none_when_one_is_wrong(self, as_owner, filled):
        before = Transaction.objects.filter(portfolio=filled).count()
        wrong = self.entries("1", "2")
        wrong["entries"][1] |= {"type": "buy"}
        answer = post(as_owner, of(filled, "transactions/bulk/"), wrong)
        assert answer.status_code == 422
        assert [row["row"] for row in answer.json()["rows"]] == [1]
        assert Transaction.objects.filter(portfolio=filled).count() == before

    @pytest.mark.parametrize("body", [{"entries": []}, {"entries": [{}] * 1001}, {"entries": "all"}, {}, []])
    def test_refuses_what_is_no_list_of_entries(self, as_owner, filled, body):
        answer = post(as_owner, of(filled, "transactions/bulk/"), body)
        assert answer.status_code == 400
        assert answer["Content-Type"] == "application/problem+json"


class TestArchiving:
    def test_leaves_the_list_and_stays_readable(self, as_owner, filled):
        assert post(as_owner, of(filled, "archive/"), {}).status_code == 200
        assert as_owner.get("/api/v1/portfolios/").json()["results"] == []
        assert as_owner.get("/api/v1/portfolios/?archived=true").json()["results"][0]["archived_at"]
        assert as_owner.get(of(filled, "")).status_code == 200


class TestFilters:
    def test_amounts_and_tags(self, as_owner, filled):
        post(
            as_owner,
            of(filled, "transactions/"),
            {
                "type": "deposit",
                "date": "2026-05-02",
                "amount": "77.70",
                "currency": "EUR",
                "tags": ["bonus"],
            },
        )
        for query in ("amount_min=77.70&amount_max=77.7", "tag=bonus", "q=bonus"):
            rows = as_owner.get(of(filled, f"transactions/?{query}")).json()["results"]
            assert [row["amount"] for row in rows] == ["77.7"], query

    @pytest.mark.parametrize(
        "query",
        ["typo=1", "type=steal", "since=yesterday", "page_size=100000", "page_size=0", "cursor=watch_margins", "amount_min=lots",
         "fields=id,password", "fields=", "type=buy&type=sell", "instrument_id="],
    )  # fmt: skip
    def test_what_is_not_understood_is_refused_by_name(self, as_owner, filled, query):
        answer = as_owner.get(of(filled, f"transactions/?{query}"))
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["field"] == query.split("=")[0]


class TestTags:
    def test_what_is_known_is_not_sent_again(self, as_owner, filled):
        first = as_owner.get(of(filled, "valuations/"))
        again = as_owner.get(of(filled, "valuations/"), headers={"If-None-Match": first["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
        post(
            as_owner,
            of(filled, "transactions/"),
            {"type": "deposit", "date": "2026-05-02", "amount": "1", "currency": "EUR"},
        )
        changed = as_owner.get(of(filled, "valuations/"), headers={"If-None-Match": first["ETag"]})
        assert changed.status_code == 200


class TestCharts:
    @pytest.mark.parametrize("name", CHARTS)
    def test_draws_what_the_owner_holds(self, as_owner, as_outsider, filled, name):
        url = f"/api/v1/charts/portfolios/{filled.pk}/{name}/"
        body = as_owner.get(url).json()
        assert body["type"] in {"line", "bar", "doughnut"}
        for dataset in body["data"]["datasets"]:
            assert len(dataset["data"]) == len(body["data"]["labels"])
        assert bool(body["data"]["datasets"]) is not bool(body["about"]["empty"])
        assert as_outsider.get(url).status_code == 404

    def test_value_ends_with_the_net_worth(self, as_owner, filled):
        drawn = as_owner.get(f"/api/v1/charts/portfolios/{filled.pk}/value/").json()
        worth = as_owner.get(of(filled, "summary/")).json()["net_worth"]
        (line,) = [row for row in drawn["data"]["datasets"] if row["key"] == "value"]
        assert float(line["data"][-1]) == pytest.approx(float(worth), abs=0.01)

    def test_refuses_a_range_that_is_none(self, as_owner, filled):
        answer = as_owner.get(f"/api/v1/charts/portfolios/{filled.pk}/value/?range=2W")
        assert answer.status_code == 400


class TestPeriods:
    def test_a_year_that_the_books_do_not_have_is_refused(self, as_owner, filled):
        assert as_owner.get(of(filled, "performance/?range=2026")).status_code == 200
        answer = as_owner.get(of(filled, "performance/?range=1999"))
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["field"] == "range"
