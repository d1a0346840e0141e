"""Files that were brought in: what was uploaded, what became of it."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from holdings.models.portfolio import Portfolio


class ImportState(models.TextChoices):
    """How far an import has come."""

    PREVIEW = "preview", "Waiting for your decision"
    COMMITTED = "committed", "Imported"
    UNDONE = "undone", "Undone"


class ImportBatchQuerySet(models.QuerySet["ImportBatch"]):
    """Imports, as people may see them."""

    def visible_to(self, user: Any) -> Self:
        """Those of portfolios that `user` may see."""
        return self.filter(portfolio__in=Portfolio.objects.visible_to(user))


class ImportBatch(models.Model):
    """One uploaded file. Its content is kept (compressed) only between upload and decision."""

    portfolio = models.ForeignKey(Portfolio, on_delete=models.PROTECT, related_name="imports")
    format = models.CharField(max_length=40)
    filename = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64)
    content = models.BinaryField(null=True, blank=True)
    state = models.CharField(max_length=10, choices=ImportState.choices, default=ImportState.PREVIEW)
    posted_count = models.PositiveIntegerField(default=0)
    duplicate_count = models.PositiveIntegerField(default=0)
    skipped_count = models.PositiveIntegerField(default=0)
    draft_count = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    committed_at = models.DateTimeField(null=True, blank=True)
    undone_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[models.Manager[ImportBatch]] = ImportBatchQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(state__in=ImportState.values), name="holdings_import_state_known"
            ),
        ]

    def __str__(self) -> str:
        return self.filename
