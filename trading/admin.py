"""Orders, fills, keys and the log of trades in the administration pages: to look at, never to change."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.queries import is_administrator
from portfolio_site.kernel import clock
from trading.models import (
    ApiKey,
    BasketLine,
    BrokerConnection,
    BrokerInstruction,
    Fill,
    InstrumentTerms,
    Order,
    OrderBasket,
    SiteControl,
    TradeEvent,
    TradingAccount,
)
from trading.operations import set_kill_switch


def person(request: HttpRequest) -> Any:
    """Who is signed in."""
    return request.user


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


@admin.register(TradingAccount)
class TradingAccountAdmin(_ReadOnlyAdmin):
    """Find an account and see how it trades; its kill switch is an action."""

    list_display = (
        "account_number",
        "portfolio_id",
        "broker_connection",
        "multiplier",
        "trading_blocked",
        "margin_call_at",
        "created_at",
    )
    list_filter = ("trading_blocked", "broker_connection__environment", "multiplier", "shorting_enabled")
    list_select_related = ("broker_connection",)
    search_fields = ("=account_number", "=id", "=portfolio__owner__email")
    ordering = ("-created_at",)
    show_full_result_count = False
    actions = ("block", "unblock")

    @admin.action(description="Stop new orders of the chosen accounts", permissions=["halt"])
    def block(self, request: HttpRequest, queryset: Any) -> None:
        """Throw the kill switch of each."""
        self._switch(request, queryset, on=True)

    @admin.action(description="Take orders of the chosen accounts again", permissions=["halt"])
    def unblock(self, request: HttpRequest, queryset: Any) -> None:
        """Release the kill switch of each."""
        self._switch(request, queryset, on=False)

    def has_halt_permission(self, request: HttpRequest) -> bool:
        """Administrators, not auditors."""
        return is_administrator(person(request))

    def _switch(self, request: HttpRequest, queryset: Any, *, on: bool) -> None:
        for portfolio_id in queryset.order_by("portfolio_id").values_list("portfolio_id", flat=True):
            set_kill_switch(
                on=on,
                actor=request.user,
                portfolio_id=portfolio_id,
                reason="Stopped by an administrator." if on else "",
                now=clock.now(),
            )


@admin.register(ApiKey)
class ApiKeyAdmin(_ReadOnlyAdmin):
    """Find whose a key pair is, and when it was last used. Neither the secret nor what is kept of it is shown."""

    list_display = (
        "key_id",
        "name",
        "portfolio_id",
        "rate_limit",
        "created_at",
        "last_used_at",
        "revoked_at",
    )
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    search_fields = ("=key_id", "=portfolio__owner__email")
    fields = (
        "key_id",
        "name",
        "portfolio",
        "rate_limit",
        "created_by",
        "created_at",
        "last_used_at",
        "revoked_at",
    )
    ordering = ("-created_at",)
    show_full_result_count = False


@admin.register(TradeEvent)
class TradeEventAdmin(_ReadOnlyAdmin):
    """Read what happened to the orders of an account, in the order in which programs were told."""

    list_display = ("portfolio_id", "number", "event", "order_id", "at")
    list_filter = ("event",)
    search_fields = ("=order__id", "=portfolio__owner__email")
    fields = ("portfolio", "number", "event", "order", "at", "payload")
    ordering = ("-pk",)


@admin.register(BrokerConnection)
class BrokerConnectionAdmin(_ReadOnlyAdmin):
    """Which accounts are connected, and how they do. Never their keys, and never their money."""

    list_display = ("name", "owner", "environment", "state", "failing_since", "last_sync_at")
    list_filter = ("environment", "state")
    list_select_related = ("owner",)
    search_fields = ("=id", "=remote_number", "=owner__email")
    ordering = ("-created_at",)
    fields = (
        "id",
        "owner",
        "name",
        "broker",
        "environment",
        "base_url",
        "key_hint",
        "remote_number",
        "state",
        "failing_since",
        "last_error",
        "live_enabled_at",
        "paused_at",
        "last_sync_at",
        "heard_at",
        "reconciled_at",
        "created_at",
        "disconnected_at",
    )
    show_full_result_count = False


@admin.register(BrokerInstruction)
class BrokerInstructionAdmin(_ReadOnlyAdmin):
    """What is to be said to brokers, and what became of it."""

    list_display = (
        "id",
        "connection",
        "order_id",
        "kind",
        "state",
        "attempts",
        "made_at",
        "ended_at",
        "error",
    )
    list_filter = ("state", "kind")
    list_select_related = ("connection",)
    search_fields = ("=order__id", "=connection__id")
    ordering = ("-id",)
    show_full_result_count = False


class _AdministratorsAdmin(admin.ModelAdmin[Any]):
    """What administrators, and they alone, may change of the counter."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Administrators."""
        return is_administrator(person(request))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Administrators."""
        return is_administrator(person(request))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Administrators."""
        return is_administrator(person(request))


@admin.register(SiteControl)
class SiteControlAdmin(_AdministratorsAdmin):
    """The site's kill switch: one row."""

    list_display = ("__str__", "reason", "changed_at", "changed_by")
    fields = ("is_halted", "reason")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """There is one."""
        return super().has_add_permission(request) and not SiteControl.objects.exists()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """It is thrown, not taken away."""
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Through the counter, which keeps who did it and when."""
        set_kill_switch(on=obj.is_halted, actor=request.user, reason=obj.reason, now=clock.now())


@admin.register(InstrumentTerms)
class InstrumentTermsAdmin(_AdministratorsAdmin):
    """Halted and restricted instruments, and terms that differ from their class."""

    list_display = ("instrument", "status", "reason", "is_shortable", "is_marginable", "changed_at")
    list_filter = ("status",)
    list_select_related = ("instrument",)
    autocomplete_fields = ("instrument",)
    search_fields = ("=instrument__symbol",)


class _BasketLineInline(admin.TabularInline[Any, Any]):
    model = BasketLine
    fields = ("number", "instrument", "side", "quantity", "limit_price", "state", "order", "reason")
    raw_id_fields = ("instrument", "order")
    ordering = ("number",)
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(OrderBasket)
class OrderBasketAdmin(_ReadOnlyAdmin):
    """Find a basket and see what became of its orders."""

    list_display = ("id", "portfolio_id", "state", "created_at", "ended_at")
    list_filter = ("state",)
    search_fields = ("=id", "=placed_by__email")
    ordering = ("-created_at",)
    inlines = (_BasketLineInline,)
    show_full_result_count = False
