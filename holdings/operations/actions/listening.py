"""Keeping proposals in line: when a source tells of something new, and when the books change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

from django.core.cache import cache
from django.db import transaction
from django.db.models import Min, Q

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


def _want_histories(instrument_ids: Iterable[int], *, since: date, now: datetime) -> None:
    """What is held gets its history back to the first entry; looked at once an hour and year."""
    new = [
        pk
        for pk in instrument_ids
        if cache.add(f"holdings:history-wanted:{pk}:{since.year}", 1, timeout=3600)
    ]
    if new:
        request_histories(instrument_ids=new, reason="held", now=now, since=since)
