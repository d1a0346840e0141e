"""The print shop in the administration pages: how jobs fare, not what is in them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from reports.models import ReportJob


@admin.register(ReportJob)
class ReportJobAdmin(admin.ModelAdmin[ReportJob]):
    """State, attempts and times of report jobs."""

    list_display = (
        "id",
        "owner",
        "kind",
        "format",
        "state",
        "progress",
        "attempts",
        "created_at",
        "finished_at",
    )
    list_filter = ("state", "kind", "format")
    search_fields = ("owner__email", "id")
    list_select_related = ("owner",)
    fields = (
        "id", "owner", "kind", "format", "state", "progress", "stage", "attempts", "error", "created_at", "started_at",
        "heartbeat_at", "finished_at",
    )  # fmt: skip
    ordering = ("-created_at",)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Reports are asked for by people."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Jobs change by being made."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only its owner throws a report away."""
        return False
