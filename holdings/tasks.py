"""What the books do by themselves: post planned entries on their day, forget uploads nobody decided on."""

from __future__ import annotations

from celery import shared_task

from holdings import operations
from holdings.operations import actions
from portfolio_site.kernel import clock
from portfolio_site.kernel.jobs import enqueue


@shared_task(name="holdings.tasks.post_due_drafts")
def post_due_drafts() -> int:
    """Post the planned entries whose day has come."""
    return operations.post_due_drafts(now=clock.now())


@shared_task(name="holdings.tasks.forget_old_previews")
def forget_old_previews() -> int:
    """Delete uploads that were not decided on within a day."""
    return operations.forget_old_previews(now=clock.now())


@shared_task(name="holdings.tasks.make_due_backups")
def make_due_backups() -> int:
    """Send each backup plan whose time has come on its way. Returns how many."""
    due = operations.due_backup_plans(now=clock.now())
    for plan_id in due:
        enqueue(make_planned_backup, plan_id=plan_id)
    return len(due)


@shared_task(name="holdings.tasks.make_planned_backup", soft_time_limit=540, time_limit=600)
def make_planned_backup(plan_id: int) -> bool:
    """Make the backup of one plan; safe to be sent twice."""
    return operations.carry_out_backup_plan(plan_id=plan_id, now=clock.now()) is not None


@shared_task(name="holdings.tasks.book_due_actions")
def book_due_actions() -> int:
    """Book the dividends and splits whose day has come where that is wanted without asking."""
    return actions.book_due_proposals(now=clock.now())
