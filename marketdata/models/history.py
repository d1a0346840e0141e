"""Market data: what is known about the history of an instrument, and what is being done about it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from marketdata.models.instruments import Instrument
from marketdata.models.visibility import OfInstrumentQuerySet
from portfolio_site.kernel.fields import PriceField, QuantityField


class HistoryStatus(models.Model):
    """How far the daily bars of an instrument were asked for, and how the asking went.

    `revision` grows whenever a bar is added or changed: what was computed from bars is known by it.
    """

    instrument = models.OneToOneField(
        Instrument, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    revision = models.PositiveBigIntegerField(default=0)
    asked_from = models.DateField(null=True, blank=True, help_text="The earliest day a source was asked for.")
    asked_through = models.DateField(null=True, blank=True, help_text="The last day a source was asked for.")
    asked_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    source = models.CharField(max_length=60, blank=True, help_text="Who answered last.")
    trouble = models.CharField(max_length=300, blank=True, help_text="Why the last asking brought nothing.")
    scanned_at = models.DateTimeField(
        null=True, blank=True, help_text="When missing days were last looked for."
    )

    objects = OfInstrumentQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "history status"

    def __str__(self) -> str:
        return f"{self.instrument_id}: {self.asked_from} to {self.asked_through}"


class HistoryJobState(models.TextChoices):
    """Where a job is."""

    QUEUED = "queued", "Waiting"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"


class HistoryJob(models.Model):
    """Fetching the history of one instrument, as people can watch it. One at a time for an instrument."""

    instrument = models.ForeignKey(Instrument, on_delete=models.CASCADE, related_name="+", db_index=False)
    state = models.CharField(max_length=8, choices=HistoryJobState, default=HistoryJobState.QUEUED)
    progress = models.PositiveSmallIntegerField(default=0, help_text="Percent.")
    stage = models.CharField(max_length=120, blank=True, help_text="What it is doing, in words.")
    reason = models.CharField(max_length=40, help_text="Why it was asked for: opened, watched, held, again.")
    wanted_from = models.DateField(help_text="The first day wanted.")
    requested_at = models.DateTimeField()
    not_before = models.DateTimeField(help_text="It does not start before then.")
    started_at = models.DateTimeField(null=True, blank=True)
    beat_at = models.DateTimeField(null=True, blank=True, help_text="Its last sign of life.")
    finished_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    bars_added = models.PositiveIntegerField(default=0)
    actions_added = models.PositiveIntegerField(default=0)
    source = models.CharField(max_length=60, blank=True)
    error = models.CharField(max_length=300, blank=True)

    objects = OfInstrumentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["instrument"],
                condition=Q(state__in=["queued", "running"]),
                name="historyjob_one_at_a_time",
            ),
            models.CheckConstraint(condition=Q(progress__lte=100), name="historyjob_progress_percent"),
            models.CheckConstraint(
                condition=Q(state__in=HistoryJobState.values), name="historyjob_state_known"
            ),
        ]
        indexes = [
            models.Index(fields=["instrument", "-id"], name="historyjob_latest"),
            models.Index(
                fields=["not_before"], name="historyjob_open", condition=Q(state__in=["queued", "running"])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.instrument_id}: {self.state} {self.progress} %"


class HistoryGap(models.Model):
    """Trading days in a row without a bar. Gone once they have one; `is_final` when no source has one either."""

    instrument = models.ForeignKey(Instrument, on_delete=models.CASCADE, related_name="+", db_index=False)
    first_date = models.DateField()
    last_date = models.DateField()
    days = models.PositiveIntegerField(help_text="Trading days in it.")
    found_at = models.DateTimeField()
    asked_at = models.DateTimeField(null=True, blank=True)
    is_final = models.BooleanField(default=False, help_text="The sources were asked and have no bar either.")

    objects = OfInstrumentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["instrument", "first_date"], name="historygap_once"),
            models.CheckConstraint(
                condition=Q(first_date__lte=F("last_date")), name="historygap_first_before_last"
            ),
            models.CheckConstraint(condition=Q(days__gt=0), name="historygap_has_days"),
        ]

    def __str__(self) -> str:
        return f"{self.instrument_id}: {self.first_date} to {self.last_date}"


class RestatementState(models.TextChoices):
    """What was decided about it."""

    OPEN = "open", "To be decided"
    ACCEPTED = "accepted", "Taken over"
    KEPT = "kept", "Kept as it was"
    GONE = "gone", "The source agrees again"


class Restatement(models.Model):
    """A source now says something else about past days than what is stored. What is stored stays until somebody decides."""

    instrument = models.ForeignKey(Instrument, on_delete=models.CASCADE, related_name="+", db_index=False)
    source = models.CharField(max_length=60, help_text="Who says so.")
    state = models.CharField(max_length=8, choices=RestatementState, default=RestatementState.OPEN)
    first_date = models.DateField()
    last_date = models.DateField()
    days = models.PositiveIntegerField()
    factor = PriceField(
        null=True,
        blank=True,
        help_text="New close over old one, where it is the same for all days: a split nobody told of.",
    )
    found_at = models.DateTimeField()
    seen_at = models.DateTimeField(help_text="When the source last said so.")
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    objects = OfInstrumentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["instrument", "source"], condition=Q(state="open"), name="restatement_one_open"
            ),
            models.CheckConstraint(
                condition=Q(state__in=RestatementState.values), name="restatement_state_known"
            ),
            models.CheckConstraint(
                condition=Q(first_date__lte=F("last_date")), name="restatement_first_before_last"
            ),
        ]
        indexes = [models.Index(fields=["instrument", "-id"], name="restatement_latest")]

    def __str__(self) -> str:
        return f"{self.instrument_id}: {self.days} days by {self.source}"


class RestatedBar(models.Model):
    """One day of a restatement: what the source says now, and what was stored when it was decided about."""

    restatement = models.ForeignKey(
        Restatement, on_delete=models.CASCADE, related_name="bars", db_index=False
    )
    date = models.DateField()
    open = PriceField(null=True)
    high = PriceField(null=True)
    low = PriceField(null=True)
    close = PriceField()
    volume = QuantityField(null=True)
    old_open = PriceField(null=True)
    old_high = PriceField(null=True)
    old_low = PriceField(null=True)
    old_close = PriceField()
    old_volume = QuantityField(null=True)
    old_source = models.CharField(max_length=60)

    objects: models.Manager[RestatedBar] = models.Manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["restatement", "date"], name="restatedbar_once")]

    def __str__(self) -> str:
        return f"{self.date}: {self.old_close} → {self.close}"
