"""Keeping proposals in line: when a source tells of something new, and when the books change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.core.cache import cache
from django.db import transaction
from django.db.models import Max, Min, Q

from holdings.events import ActionsDue, stream_of
from holdings.models import ActionProposal, Portfolio, Transaction
from holdings.operations.actions.booking import book_due_proposals, forget_removed, recognise_restored
from holdings.operations.actions.proposing import SOURCE, refresh_proposals
from holdings.operations.locking import lock_portfolio
from marketdata.models import CorporateAction
from marketdata.operations import request_histories
from portfolio_site.kernel.events import publish

#: Events name this many entries at most; of a larger posting everything is looked at.
MOST_NAMED = 1000
#: An entry may be a dividend of up to so long ago.
LOOK_BACK = timedelta(days=80)


def tell_portfolios(*, instrument_id: int) -> int:
    """Have every portfolio that ever held an instrument look at its splits and dividends; return how many. Inside a
    transaction: each of them looks in one of its own."""
    held = Transaction.objects.filter(Q(instrument=instrument_id) | Q(to_instrument=instrument_id))
    portfolios = Portfolio.objects.active().filter(pk__in=held.values("portfolio")).order_by("pk")
    ids = list(portfolios.values_list("pk", flat=True))
    for portfolio_id in ids:
        publish(
            ActionsDue(portfolio_id=portfolio_id, instrument_ids=[instrument_id]),
            stream=stream_of(portfolio_id),
        )
    return len(ids)


def look_at_actions(*, portfolio_id: int, instrument_ids: Iterable[int], now: datetime) -> None:
    """Bring the proposals of a portfolio up to date, and book at once what it wants booked by itself."""
    with transaction.atomic():
        refresh_proposals(portfolio_id=portfolio_id, instrument_ids=instrument_ids, now=now)
        book_due_proposals(now=now, portfolio_id=portfolio_id)


def follow_posting(
    *, portfolio_id: int, transaction_ids: Sequence[int], voided_ids: Sequence[int], now: datetime
) -> None:
    """The journal changed: see to it that the history of what is held comes, and that proposals follow.

    Costs two statements where nothing that was touched had a split or dividend since.
    """
    with transaction.atomic():
        if voided_ids:
            lock_portfolio(portfolio_id)
            forget_removed(portfolio_id=portfolio_id, voided_ids=voided_ids, now=now)
        recognise_restored(portfolio_id=portfolio_id, transaction_ids=transaction_ids)
        touched = Transaction.objects.filter(portfolio=portfolio_id).exclude(source=SOURCE)
        if len(transaction_ids) < MOST_NAMED and len(voided_ids) < MOST_NAMED:
            touched = touched.filter(pk__in=[*transaction_ids, *voided_ids])
        first: dict[int, date] = {}
        for name in ("instrument_id", "to_instrument_id"):
            rows = touched.filter(**{f"{name}__isnull": False})
            for pk, day in rows.values_list(name).annotate(Min("occurred_date")):
                first[pk] = min(first.get(pk, day), day)
        if not first:
            return
        since = min(first.values())
        _want_histories(first, since=since, now=now)
        since -= LOOK_BACK
        with_actions = set(
            CorporateAction.objects.filter(instrument__in=first, ex_date__gte=since).values_list(
                "instrument_id", flat=True
            )
        )
        with_actions |= set(
            ActionProposal.objects.filter(portfolio=portfolio_id, instrument__in=first).values_list(
                "instrument_id", flat=True
            )
        )
        if with_actions:
            look_at_actions(portfolio_id=portfolio_id, instrument_ids=sorted(with_actions), now=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """Entries that a portfolio's journal has grown by."""

    portfolio_id: int
    transaction_ids: Sequence[int]


def is_large_change(*, transaction_ids: Sequence[int], voided_ids: Sequence[int]) -> bool:
    """Whether what follows a change of the journal takes the portfolio's lock or looks at all of it."""
    return bool(voided_ids) or len(transaction_ids) >= MOST_NAMED


def follow_postings(*, postings: Sequence[Posting], now: datetime) -> None:
    """Like ``follow_posting`` for many journals that have grown a little, trades above all. Three statements where nothing
    that was touched had a split or dividend since; portfolios where something had are looked at after this, each in a
    transaction of its own."""
    with transaction.atomic(savepoint=False):
        rows = Transaction.objects.filter(pk__in=[pk for each in postings for pk in each.transaction_ids])
        first: dict[int, dict[int, date]] = {}
        restored: dict[int, list[int]] = {}
        for pk, portfolio_id, source, day, *things in rows.values_list(
            "pk", "portfolio_id", "source", "occurred_date", "instrument_id", "to_instrument_id"
        ):
            if source == SOURCE:
                restored.setdefault(portfolio_id, []).append(pk)
                continue
            for thing in things:
                if thing is not None:
                    days = first.setdefault(portfolio_id, {})
                    days[thing] = min(days.get(thing, day), day)
        for portfolio_id, ids in restored.items():
            recognise_restored(portfolio_id=portfolio_id, transaction_ids=ids)
        if not first:
            return
        wanted: dict[int, date] = {}
        for days in first.values():
            for thing, day in days.items():
                wanted[thing] = min(wanted.get(thing, day), day)
        _want_each_history(wanted, now=now)
        for portfolio_id, touched in _with_actions(first).items():
            publish(
                ActionsDue(portfolio_id=portfolio_id, instrument_ids=sorted(touched)),
                stream=stream_of(portfolio_id),
            )


def _with_actions(first: Mapping[int, Mapping[int, date]]) -> dict[int, set[int]]:
    """What had a split or dividend since its portfolio's first change, or is proposed one; portfolio -> instruments."""
    since = {portfolio_id: min(days.values()) - LOOK_BACK for portfolio_id, days in first.items()}
    things = {thing for days in first.values() for thing in days}
    latest = dict(
        CorporateAction.objects.filter(instrument__in=things, ex_date__gte=min(since.values()))
        .values_list("instrument_id")
        .annotate(Max("ex_date"))
    )
    found: dict[int, set[int]] = {}
    for portfolio_id, days in first.items():
        hit = {thing for thing in days if thing in latest and latest[thing] >= since[portfolio_id]}
        if hit:
            found[portfolio_id] = hit
    proposed = ActionProposal.objects.filter(portfolio__in=first, instrument__in=things)
    for portfolio_id, thing in proposed.values_list("portfolio_id", "instrument_id").distinct():
        if thing in first[portfolio_id]:
            found.setdefault(portfolio_id, set()).add(thing)
    return found


def _want_each_history(wanted: Mapping[int, date], *, now: datetime) -> None:
    """What is held gets its history back to its first entry; looked at once an hour and year."""
    keys = {f"holdings:history-wanted:{pk}:{day.year}": pk for pk, day in wanted.items()}
    known = cache.get_many(keys)
    by_day: dict[date, list[int]] = {}
    for key, pk in keys.items():
        if key not in known and cache.add(key, 1, timeout=3600):
            by_day.setdefault(wanted[pk], []).append(pk)
    for day, ids in sorted(by_day.items()):
        request_histories(instrument_ids=ids, reason="held", now=now, since=day)


def _want_histories(instrument_ids: Iterable[int], *, since: date, now: datetime) -> None:
    """What is held gets its history back to the first entry; looked at once an hour and year."""
    _want_each_history(dict.fromkeys(instrument_ids, since), now=now)
