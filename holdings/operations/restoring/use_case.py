"""The use case: check the archive, find the portfolio, book what it lacks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, BinaryIO, Final

from django.db import transaction

from documents.operations import store_document
from documents.queries import DocumentView
from holdings.domain import parsing
from holdings.domain import types as domain
from holdings.domain.backup_file import (
    BackupUnreadable,
    Manifest,
    Member,
    member_blocks,
    read_beside,
    read_manifest,
)
from holdings.events import ImportFinished, stream_of
from holdings.importers.base import ParsedRow, named
from holdings.importers.portfolio_file import PortfolioFileImporter, file_of, row_of
from holdings.models import Account, ImportBatch, Portfolio
from holdings.models.imports import ImportState
from holdings.operations.backing_up import BACKUP_KIND
from holdings.operations.errors import PaperJournalClosed, PortfolioUnknown
from holdings.operations.importing import changes_between
from holdings.operations.importing.things import ThingsOfFile
from holdings.operations.locking import lock_for_writing
from holdings.operations.portfolios import RATE_DECIMALS, create_portfolio
from holdings.operations.preparing import Preparer
from holdings.operations.rates import Rates
from holdings.operations.restoring.beside import (
    Beside,
    restore_planned,
    restore_targets,
    restore_watchlists,
)
from holdings.operations.restoring.journal import Booking
from holdings.operations.restoring.known import Known
from holdings.operations.restoring.outcome import RestoreOutcome, RestoreRefused
from holdings.queries.balances import cash_balances, position_quantities
from portfolio_site.kernel.events import publish
from portfolio_site.kernel.statements import take_time

#: How long a backup from elsewhere waits for a decision.
UPLOAD_KEPT: Final = timedelta(days=1)
_SOURCE = f"import:{PortfolioFileImporter.code}"


class _Undo(Exception):
    pass


def look_into_backup(*, content: BinaryIO) -> Manifest:
    """What a backup holds; every byte of it is checked. Raises `RestoreRefused` with the reason."""
    try:
        return read_manifest(content)
    except BackupUnreadable as error:
        raise RestoreRefused(str(error), field="file") from error


def take_in_backup(
    *, owner: Any, filename: str, content: BinaryIO, now: datetime, source: str = ""
) -> tuple[DocumentView, Manifest]:
    """Keep a backup from elsewhere for a day, for the decision where it goes; what it holds. Nothing is restored.

    Raises `RestoreRefused` for what is no whole backup; then nothing is kept. `source` as for `make_backup`.
    """
    manifest = look_into_backup(content=content)
    content.seek(0)
    kept = store_document(
        owner_id=owner.pk, kind=BACKUP_KIND, filename=filename, content=content, now=now, source=source,
        expires_at=now + UPLOAD_KEPT,
    )  # fmt: skip
    return kept, manifest


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
    what was booked since the backup was made, and is not in it, is taken back as well, so that the portfolio is what it was.
    What stands beside its portfolio file comes too, as far as it is not there: planned entries, target weights, and (from a
    backup of all portfolios) watchlists. All of it, or nothing. A paper account comes back as a tracked portfolio: its
    orders are not in the backup. Raises `RestoreRefused`, `PortfolioUnknown`, `PaperJournalClosed`.
    """
    manifest = look_into_backup(content=content)
    member = next((member for member in manifest.members if member.file == file), None)
    if member is None:
        raise RestoreRefused("The backup holds no such portfolio.", field="file")
    outcome: RestoreOutcome | None = None
    try:
        beside = Beside.of(read_beside(content, manifest), file=member.file)
        found = parsing.survey(member_blocks(content, member))
        with transaction.atomic():
            take_time()
            outcome = _restore(
                owner,
                found,
                beside,
                member,
                content,
                manifest=manifest,
                portfolio_id=portfolio_id,
                is_exact=is_exact,
                now=now,
            )
            if is_preview:
                raise _Undo  # noqa: TRY301 - leaves the transaction, and takes it back
    except _Undo:
        pass
    except BackupUnreadable as error:
        raise RestoreRefused(str(error), field="file") from error
    except domain.PortfolioError as error:
        first = error.problems[0]
        raise RestoreRefused(
            f"The backup cannot be restored: {first.path} {first.message}.", field="file"
        ) from error
    assert outcome is not None
    return outcome


