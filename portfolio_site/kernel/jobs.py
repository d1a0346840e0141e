"""The ground floor: sending background work, never before the transaction that asked for it has committed."""

from typing import Any

from django.db import transaction
from kombu.exceptions import OperationalError

from .valkey import Outage

_outage = Outage("jobs")


def enqueue(task: Any, **kwargs: Any) -> None:
    """Send the Celery `task` with JSON-able `kwargs` once the current transaction commits (at once outside one).

    A broker that is down does not fail the request: it is logged, and the row the task was about is found again by
    the sweep that every kind of job has. For a moment after that nothing is sent, so that a broker that hangs
    does not hold up every page that has something to send.
    """

    def send() -> None:
        if _outage.is_on():
            return
        try:
            task.apply_async(kwargs=kwargs, retry=False)
        except (OperationalError, OSError) as error:
            _outage.note(error)
        else:
            _outage.over()

    transaction.on_commit(send)
