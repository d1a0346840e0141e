"""Orders and fills in the administration pages: to look at, never to change."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from trading.models import Fill, Order


class _ReadOnlyAdmin(admin.ModelAdmin[Any]):
    def has_add_permission(self, request: HttpRequest) -> bool:
        """Orders are placed by traders."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes an order but by trading."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What happened stays."""
        return False


class _FillInline(admin.TabularInline[Any, Any]):
    model = Fill
    fields = ("number", "quantity", "price", "amount", "fees", "executed_at")
    ordering = ("number",)
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Order)
class OrderAdmin(_ReadOnlyAdmin):
    """Find an order and see what became of it."""

    list_display = ("id", "portfolio_id", "instrument", "side", "type", "quantity", "status", "submitted_at")
    list_filter = ("status", "side", "type", "time_in_force")
    list_select_related = ("instrument",)
    search_fields = ("=id", "=client_order_id", "=instrument__symbol", "=placed_by__email")
    ordering = ("-submitted_at",)
    inlines = (_FillInline,)
    show_full_result_count = False


@admin.register(Fill)
class FillAdmin(_ReadOnlyAdmin):
    """Find an execution."""

    list_display = ("id", "order_id", "number", "quantity", "price", "fees", "executed_at")
    search_fields = ("=id", "=order__id")
    ordering = ("-executed_at",)
    show_full_result_count = False
