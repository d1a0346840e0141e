"""What a backup holds beside portfolio files, on its way back: planned entries, targets, watchlists. What is there stays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import transaction

from holdings.domain.parsing.reader import is_storable
from holdings.entries import Entry
from holdings.importers.base import ParsedInstrument
from holdings.models import DraftTransaction, ImportBatch, TargetDimension, TargetWeight, Transaction
from holdings.operations.errors import AlreadyPosted, EntryRefused
from holdings.operations.importing.things import match_instrument
from holdings.operations.posting import keep_for_its_day
from holdings.operations.preparing import Preparer
from holdings.operations.restoring.outcome import RestoreRefused
from holdings.operations.targets import TargetsRefused, set_targets
from holdings.queries.beside import ACCOUNTS, FORMAT, THINGS
from holdings.queries.targets import CASH
from marketdata.models import Instrument
from marketdata.operations import create_watchlist
from marketdata.queries import watchlists_of
from portfolio_site.kernel.errors import DomainError

_DAMAGED = "What stands beside the portfolios of the backup cannot be read."
_WHAT_COUNTS = (
    "type", "occurred_at", "instrument_id", "to_instrument_id", "quantity", "amount", "fees", "taxes", "currency", "ratio",
)  # fmt: skip


@dataclass(slots=True, kw_only=True)
class Beside:
    """What was read. `planned` and `targets` are of one portfolio, `watchlists` are the person's."""

    planned: list[Mapping[str, Any]] = field(default_factory=list)
    targets: Mapping[str, Mapping[str, Decimal]] = field(default_factory=dict)
    watchlists: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    things: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    _found: dict[str, Instrument] = field(default_factory=dict)

    @classmethod
    def of(cls, said: Any, *, file: str) -> Beside:
        """What stands beside one portfolio file. Raises `RestoreRefused` where it is not what it should be."""
        if said is None:
            return cls()
        if not _is_storable(said):
            raise RestoreRefused(_DAMAGED, field="file")
        try:
            if said["format"] != FORMAT:
                raise RestoreRefused(_DAMAGED, field="file")
            own = said["portfolios"].get(file, {"planned": [], "targets": {}})
            return cls(
                planned=[_checked(entry) for entry in own["planned"]],
                targets={
                    str(dimension): {str(key): Decimal(weight) for key, weight in weights.items()}
                    for dimension, weights in own["targets"].items()
                },
                watchlists=[
                    (str(one["name"]), tuple(str(key) for key in one["instruments"]))
                    for one in said["watchlists"]
                ],
                things={
                    str(key): {str(name): str(value) for name, value in thing.items()}
                    for key, thing in said["instruments"].items()
                },
            )
        except (KeyError, TypeError, ValueError, AttributeError, InvalidOperation) as error:
            raise RestoreRefused(_DAMAGED, field="file") from error

    def accounts(self) -> Iterator[str]:
        """The accounts that planned entries name, as the portfolio file calls them."""
        return (str(entry[name]) for entry in self.planned for name in ACCOUNTS if name in entry)

    def instrument(self, key: str, *, owner: Any) -> Instrument:
        """The instrument behind a key, found or made. Raises `RestoreRefused`."""
        if key not in self._found:
            said = self.things.get(key)
            if said is None or not said.get("currency"):
                raise RestoreRefused(_DAMAGED, field="file")
            wanted = ParsedInstrument(
                key=key,
                currency=said["currency"],
                symbol=said.get("symbol", ""),
                name=said.get("name", ""),
                asset_class=said.get("asset_class", ""),
                isin=said.get("isin", ""),
                exchange=said.get("exchange", ""),
            )
            try:
                self._found[key], _ = match_instrument(wanted, owner)
            except DomainError as refusal:
                called = wanted.symbol or wanted.name
                raise RestoreRefused(f"{called}: {refusal.message}", field="file") from refusal
        return self._found[key]


def _is_storable(said: Any) -> bool:
    """Whether every text in a JSON value can be kept."""
    if isinstance(said, str):
        return is_storable(said)
    if isinstance(said, list):
        return all(map(_is_storable, said))
    if isinstance(said, dict):
        return all(_is_storable(key) and _is_storable(part) for key, part in said.items())
    return True


