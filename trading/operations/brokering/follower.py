"""One process that follows every connected account: a thread for each, its stream open, catching up after every gap."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import structlog
from django.db import DatabaseError, close_old_connections, connection

from portfolio_site.kernel.errors import DomainError
from trading.brokers.base import Broker, BrokerError, BrokerStream
from trading.models import BrokerConnection
from trading.operations.brokering.comparing import compare
from trading.operations.brokering.following import catch_up, followed_connections, hear
from trading.operations.brokering.sending import Clock, send_waiting
from trading.operations.brokering.speaking import broker_of, note_failure

log = structlog.get_logger(__name__)
#: How long a look at the stream takes before what waits to be sent is looked at.
LISTEN_SECONDS = 1.0
CATCH_UP_EVERY, COMPARE_EVERY = 60.0, 300.0
#: The connections are looked through for new ones and ended ones this often.
LOOK_EVERY = 5.0
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
#: A follower that was not heard of for so long is taken for dead: others do its work.
SILENCE = timedelta(seconds=90)


class Follower:
    """Follows one connection until it is told to stop, or the connection ends."""

    def __init__(self, connection_id: UUID, *, clock: Clock, stop: threading.Event) -> None:
        self.connection_id = connection_id
        self._clock = clock
        self._stop = stop
        self._pause = FIRST_PAUSE

    def run(self) -> None:
        """Follow, and connect again whenever the stream ends."""
        while not self._stop.is_set():
            try:
                close_old_connections()
                self._follow()
            except BrokerError as error:
                self._failed(error)
            except (DatabaseError, DomainError, ValueError, LookupError) as error:
                log.exception("broker_follower_failed", connection=str(self.connection_id))
                self._failed(error)
        connection.close()

    def _failed(self, error: Exception) -> None:
        try:
            close_old_connections()
            sentence = (
                error
                if isinstance(error, BrokerError)
                else Exception("Something here failed; it is tried again.")
            )
            note_failure(self.connection_id, sentence, now=self._clock())
        except DatabaseError:
            log.exception("broker_failure_not_noted", connection=str(self.connection_id))
        # Many followers that lost one broker do not come back in step.
        self._stop.wait(self._pause * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
        self._pause = min(self._pause * 2, LONGEST_PAUSE)

    def _follow(self) -> None:
        row = BrokerConnection.objects.get(pk=self.connection_id)
        broker = broker_of(row)
        with broker.stream() as stream:
            # The stream is open: what happens from here on is told, what happened before is in the lists.
            catch_up(connection_id=self.connection_id, clock=self._clock, broker=broker)
            self._pause = FIRST_PAUSE
            log.info("broker_followed", connection=str(self.connection_id))
            self._listen(broker, stream)

    def _listen(self, broker: Broker, stream: BrokerStream) -> None:
        caught_up, compared = time.monotonic(), 0.0
        while not self._stop.is_set():
            update = stream.receive(LISTEN_SECONDS)
            close_old_connections()
            if update is not None:
                hear(connection_id=self.connection_id, update=update, clock=self._clock, broker=broker)
                continue
            BrokerConnection.objects.filter(pk=self.connection_id).update(heard_at=self._clock())
            send_waiting(connection_id=self.connection_id, clock=self._clock, broker=broker)
            if time.monotonic() - compared >= COMPARE_EVERY:
                compare(connection_id=self.connection_id, clock=self._clock, broker=broker)
                caught_up = compared = time.monotonic()
            elif time.monotonic() - caught_up >= CATCH_UP_EVERY:
                catch_up(connection_id=self.connection_id, clock=self._clock, broker=broker)
                caught_up = time.monotonic()


def follow_all(*, clock: Clock, stop: threading.Event, beat: Callable[[], None] = lambda: None) -> None:
    """Follow every connection until ``stop`` is set; new ones are followed within seconds, ended ones left alone. ``beat``
    is called at each look."""
    running: dict[UUID, tuple[threading.Thread, threading.Event]] = {}
    while not stop.is_set():
        try:
            close_old_connections()
            wanted = set(followed_connections())
        except DatabaseError:
            log.exception("broker_connections_unknown")
            wanted = set(running)
        for connection_id in [each for each in running if each not in wanted]:
            running.pop(connection_id)[1].set()
        for connection_id in wanted:
            thread = running.get(connection_id)
            if thread is None or not thread[0].is_alive():
                running[connection_id] = _started(connection_id, clock)
        beat()
        stop.wait(LOOK_EVERY)
    for _thread, told in running.values():
        told.set()
    for started, _told in running.values():
        started.join(timeout=10)


def _started(connection_id: UUID, clock: Clock) -> tuple[threading.Thread, threading.Event]:
    stop = threading.Event()
    follower = Follower(connection_id, clock=clock, stop=stop)
    thread = threading.Thread(target=follower.run, name=f"broker-{connection_id}", daemon=True)
    thread.start()
    return thread, stop


def look_after_brokers(*, clock: Clock) -> int:
    """Send what waits, and do the work of followers that are not there; returns how many connections were looked after.
    For the timetable: with it an account is kept up also where nobody follows, only later."""
    looked = 0
    for connection_id in followed_connections():
        row = BrokerConnection.objects.get(pk=connection_id)
        try:
            send_waiting(connection_id=connection_id, clock=clock)
            if row.heard_at is None or clock() - row.heard_at > SILENCE:
                if row.reconciled_at is None or clock() - row.reconciled_at > timedelta(
                    seconds=COMPARE_EVERY
                ):
                    compare(connection_id=connection_id, clock=clock)
                else:
                    catch_up(connection_id=connection_id, clock=clock)
            looked += 1
        except (BrokerError, ValueError) as error:
            note_failure(connection_id, error, now=clock())
        except (DatabaseError, DomainError, LookupError):
            # One account that cannot be kept up does not hold up the others.
            log.exception("broker_not_looked_after", connection=str(connection_id))
    return looked
