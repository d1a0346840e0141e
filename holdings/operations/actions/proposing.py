"""What the splits and dividends of an instrument mean for a portfolio that held it: proposals, kept up to date."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Min

from holdings.domain import types as domain
from holdings.domain.ledger import Setup, in_order
from holdings.domain.numbers import quotient
from holdings.domain.proposals import (
    Action,
    Held,
    Known,
    Matched,
    held_at,
    match_dividends,
    match_splits,
)
from holdings.events import ActionsProposed, stream_of
from holdings.models import ActionProposal, ProposalKind, ProposalState, Transaction
from holdings.operations.locking import LockedPortfolio, lock_portfolio
from holdings.queries.journal import load_journal_of
from holdings.queries.replaying import books_market, closes_needed, setup_for
from marketdata.models import CorporateAction, Instrument
from marketdata.queries import night_before
from portfolio_site.kernel.events import publish
from portfolio_site.kernel.money import round_money

#: What was decided stays; these follow the books.
_FOLLOWING = (ProposalState.OPEN, ProposalState.KNOWN, ProposalState.VOID)
SOURCE = "corporate action"
#: Trading applies what becomes known within a week to paper accounts.
LATE = timedelta(days=8)
_DIVIDENDS = (domain.TransactionType.DIVIDEND, domain.TransactionType.DISTRIBUTION)
#: A dividend that who is short pays to the lender.
_OWED = (domain.TransactionType.FEE,)
_SPLITS = (domain.TransactionType.SPLIT, domain.TransactionType.DELIVERY_IN)
_FEW = Fraction(1, 10**9)


@dataclass(slots=True, kw_only=True)
class Meaning:
    """One action against the books: what was held, and the entry that is it already."""

    fact: CorporateAction
    action: Action
    held: Held
    matched: Matched = field(default_factory=Matched)


def refresh_proposals(
    *, portfolio_id: int, instrument_ids: Iterable[int], now: datetime
) -> list[ActionProposal]:
    """Bring the proposals of these instruments into line with the books and with what is known of them; return those that
    are open. Inside a transaction; takes the portfolio's lock.

    What was booked or dismissed stays as it is. An open one follows the quantity held and the value told; it is gone where
    nothing was held, or where an entry turns out to be it.
    """
    locked = lock_portfolio(portfolio_id)
    if locked.is_archived:
        return []
    before = _open_keys(portfolio_id)
    for instrument in Instrument.objects.filter(pk__in=list(instrument_ids)).order_by("pk"):
        _refresh(locked, instrument, now=now)
    found = list(ActionProposal.objects.open().filter(portfolio=portfolio_id).order_by("ex_date", "pk"))
    if {(p.instrument_id, p.ex_date, p.kind) for p in found} != before:
        announce_proposals(locked, open_count=len(found))
    return found


def _open_keys(portfolio_id: int) -> set[tuple[int, date, str]]:
    rows = ActionProposal.objects.open().filter(portfolio=portfolio_id)
    return set(rows.values_list("instrument_id", "ex_date", "kind"))


def announce_proposals(locked: LockedPortfolio, *, open_count: int | None = None) -> None:
    """Tell how many proposals wait now."""
    count = (
        ActionProposal.objects.open().filter(portfolio=locked.id).count()
        if open_count is None
        else open_count
    )
    publish(
        ActionsProposed(portfolio_id=locked.id, user_id=locked.owner_id, open_count=count),
        stream=stream_of(locked.id),
    )


def _refresh(locked: LockedPortfolio, instrument: Instrument, *, now: datetime) -> None:
    known = {
        (p.ex_date, p.kind): p
        for p in ActionProposal.objects.filter(portfolio=locked.id, instrument=instrument)
    }
    for meaning in meanings(locked, instrument, decided=known, now=now):
        key = meaning.fact.ex_date, meaning.fact.kind
        _propose(locked, instrument, meaning, known.pop(key, None), now=now)
    # What a source no longer tells was a mistake of its, unless it was decided about.
    gone = [p.pk for p in known.values() if p.state in _FOLLOWING]
    ActionProposal.objects.filter(pk__in=gone).delete()


def meanings(
    locked: LockedPortfolio,
    instrument: Instrument,
    *,
    decided: dict[tuple[date, str], ActionProposal],
    now: datetime,
) -> list[Meaning]:
    """Return what each split and dividend since the first entry of the instrument means for the portfolio, oldest first.

    A split that is neither in the books nor dismissed counts for what is held after it: later dividends are told in its
    shares. Of a paper portfolio only those that trading, which applies them on their day together with open orders, has left
    alone because they became known too late.
    """
    journal = load_journal_of(locked.id, instrument.pk)
    if not journal.transactions:
        return []
    first = min(row.day for row in journal.transactions)
    told = CorporateAction.objects.filter(instrument=instrument, ex_date__gte=first)
    if locked.kind == "broker":
        return []  # the broker tells what it paid and split
    if locked.is_paper:
        told = told.filter(ex_date__lt=now.date() - LATE)
    # A dividend of the day of a split is told in new shares.
    facts = list(told.order_by("ex_date", "-kind"))
    if not facts:
        return []
    ordered = in_order(journal.transactions, locked.time_zone)
    market = books_market(locked.base_currency, journal.instruments, ordered, closes=closes_needed(ordered))
    setup = setup_for(locked, accounts=journal.accounts, instruments=journal.instruments, market=market)
    key = str(instrument.pk)
    booked = {at for at, proposal in decided.items() if proposal.state == ProposalState.BOOKED}
    ours = {pk for at in booked for pk in decided[at].entry_ids}
    # What was booked from a proposal is that and nothing else.
    others = [row for row in ordered if row.instrument == key and int(row.id) not in ours]
    free = [fact for fact in facts if (fact.ex_date, fact.kind) not in booked]
    splits = _match_splits(setup, ordered, instrument, free, others)
    missing = {
        pk for pk, matched in splits.items() if matched.entry is None and pk not in _dismissed(decided, free)
    }
    helds = held_at(
        setup, ordered, key, [_action(fact, instrument, is_missing=fact.pk in missing) for fact in facts]
    )
    found = [
        Meaning(fact=fact, action=_action(fact, instrument), held=held)
        for fact, held in zip(facts, helds, strict=True)
    ]
    _match_dividends([each for each in found if each.fact in free], others, instrument)
    for each in found:
        each.matched = splits.get(each.fact.pk, each.matched)
    return found


def _match_splits(
    setup: Setup,
    ordered: Sequence[domain.Transaction],
    instrument: Instrument,
    facts: Sequence[CorporateAction],
    rows: Sequence[domain.Transaction],
) -> dict[int, Matched]:
    """For each split the entry that is it: a split, or a delivery of the new shares."""
    splits = [fact for fact in facts if fact.kind == ProposalKind.SPLIT]
    if not splits:
        return {}
    helds = held_at(setup, ordered, str(instrument.pk), [_action(fact, instrument) for fact in splits])
    entries = [_known(row) for row in rows if row.type in _SPLITS]
    matched = match_splits(
        [
            (fact.ex_date, ratio_of(fact.value), held.quantity)
            for fact, held in zip(splits, helds, strict=True)
        ],
        entries,
    )
    return {fact.pk: each for fact, each in zip(splits, matched, strict=True)}


def _match_dividends(
    found: Sequence[Meaning], rows: Sequence[domain.Transaction], instrument: Instrument
) -> None:
    """Find for each dividend the entry that is it, and keep it there."""
    dividends = [each for each in found if each.fact.kind == ProposalKind.DIVIDEND]
    for is_short, types in ((False, _DIVIDENDS), (True, _OWED)):
        ours = [each for each in dividends if (each.held.quantity < 0) is is_short]
        expected = [
            (each.fact.ex_date, due(each.held.quantity, each.fact.value, instrument)) for each in ours
        ]
        entries = [_known(row) for row in rows if row.type in types]
        for each, matched in zip(ours, match_dividends(expected, entries), strict=True):
            each.matched = matched


def _dismissed(decided: dict[tuple[date, str], ActionProposal], facts: Iterable[CorporateAction]) -> set[int]:
    return {
        fact.pk
        for fact in facts
        if (known := decided.get((fact.ex_date, fact.kind))) is not None
        and known.state == ProposalState.DISMISSED
    }


def _known(row: domain.Transaction) -> Known:
    amount = row.amount
    if row.instrument is not None and amount is not None and row.instrument_rate is not None:
        amount = amount * row.instrument_rate
    return Known(id=int(row.id), day=row.day, amount=amount, quantity=row.quantity, ratio=row.ratio)


def _action(fact: CorporateAction, instrument: Instrument, *, is_missing: bool = False) -> Action:
    return Action(
        ex_date=fact.ex_date,
        effective=night_before(instrument, fact.ex_date),
        ratio=ratio_of(fact.value) if fact.kind == ProposalKind.SPLIT else None,
        is_missing=is_missing,
    )


def ratio_of(value: Decimal) -> Fraction:
    """The ratio of a split as the fraction it was before it was written as a decimal: 1.333333333333 is 4:3."""
    exact = Fraction(value)
    simple = exact.limit_denominator(1000)
    return simple if abs(simple - exact) < _FEW else exact


def ratio_text(ratio: Fraction) -> str:
    """`4`, or `1:8`."""
    return str(ratio.numerator) if ratio.denominator == 1 else f"{ratio.numerator}:{ratio.denominator}"


def due(quantity: Decimal, value: Decimal, instrument: Instrument) -> Decimal:
    """The gross dividend on a quantity (negative: owed), rounded to the minor unit."""
    whole: Decimal = quantity * value * instrument.multiplier
    return round_money(abs(whole), instrument.currency)


def _propose(
    locked: LockedPortfolio,
    instrument: Instrument,
    meaning: Meaning,
    known: ActionProposal | None,
    *,
    now: datetime,
) -> None:
    if known is not None and known.state not in _FOLLOWING:
        return
    wanted = _content(locked, instrument, meaning)
    if known is None:
        if wanted["state"] == ProposalState.VOID:
            return
        ActionProposal.objects.create(
            portfolio_id=locked.id,
            instrument=instrument,
            kind=meaning.fact.kind,
            ex_date=meaning.fact.ex_date,
            currency=instrument.currency,
            found_at=now,
            **wanted,
        )
        return
    changed = [name for name, value in wanted.items() if getattr(known, name) != value]
    for name in changed:
        setattr(known, name, wanted[name])
    if changed:
        known.save(update_fields=changed)


def _content(locked: LockedPortfolio, instrument: Instrument, meaning: Meaning) -> dict[str, Any]:
    fact, held = meaning.fact, meaning.held
    is_split = fact.kind == ProposalKind.SPLIT
    state, entries = ProposalState.OPEN, []
    if not held.quantity and meaning.matched.entry is None:
        state = ProposalState.VOID
    elif meaning.matched.entry is not None:
        state, entries = ProposalState.KNOWN, [meaning.matched.entry]
    amount = None if is_split else due(held.quantity, fact.value, instrument)
    if amount is not None and not amount and state == ProposalState.OPEN:
        state = ProposalState.VOID
    return {
        "value": fact.value,
        "quantity": held.quantity.quantize(Decimal("1e-12")),
        "amount": amount,
        "taxes": Decimal(0) if amount is None else _withheld(locked.id, instrument, amount),
        "ratio": ratio_text(ratio_of(fact.value)) if is_split else "",
        "state": state,
        "doubt": _doubt(meaning) if state == ProposalState.OPEN else "",
        "entry_ids": entries,
    }


def _doubt(meaning: Meaning) -> str:
    if meaning.matched.doubtful is not None:
        return "There is a dividend of about that time with another amount in the books."
    if meaning.fact.kind == ProposalKind.SPLIT and meaning.held.same_day:
        return "There is an entry of the same day without a time: see whether it is in old or new shares."
    return ""


def _withheld(portfolio_id: int, instrument: Instrument, amount: Decimal) -> Decimal:
    """What was withheld of the latest dividend of it, in proportion."""
    latest = (
        Transaction.objects.filter(
            portfolio=portfolio_id, instrument=instrument, type__in=["dividend", "distribution"], amount__gt=0
        )
        .counting()
        .order_by("-occurred_at", "-sequence")
        .values_list("amount", "taxes")
        .first()
    )
    if latest is None:
        return Decimal(0)
    paid, withheld = latest
    if paid is None or not withheld or withheld >= paid:
        return Decimal(0)
    return round_money(amount * quotient(withheld, paid), instrument.currency)


def first_day_of(portfolio_id: int, instrument_ids: Iterable[int]) -> dict[int, date]:
    """The first day on which each instrument is in the journal."""
    rows = Transaction.objects.filter(portfolio=portfolio_id, instrument__in=list(instrument_ids)).counting()
    return dict(rows.values_list("instrument_id").annotate(Min("occurred_date")))


def today_of(locked: LockedPortfolio, now: datetime) -> date:
    """The present day where the portfolio is."""
    return now.astimezone(ZoneInfo(locked.time_zone)).date()