def _restore(
    owner: Any,
    found: parsing.Survey,
    beside: Beside,
    member: Member,
    content: BinaryIO,
    *,
    manifest: Manifest,
    portfolio_id: int | None,
    is_exact: bool,
    now: datetime,
) -> RestoreOutcome:
    is_new = portfolio_id is None
    portfolio = (
        _opened(owner, member, found.portfolio, now=now)
        if portfolio_id is None
        else _own(owner, portfolio_id)
    )
    locked = lock_for_writing(portfolio.pk)
    cash, held = cash_balances(locked.id), position_quantities(locked.id)
    file = file_of(found.portfolio)
    things = ThingsOfFile.named(
        file, locked, accounts=_accounts_used(found, beside, is_new=is_new),
        instruments=_used(found, "instrument", "to_instrument"), actor=owner, now=now,
    )  # fmt: skip
    preparer = Preparer(
        locked, entries=[], owner=owner, now=now, rates=Rates(locked.base_currency, file_rates=file.fx),
        accounts={a.pk: a for a in Account.objects.filter(portfolio_id=locked.id).order_by("pk")},
        instruments={i.pk: i for i in things.instruments.values()},
    )  # fmt: skip
    why = f"backup of {manifest.created_at:%Y-%m-%d %H:%M}"
    batch = ImportBatch.objects.create(
        portfolio_id=locked.id, format=file.format, filename=why, sha256=member.sha256, state=ImportState.COMMITTED,
        created_at=now, created_by=owner, committed_at=now,
    )  # fmt: skip
    booking = Booking(
        locked,
        known=Known(
            locked.id, source=_SOURCE, since=manifest.created_at if is_exact and not is_new else None
        ),
        things=things,
        preparer=preparer,
        batch=batch,
        source=_SOURCE,
        actor=owner,
        now=now,
    )
    told = [f"{notice.path}: {notice.message}" for notice in found.portfolio.notices]
    has_lots = found.has_lots or any("lots" in entry for entry in beside.planned)
    booking.post(_rows(content, member, found, told), has_lots=has_lots)
    booking.finish(take_back=is_exact and not is_new, why=f"Not in the {why}")
    planned = restore_planned(
        beside, accounts=things.accounts, opened=booking.opened, preparer=preparer, batch=batch, source=_SOURCE,
        owner=owner, now=now,
    )  # fmt: skip
    booking.planned += planned
    targets = restore_targets(
        beside, portfolio_id=locked.id, is_exact=is_exact or is_new, owner=owner, now=now
    )
    watchlists, refused = restore_watchlists(beside, owner=owner, now=now)
    told[:0] = refused
    _keep(batch, booking, portfolio_id=locked.id, owner=owner)
    names = {i.pk: i.symbol for i in things.instruments.values()}
    return RestoreOutcome(
        name=portfolio.name,
        portfolio_id=portfolio.pk,
        is_new=is_new,
        added=booking.added,
        removed=booking.removed,
        unchanged=booking.unchanged,
        planned=booking.planned,
        targets=targets,
        watchlists=tuple(watchlists),
        cash=tuple(changes_between(cash, cash_balances(locked.id), label=lambda code: code)),
        holdings=tuple(
            changes_between(
                held, position_quantities(locked.id), label=lambda pk: names.get(pk, f"instrument {pk}")
            )
        ),
        problems=tuple(told[: parsing.MOST_TOLD]),
    )


def _rows(content: BinaryIO, member: Member, found: parsing.Survey, told: list[str]) -> Iterator[ParsedRow]:
    """The entries of the file, read anew."""

    def tell(notice: domain.Notice) -> None:
        if len(told) < parsing.MOST_TOLD:
            told.append(f"{notice.path}: {notice.message}")

    entries = parsing.entries(member_blocks(content, member), found.portfolio, tell)
    return named(row_of(entry) for entry in entries)


def _used(found: parsing.Survey, *kinds: str) -> list[str]:
    """The names that entries use, and the file knows: what it does not know is refused where it stands."""
    known = found.portfolio.accounts if kinds[0] == "account" else found.portfolio.instruments
    return [name for kind in kinds for name in found.used.get(kind, ()) if name in known]


def _accounts_used(found: parsing.Survey, beside: Beside, *, is_new: bool) -> list[str]:
    """A new portfolio has all of them, another those that entries name (or leave to the file)."""
    planned = [name for name in beside.accounts() if name in found.portfolio.accounts]
    named_ones = _used(found, "account", "to_account", "cash_account")
    return [*named_ones, *planned, *(found.portfolio.accounts if is_new or found.leaves_account else ())]


def _keep(batch: ImportBatch, booking: Booking, *, portfolio_id: int, owner: Any) -> None:
    """Leave a trace of what was done, so that it can be undone like an import; none where nothing was."""
    if not (booking.added or booking.removed):
        batch.delete()
        return
    batch.posted_count, batch.draft_count = booking.posted, booking.planned
    batch.duplicate_count = booking.unchanged
    batch.save(update_fields=["posted_count", "draft_count", "duplicate_count"])
    publish(
        ImportFinished(
            portfolio_id=portfolio_id, user_id=owner.pk, batch_id=batch.pk, filename=batch.filename,
            posted_count=booking.added, undone=False,
        ),
        stream=stream_of(portfolio_id),
    )  # fmt: skip


def _own(owner: Any, portfolio_id: int) -> Portfolio:
    portfolio: Portfolio | None = (
        Portfolio.objects.visible_to(owner).filter(pk=portfolio_id, owner_id=owner.pk).first()
    )
    if portfolio is None:
        raise PortfolioUnknown
    if portfolio.is_traded:
        raise PaperJournalClosed
    return portfolio


def _opened(owner: Any, member: Member, said: domain.Portfolio, *, now: datetime) -> Portfolio:
    """A new portfolio with the settings of the one in the backup, under a name that is free."""
    taken = set(Portfolio.objects.filter(owner_id=owner.pk).values_list("name", flat=True))
    names = [member.name, *(f"{member.name[:100]} (restored {n})" for n in range(1, len(taken) + 2))]
    made: Portfolio = create_portfolio(
        owner=owner, name=next(name for name in names if name not in taken), base_currency=said.base_currency, now=now,
        cost_basis_method=said.cost_basis_method, allow_short=said.allow_short,
        allow_negative_cash=said.allow_negative_cash, tax_country=said.tax_country, time_zone=said.timezone,
        risk_free_rate=_rate(said.risk_free_rate),
    )  # fmt: skip
    return made


def _rate(said: float) -> Decimal:
    """The risk-free rate of a file, to the decimals that a portfolio keeps; none where it is beyond what one keeps."""
    rate = Decimal(str(said)).quantize(Decimal(1).scaleb(-RATE_DECIMALS))
    return rate if abs(rate) < 1 else Decimal(0)
