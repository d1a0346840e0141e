"""Watchlists: what a person keeps an eye on, and nobody else touches."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from marketdata import operations, queries
from marketdata.models import Watchlist
from marketdata.tests.conftest import NOW
from portfolio_site.kernel.errors import DomainError, ForbiddenError, NotFoundError

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(minutes=5)


@pytest.fixture
def shares(make_instrument):
    return [make_instrument(symbol) for symbol in ("AAA", "BBB", "CCC", "DDD")]


@pytest.fixture
def watched(owner, shares):
    return operations.create_watchlist(
        owner=owner, name="Tech", now=NOW, instrument_ids=[share.pk for share in shares[:3]]
    )


def change(operation, watched, actor, **fields):
    return operation(watchlist_id=watched.id, actor=actor, **{"now": LATER, **fields})


class TestCreateWatchlist:
    def test_keeps_the_order_and_each_instrument_once(self, owner, shares):
        a, b, c, _ = (share.pk for share in shares)
        made = operations.create_watchlist(
            owner=owner, name="  My \t list ", now=NOW, instrument_ids=[c, a, c, b]
        )
        assert (made.name, made.instrument_ids, made.owner_id) == ("My list", (c, a, b), owner.pk)
        assert queries.visible_watchlist(owner, made.id) == made

    def test_comes_last_among_the_lists(self, owner):
        names = ["One", "Two", "Three"]
        for name in names:
            operations.create_watchlist(owner=owner, name=name, now=NOW)
        assert [view.name for view in queries.watchlists_of(owner)] == names

    def test_name_is_taken_in_any_capitals_for_the_same_person_only(self, owner, outsider, watched):
        with pytest.raises(operations.WatchlistRefused) as refused:
            operations.create_watchlist(owner=owner, name="tECH", now=NOW)
        assert (refused.value.code, refused.value.field) == ("watchlist_name_taken", "name")
        assert operations.create_watchlist(owner=outsider, name="Tech", now=NOW).name == "Tech"

    @pytest.mark.parametrize("name", ["", "  ", "x" * 65, "a\0b", "a\x1bb"])
    def test_refuses_names_nobody_can_read(self, owner, name):
        with pytest.raises(operations.WatchlistRefused) as refused:
            operations.create_watchlist(owner=owner, name=name, now=NOW)
        assert refused.value.field == "name"
        assert not Watchlist.objects.exists()

    def test_refuses_what_the_person_cannot_see(self, outsider, flat):
        for unknown in (flat.pk, 987654321):
            with pytest.raises(NotFoundError):
                operations.create_watchlist(owner=outsider, name="x", now=NOW, instrument_ids=[unknown])
        assert not Watchlist.objects.exists()

    def test_has_a_limit(self, owner, monkeypatch):
        monkeypatch.setattr("marketdata.operations.watchlists.MOST_WATCHLISTS", 2)
        for name in "ab":
            operations.create_watchlist(owner=owner, name=name, now=NOW)
        with pytest.raises(operations.WatchlistRefused) as refused:
            operations.create_watchlist(owner=owner, name="c", now=NOW)
        assert refused.value.code == "too_many_watchlists"

    def test_auditor_makes_none(self, auditor):
        with pytest.raises(ForbiddenError):
            operations.create_watchlist(owner=auditor, name="x", now=NOW)


class TestItems:
    def test_added_goes_to_the_end_once(self, owner, shares, watched):
        *first, last = (share.pk for share in shares)
        for _ in range(2):
            after = change(operations.add_to_watchlist, watched, owner, instrument_id=last)
            assert after.instrument_ids == (*first, last)
        assert after.updated_at == LATER

    def test_adding_what_is_there_changes_nothing(self, owner, shares, watched):
        after = change(operations.add_to_watchlist, watched, owner, instrument_id=shares[0].pk)
        assert after == watched

    def test_removed_is_gone_and_removing_it_again_says_so(self, owner, shares, watched):
        a, b, c, _ = (share.pk for share in shares)
        assert change(operations.remove_from_watchlist, watched, owner, instrument_id=b).instrument_ids == (
            a,
            c,
        )
        with pytest.raises(NotFoundError):
            change(operations.remove_from_watchlist, watched, owner, instrument_id=b)

    def test_reorder_keeps_what_another_window_added(self, owner, shares, watched):
        a, b, c, d = (share.pk for share in shares)
        change(operations.add_to_watchlist, watched, owner, instrument_id=d)
        after = change(operations.reorder_watchlist, watched, owner, instrument_ids=[c, a, b, 987654321])
        assert after.instrument_ids == (c, a, b, d)

    def test_replace_holds_exactly_what_was_given(self, owner, shares, watched):
        a, _, c, d = (share.pk for share in shares)
        after = change(operations.replace_watchlist, watched, owner, instrument_ids=[d, c, a, d], name="Else")
        assert (after.name, after.instrument_ids) == ("Else", (d, c, a))
        assert change(operations.replace_watchlist, watched, owner, instrument_ids=[]).instrument_ids == ()

    def test_refused_replacement_changes_nothing(self, owner, outsider, shares, watched, make_instrument):
        foreign = make_instrument("SECRET", owner=outsider)
        with pytest.raises(NotFoundError):
            change(operations.replace_watchlist, watched, owner, instrument_ids=[foreign.pk], name="Else")
        assert queries.visible_watchlist(owner, watched.id) == watched

    def test_have_a_limit(self, owner, shares, watched, monkeypatch):
        monkeypatch.setattr("marketdata.operations.watchlists.MOST_ITEMS", 3)
        ids = [share.pk for share in shares]
        for operation, fields in (
            (operations.add_to_watchlist, {"instrument_id": ids[-1]}),
            (operations.replace_watchlist, {"instrument_ids": ids}),
        ):
            with pytest.raises(operations.WatchlistRefused) as refused:
                change(operation, watched, owner, **fields)
            assert refused.value.code == "too_many_instruments"
        # What is there already can still be "added".
        change(operations.add_to_watchlist, watched, owner, instrument_id=ids[0])


class TestLists:
    def test_renamed_also_to_its_own_name_in_other_capitals(self, owner, watched):
        after = change(operations.rename_watchlist, watched, owner, name="TECH")
        assert (after.name, after.instrument_ids) == ("TECH", watched.instrument_ids)

    def test_rename_to_a_taken_name_is_refused(self, owner, watched):
        other = operations.create_watchlist(owner=owner, name="Other", now=NOW)
        with pytest.raises(DomainError, match="already"):
            change(operations.rename_watchlist, other, owner, name="tech")

    def test_put_in_another_order(self, owner, outsider, watched):
        other = operations.create_watchlist(owner=owner, name="Other", now=NOW)
        foreign = operations.create_watchlist(owner=outsider, name="Foreign", now=NOW)
        operations.order_watchlists(actor=owner, watchlist_ids=[foreign.id, other.id])
        assert [view.name for view in queries.watchlists_of(owner)] == ["Other", "Tech"]

    def test_deleted(self, owner, watched):
        operations.delete_watchlist(watchlist_id=watched.id, actor=owner)
        assert queries.watchlists_of(owner) == []
        with pytest.raises(NotFoundError):
            operations.delete_watchlist(watchlist_id=watched.id, actor=owner)

    def test_all_of_a_person_come_in_one_statement(self, owner, watched, django_assert_num_queries):
        operations.create_watchlist(owner=owner, name="Empty", now=NOW)
        with django_assert_num_queries(1):
            assert [len(view.instrument_ids) for view in queries.watchlists_of(owner)] == [3, 0]


class TestWhoseTheyAre:
    @pytest.mark.parametrize(
        ("operation", "fields"),
        [
            (operations.rename_watchlist, {"name": "x"}),
            (operations.add_to_watchlist, {"instrument_id": 1}),
            (operations.remove_from_watchlist, {"instrument_id": 1}),
            (operations.reorder_watchlist, {"instrument_ids": []}),
            (operations.replace_watchlist, {"instrument_ids": []}),
        ],
    )
    def test_others_change_nothing(self, operation, fields, outsider, auditor, watched, owner):
        with pytest.raises(NotFoundError):
            change(operation, watched, outsider, **fields)
        with pytest.raises(ForbiddenError):
            change(operation, watched, auditor, **fields)
        assert queries.visible_watchlist(owner, watched.id) == watched

    def test_others_see_nothing_and_auditors_see_without_having(self, outsider, auditor, watched):
        with pytest.raises(NotFoundError):
            queries.visible_watchlist(outsider, watched.id)
        assert queries.watchlists_of(outsider) == []
        assert queries.visible_watchlist(auditor, watched.id).name == "Tech"
        assert queries.watchlists_of(auditor) == []

    def test_everything_on_the_lists_of_a_person_is_known_once(self, owner, outsider, shares, watched):
        ids = [share.pk for share in shares]
        operations.create_watchlist(owner=owner, name="x", now=NOW, instrument_ids=[ids[3], ids[0]])
        assert queries.watched_by(owner) == ids
        assert queries.watched_by(outsider) == []


class TestWhatRemains:
    def test_every_change_is_announced_and_recorded(self, owner, shares, watched):
        from django.apps import apps

        from portfolio_site.kernel.models import OutboxEvent

        change(operations.rename_watchlist, watched, owner, name="Else")
        change(operations.remove_from_watchlist, watched, owner, instrument_id=shares[0].pk)
        operations.delete_watchlist(watchlist_id=watched.id, actor=owner)
        assert OutboxEvent.objects.filter(name="marketdata.watchlist_changed").count() == 4
        lists = apps.get_model("marketdata", "WatchlistEvent").objects.order_by("pgh_id")
        assert list(lists.values_list("pgh_label", "name")) == [
            ("watchlist.created", "Tech"),
            ("watchlist.renamed", "Else"),
            ("watchlist.deleted", "Else"),
        ]
        items = apps.get_model("marketdata", "WatchlistItemEvent").objects.order_by("pgh_id")
        assert [label for (label,) in items.values_list("pgh_label")] == [
            *["watchlist.added"] * 3,
            *["watchlist.removed"] * 3,
        ]


ROOT = "/api/v1/watchlists/"


class TestApi:
    @pytest.fixture(autouse=True)
    def _today(self, time_machine):
        time_machine.move_to(NOW, tick=False)

    def send(self, client, method, path, body=None, **headers):
        return getattr(client, method)(
            f"{ROOT}{path}", body, content_type="application/json", headers=headers
        )

    def test_makes_shows_changes_and_deletes(self, client_of, owner, shares):
        client, (a, b, c, _) = client_of(owner), [share.pk for share in shares]
        made = self.send(client, "post", "", {"name": "Tech", "instrument_ids": [b, a]})
        assert made.status_code == 201
        pk = made.json()["id"]
        assert [i["symbol"] for i in made.json()["instruments"]] == ["BBB", "AAA"]
        assert self.send(client, "post", f"{pk}/items/", {"instrument_id": c}).json()["instrument_ids"] == [
            b,
            a,
            c,
        ]
        assert self.send(client, "delete", f"{pk}/items/{a}/").json()["instrument_ids"] == [b, c]
        body = {"name": "New", "instrument_ids": [c, b]}
        assert self.send(client, "patch", f"{pk}/", body).json()["instrument_ids"] == [c, b]
        assert self.send(client, "patch", f"{pk}/", {"name": "Newer"}).json()["name"] == "Newer"
        assert client.get(ROOT).json()["results"][0] == {
            "id": pk,
            "name": "Newer",
            "created_at": "2026-11-20T15:30:07Z",
            "updated_at": "2026-11-20T15:30:07Z",
            "instrument_ids": [c, b],
        }
        assert self.send(client, "delete", f"{pk}/").status_code == 204
        assert client.get(f"{ROOT}{pk}/").status_code == 404

    def test_is_made_once_per_key(self, client_of, owner):
        client = client_of(owner)
        sent = [
            self.send(client, "post", "", {"name": "Tech"}, **{"Idempotency-Key": "k1"}) for _ in range(2)
        ]
        assert [answer.status_code for answer in sent] == [201, 201]
        assert sent[0].json() == sent[1].json()

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ({}, 400),
            ({"name": ""}, 400),
            ({"name": "x" * 65}, 400),
            ({"name": "TECH"}, 409),
            ({"name": "x", "instrument_ids": ["a"]}, 400),
            ({"name": "x", "instrument_ids": [987654321]}, 404),
            ({"name": "x", "instrument_ids": list(range(1, 252))}, 400),
        ],
    )
    def test_refusals_are_problems(self, client_of, owner, watched, body, status):
        answer = self.send(client_of(owner), "post", "", body)
        assert answer.status_code == status, answer.content
        assert answer.headers["Content-Type"].startswith("application/problem+json")

    def test_outsiders_find_nothing_and_auditors_change_nothing(
        self, client_of, outsider, auditor, watched, shares
    ):
        a = shares[0].pk
        tries = [
            ("get", "", None),
            ("patch", "", {"name": "x"}),
            ("delete", "", None),
            ("post", "items/", {"instrument_id": a}),
            ("delete", f"items/{a}/", None),
        ]
        for method, path, body in tries:
            answer = self.send(client_of(outsider), method, f"{watched.id}/{path}", body)
            assert answer.status_code == 404
            expected = 200 if method == "get" else 403
            assert self.send(client_of(auditor), method, f"{watched.id}/{path}", body).status_code == expected
        assert client_of(outsider).get(f"{ROOT}{uuid4()}/").status_code == 404
        assert client_of(outsider).get(f"{ROOT}nonsense/").status_code == 404
        assert client_of(outsider).get(ROOT).json()["results"] == []
        assert [row["name"] for row in client_of(auditor).get(ROOT).json()["results"]] == ["Tech"]

    def test_list_costs_the_same_however_many(self, client_of, owner, watched, django_assert_max_num_queries):
        client = client_of(owner)
        client.get(ROOT)
        for number in range(5):
            operations.create_watchlist(owner=owner, name=f"List {number}", now=NOW)
        with django_assert_max_num_queries(5):
            assert len(client.get(ROOT).json()["results"]) == 6
