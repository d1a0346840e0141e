"""Accounts: keys for programs.

The key itself is shown once and never stored. A row keeps its public prefix, by which it is found, and the SHA-256 of the
whole key: with 256 random bits behind it there is nothing to guess, so a slow password hash would only slow every request.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from accounts.models.user import User


#: What each access comes to. Reading is always part of it.
SCOPES: dict[str, frozenset[str]] = {
    "read": frozenset({"read"}),
    "trade": frozenset({"read", "trade"}),
    "admin": frozenset({"read", "admin"}),
    "full": frozenset({"read", "trade", "admin"}),
}


def access_for(scopes: Iterable[str]) -> str:
    """The access that comes to these rights (and reading). Raises KeyError for a right that does not exist."""
    wanted = frozenset(scopes) | {"read"}
    return {rights: access for access, rights in SCOPES.items()}[wanted]


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    """Reads of tokens."""

    def visible_to(self, user: User | AnonymousUser) -> ApiTokenQuerySet:
        """A person's own tokens. Nobody else sees them on a page, auditors included."""
        return self.filter(user_id=user.pk) if user.is_authenticated else self.none()

    def live(self, now: datetime) -> ApiTokenQuerySet:
        """Tokens that are neither revoked nor expired at `now`."""
        return self.filter(revoked_at__isnull=True).filter(Q(expires_at__isnull=True) | Q(expires_at__gt=now))


class ApiToken(models.Model):
    """A key with which a program acts for a person."""

    class Kind(models.TextChoices):
        """Where a token came from."""

        NAMED = "named", "Made in the settings"
        SIGN_IN = "sign_in", "Signed in by a program"

    class Access(models.TextChoices):
        """How much a token may do with what is its person's own; `SCOPES` says it in single rights."""

        READ = "read", "Read"
        TRADE = "trade", "Read, and place or cancel orders"
        ADMIN = "admin", "Read, and change everything but orders"
        FULL = "full", "Read, trade and change everything"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.NAMED)
    access = models.CharField(max_length=8, choices=Access.choices, default=Access.FULL)
    prefix = models.CharField(max_length=16, unique=True, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    allowed_networks = ArrayField(
        models.CharField(max_length=43),
        default=list,
        blank=True,
        help_text="Addresses and networks (CIDR) it is taken from; empty: from anywhere.",
    )
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[Any] = ApiTokenQuerySet.as_manager()

    class Meta:
        verbose_name = "API token"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(expires_at__isnull=True) | Q(expires_at__gt=models.F("created_at")),
                name="accounts_apitoken_expires_after_creation",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["user", "-created_at"], name="accounts_token_by_user"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def scopes(self) -> frozenset[str]:
        """The single rights of this token: some of `read`, `trade` and `admin`."""
        return SCOPES[self.access]

    def is_allowed_from(self, ip: str | None) -> bool:
        """Whether a request from this address may use the token; an address that cannot be told may not where
        addresses are named."""
        if not self.allowed_networks:
            return True
        if ip is None:
            return False
        try:
            address = ipaddress.ip_address(ip)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None) or address
        return any(mapped in ipaddress.ip_network(network) for network in self.allowed_networks)

    @property
    def dialog_id(self) -> str:
        """The id of the element that asks before this token is revoked."""
        return f"revoke-{self.pk}"

    def is_live(self, now: datetime) -> bool:
        """Whether the key opens anything at `now`, as far as the token itself goes."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)
