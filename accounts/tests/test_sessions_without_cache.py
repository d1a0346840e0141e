"""Sessions while the cache is killed, frozen and restarted under a running client. An ended session stays ended."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from accounts.sessions import COPY_SECONDS, SessionStore
from accounts.tests.support import PASSWORD, make_user
from tests.support.own_valkey import OwnValkey

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(own_valkey: OwnValkey, settings: Any) -> OwnValkey:
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": own_valkey.url}}
    settings.REDIS_LOCATION = own_valkey.url
    return own_valkey


@pytest.fixture
def person(server: OwnValkey) -> Any:
    return make_user("person@example.com")


def signed_in(person: Any) -> Client:
    client = Client()
    client.force_login(person)
    assert is_in(client)
    return client


def is_in(client: Client) -> bool:
    answer = client.get(reverse("accounts:profile"))
    assert answer.status_code in (200, 302)
    return answer.status_code == 200


def copy_of(client: Client) -> Client:
    """Somebody who has the same cookie."""
    other = Client()
    other.cookies[django_settings.SESSION_COOKIE_NAME] = client.cookies[
        django_settings.SESSION_COOKIE_NAME
    ].value
    return other


class TestCacheKilled:
    def test_one_stays_signed_in(self, server: OwnValkey, person: Any) -> None:
        client = signed_in(person)
        server.kill()
        assert is_in(client)
        server.start()
        time.sleep(0.1)
        assert is_in(client)

    def test_one_can_sign_in_and_out(self, server: OwnValkey, person: Any) -> None:
        server.kill()
        client = Client()
        answer = client.post(reverse("account_login"), {"login": person.email, "password": PASSWORD})
        assert answer.status_code == 302
        assert is_in(client)
        client.post(reverse("account_logout"))
        assert not is_in(client)

    def test_guessing_passwords_is_still_limited(self, server: OwnValkey, person: Any) -> None:
        server.kill()
        client = Client()
        answers = [
            client.post(reverse("account_login"), {"login": person.email, "password": f"wrong-{n}"})
            for n in range(7)
        ]
        assert b"oo many failed" in answers[-1].content or answers[-1].status_code == 429
        assert (
            client.post(reverse("account_login"), {"login": person.email, "password": PASSWORD}).status_code
            != 302
        )

    def test_pages_answer(self, server: OwnValkey, person: Any) -> None:
        client = signed_in(person)
        server.kill()
        for name in ("web:home", "marketdata:index", "notifications:index", "accounts:profile"):
            assert client.get(reverse(name)).status_code == 200


class TestLoggedOutWhileTheCacheWasAway:
    """The server was not dead but cut off, or came back with what it held: its copy of the session is still there."""

    def logout_behind_its_back(self, server: OwnValkey, client: Client) -> None:
        server.freeze()
        client.post(reverse("account_logout"))
        server.thaw()
        time.sleep(0.1)

    def test_the_session_does_not_revive(self, server: OwnValkey, person: Any) -> None:
        client = signed_in(person)
        thief = copy_of(client)
        key = client.cookies[django_settings.SESSION_COOKIE_NAME].value
        self.logout_behind_its_back(server, client)
        assert cache.get(SessionStore.cache_key_prefix + key), (
            "the copy must be there for this test to say anything"
        )
        assert not is_in(thief)

    def test_the_person_can_sign_in_again(self, server: OwnValkey, person: Any) -> None:
        client = signed_in(person)
        self.logout_behind_its_back(server, client)
        person.refresh_from_db()
        client.force_login(person)
        assert is_in(client)

    def test_a_visitors_session_ends_nobody_elses(self, server: OwnValkey, person: Any) -> None:
        other = signed_in(person)
        visitor = SessionStore()
        visitor["basket"] = 1
        visitor.create()
        server.freeze()
        visitor.flush()
        server.thaw()
        time.sleep(0.1)
        assert is_in(other)

    def test_a_worthless_session_ends_nobody_elses(self, server: OwnValkey, person: Any) -> None:
        worthless = signed_in(person)
        person.set_password("another-password-1")
        person.save()
        other = signed_in(person)
        server.kill()
        assert not is_in(worthless)
        assert is_in(other)

    def test_a_session_ended_from_the_list_is_ended(self, server: OwnValkey, person: Any) -> None:
        client, other = signed_in(person), signed_in(person)
        key = other.cookies[django_settings.SESSION_COOKIE_NAME].value
        server.freeze()
        SessionStore().delete(key)
        server.thaw()
        time.sleep(0.1)
        assert not is_in(other)
        assert not Session.objects.filter(session_key=key).exists()
        assert not is_in(client), "what cannot be told apart ends too"


class TestCopies:
    def test_live_a_minute(self, server: OwnValkey, person: Any) -> None:
        client = signed_in(person)
        key = client.cookies[django_settings.SESSION_COOKIE_NAME].value
        lifetimes = [
            server.client().ttl(name)
            for name in server.client().scan_iter(match=f"*{SessionStore.cache_key_prefix}{key}")
        ]
        assert len(lifetimes) == 1
        assert 0 < lifetimes[0] <= COPY_SECONDS

    def test_changing_the_key_keeps_everybody_signed_in(self, server: OwnValkey, person: Any) -> None:
        client, other = signed_in(person), signed_in(person)
        server.kill()
        session = client.session
        session.cycle_key()
        session.save()
        client.cookies[django_settings.SESSION_COOKIE_NAME] = str(session.session_key)
        assert is_in(client)
        assert is_in(other)
