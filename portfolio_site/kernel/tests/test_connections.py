"""A kept connection to the database is looked at before each request, and a dead one replaced, without a statement."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def kept():
    """A connection as a gunicorn worker keeps it."""
    made = connection.copy()
    made.settings_dict = {**made.settings_dict, "CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True}
    made.connect()
    yield made
    made.close()


def begin_request(kept):
    """What Django does with a connection when a request begins."""
    kept.close_if_unusable_or_obsolete()


def backend(kept):
    with kept.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


def end_session(pid):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


class TestKeptConnection:
    def test_is_used_again_and_not_asked_whether_it_lives(self, kept):
        first = backend(kept)
        begin_request(kept)
        with CaptureQueriesContext(kept) as asked:
            assert backend(kept) == first
        assert len(asked) == 1

    def test_is_replaced_when_the_server_ended_it_meanwhile(self, kept):
        first = backend(kept)
        end_session(first)
        begin_request(kept)
        assert backend(kept) != first

    def test_is_asked_after_an_error(self, kept):
        backend(kept)
        kept.errors_occurred = True
        with CaptureQueriesContext(kept):
            assert kept.is_usable()
        end_session(kept.connection.info.backend_pid)
        assert not kept.is_usable()

    def test_none_is_not_usable(self, kept):
        kept.close()
        assert not kept.is_usable()
