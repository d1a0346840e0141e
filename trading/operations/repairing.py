"""Repairing orders that something left half-done: found by what the rows say, mended as the exchange would have gone on.

Nothing here touches money or the journal: those commit together with the order, so whatever they say stands. Each repair is
an ordinary change of the order, with a sentence in its trail, an event in the log where its state changes, and the
audit's row. What cannot be mended without guessing is told by ``check_orders`` instead.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from django.db import DatabaseError, connection, transaction
from django.db.models import Q

from portfolio_site.kernel.errors import DomainError
from trading.engine.states import CANCELABLE, OrderStatus, Trigger
from trading.engine.types import Role
from trading.models import Fill, Order
from trading.operations import ending, grouping
from trading.operations.desk import Desk, open_desk
from trading.operations.working import work
from trading.queries.holds import IS_OPEN

log = structlog.get_logger(__name__)

_ENDED = "('canceled', 'expired', 'rejected')"
# Orders of the simulated exchange: what a broker executes is that broker's to finish.
_OURS = "NOT EXISTS (SELECT 1 FROM trading_brokerorder b WHERE b.order_id = o.id)"

# (portfolio, order, what is the matter). Open orders alone, by the index of open orders.
_HALF_DONE = f"""
SELECT o.portfolio_id, o.id, 'cancel' FROM trading_order o
WHERE o.status = 'pending_cancel' AND {_OURS}
UNION ALL
SELECT o.portfolio_id, o.id, 'replace' FROM trading_order o
WHERE o.status = 'pending_replace' AND {_OURS}
UNION ALL
SELECT o.portfolio_id, o.id, 'watch' FROM trading_order o
WHERE o.{IS_OPEN} AND o.status NOT IN ('held', 'pending_cancel', 'pending_replace') AND o.watch = '' AND {_OURS}
UNION ALL
SELECT o.portfolio_id, o.id, 'arm' FROM trading_order o JOIN trading_order p ON p.id = o.parent_id
WHERE o.status = 'held' AND o.watch = '' AND p.role = 'entry' AND p.status = 'filled' AND {_OURS}
UNION ALL
SELECT o.portfolio_id, o.id, 'end' FROM trading_order o JOIN trading_order p ON p.id = o.parent_id
WHERE o.{IS_OPEN} AND p.status IN {_ENDED} AND {_OURS}
UNION ALL
SELECT o.portfolio_id, o.id, 'other' FROM trading_order o
JOIN trading_order s ON coalesce(s.parent_id, s.id) = coalesce(o.parent_id, o.id) AND s.id <> o.id
WHERE o.{IS_OPEN} AND o.role IN ('take_profit', 'stop_loss') AND s.role IN ('take_profit', 'stop_loss')
  AND s.status = 'filled' AND {_OURS}
UNION ALL
SELECT o.portfolio_id, o.id, 'share' FROM trading_order o
JOIN trading_order s ON coalesce(s.parent_id, s.id) = coalesce(o.parent_id, o.id)
WHERE o.role = 'stop_loss' AND s.role = 'take_profit' AND o.{IS_OPEN} AND s.{IS_OPEN}
  AND (o.watch <> '' OR o.status <> 'held')
  AND o.quantity - o.filled_quantity <> s.quantity - s.filled_quantity AND {_OURS}
"""  # noqa: S608 - statuses of this room's own enumeration


# Orders and fills of accounts with recent orders that the numbered log does not tell of as they stand. What is older than
# the account's log, and exits that have waited since they came, have no line at all.
_UNTOLD = f"""
WITH recent AS (
    SELECT o.portfolio_id, o.id, o.status, o.submitted_at FROM trading_order o WHERE o.updated_at >= %(since)s
), log AS (
    SELECT e.portfolio_id, e.order_id, e.number, e.at, e.payload FROM trading_tradeevent e
    WHERE e.portfolio_id IN (SELECT portfolio_id FROM recent)
), begun AS (
    SELECT DISTINCT ON (portfolio_id) portfolio_id, at FROM log ORDER BY portfolio_id, number
), latest AS (
    SELECT DISTINCT ON (order_id) order_id, payload -> 'order' ->> 'status' AS status
    FROM log ORDER BY order_id, number DESC
)
SELECT r.portfolio_id, r.id, NULL::uuid
FROM recent r LEFT JOIN latest l ON l.order_id = r.id JOIN trading_order o ON o.id = r.id
JOIN begun b ON b.portfolio_id = r.portfolio_id
WHERE {_OURS} AND (l.status <> r.status
    OR (l.status IS NULL AND r.status <> 'held' AND r.submitted_at >= greatest(b.at, %(since)s)))
