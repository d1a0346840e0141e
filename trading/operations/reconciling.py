"""Reconciliation: what a crash, a lost message or a restarted broker may have left undone is done now.

Nothing here repairs money: order, fills and journal commit together, so they cannot disagree. What can be
left behind is work that nobody was told to do (a tick that was never matched, a session end that passed while no worker
ran) and what another version, or a hand in the database, left half-done: that is finished (``repairing``). What cannot be
mended without guessing is looked for and told, so that a fault is known before somebody finds it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import connection
from django.db.models import Q, Sum

from holdings import queries as books
from portfolio_site.kernel.models import OutboxEvent
from trading.models import Order, TradingAccount
from trading.operations.expiring import expire_orders
from trading.operations.matching import match_resting_orders
from trading.operations.repairing import Repairs, repair_log, repair_orders
from trading.queries.holds import IS_OPEN

log = structlog.get_logger(__name__)
#: Closed orders are looked at again for this long.
RECENT = timedelta(hours=1)
#: By the thorough pass for this long.
LONG_AGO = timedelta(days=7)
#: An order whose time is over is expired within seconds; after this long something keeps it.
OVERDUE = timedelta(minutes=5)
#: An event that was refused so often waits for a person.
MANY_ATTEMPTS = 5
_LOCK = 0x686F6C64_7265_636F  # "hold", "re", "co"


def _open(alias: str) -> str:
    return f"{alias}.{IS_OPEN}"


#: Orders of the simulated exchange: what a broker executes is that broker's to look for, and to keep in step.
_OURS = "NOT EXISTS (SELECT 1 FROM trading_brokerorder b WHERE b.order_id = o.id)"

# Each row is a fault that nobody can mend without guessing: what an order says of itself against its fills.
_CONTRADICTIONS = f"""
SELECT o.id, 'its fills add up to ' || coalesce(f.quantity, 0) || ', it says ' || o.filled_quantity
FROM trading_order o
LEFT JOIN (SELECT order_id, sum(quantity) AS quantity FROM trading_fill GROUP BY order_id) f ON f.order_id = o.id
WHERE o.updated_at >= %(since)s AND coalesce(f.quantity, 0) <> o.filled_quantity AND o.origin <> 'split'
UNION ALL
SELECT o.id, 'both exits of its group were filled'
FROM trading_order o JOIN trading_order s ON coalesce(s.parent_id, s.id) = coalesce(o.parent_id, o.id)
WHERE o.updated_at >= %(since)s AND o.role = 'take_profit' AND s.role = 'stop_loss'
  AND o.status = 'filled' AND s.status = 'filled' AND {_OURS}
UNION ALL
SELECT o.id, 'it is open and nothing looks for it'
FROM trading_order o
WHERE {_open("o")} AND o.status <> 'held' AND o.watch = '' AND {_OURS}
UNION ALL
SELECT o.id, 'it is held and its entry has ended'
FROM trading_order o JOIN trading_order p ON p.id = o.parent_id
WHERE o.status = 'held' AND o.watch = '' AND p.status IN ('filled', 'canceled', 'expired', 'rejected')
  AND {_OURS}
UNION ALL
SELECT o.id, 'its exits stand for different quantities'
FROM trading_order o JOIN trading_order s ON coalesce(s.parent_id, s.id) = coalesce(o.parent_id, o.id)
WHERE o.role = 'take_profit' AND s.role = 'stop_loss' AND {_open("o")} AND {_open("s")}
  AND o.quantity - o.filled_quantity <> s.quantity - s.filled_quantity
  AND {_OURS}
