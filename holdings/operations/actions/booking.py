"""Booking what was proposed: once, with what the person changed, or by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Q

from holdings.domain.proposals import moment_of_split
from holdings.entries import Entry
from holdings.events import CorporateActionBooked, stream_of
from holdings.models import ActionProposal, ProposalKind, ProposalState, Transaction
from holdings.operations.actions.proposing import (
    SOURCE,
    Meaning,
    announce_proposals,
    meanings,
    refresh_proposals,
    today_of,
)
from holdings.operations.errors import EntryRefused
from holdings.operations.locking import LockedPortfolio, lock_for_writing
from holdings.operations.posting import post_locked
from marketdata.models import Instrument
from portfolio_site.kernel.errors import DomainError, NotFoundError
from portfolio_site.kernel.events import publish
from portfolio_site.kernel.money import round_money

log = structlog.get_logger(__name__)

ZERO = Decimal(0)


class ProposalRefused(DomainError):
    """It cannot be booked like this, or was decided about already; `field` says where."""

    code = "proposal_refused"


class ProposalUnknown(NotFoundError):
    """No such proposal in this portfolio."""

    def __init__(self) -> None:
        super().__init__("There is no such dividend or split to book.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a person says otherwise than proposed. `amount` and `taxes` are of all accounts together.

    `day`: when a dividend was paid. `cash` for `cash_quantity` new units: what was paid for fractions at a split.
    """

    day: date | None = None
    amount: Decimal | None = None
    taxes: Decimal | None = None
    cash: Decimal | None = None
    cash_quantity: Decimal | None = None
    note: str = ""


def book_proposal(
    *, portfolio_id: int, proposal_id: int, actor: Any, now: datetime, change: Change | None = None
) -> ActionProposal:
    """Book one, with the changes given; return it with the ids of its entries. Booked already: nothing happens.

    A dividend is an entry for each account that held something; the amount and what was withheld are divided by what
    each held. Raises `ProposalUnknown`, `ProposalRefused` (dismissed, nothing held any more, not due) and what
    `post_transactions` raises.
    """
    with transaction.atomic():
        locked = lock_for_writing(portfolio_id)
        proposal = _locked_proposal(locked, proposal_id)
        if proposal.state == ProposalState.BOOKED:
            return proposal
        booked = _book(locked, proposal, change or Change(), actor=actor, now=now, is_automatic=False)
        announce_proposals(locked)
        return booked


def book_all_proposals(
    *, portfolio_id: int, actor: Any, now: datetime, proposal_ids: Sequence[int] | None = None
) -> list[ActionProposal]:
    """Book all that are due and without a doubt (or those named), the oldest first, in one transaction. Raises as
    `book_proposal`."""
    with transaction.atomic():
        locked = lock_for_writing(portfolio_id)
        rows = ActionProposal.objects.open().filter(
            portfolio=portfolio_id, ex_date__lte=today_of(locked, now), doubt=""
        )
        if proposal_ids is not None:
            rows = rows.filter(pk__in=list(proposal_ids))
        booked = []
        # Splits first where both are of one day: dividends are told in new shares.
        for proposal in rows.select_for_update().order_by("ex_date", "-kind", "pk"):
            booked.append(_book(locked, proposal, Change(), actor=actor, now=now, is_automatic=False))
            locked = lock_for_writing(portfolio_id)
        if booked:
            announce_proposals(locked)
        return booked


def dismiss_proposal(*, portfolio_id: int, proposal_id: int, actor: Any, now: datetime) -> ActionProposal:
    """Say that it is not to be booked. It stays in the list, and can be brought back. Raises as `book_proposal`."""
    with transaction.atomic():
        locked = lock_for_writing(portfolio_id)
        proposal = _locked_proposal(locked, proposal_id)
        if proposal.state == ProposalState.DISMISSED:
            return proposal
        if proposal.state == ProposalState.BOOKED:
            raise ProposalRefused("It is booked. Remove its entry in the journal instead.")
        _decide(proposal, ProposalState.DISMISSED, actor=actor, now=now)
        # Later dividends may be told in the shares of a split that does not count any more.
        refresh_proposals(portfolio_id=portfolio_id, instrument_ids=[proposal.instrument_id], now=now)
        announce_proposals(locked)
        return proposal


