"""Accounts: what happened to a person's access, in the order it happened. Rows are only ever added."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import pgtrigger
from django.conf import settings
from django.db import models

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from accounts.models.user import User


class SecurityEventQuerySet(models.QuerySet["SecurityEvent"]):
    """Reads of the security log."""

    def visible_to(self, user: User | AnonymousUser) -> SecurityEventQuerySet:
        """What happened to this person's own access."""
        return self.filter(user_id=user.pk) if user.is_authenticated else self.none()


class SecurityEvent(models.Model):
    """One thing that happened to a person's access: a sign-in, a new key, a role."""

    class Kind(models.TextChoices):
        """What can happen, in the words the person reads."""

        SIGNED_UP = "signed_up", "Account created"
        SIGNED_IN = "signed_in", "Signed in"
        SIGNED_OUT = "signed_out", "Signed out"
        SIGN_IN_FAILED = "sign_in_failed", "Sign-in refused: wrong password"
        CODE_REFUSED = "code_refused", "Sign-in refused: wrong second factor"
        EMAIL_CONFIRMED = "email_confirmed", "E-mail address confirmed"
        EMAIL_CHANGED = "email_changed", "E-mail address changed"
        PASSWORD_CHANGED = "password_changed", "Password changed"
        PASSWORD_RESET = "password_reset", "Password reset by mail"
        FACTOR_ADDED = "factor_added", "Second factor added"
        FACTOR_REMOVED = "factor_removed", "Second factor removed"
        FACTORS_RESET = "factors_reset", "All second factors removed"
        CODES_RENEWED = "codes_renewed", "New recovery codes made"
        TOKEN_CREATED = "token_created", "API token created"
        TOKEN_REVOKED = "token_revoked", "API token revoked"
        SESSIONS_ENDED = "sessions_ended", "Signed out everywhere"
        ROLES_CHANGED = "roles_changed", "Roles changed"
        SUSPENDED = "suspended", "Account suspended"
        REACTIVATED = "reactivated", "Account opened again"
        CLOSED = "closed", "Account closed"
        DATA_EXPORTED = "data_exported", "Personal data downloaded"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="security_events"
    )
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Who did it; empty when nobody was signed in.",
    )
    kind = models.CharField(max_length=20, choices=Kind.choices)
    detail = models.CharField(max_length=300, blank=True)
    ip = models.GenericIPAddressField(null=True, blank=True)
    user_agent = models.CharField(max_length=300, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField()

    objects: ClassVar[Any] = SecurityEventQuerySet.as_manager()

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["user", "-created_at", "-id"], name="accounts_security_by_user"),
            models.Index(fields=["-created_at", "-id"], name="accounts_security_by_time"),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.created_at:%Y-%m-%d %H:%M} UTC"
