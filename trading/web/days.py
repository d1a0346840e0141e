"""Whole days of the person's time zone, as filters of lists take them from an address."""

from __future__ import annotations

from datetime import date, datetime, time

from django.utils import timezone


def day_of(text: str) -> date | None:
    """A day (``2026-03-09``) that a clock can be put to; None for anything else."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 1900 <= found.year <= 9000 else None


def midnight(day: date) -> datetime:
    """The instant at which the day begins for the person."""
    return datetime.combine(day, time.min, tzinfo=timezone.get_current_timezone())
