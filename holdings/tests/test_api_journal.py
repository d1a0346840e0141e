"""The journal's pages by API: written from columns as the serializer writes them, and each entry on one page only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from accounts.tests.support import make_user
from holdings import queries
from holdings.api_serializers import TransactionSerializer
from holdings.models import Portfolio
from holdings.operations import void_transaction
from holdings.tests.support import NOW, make_portfolio, post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]

WHEN = datetime(2026, 3, 2, 14, 30, 15, 250000, tzinfo=UTC)


def _url(portfolio: Portfolio, query: str = "") -> str:
    return f"/api/v1/portfolios/{portfolio.pk}/transactions/?{query}"


def _pages(client: Client, url: str, *, link: str = "next") -> Iterator[list[Any]]:
    following: str | None = url
    while following:
        body = client.get(following).json()
        yield body["results"]
        following = body[link]


@pytest.fixture
def long(filled: Portfolio, acme: Any) -> Portfolio:
    """Entries of one instant, of instants within a second, with tags, notes, costs and a correction among them."""
    for number in range(7):
        post(filled, "deposit", "2026-03-02", amount=f"{number}.50", note=f"Number {number} “quoted”\n")
    for number in range(5):
        post(
            filled, "deposit", WHEN + timedelta(microseconds=number), amount="1000000", tags=("salary", "a,b"),
            external_id=f"x{number}", fees="0.10",
        )  # fmt: skip
    gone = post(filled, "withdrawal", "2026-03-03", amount="3")
    void_transaction(portfolio_id=filled.pk, transaction_id=gone.pk, actor=filled.owner, now=NOW)
    return filled


class TestRows:
    def test_are_what_the_serializer_writes(self, as_owner, long):
        rows = queries.filtered_transactions(long).order_by("-occurred_at", "-sequence")
        answer = as_owner.get(_url(long, "page_size=100")).content
        expected = json.loads(json.dumps(TransactionSerializer(rows, many=True).data))
        found = json.loads(answer)["results"]
        assert found == expected
        assert [list(row) for row in found] == [list(row) for row in expected]
        assert len(found) == 16

    def test_instants_are_told_in_the_zone_of_who_asks_as_everywhere(self, owner, as_owner, long):
        owner.time_zone = "America/New_York"
        owner.save(update_fields=["time_zone"])
        row = as_owner.get(_url(long, "page_size=1")).json()["results"][0]
        assert row == as_owner.get(f"/api/v1/portfolios/{long.pk}/transactions/{row['id']}/").json()

    def test_fields_choose_among_them(self, as_owner, long):
        rows = as_owner.get(_url(long, "fields=id,amount&page_size=2")).json()["results"]
        assert [set(row) for row in rows] == [{"id", "amount"}] * 2


class TestPages:
    @pytest.mark.parametrize(
        "query", ["page_size=3", "page_size=3&type=deposit", "page_size=16", "page_size=5"]
    )
    def test_hold_each_entry_once_both_ways(self, as_owner, long, query):
        wanted = queries.EntryFilter(type="deposit" if "type" in query else "")
        rows = queries.filtered_transactions(long, wanted).order_by("-occurred_at", "-sequence")
        expected = list(rows.values_list("pk", flat=True))
        pages = [[row["id"] for row in page] for page in _pages(as_owner, _url(long, query))]
        assert [pk for page in pages for pk in page] == expected
        last = _url(long, query)
        while (body := as_owner.get(last).json())["next"]:
            last = body["next"]
        back = [[row["id"] for row in page] for page in _pages(as_owner, last, link="previous")]
        assert [pk for page in reversed(back) for pk in page] == expected
        assert as_owner.get(_url(long, query)).json()["previous"] is None

    def test_an_entry_that_comes_meanwhile_moves_no_page(self, as_owner, long):
        second = as_owner.get(_url(long, "page_size=3")).json()["next"]
        before = as_owner.get(second).json()["results"]
        post(long, "deposit", WHEN + timedelta(hours=1), amount="1")
        post(long, "deposit", "2026-05-30", amount="1")
        assert as_owner.get(second).json()["results"] == before

    def test_are_of_the_portfolio_in_the_address_whatever_the_cursor(self, as_owner, as_outsider, long):
        cursor = as_owner.get(_url(long, "page_size=3")).json()["next"].partition("?")[2]
        assert as_outsider.get(_url(long, cursor)).status_code == 404
        theirs = make_portfolio(make_user("third@example.org"))
        assert as_owner.get(_url(theirs, cursor)).status_code == 404

    def test_of_an_empty_portfolio_are_one_empty_page(self, owner, as_owner, as_auditor):
        empty = make_portfolio(owner)
        nothing = {"next": None, "previous": None, "results": []}
        assert as_owner.get(_url(empty)).json() == nothing
        assert as_auditor.get(_url(empty)).json() == nothing

    @pytest.mark.parametrize(
        "cursor",
        [
            "abc",
            "%00",
            "é",
            "b18x",
            "b185OTk5OTk5OTk5OTk5OTk5OTk5OTk5XzE=",
            "eF8xXzE=",
            "b18xXy0x",
            "A" * 500,
        ],
    )
    def test_a_cursor_that_is_not_ours_is_refused(self, as_owner, long, cursor):
        answer = as_owner.get(_url(long, f"cursor={cursor}"))
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "cursor")

    def test_take_one_statement_beside_letting_in(self, as_owner, long, django_assert_max_num_queries):
        url = as_owner.get(_url(long, "page_size=3")).json()["next"]
        with django_assert_max_num_queries(3):
            assert as_owner.get(url).status_code == 200

    def test_begin_at_their_place_in_the_index(self, long, owner):
        place = queries.journal_page(owner, long.pk, size=3).older
        asked: list[tuple[str, Any]] = []

        def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            asked.append((sql, params))
            return execute(sql, params, many, context)

        with connection.execute_wrapper(note):
            queries.journal_page(owner, long.pk, size=3, place=place)
        ((sql, params),) = asked
        with connection.cursor() as cursor:
            # So few rows are sorted faster than looked up: what is asked is whether the index could serve.
            cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
            cursor.execute("EXPLAIN " + sql, params)
            plan = "\n".join(row[0] for row in cursor.fetchall())
        assert "Index Scan Backward using holdings_transaction_in_order" in plan
        assert "ROW(t.occurred_at, t.sequence) <" in plan or "ROW(occurred_at, sequence) <" in plan
