"""The cellar: its timetable."""

from typing import Any

BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "documents-sweep": {"task": "documents.tasks.sweep", "schedule": 300.0, "options": {"expires": 300}},
}
