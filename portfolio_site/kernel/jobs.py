"""The ground floor: sending background work, never before the transaction that asked for it has committed."""

from typing import Any

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

from .valkey import Outage

#: A job that is not sent waits for a sweep: it is tried although another use of the server has just failed.
_outage = Outage("jobs", alone=True)


def enqueue(task: Any, **kwargs: Any) -> None:
    """Send the Celery `task` with JSON-able `kwargs` once the current transaction commits (at once outside one).

    A broker that is down does not fail the request: it is logged, and the row the task was about is found again by
    the sweep that every kind of job has. For a moment after that nothing is sent, so that a broker that hangs
    does not hold up every page that has something to send.
    """

    transaction.on_commit(lambda: _send(task, kwargs, {}))


def enqueue_later(name: str, *, seconds: float, **kwargs: Any) -> None:
    """Like `enqueue`, for the task registered as `name`, to be run no earlier than `seconds` from now.

    By name, so that what decides on a job need not import what runs it.
    """
    transaction.on_commit(lambda: _send(current_app.tasks[name], kwargs, {"countdown": seconds}))


def _send(task: Any, kwargs: dict[str, Any], options: dict[str, Any]) -> None:
    if _outage.is_on():
        return
    try:
        task.apply_async(kwargs=kwargs, retry=False, **options)
    except (OperationalError, OSError) as error:
        _outage.note(error)
    else:
        _outage.over()