def reopen_proposal(*, portfolio_id: int, proposal_id: int, actor: Any, now: datetime) -> ActionProposal:
    """Bring a dismissed one back. Raises as `book_proposal`."""
    with transaction.atomic():
        locked = lock_for_writing(portfolio_id)
        proposal = _locked_proposal(locked, proposal_id)
        if proposal.state != ProposalState.DISMISSED:
            return proposal
        _decide(proposal, ProposalState.OPEN, actor=actor, now=now)
        refresh_proposals(portfolio_id=portfolio_id, instrument_ids=[proposal.instrument_id], now=now)
        announce_proposals(locked)
        proposal.refresh_from_db()
        return proposal


def book_due_proposals(*, now: datetime, portfolio_id: int | None = None, limit: int = 500) -> int:
    """Book what is due, without a doubt, in portfolios that want it by themselves, and in paper portfolios; return how many.

    One transaction for each portfolio. What cannot be booked (a missing exchange rate) stays open and says why.
    """
    wanted = Q(portfolio__automatic_actions=True) | Q(portfolio__kind="paper")
    rows = (
        ActionProposal.objects.open()
        .filter(wanted, doubt="", ex_date__lte=now.date(), portfolio__archived_at__isnull=True)
        .order_by("portfolio_id")
    )
    if portfolio_id is not None:
        rows = rows.filter(portfolio=portfolio_id)
    portfolios = list(dict.fromkeys(rows.values_list("portfolio_id", flat=True)[:limit]))
    return sum(_book_due_in(pk, now=now) for pk in portfolios)


def _book_due_in(portfolio_id: int, *, now: datetime) -> int:
    booked = 0
    with transaction.atomic():
        locked = lock_for_writing(portfolio_id)
        due = ActionProposal.objects.open().filter(
            portfolio=portfolio_id, doubt="", ex_date__lte=today_of(locked, now)
        )
        for proposal in due.select_for_update().order_by("ex_date", "-kind", "pk"):
            try:
                with transaction.atomic():
                    _book(locked, proposal, Change(), actor=None, now=now, is_automatic=True)
                booked += 1
            except DomainError as refusal:
                log.info("action_not_booked", proposal=proposal.pk, reason=refusal.message)
                ActionProposal.objects.filter(pk=proposal.pk).update(doubt=refusal.message[:300])
            locked = lock_for_writing(portfolio_id)
        if booked:
            announce_proposals(locked)
    return booked


def _locked_proposal(locked: LockedPortfolio, proposal_id: int) -> ActionProposal:
    found = ActionProposal.objects.select_for_update().filter(pk=proposal_id, portfolio=locked.id).first()
    if found is None:
        raise ProposalUnknown
    return found


def _decide(proposal: ActionProposal, state: str, *, actor: Any, now: datetime) -> None:
    proposal.state, proposal.decided_at, proposal.decided_by = state, now, actor
    proposal.save(update_fields=["state", "decided_at", "decided_by"])


