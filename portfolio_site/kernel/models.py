"""The ground floor's tables: the outbox, receipts of its deliveries, and first answers by idempotency key."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class OutboxEvent(models.Model):
    """Something that happened, written in the transaction in which it happened, to be told afterwards."""

    name = models.CharField(max_length=100)
    stream = models.CharField(max_length=100, blank=True)
    payload = models.JSONField()
    request_id = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    dispatched_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(db_default=Now())
    last_error = models.TextField(blank=True)
    #: The lane whose subscribers are next (`kernel.events.Lane`).
    lane = models.PositiveSmallIntegerField(db_default=0)

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["lane", "id"], condition=models.Q(dispatched_at__isnull=True), name="outbox_next"
            ),
            # Those that failed: nothing is in it when all is well.
            models.Index(
                fields=["lane", "stream", "id"],
                condition=models.Q(dispatched_at__isnull=True, next_attempt_at__gt=models.F("created_at")),
                name="outbox_put_off",
            ),
            models.Index(fields=["dispatched_at"], name="outbox_dispatched"),
        ]

    def __str__(self) -> str:
        return f"{self.name} #{self.pk}"


class EventReceipt(models.Model):
    """Proof that one subscriber has handled one event, committed together with what the subscriber did."""

    event_id = models.BigIntegerField()
    subscriber = models.CharField(max_length=100)
    handled_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["event_id", "subscriber"], name="receipt_once"),
        ]
        indexes: ClassVar = [models.Index(fields=["handled_at"], name="receipt_handled")]

    def __str__(self) -> str:
        return f"{self.subscriber} of #{self.event_id}"


class IdempotencyRecord(models.Model):
    """The first answer given to a key, so that a repeated request is answered and not done again."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    route = models.CharField(max_length=200)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    answer = models.JSONField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "route", "key"], name="idempotency_once"),
        ]
        indexes: ClassVar = [models.Index(fields=["created_at"], name="idempotency_created")]

    def __str__(self) -> str:
        return f"{self.route} {self.key}"
