"""The frame: background work (Celery) and its timetable."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from .base import REDIS_LOCATION

CELERY_BROKER_URL = REDIS_LOCATION
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {"portfolio_site.kernel.tasks.*": {"queue": "events"}}
# A task that dies with its worker is delivered again; every task therefore re-checks its row before it acts.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {
    "visibility_timeout": 3600,
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    "global_keyprefix": "hf:",
    # Who sends a job does not wait for a broker that is away: kombu would try for six seconds, in the middle of a page.
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0.1,
    "interval_max": 0.1,
}
CELERY_TIMEZONE = "UTC"
# The timetable below is copied into tables that administrators see; beat reads it from there.
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
DJANGO_STRUCTLOG_CELERY_ENABLED = True


def _timetable() -> dict[str, dict[str, Any]]:
    """Collect the kernel's own entries and those that each room lists in its `schedule.py`."""
    entries: dict[str, dict[str, Any]] = {
        "events-sweep": {
            "task": "portfolio_site.kernel.tasks.drain_outbox",
            "schedule": 10.0,
            "options": {"expires": 10},
        },
        "events-prune": {"task": "portfolio_site.kernel.tasks.prune", "schedule": 3600.0},
    }
    for room in ("accounts", "marketdata", "documents", "holdings", "trading", "reports", "notifications"):
        if find_spec(f"{room}.schedule"):
            entries |= import_module(f"{room}.schedule").BEAT_SCHEDULE
    return entries


CELERY_BEAT_SCHEDULE = _timetable()
