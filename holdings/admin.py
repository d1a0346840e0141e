"""What administrators see of the books: which portfolios there are, and whose. Never an amount, never a change.

Administrators run the site; a trader's money is not theirs to look at or to move.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from holdings.models import ImportBatch, Portfolio


class ReadOnlyAdmin(admin.ModelAdmin[Any]):
    """Nothing is added, changed or deleted here."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes."""
        return False


@admin.register(Portfolio)
class PortfolioAdmin(ReadOnlyAdmin):
    """Portfolios by owner, to answer "where is my portfolio?"."""

    list_display = ("id", "owner", "kind", "base_currency", "created_at", "archived_at")
    list_filter = ("kind", "archived_at")
    search_fields = ("=id", "owner__email")
    list_select_related = ("owner",)
    fields = ("owner", "kind", "base_currency", "cost_basis_method", "time_zone", "created_at", "archived_at")
    ordering = ("-created_at",)


@admin.register(ImportBatch)
class ImportBatchAdmin(ReadOnlyAdmin):
    """Imports, to see what became of a file."""

    list_display = ("id", "format", "state", "posted_count", "skipped_count", "created_at")
    list_filter = ("format", "state")
    fields = ("format", "state", "posted_count", "duplicate_count", "skipped_count", "draft_count", "created_at",
              "committed_at", "undone_at")  # fmt: skip
    ordering = ("-created_at",)
