"""How often a person's portfolios are backed up without being asked."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q


class BackupInterval(models.TextChoices):
    """How often."""

    NEVER = "never", "Never"
    DAILY = "daily", "Every day"
    WEEKLY = "weekly", "Every week"
    MONTHLY = "monthly", "Every month"


class BackupPlanQuerySet(models.QuerySet["BackupPlan"]):
    """Plans, as people may see them."""

    def visible_to(self, user: Any) -> Self:
        """One's own."""
        return self.filter(owner_id=user.pk) if user.is_authenticated else self.none()


class BackupPlan(models.Model):
    """One for each person who wants it; `keep` counts the scheduled backups that stay."""

    owner = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    every = models.CharField(max_length=8, choices=BackupInterval.choices, default=BackupInterval.NEVER)
    keep = models.PositiveSmallIntegerField(default=7)
    changed_at = models.DateTimeField()
    last_run_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[models.Manager[BackupPlan]] = BackupPlanQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(every__in=BackupInterval.values), name="holdings_backup_interval_known"
            ),
            models.CheckConstraint(condition=Q(keep__gte=1, keep__lte=100), name="holdings_backup_keep_sane"),
        ]

    def __str__(self) -> str:
        return f"{self.every}, {self.keep} kept"
