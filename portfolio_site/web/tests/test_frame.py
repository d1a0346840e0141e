"""The frame of every page: what visitors and signed-in people get around the content."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import OperationalError
from django.test import Client
from django.urls import reverse

from accounts.models import User
from holdings.operations import Entry, create_portfolio, post_transaction
from portfolio_site.kernel import clock

pytestmark = pytest.mark.django_db


@pytest.fixture
def person() -> User:
    return User.objects.create_user(
        "ada@example.org",
        "correct horse battery staple",
        name="Ada Lovelace",
        theme="dark",
        hide_amounts=True,
    )


class TestVisitors:
    def test_home_says_what_this_is_and_offers_the_way_in(self, client: Client) -> None:
        html = client.get("/").content.decode()
        assert "<h1>" in html
        assert f'href="{reverse("account_login")}"' in html
        assert 'aria-label="Main"' not in html

    def test_help_is_open(self, client: Client) -> None:
        assert client.get(reverse("web:help")).status_code == 200

    def test_theme_and_privacy_hold_before_the_first_paint(self, client: Client) -> None:
        client.cookies["hf_theme"] = "dark"
        client.cookies["hf_privacy"] = "on"
        html = client.get("/").content.decode()
        assert 'data-bs-theme="dark"' in html
        assert 'data-privacy="on"' in html

    def test_an_unknown_page_has_our_face(self, client: Client) -> None:
        response = client.get("/no/such/page/")
        assert response.status_code == 404
        assert "There is nothing here" in response.content.decode()


class TestSignedIn:
    def test_the_persons_own_settings_hold(self, client: Client, person: User) -> None:
        client.force_login(person)
        html = client.get(reverse("web:help")).content.decode()
        assert 'data-theme="dark"' in html
        assert 'data-privacy="on"' in html
        assert f'data-user-id="{person.pk}"' in html

    @pytest.mark.parametrize("wanted", ["nonsense", "\0", "", "9" * 40])
    def test_a_range_that_does_not_exist_is_the_usual_one(
        self, client: Client, person: User, wanted: str
    ) -> None:
        now = clock.now()
        mine = create_portfolio(owner=person, name="Mine", base_currency="USD", now=now)
        entry = Entry(
            type="deposit", occurred=now.date() - timedelta(days=9), amount=Decimal(5), currency="USD"
        )
        post_transaction(portfolio_id=mine.pk, entry=entry, actor=person, now=now)
        client.force_login(person)
        for name in ("web:home", "web:value_chart"):
            assert client.get(reverse(name), {"range": wanted}).status_code == 200, name

    def test_navigation_leads_to_every_room(self, client: Client, person: User) -> None:
        client.force_login(person)
        html = client.get(reverse("web:help")).content.decode()
        for name in ("holdings", "marketdata", "trading", "reports", "documents", "notifications"):
            assert f'href="{reverse(f"{name}:index")}"' in html

    def test_the_current_room_is_marked(self, client: Client, person: User) -> None:
        client.force_login(person)
        html = client.get(reverse("marketdata:index")).content.decode()
        link = re.search(rf'<a href="{reverse("marketdata:index")}" ([^>]*)>', html)
        assert link
        assert 'aria-current="page"' in link.group(1)

    def test_pages_stand_without_javascript(self, client: Client, person: User) -> None:
        client.force_login(person)
        html = client.get(reverse("web:help")).content.decode()
        assert f'action="{reverse("accounts:display")}"' in html
        assert "<details" in html

    def test_the_browsable_api_is_a_page_of_ours(self, client: Client, person: User) -> None:
        client.force_login(person)
        response = client.get("/api/v1/instruments/", headers={"Accept": "text/html"})
        html = response.content.decode()
        assert response.status_code == 200
        assert '<html lang="en"' in html
        assert 'name="viewport"' in html
        assert "HTTP 200" not in html
        assert "200 OK" in html


class TestDatabaseAway:
    """A fault that passes by itself is said to be one: browsers and programs may come again."""

    @pytest.fixture
    def slow(self, person: User, client: Client, monkeypatch: pytest.MonkeyPatch) -> Client:
        """A browser that is signed in, before a database that no longer answers."""
        client.force_login(person)
        client.raise_request_exception = False

        def ended(*_: object, **__: object) -> None:
            raise OperationalError("canceling statement due to statement timeout")

        monkeypatch.setattr("django.db.models.query.QuerySet._fetch_all", ended)
        return client

    def test_a_page_says_not_at_the_moment(self, slow: Client) -> None:
        response = slow.get(reverse("web:home"))
        assert (response.status_code, response["Retry-After"]) == (503, "5")
        assert "Not at the moment" in response.content.decode()

    def test_a_program_is_given_a_problem(self, slow: Client) -> None:
        response = slow.post(
            "/api/auth/login",
            {"email": "ada@example.org", "password": "correct horse battery staple"},
            content_type="application/json",
        )
        assert (response.status_code, response["Retry-After"]) == (503, "5")
        assert response.json()["type"] == "/api/problems/database_unavailable"

    def test_what_hangs_is_ended_by_the_database(self) -> None:
        """In a process of its own: the limits are part of how a connection is opened."""
        code = (
            "import django; django.setup()\n"
            "from django.db import connection as c\n"
            "cursor = c.cursor()\n"
            "cursor.execute('SHOW idle_in_transaction_session_timeout'); print(cursor.fetchone()[0])\n"
            "cursor.execute('SELECT pg_sleep(30)')\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"DATABASE_STATEMENT_SECONDS": "1", "DATABASE_IDLE_SECONDS": "7"},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.stdout.strip() == "7s"
        assert "canceling statement due to statement timeout" in done.stderr