def _book(
    locked: LockedPortfolio,
    proposal: ActionProposal,
    change: Change,
    *,
    actor: Any,
    now: datetime,
    is_automatic: bool,
) -> ActionProposal:
    if proposal.state == ProposalState.DISMISSED:
        raise ProposalRefused("It was dismissed. Bring it back before you book it.")
    if proposal.state == ProposalState.KNOWN:
        raise ProposalRefused("It is in the books already.", code="already_booked")
    instrument = Instrument.objects.get(pk=proposal.instrument_id)
    if proposal.ex_date > today_of(locked, now):
        raise ProposalRefused(
            f"Its ex-date is {proposal.ex_date.isoformat()}. It can be booked from then on."
        )
    meaning = _meaning(locked, instrument, proposal, now=now)
    entries = (
        [_split_entry(locked, proposal, meaning, change)]
        if proposal.kind == ProposalKind.SPLIT
        else _dividend_entries(proposal, meaning, change, instrument)
    )
    posted = post_locked(locked, entries=entries, actor=actor, now=now)
    if posted.drafts:
        raise ProposalRefused("A dividend cannot be booked on a day to come.", field="day")
    ids = [row.pk for row in posted.transactions]
    proposal.entry_ids, proposal.is_automatic, proposal.doubt = ids, is_automatic, ""
    if change.amount is not None or change.taxes is not None:
        proposal.amount = sum((row.amount or ZERO for row in posted.transactions), ZERO)
        proposal.taxes = sum((row.taxes for row in posted.transactions), ZERO)
    proposal.save(update_fields=["entry_ids", "is_automatic", "doubt", "amount", "taxes"])
    _decide(proposal, ProposalState.BOOKED, actor=actor, now=now)
    publish(
        CorporateActionBooked(
            portfolio_id=locked.id,
            user_id=locked.owner_id,
            instrument_id=proposal.instrument_id,
            kind=proposal.kind,
            ex_date=proposal.ex_date,
            quantity=proposal.quantity,
            ratio=proposal.ratio,
            amount=proposal.amount,
            currency=proposal.currency,
            transaction_ids=ids,
            is_automatic=is_automatic,
        ),
        stream=stream_of(locked.id),
    )
    return proposal


def _meaning(
    locked: LockedPortfolio, instrument: Instrument, proposal: ActionProposal, *, now: datetime
) -> Meaning:
    """What it means for the books as they are this moment, under the lock."""
    decided = {
        (p.ex_date, p.kind): p
        for p in ActionProposal.objects.filter(portfolio=locked.id, instrument=instrument)
    }
    for meaning in meanings(locked, instrument, decided=decided, now=now):
        if (meaning.fact.ex_date, meaning.fact.kind) == (proposal.ex_date, proposal.kind):
            if meaning.matched.entry is not None:
                raise ProposalRefused("It is in the books already.", code="already_booked")
            if not meaning.held.quantity:
                raise ProposalRefused("Nothing was held on its ex-date.")
            return meaning
    raise ProposalRefused("The source no longer tells of it.")


def _split_entry(
    locked: LockedPortfolio, proposal: ActionProposal, meaning: Meaning, change: Change
) -> Entry:
    if (change.cash is None) != (change.cash_quantity is None):
        field = "cash" if change.cash is None else "cash_quantity"
        raise ProposalRefused("Cash for fractions needs both the amount and the units.", field=field)
    return Entry(
        type="split",
        occurred=moment_of_split(meaning.action, meaning.held, locked.time_zone),
        instrument_id=proposal.instrument_id,
        ratio=proposal.ratio,
        amount=change.cash,
        quantity=change.cash_quantity,
        currency=proposal.currency,
        note=change.note,
        source=SOURCE,
        external_id=f"split:{proposal.instrument_id}:{proposal.ex_date.isoformat()}",
    )


