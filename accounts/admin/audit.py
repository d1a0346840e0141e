"""Accounts: the audit trail in the administration pages. It can be read and not touched; the database sees to that."""

from __future__ import annotations

from typing import Any

import pghistory.core
from django.contrib import admin
from django.db.models import JSONField, QuerySet, TextField
from django.http import HttpRequest

from accounts.admin.base import ReadOnlyAdmin
from accounts.models import ApiTokenEvent, RoleEvent, SecurityEvent, UserEvent


def _from(event: Any, fact: str) -> str:
    context = event.pgh_context
    facts = getattr(context, "metadata", context) or {}
    return str(facts.get(fact) or "")


class AuditAdmin(ReadOnlyAdmin):
    """Changes written by the database's own triggers, newest first, with who was behind them."""

    list_per_page = 50
    date_hierarchy = "pgh_created_at"
    list_filter = ("pgh_label",)
    ordering = ("-pgh_id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Newest first."""
        return super().get_queryset(request).order_by("-pgh_id")

    @admin.display(description="when", ordering="pgh_created_at")
    def when(self, event: Any) -> Any:
        """The instant of the change."""
        return event.pgh_created_at

    @admin.display(description="what")
    def what(self, event: Any) -> str:
        """The kind of change."""
        return str(event.pgh_label)

    @admin.display(description="by")
    def by(self, event: Any) -> str:
        """Who was signed in; a token is named by its prefix."""
        token = _from(event, "token")
        return f"user {_from(event, 'user') or '–'}" + (f", token {token}…" if token else "")

    @admin.display(description="from")
    def origin(self, event: Any) -> str:
        """The address the request came from."""
        return _from(event, "ip")

    @admin.display(description="request")
    def request_id(self, event: Any) -> str:
        """The request id that the log lines carry."""
        return _from(event, "request_id")


@admin.register(UserEvent)
class UserEventAdmin(AuditAdmin):
    """Changes of users."""

    list_display = (
        "when", "what", "id", "email", "is_staff", "is_active", "password_changed_at", "by", "origin",
    )  # fmt: skip
    search_fields = ("email", "=id")


@admin.register(RoleEvent)
class RoleEventAdmin(AuditAdmin):
    """Roles given and taken."""

    list_display = ("when", "what", "user", "group", "by", "origin")
    list_select_related = ("user", "group")
    search_fields = ("user__email",)


@admin.register(ApiTokenEvent)
class ApiTokenEventAdmin(AuditAdmin):
    """Changes of API tokens."""

    list_display = (
        "when",
        "what",
        "user",
        "name",
        "prefix",
        "access",
        "expires_at",
        "revoked_at",
        "by",
        "origin",
    )
    list_select_related = ("user",)
    search_fields = ("user__email", "prefix", "name")


@admin.register(SecurityEvent)
class SecurityEventAdmin(ReadOnlyAdmin):
    """What happened to people's access."""

    list_display = ("created_at", "user", "kind", "detail", "actor", "ip", "request_id")
    list_filter = ("kind",)
    list_select_related = ("user", "actor")
    search_fields = ("user__email", "ip", "request_id")
    date_hierarchy = "created_at"
    ordering = ("-created_at", "-id")
    list_per_page = 50


class OtherEventAdmin(AuditAdmin):
    """Changes in a room that has no page of its own for them: orders, portfolios, documents."""

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:  # the rows of every room begin alike
        """When, what, to which row, then what identifies it, then by whom."""
        names = [
            field.name
            for field in self.opts.concrete_fields
            if not field.name.startswith("pgh_") and not isinstance(field, TextField | JSONField)
        ]
        return ("when", "what", *names[:7], "by", "origin", "request_id")

    def get_list_select_related(self, request: HttpRequest) -> tuple[str, ...]:
        """Read what a row names together with the row."""
        return tuple(field.name for field in self.opts.concrete_fields if field.is_relation)


def register_other_rooms(site: admin.AdminSite) -> None:
    """Give every audit table of the site a page, so that nothing is recorded where no administrator can read it."""
    for event_model in pghistory.core.event_models():
        if not site.is_registered(event_model):
            site.register(event_model, OtherEventAdmin)
