"""The ground floor: sending background work, never before the transaction that asked for it has committed."""

from typing import Any

import structlog
from django.db import transaction
from kombu.exceptions import OperationalError

log = structlog.get_logger(__name__)


def enqueue(task: Any, **kwargs: Any) -> None:
    """Send the Celery `task` with JSON-able `kwargs` once the current transaction commits (at once outside one).

    A broker that is down does not fail the request: it is logged, and the row the task was about is found again by
    the sweep that every kind of job has.
    """

    def send() -> None:
        try:
            task.apply_async(kwargs=kwargs, retry=False)
        except (OperationalError, OSError) as error:
            log.warning("job_not_sent", task=task.name, error=str(error))

    transaction.on_commit(send)
