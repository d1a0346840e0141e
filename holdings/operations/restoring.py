"""Bringing a backup back: into a new portfolio, or into the one it was made of. The preview is the restore, rolled back."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, BinaryIO

from django.db import transaction

from holdings.domain.backup_file import BackupUnreadable, Manifest, Member, read_manifest, read_member
from holdings.models import Portfolio, Transaction
from holdings.operations.errors import PaperJournalClosed, PortfolioUnknown
from holdings.operations.importing import (
    Change,
    ImportRefused,
    commit_import,
    preview_import,
    upload_import,
)
from holdings.operations.locking import lock_for_writing
from holdings.operations.portfolios import RATE_DECIMALS, create_portfolio
from portfolio_site.kernel.errors import DomainError


class RestoreRefused(DomainError):
    """The file is no whole backup, or does not go where it is to go. Nothing was changed."""

    code = "restore_refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreOutcome:
    """What a restore did, or would do. `portfolio_id` is None for a new portfolio that was only looked at."""

    name: str
    portfolio_id: int | None
    is_new: bool
    added: int
    removed: int
    unchanged: int
    wrong: int
    cash: tuple[Change, ...]
    holdings: tuple[Change, ...]
    problems: tuple[str, ...]

    @property
    def changes_nothing(self) -> bool:
        """Whether the portfolio is as the backup has it already."""
        return not (self.is_new or self.added or self.removed)


class _Undo(Exception):
    pass


def look_into_backup(*, content: BinaryIO) -> Manifest:
    """What a backup holds; every byte of it is checked. Raises `RestoreRefused` with the reason."""
    try:
        return read_manifest(content)
    except BackupUnreadable as error:
        raise RestoreRefused(str(error), field="file") from error


def restore_backup(
    *,
    owner: Any,
    content: BinaryIO,
    file: str,
    now: datetime,
    portfolio_id: int | None = None,
    is_exact: bool = False,
    is_preview: bool = False,
) -> RestoreOutcome:
    """Bring one portfolio (`file` of the manifest) of a backup back, or say what that would do (`is_preview`).

    Into a new portfolio, or into `portfolio_id`: what is there already stays, what is missing is booked. With `is_exact`
    what was booked since the backup was made is taken back as well, so that the portfolio is what it was. All of it, or
    nothing. A paper account comes back as a tracked portfolio: its orders are not in the backup. Raises
    `RestoreRefused`, `PortfolioUnknown`, `PaperJournalClosed`.
    """
    manifest = look_into_backup(content=content)
    member = next((member for member in manifest.members if member.file == file), None)
    if member is None:
        raise RestoreRefused("The backup holds no such portfolio.", field="file")
    text = read_member(content, member)
    outcome: RestoreOutcome | None = None
    try:
        with transaction.atomic():
            outcome = _restore(
                owner, member, text, manifest=manifest, portfolio_id=portfolio_id, is_exact=is_exact,
                is_preview=is_preview, now=now,
            )  # fmt: skip
            if is_preview:
                raise _Undo  # noqa: TRY301 - leaves the transaction, and takes it back
    except _Undo:
        pass
    except ImportRefused as refusal:
        raise RestoreRefused(refusal.message, field="file") from refusal
    assert outcome is not None
    return outcome


def _restore(
    owner: Any,
    member: Member,
    text: bytes,
    *,
    manifest: Manifest,
    portfolio_id: int | None,
    is_exact: bool,
    is_preview: bool,
    now: datetime,
) -> RestoreOutcome:
    is_new = portfolio_id is None
    portfolio = _opened(owner, member, text, now=now) if portfolio_id is None else _own(owner, portfolio_id)
    later: list[int] = []
    if is_exact and not is_new:
        lock_for_writing(portfolio.pk)
        later = list(
            Transaction.objects.filter(portfolio=portfolio, posted_at__gt=manifest.created_at)
            .counting()
            .values_list("pk", flat=True)
        )
    batch = upload_import(
        portfolio_id=portfolio.pk, filename=f"backup of {manifest.created_at:%Y-%m-%d %H:%M}", content=text,
        actor=owner, now=now,
    )  # fmt: skip
    outcome = None
    if is_new and not is_preview:
        # Looking first would book a whole journal twice: in a new portfolio everything is new.
        with suppress(ImportRefused):
            outcome = commit_import(batch_id=batch.pk, actor=owner, now=now)
    if outcome is None:
        # What a preview is taken back from anyway need not be booked to be told.
        outcome = preview_import(batch_id=batch.pk, actor=owner, now=now, takes_back=later)
        if not is_preview and (outcome.importable or later):
            outcome = commit_import(batch_id=batch.pk, actor=owner, now=now, takes_back=later)
        else:
            batch.delete()
    wrong = [f"{row.path}: {row.message}" for row in outcome.rows if row.state == "error"]
    wrong += [f"{problem.path}: {problem.message}" for problem in outcome.problems if problem.is_error]
    if wrong:
        # A backup of ours fits as a whole; half of one would be other books.
        raise RestoreRefused(f"{len(wrong)} entries of the backup do not fit: {wrong[0]}", field="file")
    return RestoreOutcome(
        name=portfolio.name,
        portfolio_id=portfolio.pk,
        is_new=is_new,
        added=outcome.importable,
        removed=len(later),
        unchanged=outcome.counts.get("duplicate", 0),
        wrong=len(wrong),
        cash=tuple(outcome.cash),
        holdings=tuple(outcome.holdings),
        problems=tuple(f"{problem.path}: {problem.message}" for problem in outcome.problems),
    )


def _own(owner: Any, portfolio_id: int) -> Portfolio:
    portfolio: Portfolio | None = (
        Portfolio.objects.visible_to(owner).filter(pk=portfolio_id, owner_id=owner.pk).first()
    )
    if portfolio is None:
        raise PortfolioUnknown
    if portfolio.is_traded:
        raise PaperJournalClosed
    return portfolio


def _opened(owner: Any, member: Member, text: bytes, *, now: datetime) -> Portfolio:
    """A new portfolio with the settings of the one in the backup, under a name that is free."""
    said = _settings(text)
    taken = set(Portfolio.objects.filter(owner_id=owner.pk).values_list("name", flat=True))
    names = [member.name, *(f"{member.name[:100]} (restored {n})" for n in range(1, len(taken) + 2))]
    name = next(name for name in names if name not in taken)
    made: Portfolio = create_portfolio(
        owner=owner, name=name, base_currency=str(said.get("base_currency", member.base_currency)), now=now,
        cost_basis_method=str(said.get("cost_basis_method", "fifo")), allow_short=bool(said.get("allow_short")),
        tax_country=str(said.get("tax_country", "")), time_zone=str(said.get("timezone", "")),
        risk_free_rate=_rate(said.get("risk_free_rate", 0)),
    )  # fmt: skip
    return made


def _rate(said: Any) -> Decimal:
    """The risk-free rate of a file, to the decimals that a portfolio keeps; none where it says nothing of use."""
    try:
        rate = Decimal(str(said)).quantize(Decimal(1).scaleb(-RATE_DECIMALS))
    except InvalidOperation:
        return Decimal(0)
    return rate if abs(rate) < 1 else Decimal(0)


def _settings(text: bytes) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RestoreRefused("The backup is damaged.", field="file") from error
    return said if isinstance(said, dict) else {}
