"""Market data: Django admin of what is only looked at."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest


class ToLookAt(admin.ModelAdmin[Any]):
    """What comes about by itself and is decided about on the site."""

    list_select_related: ClassVar[Any] = ("instrument",)
    search_fields: ClassVar[Any] = ("instrument__symbol_key__startswith",)
    ordering: ClassVar[Any] = ("-pk",)
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Not by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Not by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Not by hand."""
        return False