def _dividend_entries(
    proposal: ActionProposal, meaning: Meaning, change: Change, instrument: Instrument
) -> list[Entry]:
    held = meaning.held.by_account
    if len({quantity > 0 for quantity in held.values()}) > 1:
        raise ProposalRefused(
            "It was held long and short at once. Book it account by account in the journal."
        )
    whole = proposal.amount if change.amount is None else change.amount
    taxes = proposal.taxes if change.taxes is None else change.taxes
    if whole is None or whole <= 0:
        raise ProposalRefused("Enter the dividend before what was withheld.", field="amount")
    if not ZERO <= taxes <= whole:
        raise ProposalRefused("What was withheld is between 0 and the dividend.", field="taxes")
    amounts = parts_of(round_money(whole, instrument.currency), held, instrument.currency)
    withheld = parts_of(round_money(taxes, instrument.currency), held, instrument.currency)
    day = proposal.ex_date if change.day is None else change.day
    return [
        Entry(
            # Who is short owes the dividend to the lender.
            type="dividend" if quantity > 0 else "fee",
            occurred=day,
            account_id=int(account),
            instrument_id=proposal.instrument_id,
            amount=amounts[account],
            taxes=withheld[account] if quantity > 0 else ZERO,
            currency=instrument.currency,
            note=change.note or ("" if quantity > 0 else "Dividend owed on a short position"),
            source=SOURCE,
            external_id=f"dividend:{proposal.instrument_id}:{proposal.ex_date.isoformat()}:{account}",
        )
        for account, quantity in held.items()
        if amounts[account]
    ]


def parts_of(whole: Decimal, held: Mapping[str, Decimal], currency: str) -> dict[str, Decimal]:
    """Divide money by what each account held, so that the parts add up: what rounding leaves goes to the largest."""
    total = sum((abs(quantity) for quantity in held.values()), ZERO)
    parts = {
        account: round_money(whole * abs(quantity) / total, currency) for account, quantity in held.items()
    }
    largest = max(held, key=lambda account: (abs(held[account]), account))
    parts[largest] += whole - sum(parts.values(), ZERO)
    return parts


def forget_removed(*, portfolio_id: int, voided_ids: Sequence[int], now: datetime) -> None:
    """Entries were removed: what they booked is dismissed, and what they were taken for is open again. A corrected entry
    goes on under its new id. Inside a transaction that holds the portfolio's lock."""
    successors = dict(
        Transaction.objects.filter(portfolio=portfolio_id, replaces__in=list(voided_ids))
        .counting()
        .values_list("replaces_id", "pk")
    )
    booked = ActionProposal.objects.filter(
        portfolio=portfolio_id, state=ProposalState.BOOKED, entry_ids__overlap=list(voided_ids)
    )
    for proposal in booked.select_for_update():
        gone = set(voided_ids)
        ids = [successors.get(pk, pk) for pk in proposal.entry_ids]
        proposal.entry_ids = [pk for pk in ids if pk not in gone]
        if not proposal.entry_ids:
            proposal.state, proposal.decided_at = ProposalState.DISMISSED, now
            proposal.doubt = "Its entry was removed."
        proposal.save(update_fields=["entry_ids", "state", "decided_at", "doubt"])


def recognise_restored(*, portfolio_id: int, transaction_ids: Sequence[int]) -> None:
    """Entries that book a proposal were brought back or corrected: it is booked by them. Inside a transaction."""
    rows = (
        Transaction.objects.filter(portfolio=portfolio_id, pk__in=list(transaction_ids), source=SOURCE)
        .counting()
        .values_list("pk", "external_id")
    )
    found: dict[tuple[str, int, date], list[int]] = {}
    for pk, external_id in rows:
        named, number, day, *_ = external_id.split(":")
        found.setdefault((named, int(number), date.fromisoformat(day)), []).append(pk)
    for (kind, instrument_id, ex_date), ids in found.items():
        known = ActionProposal.objects.filter(
            portfolio=portfolio_id, kind=kind, instrument=instrument_id, ex_date=ex_date
        ).first()
        if known is None or set(ids) <= set(known.entry_ids):
            continue
        known.entry_ids = [*known.entry_ids, *(pk for pk in ids if pk not in known.entry_ids)]
        known.state, known.doubt = ProposalState.BOOKED, ""
        known.save(update_fields=["entry_ids", "state", "doubt"])


__all__ = [
    "Change",
    "EntryRefused",
    "ProposalRefused",
    "ProposalUnknown",
    "book_all_proposals",
    "book_due_proposals",
    "book_proposal",
    "dismiss_proposal",
    "forget_removed",
    "parts_of",
    "recognise_restored",
    "reopen_proposal",
]
