"""The entries of a backup on their way into the journal: copied some thousand at a time, and booked once."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from itertools import islice
from typing import Any, Final

from django.db import IntegrityError

from holdings.domain.types import PortfolioError
from holdings.importers.base import ParsedRow
from holdings.models import ImportBatch, Transaction
from holdings.models.journal import VoidKind
from holdings.operations.applying import refusal_of_size
from holdings.operations.errors import EntryRefused
from holdings.operations.importing.things import ThingsOfFile
from holdings.operations.locking import LockedPortfolio
from holdings.operations.posting import announce_posting, keep_for_its_day, void_rows, write_entry_keys
from holdings.operations.preparing import Preparer
from holdings.operations.rebuilding import forget_checkpoints, rebuild_locked
from holdings.operations.refusing import refusal_of_problems
from holdings.operations.restoring.known import Known
from holdings.operations.restoring.outcome import RestoreRefused
from portfolio_site.kernel.copying import copy_rows, reserved_ids

_AT_ONCE: Final = 2000
_TABLE: Final = "holdings_transaction"
_COLUMNS: Final = tuple(field.attname for field in Transaction._meta.concrete_fields)
_ANNOUNCED: Final = 1000


class Booking:
    """Books entries of one file into one locked portfolio. `added`, `unchanged` and `removed` say how many."""

    def __init__(
        self,
        locked: LockedPortfolio,
        *,
        known: Known,
        things: ThingsOfFile,
        preparer: Preparer,
        batch: ImportBatch,
        source: str,
        actor: Any,
        now: datetime,
    ) -> None:
        self.locked, self.known, self.things, self.preparer = locked, known, things, preparer
        self.batch, self.source, self.actor, self.now = batch, source, actor, now
        self.planned = self.unchanged = self.removed = 0
        self._ids, self._places = array("q"), array("q")
        self._first: date | None = None
        #: Entries by the ids of the file, where some entry names another.
        self._opened: dict[str, int] | None = None
        self._closing: list[tuple[Transaction, tuple[str, ...]]] = []

    @property
    def posted(self) -> int:
        """How many entries were booked."""
        return len(self._ids)

    @property
    def opened(self) -> Mapping[str, int]:
        """Entries by the ids of the file; empty where nothing names one."""
        return self._opened or {}

    @property
    def added(self) -> int:
        """How many are new, those that wait for their day among them."""
        return self.posted + self.planned

    def post(self, rows: Iterable[ParsedRow], *, has_lots: bool) -> None:
        """Copy into the journal what is not in it. Raises `RestoreRefused` at the first entry that cannot be booked."""
        self._opened = {} if has_lots else None
        coming = iter(enumerate(rows))
        while some := list(islice(coming, _AT_ONCE)):
            self._copy(list(self._new(some)))
        closing, self._closing = self._closing, []
        for row, names in closing:
            row.lots = [self.opened[name] for name in names if self.opened.get(name)]
        self._copy([row for row, _ in closing])

    def finish(self, *, take_back: bool, why: str) -> None:
        """Take back what the backup does not hold, if so, and bring everything that follows from the journal up to date."""
        leaving = []
        if take_back:
            ids = list(self.known.ids_left())
            leaving = list(Transaction.objects.filter(pk__in=ids).order_by("sequence"))
            void_rows(leaving, kind=VoidKind.REMOVED, reason=why, actor=self.actor, now=self.now)
        self.removed = len(leaving)
        if not (self._ids or leaving):
            return
        write_entry_keys(self.locked)
        changed = [row.occurred_date for row in leaving]
        since = min([*changed, self._first] if self._first is not None else changed)
        try:
            forget_checkpoints(self.locked.id, after=since)
            rebuild_locked(self.locked, since=since)
        except PortfolioError as error:
            raise self._refused(error, voided=bool(leaving)) from error
        except IntegrityError as error:
            refusal = refusal_of_size(error)
            if refusal is None:
                raise
            raise RestoreRefused(refusal.message, field="file") from error
        announce_posting(
            self.locked,
            count=self.posted,
            posted_ids=self._ids[:_ANNOUNCED].tolist(),
            voided_ids=[row.pk for row in leaving[:_ANNOUNCED]],
            actor=self.actor,
        )

    def _new(self, some: list[tuple[int, ParsedRow]]) -> Iterator[Transaction]:
        """What of some rows is to be booked, with their ids."""
        fresh: list[tuple[int, ParsedRow, Transaction]] = []
        for place, row in some:
            pk = self.known.by_name(row.external_id)
            if pk is None:
                problem = self.things.problem_of(row)
                if problem:
                    raise _unfit(row.path, problem)
                try:
                    prepared = self.preparer.prepare(self.things.entry(row, source=self.source))
                except EntryRefused as refusal:
                    raise _unfit(row.path, refusal.message) from refusal
                pk = self.known.by_content(prepared.row)
                if pk is None and prepared.is_future:
                    keep_for_its_day(
                        self.things.entry(row, source=self.source), prepared.row, actor=self.actor, now=self.now,
                        batch=self.batch,
                    )  # fmt: skip
                    self.planned += 1
                    continue
                if pk is None:
                    fresh.append((place, row, prepared.row))
                    continue
            self.unchanged += 1
            if self._opened is not None and row.opens:
                self._opened[row.opens] = pk
        for pk, (place, row, made) in zip(reserved_ids(_TABLE, len(fresh)), fresh, strict=True):
            made.pk = pk
            made.posted_at, made.posted_by_id, made.import_batch_id = self.now, self.actor.pk, self.batch.pk
            made.sequence = self.locked.last_sequence + self.posted + 1
            self._ids.append(pk)
            self._places.append(place)
            if self._first is None or made.occurred_date < self._first:
                self._first = made.occurred_date
            if self._opened is not None and row.opens:
                self._opened[row.opens] = pk
            if row.lots:
                # An entry may close lots that an entry further on in the file opens.
                self._closing.append((made, row.lots))
            else:
                yield made

    @staticmethod
    def _copy(rows: list[Transaction]) -> None:
        if rows:
            copy_rows(_TABLE, _COLUMNS, map(_values, rows))

    def _refused(self, error: PortfolioError, *, voided: bool) -> RestoreRefused:
        """The first entry that the books refuse, by its place in the file."""
        named = [problem.path.partition(".")[0].removeprefix("entry ") for problem in error.problems]
        ours = dict(zip(self._ids, self._places, strict=True))
        wrong = [int(pk) for pk in named if pk.isdigit() and int(pk) in ours]
        added = list(Transaction.objects.filter(pk__in=wrong[:100]).order_by("sequence"))
        refusal = refusal_of_problems(error, added=added, voided=voided, preparer=self.preparer)
        if not added:
            return RestoreRefused(refusal.message, field="file")
        path = f"transactions[{ours[added[0].pk]}]"
        return RestoreRefused(
            f"{len(set(wrong))} entries of the backup do not fit: {path}: {refusal.message}", field="file"
        )


def _values(row: Transaction) -> list[Any]:
    # An empty list goes as text: finding out what is in it takes longer than all else together.
    return ["{}" if value == [] else value for value in map(row.__dict__.__getitem__, _COLUMNS)]


def _unfit(path: str, message: str) -> RestoreRefused:
    # A backup of ours fits as a whole; half of one would be other books.
    return RestoreRefused(f"An entry of the backup does not fit: {path}: {message}", field="file")
