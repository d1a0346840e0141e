"""Watchlist pages: made, filled, ordered and sorted, with and without JavaScript."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.urls import reverse

from marketdata import operations, queries
from marketdata.tests.conftest import NOW, bar

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _today(time_machine):
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def shares(make_instrument):
    made = [make_instrument(symbol) for symbol in ("AAA", "BBB", "CCC")]
    for number, share in enumerate(made):
        for day in range(1, 20):
            bar(share, f"2026-11-{day:02}", str(100 + 10 * number + day), volume=5)
        operations.set_quote(
            instrument_id=share.pk,
            bid=Decimal(99),
            ask=Decimal(101),
            last=Decimal(100 + (-1) ** number * number),
            now=NOW,
        )
    return made


@pytest.fixture
def watched(owner, shares):
    return operations.create_watchlist(
        owner=owner, name="Tech", now=NOW, instrument_ids=[share.pk for share in shares]
    )


def url(name, *args):
    return reverse(f"marketdata:{name}", args=args)


def order_of(page):
    """The symbols of a page's table, from the top."""
    return [row.instrument.symbol for row in page.context["rows"]]


class TestLists:
    def test_who_has_none_is_shown_how_to_begin(self, client_of, owner):
        page = client_of(owner).get(url("watchlists")).content.decode()
        assert "Give your first one a name" in page
        assert 'name="name"' in page

    def test_made_and_shown(self, client_of, owner):
        client = client_of(owner)
        made = client.post(url("watchlists"), {"name": "Dividends"}, follow=True)
        assert made.redirect_chain[0][0] == url("watchlist", queries.watchlists_of(owner)[0].id)
        assert "Nothing on this list yet" in made.content.decode()
        assert client.get(url("watchlists")).status_code == 302

    def test_a_taken_name_comes_back_with_what_was_typed(self, client_of, owner, watched):
        again = client_of(owner).post(url("watchlists"), {"name": "TECH"})
        assert again.status_code == 409
        assert "already have a watchlist" in again.content.decode()
        assert 'value="TECH"' in again.content.decode()

    def test_renamed_moved_and_deleted(self, client_of, owner, watched):
        client = client_of(owner)
        operations.create_watchlist(owner=owner, name="Other", now=NOW)
        client.post(url("watchlist_rename", watched.id), {"name": "Techs"})
        client.post(url("watchlist_shift", watched.id), {"way": "right"})
        assert [view.name for view in queries.watchlists_of(owner)] == ["Other", "Techs"]
        refused = client.post(url("watchlist_rename", watched.id), {"name": "other"})
        assert refused.status_code == 409
        assert "rename-error" in refused.content.decode()
        assert "Delete this watchlist?" in client.get(url("watchlist_delete", watched.id)).content.decode()
        gone = client.post(url("watchlist_delete", watched.id), follow=True).content.decode()
        assert "was deleted" in gone
        assert [view.name for view in queries.watchlists_of(owner)] == ["Other"]

    def test_auditors_look_and_get_no_controls(self, client_of, auditor, watched):
        client = client_of(auditor)
        page = client.get(url("watchlist", watched.id) + "?edit=1").content.decode()
        assert "AAA" in page
        for control in ("watchlist_add", "watchlist_order", "watchlist_delete"):
            assert url(control, watched.id) not in page
        for name in ("add", "remove", "order", "rename", "shift", "delete"):
            assert client.post(url(f"watchlist_{name}", watched.id), {}).status_code == 403
        assert client.post(url("watchlists"), {"name": "x"}).status_code == 403


