"""The bell: inbox entries, the numbered events that browsers catch up on, and what a person wants to hear of."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q


class Level(models.TextChoices):
    """How a notification is coloured."""

    INFO = "info", "Information"
    SUCCESS = "success", "Good news"
    WARNING = "warning", "Attention"
    DANGER = "danger", "Problem"


class OwnedQuerySet(models.QuerySet[Any]):
    """Rows of one person."""

    def visible_to(self, user: Any) -> Self:
        """Those of `user` alone: an inbox is private, whoever asks."""
        if not user.is_authenticated:
            return self.none()
        return self.filter(user_id=user.pk)


class Notification(models.Model):
    """One entry of a person's inbox, made once for each event that concerns them."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    event_id = models.BigIntegerField()
    kind = models.CharField(max_length=40)
    level = models.CharField(max_length=8, choices=Level.choices, default=Level.INFO)
    title = models.CharField(max_length=200)
    body = models.CharField(max_length=1000, blank=True)
    url = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[OwnedQuerySet] = OwnedQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user", "event_id"], name="notifications_once_per_event"),
            models.CheckConstraint(condition=Q(level__in=Level.values), name="notifications_level_known"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["user", "-id"], name="notifications_of_user"),
            models.Index(
                fields=["user", "-id"], condition=Q(read_at__isnull=True), name="notifications_unread"
            ),
        ]

    def __str__(self) -> str:
        return self.title


class EventCounter(models.Model):
    """The number of a person's latest event. Its row is locked while the next number is taken, until that commits:
    so the order of numbers is the order of commits, and whoever has seen number n can miss nothing below it."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    last_number = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.user_id}: {self.last_number}"


class UserEvent(models.Model):
    """Something a person's open pages are told, numbered per person without gaps. Kept a while for catching up."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    number = models.PositiveBigIntegerField()
    event_id = models.BigIntegerField()
    kind = models.CharField(max_length=40)
    payload = models.JSONField()
    created_at = models.DateTimeField()

    objects: ClassVar[OwnedQuerySet] = OwnedQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user", "number"], name="notifications_event_number_once"),
            models.UniqueConstraint(fields=["user", "event_id"], name="notifications_event_once"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["created_at"], name="notifications_event_age")
        ]

    def __str__(self) -> str:
        return f"{self.user_id}/{self.number} {self.kind}"


class Preference(models.Model):
    """A kind of notification that a person does not want in the inbox. No row: wanted."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=40)
    in_page = models.BooleanField(default=True)

    objects: ClassVar[OwnedQuerySet] = OwnedQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user", "kind"], name="notifications_preference_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.kind}"
