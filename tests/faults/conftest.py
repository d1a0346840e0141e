"""Fixtures of the fault tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.site import Site
from tests.support.live_site import test_database_url


@pytest.fixture
def site(db: None) -> Iterator[Site]:
    """Servers of its own with the schema of the test database; no process of the site runs yet."""
    running = Site(test_database_url())
    yield running
    running.stop()
