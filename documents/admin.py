"""The cellar in the administration pages: that files exist, not what is in them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from documents.models import Document


@admin.register(Document)
class DocumentAdmin(admin.ModelAdmin[Document]):
    """Names, sizes and owners. Nobody opens, changes or makes a person's file from here."""

    list_display = ("filename", "owner", "kind", "size", "created_at", "expires_at")
    list_filter = ("kind",)
    search_fields = ("filename", "owner__email", "sha256")
    list_select_related = ("owner",)
    date_hierarchy = "created_at"
    ordering = ("-created_at",)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Files come from the site's own work."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A stored file never changes."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only its owner throws a file away."""
        return False
