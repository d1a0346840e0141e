"""The ground floor: the clock. Read at the edge (views, API, tasks, commands) and handed down as `now`."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.utils import timezone


def now() -> datetime:
    """Return the current instant, aware, in UTC."""
    return timezone.now()


def day_in(zone: str, instant: datetime) -> date:
    """Return the calendar day on which `instant` (aware) falls in the IANA time zone `zone`.

    Raises `zoneinfo.ZoneInfoNotFoundError` for an unknown zone.
    """
    return instant.astimezone(ZoneInfo(zone)).date()
