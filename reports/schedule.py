"""The print shop: its timetable."""

from typing import Any

BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "reports-sweep": {"task": "reports.tasks.sweep", "schedule": 30.0, "options": {"expires": 30}},
}
