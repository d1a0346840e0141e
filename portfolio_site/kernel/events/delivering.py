"""Events: the process that delivers. It sleeps until a commit wakes it, and takes what many commits published as one batch.

Each lane has a thread of its own with its own connection, so that what is slow in a later one holds nobody up in the first.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

import structlog
from django.db import Error as DatabaseFault
from django.db import connection

from portfolio_site.kernel.valkey import UNREACHABLE
from portfolio_site.kernel.whispering import Ear

from .dispatcher import deliver_batch
from .registry import Lane
from .waking import WAKE_CHANNEL

log = structlog.get_logger(__name__)

#: Seconds after which a lane is looked at although nobody said that there is something.
LOOK_SECONDS: Final = 1.0
#: Seconds between two batches of a lane: what is published meanwhile comes with the next. A batch of one costs
#: nearly what a batch of twenty does.
PAUSE_SECONDS: Final = {Lane.PROMPT: 0.01, Lane.LATER: 0.1}
#: The same after so many events at once: where much comes, nobody in the later lane minds a quarter of a second.
CROWD: Final = 20
CROWDED_PAUSE_SECONDS: Final = {Lane.PROMPT: 0.01, Lane.LATER: 0.25}
#: Seconds before the next try while the database or the channel is away; twice as long each time, up to the longest.
FIRST_RETRY_SECONDS: Final = 0.25
LONGEST_RETRY_SECONDS: Final = 4.0


class Deliverer:
    """Delivers until it is stopped. ``on_look`` is called whenever the database has been asked in the first lane."""

    def __init__(self, *, on_look: Callable[[], None] = lambda: None) -> None:
        self._on_look = on_look
        self._stopping = threading.Event()
        self._news = {lane: threading.Event() for lane in Lane}

    def run(self) -> None:
        """Deliver; returns after `stop`, when the batches at work are done."""
        threads = [threading.Thread(target=self._listen, name="wakes", daemon=True)]
        threads += [
            threading.Thread(target=self._work, args=(lane,), name=lane.name.lower()) for lane in Lane
        ]
        for thread in threads:
            thread.start()
        for thread in threads[1:]:
            thread.join()

    def stop(self) -> None:
        """End after the batches at work. May be called from a signal handler."""
        self._stopping.set()

    def _work(self, lane: Lane) -> None:
        retry = FIRST_RETRY_SECONDS
        while not self._stopping.is_set():
            self._news[lane].wait(LOOK_SECONDS)
            # Cleared before the look: whoever commits after it says so after this.
            self._news[lane].clear()
            try:
                taken = self._deliver(lane)
                retry = FIRST_RETRY_SECONDS
            except Exception as error:  # noqa: BLE001 - whatever it was, the next look may find it gone; this must go on
                taken = 0
                level = log.warning if isinstance(error, DatabaseFault) else log.error
                level("event_delivery_failed", lane=lane.name, retry_in=retry, exc_info=error)
                connection.close()
                self._news[lane].set()
                self._stopping.wait(retry)
                retry = min(retry * 2, LONGEST_RETRY_SECONDS)
            if taken:
                pauses = PAUSE_SECONDS if taken < CROWD else CROWDED_PAUSE_SECONDS
                self._stopping.wait(pauses[lane])
        connection.close()

    def _deliver(self, lane: Lane) -> int:
        """Deliver what waits in a lane; how many events that were."""
        taken = 0
        while not self._stopping.is_set():
            done = deliver_batch(lane)
            if lane is Lane.PROMPT:
                self._on_look()
            if done is None:
                break
            taken += done.taken
            if lane < max(Lane):
                self._news[Lane(lane + 1)].set()
            if not done.more:
                break
        return taken

    def _listen(self) -> None:
        """Hear of commits. Without this, they would be noticed within `LOOK_SECONDS`."""
        retry = FIRST_RETRY_SECONDS
        while not self._stopping.is_set():
            try:
                with Ear(WAKE_CHANNEL) as ear:
                    while not self._stopping.is_set():
                        if ear.wait(LOOK_SECONDS):
                            self._news[Lane.PROMPT].set()
                        retry = FIRST_RETRY_SECONDS
            except UNREACHABLE as error:
                log.warning("event_wakes_lost", error=str(error), retry_in=retry)
                time.sleep(retry)
                retry = min(retry * 2, LONGEST_RETRY_SECONDS)
