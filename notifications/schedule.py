"""The bell: its timetable."""

from typing import Any

BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "notifications-prune": {"task": "notifications.tasks.prune", "schedule": 86_400.0},
}
