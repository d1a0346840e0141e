"""The process that delivers events, as a thread, and how it hears of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection, transaction

from portfolio_site.kernel.events import Lane, publish
from portfolio_site.kernel.events.delivering import Deliverer
from portfolio_site.kernel.events.waking import WAKE_CHANNEL
from portfolio_site.kernel.tests.happenings import Happened, Listener, tell
from tests.support.own_valkey import OwnValkey


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("forget")
class TestDeliverer:
    """The process that delivers, as a thread."""

    @pytest.fixture
    def running(self, own_valkey: OwnValkey, settings: Any) -> Iterator[OwnValkey]:
        settings.REDIS_LOCATION = own_valkey.url
        # Nobody but the deliverer delivers here.
        settings.CELERY_TASK_ALWAYS_EAGER = False
        deliverer = Deliverer()
        thread = threading.Thread(target=deliverer.run)
        thread.start()
        yield own_valkey
        deliverer.stop()
        thread.join(20)
        assert not thread.is_alive()

    def test_hears_of_commits(self, running: OwnValkey) -> None:
        many = Listener(lane=Lane.PROMPT)
        self._until(lambda: running.client().pubsub_numsub(WAKE_CHANNEL)[0][1] == 1)
        for number in range(5):
            with transaction.atomic():
                publish(Happened(number=number), stream="s")
        self._until(lambda: len(many.heard) == 5)
        assert many.heard == list(range(5))

    def test_finds_what_nobody_told_it_of(self, running: OwnValkey) -> None:
        many = Listener()
        running.kill()
        tell(1)
        self._until(lambda: many.heard == [1])
        tell(2)
        self._until(lambda: many.heard == [1, 2])

    def test_hears_of_commits_again_when_valkey_was_away(self, running: OwnValkey) -> None:
        many = Listener(lane=Lane.PROMPT)
        listens = lambda: running.client().pubsub_numsub(WAKE_CHANNEL)[0][1] == 1  # noqa: E731
        self._until(listens)
        running.kill()
        tell(1)
        self._until(lambda: many.heard == [1])
        running.start()
        self._until(listens)
        tell(2)
        self._until(lambda: many.heard == [1, 2])

    def test_goes_on_when_its_connections_are_cut(self, running: OwnValkey) -> None:
        many = Listener()
        tell(1)
        self._until(lambda: many.heard == [1])
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        tell(2)
        self._until(lambda: many.heard == [1, 2])

    def _until(self, is_so: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 30
        while not is_so():
            assert time.monotonic() < deadline
            time.sleep(0.02)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("forget")
class TestWaking:
    def test_is_one_message_for_a_transaction_and_no_job_where_somebody_listens(
        self, own_valkey: OwnValkey, settings: Any, heard: list[int]
    ) -> None:
        settings.REDIS_LOCATION = own_valkey.url
        with own_valkey.client().pubsub() as ear:
            ear.subscribe(WAKE_CHANNEL)
            assert ear.get_message(timeout=5)["type"] == "subscribe"
            with transaction.atomic():
                publish(Happened(number=1))
                publish(Happened(number=2))
            assert ear.get_message(timeout=5)["type"] == "message"
            assert ear.get_message(timeout=0.2) is None
        assert heard == []
        with transaction.atomic():
            publish(Happened(number=3))
        # Nobody listens any more: a job does it.
        assert heard == [1, 2, 3]
