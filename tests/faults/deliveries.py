"""A process that delivers and is killed: at its first statement, then at its second, and so on until one gets through.

It forks a child for each life; the child delivers what waits and ends itself by ``kill -9`` when it has sent so many statements
(a commit counts) or messages to sockets. Prints how many lives it took, as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from django.db import connection
from django.urls import get_resolver

from notifications import channel
from portfolio_site.kernel.events import dispatch_pending
from portfolio_site.kernel.models import OutboxEvent


class Fate:
    """Counts what a life does, and ends it."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    def step(self) -> None:
        """One more step; the last is not taken."""
        if not self._left:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1

    def statement(self, execute: Callable[..., Any], *given: Any) -> Any:
        """Around each statement."""
        self.step()
        return execute(*given)


def live(steps: int) -> None:
    """Deliver what waits, for so many steps."""
    fate = Fate(steps)
    send, commit = channel.send, connection.commit

    def sending(news: Any) -> None:
        fate.step()
        send(news)
        fate.step()

    def committing() -> None:
        fate.step()
        commit()
        fate.step()

    channel.send = sending
    connection.commit = committing  # type: ignore[method-assign]
    with connection.execute_wrapper(fate.statement):
        dispatch_pending()


def main() -> None:
    """Live until one life is long enough. Each is a step longer than the one before, until one gets something done: what is left
    then is begun by a life that ends at once."""
    get_resolver().url_patterns  # noqa: B018 - read once here, and not in every child
    killed, steps, state = 0, 0, _state()
    while True:
        child = os.fork()
        if not child:
            live(steps)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            sys.stdout.write(json.dumps({"killed": killed, "exit": os.WEXITSTATUS(status)}) + "\n")
            return
        killed, steps = killed + 1, steps + 1
        before, state = state, _state()
        if state != before:
            steps = 0


def _state() -> list[tuple[Any, ...]]:
    """What is done (a further attempt at what cannot be done is nothing), seen over a connection that no child inherits."""
    rows = OutboxEvent.objects.order_by("pk").values_list("pk", "lane", "dispatched_at")
    found = list(rows)
    connection.close()
    return found


if __name__ == "__main__":
    main()
