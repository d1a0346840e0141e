"""When a key was last used: written rarely, and without a wait for the disk."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection, transaction

from accounts.models import User
from accounts.operations import create_token
from portfolio_site.kernel import clock
from portfolio_site.kernel.noting import note_use


@pytest.fixture
def token(db):
    user = User.objects.create_user("noted@example.com", "a long password")
    return create_token(user=user, name="Noted", now=clock.now()).token


def durability() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW synchronous_commit")
        return str(cursor.fetchone()[0])


def note(token, now) -> bool:
    return note_use("accounts_apitoken", pk=token.pk, last_used_at=token.last_used_at, now=now)


@pytest.mark.django_db(transaction=True)
class TestNoteUse:
    def test_writes_the_first_use_and_then_once_a_minute(self, token):
        now = clock.now()
        assert note(token, now)
        token.refresh_from_db()
        assert token.last_used_at == now
        assert not note(token, now + timedelta(seconds=59))
        later = now + timedelta(seconds=61)
        assert note(token, later)
        token.refresh_from_db()
        assert token.last_used_at == later

    def test_a_request_that_knows_an_old_time_does_not_turn_it_back(self, token):
        now = clock.now()
        note(token, now)
        assert note(token, now - timedelta(seconds=30))
        token.refresh_from_db()
        assert token.last_used_at == now

    def test_only_its_own_commit_does_not_wait_for_the_disk(self, token):
        before = durability()
        note(token, clock.now())
        assert durability() == before
        with transaction.atomic():
            token.refresh_from_db()
            note(token, clock.now() + timedelta(minutes=2))
            assert durability() == before
