"""Posting what of a file can be posted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from holdings.entries import Entry
from holdings.importers import ParsedFile
from holdings.importers.base import ParsedRow
from holdings.models import ImportBatch
from holdings.operations.errors import EntryRefused
from holdings.operations.importing.judging import mark_known_ids, mark_same_content, mark_unfit
from holdings.operations.importing.outcome import (
    Change,
    ImportOutcome,
    ImportRefused,
    InstrumentMatch,
    PreviewRow,
)
from holdings.operations.importing.things import ThingsOfFile
from holdings.operations.locking import LockedPortfolio
from holdings.operations.posting import post_locked
from holdings.operations.preparing import Preparer
from holdings.operations.rates import Rates
from holdings.queries.balances import cash_balances, position_quantities

# A file with more wrong rows than this is the wrong file.
_MOST_ROUNDS = 20


def carry_out(
    locked: LockedPortfolio,
    batch: ImportBatch,
    parsed: ParsedFile,
    *,
    actor: Any,
    now: datetime,
) -> ImportOutcome:
    """Post what of a file can be posted, and say what became of each row. In the caller's transaction, under the lock."""
    outcome = ImportOutcome(problems=list(parsed.problems))
    cash, held = cash_balances(locked.id), position_quantities(locked.id)
    things = ThingsOfFile.of(parsed, locked, actor=actor, now=now)
    outcome.instruments = [
        InstrumentMatch(
            key=key, symbol=i.symbol, name=i.name, currency=i.currency, created=i.pk in things.created
        )
        for key, i in things.instruments.items()
    ]
    outcome.new_accounts = things.new_accounts
    source = f"import:{parsed.format}"
    verdicts: dict[int, tuple[str, str]] = {
        index: ("skipped", row.skip) for index, row in enumerate(parsed.rows) if row.skip
    }
    for index, row in enumerate(parsed.rows):
        if index not in verdicts and (problem := things.problem_of(row)):
            verdicts[index] = ("error", problem)
    mark_known_ids(locked.id, source, parsed.rows, verdicts)
    rates = Rates(locked.base_currency, file_rates=parsed.fx)
    entries = {
        index: things.entry(row, source=source)
        for index, row in enumerate(parsed.rows)
        if index not in verdicts
    }
    rates.preload(entries.values(), things.currencies())
    preparer = Preparer(locked, entries=entries.values(), owner=actor, now=now, rates=rates)
    mark_unfit(preparer, entries, verdicts)
    mark_same_content(locked.id, source, preparer, entries, verdicts)
    _post(locked, batch, entries, verdicts, parsed=parsed, actor=actor, now=now, rates=rates)
    outcome.rows = [
        _preview_row(row, things, *verdicts.get(index, ("new", ""))) for index, row in enumerate(parsed.rows)
    ]
    outcome.counts = dict(Counter(row.state for row in outcome.rows))
    outcome.counts["error"] = outcome.counts.get("error", 0) + sum(p.is_error for p in parsed.problems)
    outcome.cash = changes_between(cash, cash_balances(locked.id), label=lambda code: code)
    names = {i.pk: i.symbol for i in things.instruments.values()}
    outcome.holdings = changes_between(
        held, position_quantities(locked.id), label=lambda pk: names.get(pk, f"instrument {pk}")
    )
    return outcome


def _post(
    locked: LockedPortfolio,
    batch: ImportBatch,
    entries: dict[int, Entry],
    verdicts: dict[int, tuple[str, str]],
    *,
    parsed: ParsedFile,
    actor: Any,
    now: datetime,
    rates: Rates,
) -> None:
    """Post what is left; rows that the books refuse (a sale of more than is held) are taken out and the rest tried again."""
    opens = {row.opens: index for index, row in enumerate(parsed.rows) if row.opens}
    for _ in range(_MOST_ROUNDS):
        wanted = [index for index in entries if verdicts.get(index, ("new",))[0] in ("new", "planned")]
        if not wanted:
            return
        places = {index: place for place, index in enumerate(wanted)}
        chosen = [_with_lots(entries[i], parsed.rows[i], opens, places) for i in wanted]
        try:
            with transaction.atomic():
                post_locked(
                    locked,
                    entries=chosen,
                    actor=actor,
                    now=now,
                    batch=batch,
                    rates=rates,
                )
        except EntryRefused as refusal:
            if not refusal.rows:
                raise ImportRefused(refusal.message) from refusal
            for place, message in refusal.rows.items():
                verdicts[wanted[place]] = ("error", message)
        else:
            return
    raise ImportRefused("Too many entries of the file do not fit together. Is it complete?")


def _with_lots(entry: Entry, row: ParsedRow, opens: dict[str, int], places: dict[int, int]) -> Entry:
    """Lots that the file names by its own ids, as places among the entries posted together (see `post_locked`)."""
    if not row.lots:
        return entry
    named = [places[opens[name]] for name in row.lots if name in opens and opens[name] in places]
    return replace(entry, lots=tuple(-1 - place for place in named))


def _preview_row(row: ParsedRow, things: ThingsOfFile, state: str, message: str) -> PreviewRow:
    return PreviewRow(
        path=row.path,
        state=state,
        message=message,
        type=row.type,
        occurred=row.occurred,
        symbol=things.symbol(row.instrument),
        quantity=row.quantity,
        price=row.price,
        amount=row.amount,
        fees=row.fees,
        currency=row.currency,
    )


def changes_between(before: dict[Any, Decimal], after: dict[Any, Decimal], *, label: Any) -> list[Change]:
    """What is not the same before and after, each under its label."""
    keys: Iterable[Any] = dict.fromkeys([*before, *after])
    zero = Decimal(0)
    return [
        Change(label=label(key), before=before.get(key, zero), after=after.get(key, zero))
        for key in keys
        if before.get(key, zero) != after.get(key, zero)
    ]