UNION ALL
SELECT r.portfolio_id, r.id, f.id
FROM recent r JOIN trading_fill f ON f.order_id = r.id JOIN trading_order o ON o.id = r.id
JOIN begun b ON b.portfolio_id = r.portfolio_id
WHERE f.executed_at >= greatest(b.at, %(since)s) AND {_OURS}
  AND NOT EXISTS (SELECT 1 FROM log WHERE log.order_id = r.id AND log.payload #>> '{{execution,id}}' = f.id::text)
ORDER BY 1, 2
"""  # noqa: S608
#: What programs are told of an order that stands like this.
_NAMES = {OrderStatus.FILLED: "fill", OrderStatus.PARTIALLY_FILLED: "partial_fill"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Repairs:
    """What was mended: a sentence each. ``failed_portfolios`` could not be, and are tried again by the next pass."""

    done: tuple[str, ...] = ()
    failed_portfolios: tuple[int, ...] = ()


def repair_orders(*, now: datetime) -> Repairs:
    """Finish what is half-done; one statement when there is nothing, and a transaction for each portfolio otherwise.

    Safe to run at any time and twice: every order is looked at again under its portfolio's lock.
    """
    found: dict[int, dict[UUID, list[str]]] = defaultdict(lambda: defaultdict(list))
    with connection.cursor() as cursor:
        cursor.execute(_HALF_DONE)
        for portfolio_id, order_id, what in cursor.fetchall():
            found[portfolio_id][order_id].append(what)
    done: list[str] = []
    failed: list[int] = []
    for portfolio_id in sorted(found):
        try:
            done += _repair(portfolio_id, found[portfolio_id], now)
        except (DatabaseError, DomainError):
            log.exception("repair_failed", portfolio_id=portfolio_id)
            failed.append(portfolio_id)
    for sentence in done:
        log.warning("order_repaired", repair=sentence)
    return Repairs(done=tuple(done), failed_portfolios=tuple(failed))


def repair_log(*, now: datetime, since: datetime) -> Repairs:
    """Tell programs what the numbered log kept from them: orders changed ``since`` that stand otherwise than it says last,
    and fills it does not know. One statement when there is nothing."""
    missing: dict[int, list[tuple[UUID, UUID | None]]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_UNTOLD, {"since": since})
        for portfolio_id, order_id, fill_id in cursor.fetchall():
            missing[portfolio_id].append((order_id, fill_id))
    done: list[str] = []
    failed: list[int] = []
    for portfolio_id in missing:
        try:
            done += _tell_now(portfolio_id, now, since)
        except (DatabaseError, DomainError):
            log.exception("repair_failed", portfolio_id=portfolio_id)
            failed.append(portfolio_id)
    for sentence in done:
        log.warning("order_repaired", repair=sentence)
    return Repairs(done=tuple(done), failed_portfolios=tuple(failed))


def _tell_now(portfolio_id: int, now: datetime, since: datetime) -> list[str]:
    """Looked for again under the lock: what was being told while the statement ran is told by now."""
    with transaction.atomic():
        desk = open_desk(portfolio_id=portfolio_id, actor=None, now=now)
        with connection.cursor() as cursor:
            cursor.execute(_UNTOLD, {"since": since})
            rows = [
                (order_id, fill_id) for found, order_id, fill_id in cursor.fetchall() if found == portfolio_id
            ]
        desk.load(Q(pk__in={order_id for order_id, _ in rows}))
        fills = Fill.objects.in_bulk([fill_id for _, fill_id in rows if fill_id is not None])
        told: dict[UUID, None] = {}
        for order_id, fill_id in sorted(rows, key=lambda row: (row[1] is None, str(row[0]))):
            order = desk.orders[order_id]
            if fill_id is not None:
                event = "fill" if fills[fill_id].leaves_quantity == 0 else "partial_fill"
                desk.tell(event, order, fill=fills[fill_id])
            elif order_id not in told:
                desk.tell(_NAMES.get(OrderStatus(order.status), order.status), order)
            told[order_id] = None
        for order_id in told:
            desk.note(
                desk.orders[order_id], "Programs had not been told of this; they are now.", kind="repaired"
            )
        desk.save()
    return [f"Order {order_id}: the log of its account did not tell of it; it does now." for order_id in told]


def _repair(portfolio_id: int, wanted: dict[UUID, list[str]], now: datetime) -> list[str]:
    done = []
    with transaction.atomic():
        desk = open_desk(portfolio_id=portfolio_id, actor=None, now=now)
        desk.date_after_journal()
        desk.load(Q(pk__in=list(wanted)))
        for order_id in sorted(wanted):
            for what in wanted[order_id]:
                order = desk.orders.get(order_id)
                # Whoever held the lock until now may have finished it.
                sentence = None if order is None or not order.is_open else _REPAIRS[what](desk, order)
                if sentence is not None:
                    done.append(f"Order {order_id}: {sentence}")
        _look_at_market(desk)
        desk.save()
    return done


def _look_at_market(desk: Desk) -> None:
    """What has begun to watch meets the market in the same transaction."""
    awake: dict[int, list[Order]] = defaultdict(list)
    for order in desk.awakened:
        if order.is_open:
            awake[order.instrument_id].append(order)
    desk.load_markets({pk: orders[0].instrument for pk, orders in awake.items()})
    for instrument_id, orders in sorted(awake.items()):
        work(desk, instrument_id, orders)


def _finish_cancel(desk: Desk, order: Order) -> str | None:
    if order.status != OrderStatus.PENDING_CANCEL:
        return None
    text = "Cancelled: the cancellation that had been begun was finished."
    ending.finish_cancel(desk, order, text=text)
    return "its cancellation was finished."


def _undo_replace(desk: Desk, order: Order) -> str | None:
    if order.status != OrderStatus.PENDING_REPLACE:
        return None
    part = Trigger.REFUSE_REPLACE_OF_PART if order.filled_quantity else Trigger.REFUSE_REPLACE
    desk.move(order, part)
    desk.watch(order)
    desk.note(order, "The replacement that had been begun never came; the order works on.", kind="repaired")
    desk.tell("order_replace_rejected", order)
    desk.awakened.append(order)
    return "a replacement that never came was given up."


def _watch(desk: Desk, order: Order) -> str | None:
    if order.watch or order.status == OrderStatus.HELD:
        return None
    desk.watch(order)
    desk.note(order, "Nothing had looked for this order; it watches the market again.", kind="repaired")
    desk.awakened.append(order)
    return "nothing looked for it; it watches the market again."


def _arm(desk: Desk, order: Order) -> str | None:
    entry = next((other for other in desk.family(order) if other.role == Role.ENTRY), None)
    if order.status != OrderStatus.HELD or order.watch or entry is None or entry.status != OrderStatus.FILLED:
        return None
    desk.note(order, "The entry had been filled and the exit was not armed.", kind="repaired")
    grouping.after_fill(desk, entry)
    return "its entry was filled; it is armed."


def _end_with_head(desk: Desk, order: Order) -> str | None:
    head = next((other for other in desk.family(order) if other.pk == order.parent_id), None)
    if head is None or head.is_open or OrderStatus(order.status) not in CANCELABLE:
        return None
    if head.status not in (OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.REJECTED):
        return None
    text = "Cancelled: another order of its group has ended."
    ending.cancel(desk, order, text=text, code="group_ended", reason=text)
    return "its group had ended; it is cancelled."


def _end_with_other(desk: Desk, order: Order) -> str | None:
    others = [other for other in desk.family(order) if other.role in (Role.TAKE_PROFIT, Role.STOP_LOSS)]
    if not any(other.status == OrderStatus.FILLED for other in others):
        return None
    if OrderStatus(order.status) not in CANCELABLE:
        return None
    text = "Cancelled: the other exit was filled."
    ending.cancel(desk, order, text=text, code="other_exit_filled", reason=text)
    return "the other exit was filled; it is cancelled."


def _share(desk: Desk, order: Order) -> str | None:
    """Both exits stand for the same units: the smaller number is what is left, for the other has traded the rest."""
    other = next((each for each in desk.family(order) if each.role == Role.TAKE_PROFIT), None)
    if other is None or not other.is_open or other.remaining == order.remaining:
        return None
    larger, left = (order, other.remaining) if order.remaining > other.remaining else (other, order.remaining)
    larger.quantity = larger.filled_quantity + left
    larger.reserved_quantity = min(larger.reserved_quantity, left)
    desk.note(larger, "Now for what its other exit left.", kind="repaired")
    return "its exits stood for different quantities; both are for what is left."


_REPAIRS: dict[str, Callable[[Desk, Order], str | None]] = {
    "cancel": _finish_cancel,
    "replace": _undo_replace,
    "watch": _watch,
    "arm": _arm,
    "end": _end_with_head,
    "other": _end_with_other,
    "share": _share,
}
