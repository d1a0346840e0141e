"""Backups: a person's portfolios as one file in the private store (S3 where a bucket is named), and its retention."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, BinaryIO

import structlog
from django.db import connection, transaction

from documents.operations import delete_document, store_document
from documents.queries import DocumentView, documents_for, view_of
from holdings.domain.backup_file import Source, member_name, write_backup
from holdings.models import BackupPlan, Portfolio, Transaction
from holdings.operations.errors import PortfolioUnknown
from holdings.queries.beside import beside
from holdings.queries.exports import portfolio_export
from portfolio_site.kernel.errors import DomainError

log = structlog.get_logger(__name__)

BACKUP_KIND = "backup"
_SCHEDULED = "backup-schedule:"
_EVERY = {"daily": timedelta(days=1), "weekly": timedelta(days=7), "monthly": timedelta(days=30)}


class NothingToBackUp(DomainError):
    """The person has no portfolio."""

    code = "nothing_to_back_up"


def make_backup(
    *, owner: Any, now: datetime, portfolio_id: int | None = None, source: str = ""
) -> DocumentView:
    """Write one portfolio, or all that are the person's and their watchlists, into a backup and put it away.

    With a `source` the same call made again returns the backup that is there. Not to be called inside a transaction:
    the store may be far away. Raises `PortfolioUnknown`, `NothingToBackUp`.
    """
    portfolios = list(
        Portfolio.objects.visible_to(owner).filter(owner_id=owner.pk).select_related("owner").order_by("pk")
    )
    if portfolio_id is not None:
        portfolios = [portfolio for portfolio in portfolios if portfolio.pk == portfolio_id]
        if not portfolios:
            raise PortfolioUnknown
    if not portfolios:
        raise NothingToBackUp("There is no portfolio yet.")
    with tempfile.TemporaryFile() as file:
        with _one_moment():
            _write(file, portfolios, owner=owner, now=now, is_all=portfolio_id is None)
        file.seek(0)
        return store_document(
            owner_id=owner.pk,
            kind=BACKUP_KIND,
            filename=_filename(portfolios, now),
            content=file,
            now=now,
            source=source,
        )


def backup_source(key: str) -> str:
    """The `source` of a backup asked for under an idempotency key; empty without one."""
    return f"key:{hashlib.sha256(key.encode()).hexdigest()}" if key else ""


def backups_for(owner: Any, *, now: datetime) -> list[DocumentView]:
    """The person's backups, newest first."""
    return [view_of(document) for document in documents_for(owner, now=now, kind=BACKUP_KIND)]


def set_backup_plan(*, owner: Any, every: str, keep: int, now: datetime) -> BackupPlan:
    """Back up everything of the person's `daily`, `weekly` or `monthly` (`never` ends it), and keep the last `keep`."""
    if every not in {*_EVERY, "never"}:
        raise DomainError("Choose how often.", code="interval_unknown", field="every")
    if not 1 <= keep <= 100:
        raise DomainError("Keep between 1 and 100 backups.", code="keep_out_of_range", field="keep")
    plan: BackupPlan
    plan, _ = BackupPlan.objects.update_or_create(
        owner=owner, defaults={"every": every, "keep": keep, "changed_at": now}
    )
    return plan


def due_backup_plans(*, now: datetime) -> list[int]:
    """The plans whose time has come."""
    rows = BackupPlan.objects.exclude(every="never").filter(owner__is_active=True)
    return [
        plan.pk for plan in rows if plan.last_run_at is None or plan.last_run_at + _EVERY[plan.every] <= now
    ]


def carry_out_backup_plan(*, plan_id: int, now: datetime) -> DocumentView | None:
    """Make the backup of a plan whose time has come, and let go of its oldest. None when it is not due (any more).

    A worker that dies in between makes the same one again, not a second. Backups made by hand are never let go.
    """
    with transaction.atomic():
        plan = BackupPlan.objects.select_for_update().select_related("owner").filter(pk=plan_id).first()
        if plan is None or plan.pk not in due_backup_plans(now=now):
            return None
        run = f"{_SCHEDULED}{plan.owner_id}:{plan.last_run_at.isoformat() if plan.last_run_at else 'first'}"
    try:
        made = make_backup(owner=plan.owner, now=now, source=run)
    except NothingToBackUp:
        made = None
    BackupPlan.objects.filter(pk=plan_id, last_run_at=plan.last_run_at).update(last_run_at=now)
    for document in _scheduled(plan.owner, now=now)[plan.keep :]:
        delete_document(document_id=document.id, actor=plan.owner, now=now)
        log.info("backup_let_go", document=str(document.id))
    return made


def _scheduled(owner: Any, *, now: datetime) -> list[DocumentView]:
    found = documents_for(owner, now=now, kind=BACKUP_KIND).filter(source__startswith=_SCHEDULED)
    return [view_of(document) for document in found]


@contextmanager
def _one_moment() -> Iterator[None]:
    """See the books as of one moment, whatever is posted while a long journal is read: the manifest counts what is there.

    Inside somebody's transaction its isolation is settled already.
    """
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def _write(file: BinaryIO, portfolios: list[Portfolio], *, owner: Any, now: datetime, is_all: bool) -> None:
    def sources() -> Iterator[Source]:
        for portfolio in portfolios:
            yield Source(
                name=portfolio.name,
                kind=portfolio.kind,
                base_currency=portfolio.base_currency,
                portfolio_id=portfolio.pk,
                entries=Transaction.objects.filter(portfolio=portfolio).counting().count(),
                pieces=portfolio_export(portfolio, now=now),
            )

    named = {member_name(number): portfolio for number, portfolio in enumerate(portfolios, start=1)}
    write_backup(
        file,
        sources(),
        created_at=now,
        owner=owner.email,
        beside=beside(named, owner=owner, with_watchlists=is_all),
    )


def _filename(portfolios: list[Portfolio], now: datetime) -> str:
    what = "all" if len(portfolios) > 1 else re.sub(r"[^a-z0-9]+", "-", portfolios[0].name.lower()).strip("-")
    return f"holdfast-{what[:40] or 'portfolio'}-{now:%Y-%m-%dT%H%M%SZ}.zip"