class TestTable:
    def test_shows_price_trend_and_range(self, client_of, owner, watched):
        page = client_of(owner).get(url("watchlist", watched.id))
        assert order_of(page) == ["AAA", "BBB", "CCC"]
        text = page.content.decode()
        for part in ("AAA: rising", 'data-field="last"', "52 weeks", "100.00", "119.00"):
            assert part in text

    def test_costs_the_same_however_long(
        self, client_of, owner, shares, watched, django_assert_max_num_queries
    ):
        client = client_of(owner)
        client.get(url("watchlist", watched.id))
        with django_assert_max_num_queries(7):
            client.get(url("watchlist", watched.id))

    @pytest.mark.parametrize(
        ("sort", "expected"),
        [
            ("-symbol", ["CCC", "BBB", "AAA"]),
            ("last", ["BBB", "AAA", "CCC"]),
            ("-last", ["CCC", "AAA", "BBB"]),
            ("nonsense", ["AAA", "BBB", "CCC"]),
        ],
    )
    def test_sorted_as_asked(self, client_of, owner, watched, sort, expected):
        assert order_of(client_of(owner).get(url("watchlist", watched.id) + f"?sort={sort}")) == expected

    def test_what_has_no_price_comes_last(self, client_of, owner, watched, make_instrument):
        new = make_instrument("AAB")
        operations.add_to_watchlist(watchlist_id=watched.id, actor=owner, instrument_id=new.pk, now=NOW)
        for sort in ("last", "-last"):
            page = client_of(owner).get(url("watchlist", watched.id) + f"?sort={sort}")
            assert order_of(page)[-1] == "AAB"
        assert "No price yet" in page.content.decode()

    def test_the_window_that_made_a_change_is_not_sent_it_again(self, client_of, owner, watched):
        headers = {"HX-Request": "true", "HX-Target": "watchlist"}
        client = client_of(owner)
        first = client.get(url("watchlist", watched.id), headers=headers)
        assert "<html" not in first.content.decode()
        version = first.context["version"]
        again = client.get(url("watchlist", watched.id), headers={**headers, "X-Have-Version": version})
        assert again.status_code == 204
        operations.reorder_watchlist(
            watchlist_id=watched.id,
            actor=owner,
            instrument_ids=watched.instrument_ids[::-1],
            now=NOW.replace(minute=59),
        )
        changed = client.get(url("watchlist", watched.id), headers={**headers, "X-Have-Version": version})
        assert order_of(changed) == ["CCC", "BBB", "AAA"]


class TestItems:
    def items(self, owner):
        return [
            instrument.symbol
            for instrument in queries.watchlist_instruments(queries.watchlists_of(owner)[0], user=owner)
        ]

    @pytest.mark.parametrize("way", ["chosen", "typed", "isin"])
    def test_added(self, client_of, owner, watched, make_instrument, way):
        new = make_instrument("DDD", isin="US0378331005")
        given = {
            "chosen": {"instrument": str(new.pk), "instrument_text": "DDD"},
            "typed": {"instrument": "", "instrument_text": " ddd "},
            "isin": {"instrument_text": "US0378331005"},
        }
        answer = client_of(owner).post(url("watchlist_add", watched.id), given[way])
        assert answer.status_code == 302
        assert self.items(owner) == ["AAA", "BBB", "CCC", "DDD"]

    def test_a_symbol_nobody_knows_is_told_at_the_field(self, client_of, owner, watched):
        answer = client_of(owner).post(url("watchlist_add", watched.id), {"instrument_text": "NOPE"})
        assert answer.status_code == 422
        assert "“NOPE”" in answer.content.decode()

    def test_others_private_things_cannot_be_added(
        self, client_of, owner, outsider, watched, make_instrument
    ):
        secret = make_instrument("SECRET", owner=outsider)
        for given in ({"instrument": str(secret.pk)}, {"instrument_text": "SECRET"}):
            answer = client_of(owner).post(url("watchlist_add", watched.id), given)
            assert answer.status_code == 422
        assert self.items(owner) == ["AAA", "BBB", "CCC"]

    def test_removed_once_or_twice(self, client_of, owner, shares, watched):
        client = client_of(owner)
        for _ in range(2):
            answer = client.post(
                url("watchlist_remove", watched.id), {"instrument": shares[1].pk, "edit": "1"}
            )
            assert answer.headers["Location"].endswith("?edit=1")
        assert self.items(owner) == ["AAA", "CCC"]

    def test_put_in_order_by_arrows_and_by_dragging(self, client_of, owner, shares, watched):
        client, (a, b, c) = client_of(owner), (share.pk for share in shares)
        client.post(url("watchlist_order", watched.id), {"up": c})
        assert self.items(owner) == ["AAA", "CCC", "BBB"]
        client.post(url("watchlist_order", watched.id), {"down": a})
        assert self.items(owner) == ["CCC", "AAA", "BBB"]
        client.post(url("watchlist_order", watched.id), {"up": c})
        assert self.items(owner) == ["CCC", "AAA", "BBB"]
        client.post(url("watchlist_order", watched.id), {"items": f"{b},{c},{a},x,999"})
        assert self.items(owner) == ["BBB", "CCC", "AAA"]

    def test_edit_mode_shows_what_changes_the_list(self, client_of, owner, watched):
        page = client_of(owner).get(url("watchlist", watched.id) + "?edit=1").content.decode()
        for part in ("Move AAA up", "Remove AAA", "Rename", "Delete list", "New watchlist"):
            assert part in page


