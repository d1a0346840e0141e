"""What the books do by themselves: post planned entries on their day, forget uploads nobody decided on."""

from __future__ import annotations

from celery import shared_task

from holdings import operations
from portfolio_site.kernel import clock


@shared_task(name="holdings.tasks.post_due_drafts")
def post_due_drafts() -> int:
    """Post the planned entries whose day has come."""
    return operations.post_due_drafts(now=clock.now())


@shared_task(name="holdings.tasks.forget_old_previews")
def forget_old_previews() -> int:
    """Delete uploads that were not decided on within a day."""
    return operations.forget_old_previews(now=clock.now())
