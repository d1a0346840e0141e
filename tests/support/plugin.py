"""The fixtures that every test can ask for. The root conftest.py loads this module as a pytest plugin."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, settings
from playwright.sync_api import BrowserContext

from portfolio_site.kernel import valkey, whispering
from tests.support.browser import (
    browser,
    browser_context_args,
    browser_problems,
    browser_type,
    context,
    launch_browser,
    log_in,
    page,
    playwright,
)
from tests.support.databases import migrated_model
from tests.support.live_site import LiveSite
from tests.support.own_valkey import OwnValkey

__all__ = [
    "browser",
    "browser_context_args",
    "browser_problems",
    "browser_type",
    "context",
    "launch_browser",
    "page",
    "playwright",
]


# A machine that is busy with something else is no fault of a test.
settings.register_profile("holdfast", suppress_health_check=[HealthCheck.too_slow], deadline=None)
settings.load_profile("holdfast")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Have the test database of each of several workers copied instead of migrated."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        connection.settings_dict["TEST"]["TEMPLATE"] = migrated_model()


@pytest.fixture(scope="session")
def _running_site(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: Any) -> Iterator[LiveSite]:
    site = LiveSite(tmp_path_factory.mktemp("live-site"))
    with django_db_blocker.unblock():
        site.start()
    yield site
    site.stop()


@pytest.fixture
def live_site(_running_site: LiveSite, transactional_db: None) -> LiveSite:
    """The site as a server (`.url`, `.socket_url`); what the test commits it sees, and the other way round."""
    return _running_site


@pytest.fixture(autouse=True)
def _nothing_is_known_to_be_away() -> None:
    """Let no test pause because an earlier one found a server away."""
    valkey.forget_outages()
    whispering.forget_listeners()


@pytest.fixture
def own_valkey(monkeypatch: pytest.MonkeyPatch) -> Iterator[OwnValkey]:
    """A Valkey that the test may kill, freeze and start again. Whether it is back is looked at almost at once."""
    monkeypatch.setattr(valkey, "PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(valkey, "LONGEST_PAUSE_SECONDS", 0.05)
    server = OwnValkey()
    yield server
    server.close()


@pytest.fixture
def log_in_browser(context: BrowserContext, live_site: LiveSite) -> Callable[[Any], None]:
    """Return a function that makes the test's browser context a session of the given user."""
    return lambda user: log_in(context, user, live_site.url)


@pytest.fixture(scope="session", autouse=True)
def _flush_may_empty_the_journal() -> Iterator[None]:
    """Let the end of a transactional test truncate every table, those too whose triggers refuse it to everybody else."""
    from django.db.backends.postgresql.operations import DatabaseOperations

    flush = DatabaseOperations.execute_sql_flush

    def without_triggers(self: Any, sql_list: Any) -> None:
        flush(self, ["SET LOCAL session_replication_role = replica", *sql_list] if sql_list else sql_list)

    DatabaseOperations.execute_sql_flush = without_triggers  # type: ignore[method-assign]
    yield
    DatabaseOperations.execute_sql_flush = flush  # type: ignore[method-assign]
