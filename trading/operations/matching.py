"""Matching what rests: fresh prices against open orders.

One statement finds the orders that the stored quotes trigger, however many rest; then each portfolio is
settled in a transaction of its own, so that one that waits or fails holds up nobody else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from django.db import DatabaseError, connection, transaction

from holdings.operations import lock_portfolio
from marketdata.models import Instrument
from marketdata.queries import QuoteView, is_market_open, latest_quotes
from portfolio_site.kernel.errors import DomainError
from trading.engine.matching import match
from trading.engine.states import MATCHABLE
from trading.engine.types import BookOrder
from trading.models import OPEN_STATUSES, Order
from trading.operations import booking
from trading.operations.placing import as_book_order
from trading.queries.assessment import tick_of

log = structlog.get_logger(__name__)

_MATCHABLE = sorted(status.value for status in MATCHABLE)

# The partial index of open orders by (instrument, side, limit) finds them; its condition is repeated word
# for word.
_TRIGGERED = """
SELECT o.portfolio_id, o.id, o.instrument_id
FROM trading_order o
JOIN marketdata_quote q ON q.instrument_id = o.instrument_id
WHERE o.status = ANY(%(open)s) AND o.status = ANY(%(matchable)s)
  AND (o.expires_at IS NULL OR o.expires_at > %(now)s)
  AND (%(ids)s::bigint[] IS NULL OR o.instrument_id = ANY(%(ids)s::bigint[]))
  AND (o.limit_price IS NULL
       OR (o.side = 'buy' AND coalesce(q.ask, q.last) <= o.limit_price)
       OR (o.side = 'sell' AND coalesce(q.bid, q.last) >= o.limit_price))
ORDER BY o.portfolio_id, o.id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchReport:
    """What a pass over the resting orders did: orders looked at, executions booked, portfolios that
    failed."""

    triggered: int = 0
    executions: int = 0
    failed_portfolios: tuple[int, ...] = ()


def match_resting_orders(*, instrument_ids: Iterable[int] | None, now: datetime) -> MatchReport:
    """Fill the resting orders that the latest quotes allow; ``None`` means every instrument.

    Safe to run twice and at the same time as anything else: each order is looked at again under the locks.
    A portfolio whose settlement fails is logged, left as it was and tried again by the next pass.
    """
    ids = None if instrument_ids is None else sorted(set(instrument_ids))
    with connection.cursor() as cursor:
        cursor.execute(_TRIGGERED, {"ids": ids, "open": OPEN_STATUSES, "matchable": _MATCHABLE, "now": now})
        rows = cursor.fetchall()
    trading_now = _trading_now({row[2] for row in rows}, now)
    by_portfolio: dict[int, list[UUID]] = defaultdict(list)
    for portfolio_id, order_id, instrument_id in rows:
        if instrument_id in trading_now:
            by_portfolio[portfolio_id].append(order_id)
    executions = 0
    failed: list[int] = []
    for portfolio_id, order_ids in by_portfolio.items():
        try:
            executions += _settle(portfolio_id, order_ids, now)
        except (DatabaseError, DomainError):
            log.exception("matching_failed", portfolio_id=portfolio_id)
            failed.append(portfolio_id)
    return MatchReport(triggered=len(rows), executions=executions, failed_portfolios=tuple(failed))


def _trading_now(instrument_ids: set[int], now: datetime) -> set[int]:
    """Those with an open market and a fresh quote: for the others no portfolio need be locked."""
    fresh = [pk for pk, quote in latest_quotes(instrument_ids, now=now).items() if not quote.is_stale]
    return {pk for pk, thing in Instrument.objects.in_bulk(fresh).items() if is_market_open(thing, now)}


def _settle(portfolio_id: int, order_ids: list[UUID], now: datetime) -> int:
    """Match the orders of one portfolio under its locks; returns the number of executions."""
    executions = 0
    with transaction.atomic():
        portfolio = lock_portfolio(portfolio_id)
        orders = list(
            Order.objects.filter(pk__in=order_ids, status__in=_MATCHABLE)
            .exclude(expires_at__lte=now)
            .select_related("instrument", "placed_by")
            .select_for_update(of=("self",), no_key=True)
            .order_by("pk")
        )
        desks = {
            order.id: booking.Desk(
                order=order,
                instrument=order.instrument,
                owner_id=portfolio.owner_id,
                actor=order.placed_by,
                now=now,
            )
            for order in orders
            if is_market_open(order.instrument, now)
        }
        books: dict[int, list[BookOrder]] = defaultdict(list)
        for desk in desks.values():
            books[desk.order.instrument_id].append(as_book_order(desk.order))
        # Read under the lock: an order is never filled at a price older than the one that others saw before
        # it.
        quotes: Mapping[int, QuoteView] = latest_quotes(books, now=now)
        for instrument_id, book in sorted(books.items()):
            quote = quotes.get(instrument_id)
            if quote is None:
                continue
            for execution in match(book, tick_of(quote), now).executions:
                desk = desks[execution.order_id]
                executions += booking.fill(desk, execution)
                # At once: the next one's free cash is worked out from what the stored orders hold.
                booking.save(desk)
    return executions
