"""The bell: its addresses in the API."""

from typing import Any

from notifications.api import NotificationViewSet


def register(router: Any) -> None:
    """Add this room's viewsets."""
    router.register("notifications", NotificationViewSet, basename="notifications")
