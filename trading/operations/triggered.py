"""Finding the resting orders that the stored quotes trigger, and moving trailing stops: set-based, by index.

An order is found by what it watches: any fresh price (``now``), the touch at its limit (``limit``), a trade at its stop
(``stop``, ``trail``). The partial index on (instrument, side, watch, price) answers all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

# The last trade, taken to lie within bid and ask: what elects a stop (engine.triggers.trade_price).
_TRADE = "greatest(least(q.last, q.ask), q.bid)"

_COLUMNS = "portfolio_id, id, instrument_id, time_in_force, extended_hours, expires_at, eligible_at"

_FIND = f"""
SELECT o.portfolio_id, o.id, o.instrument_id, o.time_in_force IN ('opg', 'cls'), o.extended_hours
FROM marketdata_quote q
CROSS JOIN LATERAL (
    SELECT {_COLUMNS} FROM trading_order w
    WHERE w.instrument_id = q.instrument_id AND w.watch = 'now'
    UNION ALL
    SELECT {_COLUMNS} FROM trading_order w
    WHERE w.instrument_id = q.instrument_id AND w.side = 'buy' AND w.watch = 'limit'
      AND w.watch_price >= coalesce(q.ask, q.last)
    UNION ALL
    SELECT {_COLUMNS} FROM trading_order w
    WHERE w.instrument_id = q.instrument_id AND w.side = 'sell' AND w.watch = 'limit'
      AND w.watch_price <= coalesce(q.bid, q.last)
    UNION ALL
    SELECT {_COLUMNS} FROM trading_order w
    WHERE w.instrument_id = q.instrument_id AND w.side = 'buy' AND w.watch IN ('stop', 'trail')
      AND w.watch_price <= {_TRADE}
    UNION ALL
    SELECT {_COLUMNS} FROM trading_order w
    WHERE w.instrument_id = q.instrument_id AND w.side = 'sell' AND w.watch IN ('stop', 'trail')
      AND w.watch_price >= {_TRADE}
) o
WHERE (%(ids)s::bigint[] IS NULL OR q.instrument_id = ANY(%(ids)s::bigint[]))
  AND (o.expires_at IS NULL OR o.expires_at > %(now)s)
  AND (o.eligible_at IS NULL OR o.eligible_at <= %(now)s)
ORDER BY o.portfolio_id, o.id
"""  # noqa: S608 - texts of this module alone

# Rows that somebody else has locked are left out: their portfolio's own pass moves them (they are told below).
_MOVE = f"""
WITH better AS (
    SELECT o.id, o.side, o.trail_price, o.trail_percent, {_TRADE} AS price
    FROM marketdata_quote q
    JOIN trading_order o ON o.instrument_id = q.instrument_id AND o.watch = 'trail'
    WHERE q.instrument_id = ANY(%(ids)s::bigint[])
      AND ((o.side = 'sell' AND o.hwm < {_TRADE}) OR (o.side = 'buy' AND o.hwm > {_TRADE}))
      AND (o.expires_at IS NULL OR o.expires_at > %(now)s)
      AND (o.eligible_at IS NULL OR o.eligible_at <= %(now)s)
    ORDER BY o.id
    FOR NO KEY UPDATE OF o SKIP LOCKED
), moved AS (
    SELECT id, price,
           CASE WHEN side = 'sell' THEN price - coalesce(trail_price, price * trail_percent / 100)
                ELSE price + coalesce(trail_price, price * trail_percent / 100) END AS stop
    FROM better
)
UPDATE trading_order o
SET hwm = moved.price, stop_price = round(moved.stop, 12), watch_price = round(moved.stop, 12), updated_at = %(now)s
FROM moved WHERE o.id = moved.id
RETURNING o.id
"""  # noqa: S608

_LEFT_BEHIND = f"""
SELECT o.portfolio_id, o.id, o.instrument_id, false, false
FROM marketdata_quote q
JOIN trading_order o ON o.instrument_id = q.instrument_id AND o.watch = 'trail'
WHERE q.instrument_id = ANY(%(ids)s::bigint[])
  AND ((o.side = 'sell' AND o.hwm < {_TRADE}) OR (o.side = 'buy' AND o.hwm > {_TRADE}))
  AND (o.expires_at IS NULL OR o.expires_at > %(now)s)
  AND (o.eligible_at IS NULL OR o.eligible_at <= %(now)s)
"""  # noqa: S608


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A resting order that the stored quote of its instrument triggers."""

    portfolio_id: int
    order_id: UUID
    instrument_id: int
    is_auction: bool
    extended_hours: bool


def triggered_orders(*, instrument_ids: Sequence[int] | None, now: datetime) -> list[Found]:
    """The orders worth a look at the stored quotes; ``None`` means every instrument. One statement."""
    return _found(_FIND, {"ids": instrument_ids, "now": now})


def trailing_instruments(*, instrument_ids: Sequence[int] | None) -> list[int]:
    """Those of the instruments (``None``: of all) for which trailing stops wait. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT instrument_id FROM trading_order WHERE watch = 'trail' "
            "AND (%(ids)s::bigint[] IS NULL OR instrument_id = ANY(%(ids)s::bigint[]))",
            {"ids": None if instrument_ids is None else list(instrument_ids)},
        )
        return [row[0] for row in cursor.fetchall()]


def move_trailing_stops(*, instrument_ids: Sequence[int], now: datetime) -> list[Found]:
    """Let trailing stops follow better prices; only for instruments whose session runs on a fresh quote. Two statements.

    Returns those that somebody else had locked meanwhile: they are moved under the lock of their portfolio.
    """
    if not instrument_ids:
        return []
    values: dict[str, Any] = {"ids": list(instrument_ids), "now": now}
    with transaction.atomic():
        _tune()
        with connection.cursor() as cursor:
            cursor.execute(_MOVE, values)
    return _found(_LEFT_BEHIND, values)


def _found(statement: str, values: dict[str, Any]) -> list[Found]:
    with transaction.atomic():
        _tune()
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            rows = cursor.fetchall()
    return [
        Found(
            portfolio_id=row[0],
            order_id=row[1],
            instrument_id=row[2],
            is_auction=row[3],
            extended_hours=row[4],
        )
        for row in rows
    ]


def _tune() -> None:
    """The planner would scan: the index of each quote's few orders is what is wanted."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true), "
            "set_config('enable_seqscan', 'off', true)"
        )
