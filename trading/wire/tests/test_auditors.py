"""Who became an auditor keeps the keys of earlier accounts: they read, and change nothing at any address of the wire."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group

from accounts.roles import Role
from trading.wire.tests.test_every_address import belongings, path_of, state
from trading.wire.urls import urlpatterns

__all__ = ["belongings"]

pytestmark = pytest.mark.django_db

#: What a change would be made of.
BODY = {
    "symbol": "ACME",
    "qty": "1",
    "side": "buy",
    "type": "market",
    "time_in_force": "day",
    "name": "x",
    "symbols": [],
}


@pytest.mark.parametrize("pattern", urlpatterns, ids=lambda pattern: str(pattern.name))
def test_change_nothing(pattern, belongings, bot):
    bot.user.groups.set([Group.objects.get_or_create(name=Role.AUDITOR.value)[0]])
    before, path = state(), path_of(pattern, belongings).removeprefix("/alpaca")
    for method in set(pattern.callback.methods) - {"GET", "HEAD", "OPTIONS"}:
        answer = bot.send(method, path, BODY)
        assert answer.status_code == 403, (method, path, answer.status_code, answer.content)
    assert state() == before
