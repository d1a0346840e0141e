"""The bell: what the page header shows. Asked for only when a template looks."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from notifications.queries import Bell, bell


def header_bell(request: HttpRequest) -> dict[str, Any]:
    """``unread_notifications`` and ``last_event_id`` of the signed-in person; one statement, and only if shown."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {}

    @cache
    def read() -> Bell:
        return bell(user.pk)

    return {
        "unread_notifications": SimpleLazyObject(lambda: read().unread),
        "last_event_id": SimpleLazyObject(lambda: read().last_event_id),
    }
