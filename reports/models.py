"""The print shop: report jobs."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q


class JobState(models.TextChoices):
    """Where a job is. `queued` → `running` → `done` | `failed`; a dead worker's job goes back to `queued`."""

    QUEUED = "queued", "Waiting"
    RUNNING = "running", "Being made"
    DONE = "done", "Ready"
    FAILED = "failed", "Failed"


class ReportJobQuerySet(models.QuerySet["ReportJob"]):
    """Report jobs, as people may see them."""

    def visible_to(self, user: Any) -> Self:
        """Those that `user` asked for. A report is a copy for the person who made it, so nobody else sees it."""
        if not user.is_authenticated:
            return self.none()
        return self.filter(owner_id=user.pk)

    def unfinished(self) -> Self:
        """Those that are waiting or being made."""
        return self.filter(state__in=[JobState.QUEUED, JobState.RUNNING])


class ReportJob(models.Model):
    """One report that a person asked for.

    `heartbeat_at` is renewed while a worker is at it; a job whose heart stopped is queued again, `attempts` times at
    most. `error` is a sentence for the person; what happened in detail is in the log under the job's id.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    portfolio = models.ForeignKey("holdings.Portfolio", on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=40)
    format = models.CharField(max_length=8)
    parameters = models.JSONField(default=dict)
    title = models.CharField(max_length=200)
    state = models.CharField(max_length=8, choices=JobState.choices, default=JobState.QUEUED)
    progress = models.PositiveSmallIntegerField(default=0)
    stage = models.CharField(max_length=80, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=500, blank=True)
    document = models.ForeignKey(
        "documents.Document", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[ReportJobQuerySet] = ReportJobQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(state__in=JobState.values), name="reports_job_state_known"),
            models.CheckConstraint(condition=Q(progress__lte=100), name="reports_job_progress_is_percent"),
            models.CheckConstraint(
                condition=Q(state__in=[JobState.QUEUED, JobState.RUNNING], finished_at__isnull=True)
                | Q(state__in=[JobState.DONE, JobState.FAILED], finished_at__isnull=False),
                name="reports_job_finished_when_over",
            ),
            models.CheckConstraint(
                condition=~Q(state=JobState.FAILED) | ~Q(error=""), name="reports_job_failed_says_why"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["owner", "-created_at", "id"], name="reports_jobs_of_owner"),
            models.Index(
                fields=["state", "heartbeat_at"],
                condition=Q(state__in=["queued", "running"]),
                name="reports_jobs_unfinished",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.format})"

    @property
    def format_name(self) -> str:
        """The format as people call it."""
        return {"pdf": "PDF", "xlsx": "Excel"}.get(self.format, self.format)

    @property
    def progress_id(self) -> str:
        """The id of the progress bar in a page."""
        return f"progress-{self.pk}"

    @property
    def first_day(self) -> date | None:
        """The first day reported on; None for the beginning."""
        text = self.parameters.get("from")
        return date.fromisoformat(text) if text else None

    @property
    def last_day(self) -> date:
        """The last day reported on."""
        return date.fromisoformat(self.parameters["to"])
