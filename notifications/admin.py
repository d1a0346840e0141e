"""The bell in the administration pages: that a message was made and read, for support; nothing can be changed."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from notifications.models import Notification


@admin.register(Notification)
class NotificationAdmin(admin.ModelAdmin[Notification]):
    """Kind, time and reader. What a message says is between the site and the person."""

    list_display = ("kind", "user", "created_at", "read_at")
    list_filter = ("kind",)
    search_fields = ("user__email",)
    list_select_related = ("user",)
    fields = ("user", "kind", "created_at", "read_at")
    ordering = ("-id",)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Messages come from events."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """An inbox is private."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """An inbox is private."""
        return False
