"""Fixtures of the accounts tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.test import Client

from accounts.models import User
from accounts.tests.support import make_user


@pytest.fixture(autouse=True)
def _forget_limits() -> Iterator[None]:
    """Rate limits count in the cache; no test inherits another's attempts."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def person(db: None) -> User:
    """A trader."""
    return make_user()


@pytest.fixture
def outsider(db: None) -> User:
    """Another trader, who has no business with the first."""
    return make_user("eve@example.org")


@pytest.fixture
def as_person(person: User, client: Client) -> Client:
    """A browser in which the trader is signed in."""
    client.force_login(person)
    return client


@pytest.fixture
def as_outsider(outsider: User) -> Client:
    """A browser in which the other trader is signed in."""
    client = Client()
    client.force_login(outsider)
    return client
