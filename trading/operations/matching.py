"""Matching what rests: fresh prices against open orders.

One statement finds the orders that the stored quotes trigger, however many rest. Their portfolios are settled some at a time in
one transaction, which waits for nobody: one that somebody else is at, or that fails, is settled in a transaction of its own
and holds up nobody else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from django.db import DatabaseError, transaction
from django.db.models import Q

from holdings.operations import lock_free_portfolios, lock_portfolio, write_trade
from marketdata.models import Instrument
from marketdata.queries import latest_quotes
from portfolio_site.kernel.errors import DomainError
from portfolio_site.kernel.writing import Writing
from trading.engine.types import Phase, Side
from trading.models import Order
from trading.operations.corporate_actions import apply_corporate_actions, splits_due
from trading.operations.desk import Desk, load_desks
from trading.operations.triggered import (
    Found,
    move_trailing_stops,
    trailing_instruments,
    triggered_orders,
)
from trading.operations.working import work
from trading.queries.facts import read_order_facts
from trading.queries.market import markets_of

log = structlog.get_logger(__name__)

#: So many portfolios are settled in one transaction: a commit less for each, and nobody's lock held for long.
TOGETHER = 20


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
    behind = _move_trailing(ids, now)
    rows = triggered_orders(instrument_ids=ids, now=now)
    rows += [row for row in behind if row.order_id not in {found.order_id for found in rows}]
    worth_a_lock = _worth_a_lock(rows, now)
    by_portfolio: dict[int, list[UUID]] = defaultdict(list)
    for row in rows:
        if row.order_id in worth_a_lock:
            by_portfolio[row.portfolio_id].append(row.order_id)
    _after_splits(by_portfolio, rows, now)
    executions = 0
    failed = []
    portfolios = sorted(by_portfolio.items())
    for start in range(0, len(portfolios), TOGETHER):
        some = portfolios[start : start + TOGETHER]
        try:
            booked = settle_together(dict(some), now)
        except (DatabaseError, DomainError):
            log.info("matching_one_by_one", portfolios=len(some), exc_info=True)
            booked = {}
        executions += sum(booked.values())
        for portfolio_id, order_ids in some:
            if portfolio_id in booked:
                continue
            try:
                executions += settle(portfolio_id, order_ids, now)
            except (DatabaseError, DomainError):
                log.exception("matching_failed", portfolio_id=portfolio_id)
                failed.append(portfolio_id)
    return MatchReport(triggered=len(rows), executions=executions, failed_portfolios=tuple(failed))


def _after_splits(by_portfolio: Mapping[int, list[UUID]], rows: list[Found], now: datetime) -> None:
    """On the day of a split orders are brought to the new units before they meet the new prices."""
    wanted = {pk for ids in by_portfolio.values() for pk in ids}
    instruments = {row.instrument_id for row in rows if row.order_id in wanted}
    if instruments and splits_due(instrument_ids=instruments, now=now):
        apply_corporate_actions(instrument_ids=instruments, now=now)


def _move_trailing(ids: list[int] | None, now: datetime) -> list[Found]:
    """Trailing stops follow the market first, where it runs; returns those that could not be moved at once."""
    trailing = trailing_instruments(instrument_ids=ids)
    if not trailing:
        return []
    if splits_due(instrument_ids=trailing, now=now):
        apply_corporate_actions(instrument_ids=trailing, now=now)
    phases = _phases(trailing, now)
    return move_trailing_stops(
        instrument_ids=[pk for pk, phase in phases.items() if phase is Phase.REGULAR], now=now
    )


def _phases(ids: Iterable[int], now: datetime) -> dict[int, Phase]:
    """What the markets with a fresh quote are doing; halted instruments are left out."""
    fresh = {pk: quote for pk, quote in latest_quotes(ids, now=now).items() if not quote.is_stale}
    markets = markets_of(Instrument.objects.in_bulk(fresh), fresh, now=now)
    return {pk: market.phase for pk, market in markets.items() if market.thing.status != "halted"}


def _worth_a_lock(rows: list[Found], now: datetime) -> set[UUID]:
    """Those whose market runs (or whose auction is due) and has a fresh quote: for the others no portfolio need be
    locked."""
    phases = _phases({row.instrument_id for row in rows}, now)
    return {
        row.order_id
        for row in rows
        if row.instrument_id in phases and (row.is_auction or _runs_for(row, phases[row.instrument_id]))
    }


def _runs_for(row: Found, phase: Phase) -> bool:
    return phase is Phase.REGULAR or (phase is Phase.EXTENDED and row.extended_hours)


def settle_together(by_portfolio: Mapping[int, list[UUID]], now: datetime) -> dict[int, int]:
    """Like `settle` for several portfolios in one transaction; returns the executions of each.

    Those that somebody else has locked are left out: nobody is waited for, so nobody waits for longer than this takes.
    Whatever it raises, nothing was settled.
    """
    with transaction.atomic():
        locked = lock_free_portfolios(list(by_portfolio))
        desks = {pk: Desk(portfolio=found, account=None, actor=None, now=now) for pk, found in locked.items()}
        load_desks(desks, [order_id for pk in desks for order_id in by_portfolio[pk]])
        executions = dict.fromkeys(desks, 0)
        turns = {pk: due for pk, desk in desks.items() if (due := _due(desk, by_portfolio[pk], now))}
        # An instrument of each at a time, written in one statement: what the next one of a portfolio may spend is worked out
        # from what its stored orders hold.
        while turns:
            writing = Writing()
            for pk, due in turns.items():
                executions[pk] += _meet(desks[pk], *due.pop(0))
                desks[pk].write_into(writing)
            write_trade(writing)
            turns = {pk: due for pk, due in turns.items() if due}
        return executions


def settle(portfolio_id: int, order_ids: list[UUID], now: datetime) -> int:
    """Let the orders of one portfolio meet the market under its locks; returns the number of executions."""
    with transaction.atomic():
        desk = Desk(portfolio=lock_portfolio(portfolio_id), account=None, actor=None, now=now)
        desk.load(Q(pk__in=order_ids))
        return _settle(desk, order_ids, now)


def _settle(desk: Desk, order_ids: list[UUID], now: datetime) -> int:
    executions = 0
    for instrument_id, orders in _due(desk, order_ids, now):
        executions += _meet(desk, instrument_id, orders)
        # At once: the next one's free money is worked out from what the stored orders hold.
        desk.save()
    return executions


def _due(desk: Desk, order_ids: list[UUID], now: datetime) -> list[tuple[int, list[Order]]]:
    """Which orders meet the market, by instrument."""
    wanted = set(order_ids)
    due: dict[int, list[Order]] = defaultdict(list)
    for order in desk.orders.values():
        over = order.expires_at is not None and order.expires_at <= now
        # A whole group meets the market together: its members share one quantity.
        named = order.pk in wanted or any(other.pk in wanted for other in desk.family(order))
        if named and order.watch and not over:
            due[order.instrument_id].append(order)
    return sorted(due.items())


def _meet(desk: Desk, instrument_id: int, orders: list[Order]) -> int:
    """Let orders of one instrument meet the market, on the desk alone; how many executions."""
    _read(desk, instrument_id, orders)
    work(desk, instrument_id, orders)
    return len(desk.trades)


def _read(desk: Desk, instrument_id: int, orders: list[Order]) -> None:
    """Read what the orders of one instrument meet. One statement."""
    facts = read_order_facts(
        portfolio_id=desk.portfolio.id,
        user=None,
        instrument_id=instrument_id,
        client_order_id="",
        for_sale=any(order.side == Side.SELL for order in orders),
        now=desk.now,
    )
    assert facts is not None  # its orders refer to it
    desk.adopt(facts)