def _checked(entry: Any) -> Mapping[str, Any]:
    """A planned entry that can be read; its names come later. Raises what reading it raises."""
    if not all(isinstance(entry.get(name, ""), str) for name in (*ACCOUNTS, *THINGS)):
        raise TypeError
    bare = {key: value for key, value in entry.items() if key not in (*ACCOUNTS, *THINGS)}
    if not all(isinstance(value, str) for key, value in bare.items() if key not in ("lots", "tags")):
        raise TypeError
    if not all(isinstance(part, str) for part in bare.get("tags", ())):
        raise TypeError
    Entry.from_json(bare | {"lots": [int(lot) for lot in bare.get("lots", ())]})
    return dict(entry)


def restore_planned(
    beside: Beside,
    *,
    accounts: Mapping[str, int],
    opened: Mapping[str, int],
    preparer: Preparer,
    batch: ImportBatch,
    source: str,
    owner: Any,
    now: datetime,
) -> int:
    """Keep the planned entries aside that are neither planned nor booked yet; how many. One whose day has come is posted by
    the next run for such. Raises `RestoreRefused`."""
    kept = 0
    for said in beside.planned:
        names = {
            f"{name}_id": beside.instrument(said[name], owner=owner).pk for name in THINGS if name in said
        }
        preparer.instruments.update({thing.pk: thing for thing in beside._found.values()})
        places = {f"{name}_id": accounts[said[name]] for name in ACCOUNTS if said.get(name) in accounts}
        bare = {key: value for key, value in said.items() if key not in (*ACCOUNTS, *THINGS)}
        lots = [opened[str(lot)] for lot in bare.pop("lots", ()) if opened.get(str(lot))]
        entry = Entry.from_json({**bare, **names, **places, "lots": lots})
        if not entry.source.startswith("import:"):
            entry = replace(entry, source=source)
        try:
            row = preparer.prepare(entry).row
        except EntryRefused as refusal:
            raise RestoreRefused(
                f"A planned entry of the backup does not fit: {refusal.message}", field="file"
            ) from refusal
        if not (_is_planned(row, entry) or _is_booked(row)):
            with suppress(AlreadyPosted):  # its outside name is taken: it came back by another way
                keep_for_its_day(entry, row, actor=owner, now=now, batch=batch)
                kept += 1
    return kept


def _is_planned(row: Transaction, entry: Entry) -> bool:
    """Whether the same waits for its day already, wherever it came from."""
    drafts = DraftTransaction.objects.filter(portfolio_id=row.portfolio_id, occurred_at=row.occurred_at)
    ours = replace(entry, source="", external_id="")
    return any(
        replace(Entry.from_json(there), source="", external_id="") == ours
        for there in drafts.values_list("entry", flat=True)
    )


def _is_booked(row: Transaction) -> bool:
    """Whether its day has come since, and it was booked."""
    wanted = {name: row.__dict__[name] for name in _WHAT_COUNTS if row.__dict__[name] is not None}
    same = Transaction.objects.filter(portfolio_id=row.portfolio_id, **wanted)
    return same.counting().exists()


def restore_targets(beside: Beside, *, portfolio_id: int, is_exact: bool, owner: Any, now: datetime) -> int:
    """Set the target weights of the dimensions that have none, or of all that differ (`is_exact`); how many dimensions."""
    changed = 0
    for dimension, said in beside.targets.items():
        weights = dict(said)
        if dimension == TargetDimension.INSTRUMENT:
            # The numbers of another site mean nothing here: what the backup does not describe is left out.
            weights = {
                key if key == CASH else str(beside.instrument(key, owner=owner).pk): weight
                for key, weight in said.items()
                if key == CASH or key in beside.things
            }
        rows = TargetWeight.objects.filter(portfolio_id=portfolio_id, dimension=dimension)
        there = dict(rows.values_list("key", "weight"))
        if there == weights or (there and not is_exact):
            continue
        try:
            set_targets(portfolio_id=portfolio_id, dimension=dimension, weights=weights, actor=owner, now=now)
        except TargetsRefused as refusal:
            raise RestoreRefused(refusal.message, field="file") from refusal
        changed += 1
    return changed


def restore_watchlists(beside: Beside, *, owner: Any, now: datetime) -> tuple[list[str], list[str]]:
    """Make the watchlists whose names the person has not; their names, and what kept one from being made."""
    made, problems = [], []
    there = {one.name.lower() for one in watchlists_of(owner)}
    for name, keys in beside.watchlists:
        if name.lower() in there:
            continue
        things = [beside.instrument(key, owner=owner).pk for key in keys]
        try:
            with transaction.atomic():
                create_watchlist(owner=owner, name=name, instrument_ids=things, now=now)
        except DomainError as refusal:
            problems.append(f"Watchlist “{name}”: {refusal.message}")
        else:
            made.append(name)
            there.add(name.lower())
    return made, problems