UNION ALL
SELECT o.id, 'its time was over at ' || o.expires_at || ', and it is open'
FROM trading_order o
WHERE {_open("o")} AND o.expires_at < %(overdue)s AND {_OURS}
"""  # noqa: S608 - statuses of this room's own enumeration


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """What the pass did and what it found: ``repairs`` and ``faults`` are sentences, both empty when all is well."""

    executions: int
    expired: int
    repairs: tuple[str, ...]
    faults: tuple[str, ...]


def reconcile_orders(*, now: datetime, thorough: bool = False) -> Reconciliation:
    """Finish what is half-done, expire what is due, match what the stored quotes trigger, and check what is left.

    ``thorough``: the numbered log as well, and orders of the last week instead of the last hour; at the start of a worker
    and once an hour. Only one pass runs at a time: another that comes meanwhile waits for it, for it may have begun before
    what this one is to find. Safe beside everything else.
    """
    since = now - (LONG_AGO if thorough else RECENT)
    with _alone():
        mended = repair_orders(now=now)
        expired = expire_orders(now=now)
        report = match_resting_orders(instrument_ids=None, now=now)
        told = repair_log(now=now, since=since) if thorough else Repairs()
    failed = sorted({*mended.failed_portfolios, *report.failed_portfolios, *told.failed_portfolios})
    faults = (
        *check_reservations(),
        *check_orders(since=since, now=now),
        *check_deliveries(),
        *(f"Portfolio {portfolio_id}: its orders could not be settled." for portfolio_id in failed),
    )
    for fault in faults:
        log.error("order_fault", fault=fault)
    return Reconciliation(
        executions=report.executions, expired=expired, repairs=(*mended.done, *told.done), faults=faults
    )


@contextmanager
def _alone() -> Iterator[None]:
    """Held by the connection, not by a transaction: whoever dies lets go."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
    try:
        yield
    finally:
        if connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


def check_deliveries() -> list[str]:
    """Events of orders that their listeners have refused again and again; a sentence for each. One statement."""
    stuck = OutboxEvent.objects.filter(
        dispatched_at__isnull=True, attempts__gte=MANY_ATTEMPTS, name__startswith="trading."
    ).order_by("pk")
    return [
        f"Event {pk} ({name}) is not delivered after {attempts} attempts: {error.splitlines()[0] if error else ''}"
        for pk, name, attempts, error in stuck.values_list("pk", "name", "attempts", "last_error")[:20]
    ]


def check_reservations() -> list[str]:
    """Compare what open orders hold with the books; returns a sentence for each promise that is not covered.

    Money is compared for accounts that cannot borrow: what the others may hold moves with the prices. Accounts at brokers are
    compared with those brokers instead. Two statements per
    portfolio and currency or instrument with open orders.
    """
    faults = []
    may_borrow = TradingAccount.objects.filter(
        Q(multiplier__gt=1) | Q(broker_connection__isnull=False)
    ).values("portfolio_id")
    at_brokers = TradingAccount.objects.filter(broker_connection__isnull=False).values("portfolio_id")
    held_cash = (
        Order.objects.open()
        .filter(reserved_cash__gt=0)
        .exclude(portfolio_id__in=may_borrow)
        .values_list("portfolio_id", "currency")
        .annotate(held=Sum("reserved_cash"))
    )
    for portfolio_id, currency, held in held_cash:
        cash = books.cash_balance(portfolio_id, currency)
        if cash < held:
            faults.append(
                f"Portfolio {portfolio_id}: open orders hold {held} {currency}, the account has {cash}."
            )
    held_units = (
        Order.objects.open()
        .filter(reserved_quantity__gt=0)
        .exclude(portfolio_id__in=at_brokers)
        .values_list("portfolio_id", "instrument_id", "side")
        .annotate(held=Sum("reserved_quantity"))
    )
    for portfolio_id, instrument_id, side, held in held_units:
        position = books.position_quantity(portfolio_id, instrument_id)
        there = position if side == "sell" else -position
        if there < held:
            faults.append(
                f"Portfolio {portfolio_id}: open {side} orders hold {held} of instrument {instrument_id}, "
                f"the position is {position}."
            )
    return faults


def check_orders(*, since: datetime, now: datetime | None = None) -> list[str]:
    """Orders that contradict themselves, their fills or their group; of the closed ones those changed ``since``. Those whose
    time was over well before ``now`` as well. A sentence for each. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_CONTRADICTIONS, {"since": since, "overdue": None if now is None else now - OVERDUE})
        return [f"Order {order_id}: {what}." for order_id, what in cursor.fetchall()]
