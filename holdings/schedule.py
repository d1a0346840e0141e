"""The books' timetable."""

from typing import Any

BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "holdings-planned-entries": {
        "task": "holdings.tasks.post_due_drafts",
        "schedule": 300.0,
        "options": {"expires": 300},
    },
    "holdings-due-actions": {
        "task": "holdings.tasks.book_due_actions",
        "schedule": 600.0,
        "options": {"expires": 600},
    },
    "holdings-old-uploads": {"task": "holdings.tasks.forget_old_previews", "schedule": 3600.0},
    "holdings-backups": {
        "task": "holdings.tasks.make_due_backups",
        "schedule": 900.0,
        "options": {"expires": 900},
    },
}