class TestMenuAtAnInstrument:
    def test_puts_on_a_list_takes_off_and_makes_one(self, client_of, owner, make_instrument, watched):
        new, client = make_instrument("DDD"), client_of(owner)
        menu = client.get(url("detail", new.pk)).content.decode()
        assert "Watching" not in menu
        client.post(url("watch", new.pk), {"watchlist": watched.id, "on": "1"})
        assert "Watching" in client.get(url("detail", new.pk)).content.decode()
        client.post(url("watch", new.pk), {"watchlist": watched.id, "on": "0"})
        assert new.pk not in queries.visible_watchlist(owner, watched.id)
        answer = client.post(
            url("watch", new.pk), {"name": "Fresh"}, headers={"HX-Request": "true", "HX-Target": "watch"}
        )
        assert "Fresh" in answer.content.decode()
        assert queries.watchlists_of(owner)[1].instrument_ids == (new.pk,)

    def test_says_in_the_menu_what_was_refused(self, client_of, owner, shares, watched):
        answer = client_of(owner).post(
            url("watch", shares[0].pk), {"name": "tech"}, headers={"HX-Request": "true", "HX-Target": "watch"}
        )
        assert "already have a watchlist" in answer.content.decode()

    @pytest.mark.parametrize("watchlist", ["nonsense", "00000000-0000-0000-0000-000000000000", ""])
    def test_unknown_lists_are_refused(self, client_of, owner, shares, watched, watchlist):
        client = client_of(owner)
        answer = client.post(url("watch", shares[0].pk), {"watchlist": watchlist, "on": "1"}, follow=True)
        assert "no such watchlist" in answer.content.decode()

    def test_does_not_lead_to_another_site(self, client_of, owner, shares, watched):
        given = {"watchlist": watched.id, "on": "0", "next": "https://evil.example/"}
        answer = client_of(owner).post(url("watch", shares[0].pk), given)
        assert answer.headers["Location"] == url("detail", shares[0].pk)


class TestStarBesideARow:
    def press(self, client, instrument):
        return client.post(url("watch", instrument.pk), {"quick": "1"}, headers={"HX-Request": "true"})

    def test_puts_it_on_the_first_list(self, client_of, owner, watched, make_instrument):
        new, client = make_instrument("DDD"), client_of(owner)
        assert "Watch DDD" in client.get(url("index") + "?q=ddd").content.decode()
        assert url("watchlist", watched.id) in self.press(client, new).content.decode()
        assert new.pk in queries.visible_watchlist(owner, watched.id)
        assert "DDD is on a watchlist" in client.get(url("index") + "?q=ddd").content.decode()

    def test_makes_the_first_list(self, client_of, owner, shares):
        for _ in range(2):
            self.press(client_of(owner), shares[0])
        (made,) = queries.watchlists_of(owner)
        assert (made.name, made.instrument_ids) == ("Watchlist", (shares[0].pk,))

    def test_says_what_was_refused(self, client_of, owner, watched, make_instrument, monkeypatch):
        monkeypatch.setattr("marketdata.operations.watchlists.MOST_ITEMS", 3)
        answer = self.press(client_of(owner), make_instrument("DDD"))
        assert "at most" in answer.headers["HX-Trigger"]
        assert "Watch DDD" in answer.content.decode()

    def test_goes_back_to_where_it_was_pressed(self, client_of, owner, watched, make_instrument):
        given = {"quick": "1", "next": "/markets/?class=etf"}
        answer = client_of(owner).post(url("watch", make_instrument("DDD").pk), given)
        assert answer.headers["Location"] == "/markets/?class=etf"

    def test_is_not_shown_to_those_who_only_look(self, client_of, auditor, shares):
        assert "Watch AAA" not in client_of(auditor).get(url("index") + "?q=aaa").content.decode()
