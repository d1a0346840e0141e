"""The counter: key pairs with which programs trade in one paper account.

The secret is shown once and never stored. A row keeps the public key id, by which it is found, and a keyed SHA-256 of
the secret: with more than 200 random bits behind it there is nothing to guess, so a slow password hash would only
slow every order.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q

#: What a key is given unless the person says otherwise, and the most that can be asked for.
DEFAULT_RATE_LIMIT = 200
MAX_RATE_LIMIT = 1_000_000


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    """Keys, as people may see them."""

    def visible_to(self, user: Any) -> Self:
        """Those of the person's own accounts. Nobody else sees them, auditors included."""
        if not user.is_authenticated:
            return self.none()
        return self.filter(portfolio__owner_id=user.pk)

    def live(self) -> Self:
        """Those that still open something."""
        return self.filter(revoked_at__isnull=True)


class ApiKey(models.Model):
    """A key pair of one paper account, for the Alpaca-compatible API. ``rate_limit`` is requests per minute."""

    portfolio = models.ForeignKey(
        "holdings.Portfolio", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    name = models.CharField(max_length=80)
    key_id = models.CharField(max_length=26, unique=True, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    rate_limit = models.PositiveIntegerField(default=DEFAULT_RATE_LIMIT)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = "API key"
        verbose_name_plural = "API keys"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(rate_limit__gte=1, rate_limit__lte=MAX_RATE_LIMIT),
                name="trading_apikey_rate_limit_sane",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["portfolio", "-created_at"], name="trading_apikey_of_account"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.key_id})"

    @property
    def is_live(self) -> bool:
        """Whether the key still opens anything, as far as the key itself goes."""
        return self.revoked_at is None

    @property
    def dialog_id(self) -> str:
        """The id of the element that asks before this key is revoked."""
        return f"revoke-key-{self.pk}"
