"""Finding the resting orders that the stored quotes trigger, and moving trailing stops: set-based, by index.

An order is found by what it watches: any fresh price (``now``), the touch at its limit (``limit``), a trade at its stop
(``stop``, ``trail``). Whatever it is, it waits for a price to fall to its own or to rise to it, so each quote looks into two
partial indexes, however many kinds of orders there are.
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

# What a limit meets: the other side of the market, the last trade where nobody stands there.
_ASK, _BID = "coalesce(q.ask, q.last)", "coalesce(q.bid, q.last)"

# The first bound finds both limits and stops by the index; then each is held to its own. The conditions on side and watch
# are those of the indexes, word for word.
_AT_A_PRICE = f"""
    SELECT {_COLUMNS} FROM trading_order w
    WHERE w.instrument_id = q.instrument_id
      AND ((w.side = 'buy' AND w.watch = 'limit') OR (w.side = 'sell' AND w.watch IN ('stop', 'trail')))
      AND w.watch_price >= least({_TRADE}, {_ASK})
      AND w.watch_price >= CASE w.watch WHEN 'limit' THEN {_ASK} ELSE {_TRADE} END
    UNION ALL
    SELECT {_COLUMNS} FROM trading_order w
    WHERE w.instrument_id = q.instrument_id
      AND ((w.side = 'sell' AND w.watch = 'limit') OR (w.side = 'buy' AND w.watch IN ('stop', 'trail')))
      AND w.watch_price <= greatest({_TRADE}, {_BID})
      AND w.watch_price <= CASE w.watch WHEN 'limit' THEN {_BID} ELSE {_TRADE} END
"""  # noqa: S608 - texts of this module alone

_FIND = """
SELECT o.portfolio_id, o.id, o.instrument_id, o.time_in_force IN ('opg', 'cls'), o.extended_hours
FROM (
    SELECT o.* FROM {quotes} CROSS JOIN LATERAL ({at_a_price}) o
    UNION ALL
    SELECT {columns} FROM trading_order w
    WHERE w.watch = 'now' {among}
      AND EXISTS (SELECT FROM marketdata_quote q WHERE q.instrument_id = w.instrument_id)
) o
WHERE (o.expires_at IS NULL OR o.expires_at > %(now)s)
  AND (o.eligible_at IS NULL OR o.eligible_at <= %(now)s)
ORDER BY o.portfolio_id, o.id
"""
_FIND_ALL = _FIND.format(quotes="marketdata_quote q", at_a_price=_AT_A_PRICE, columns=_COLUMNS, among="")
# The array comes out of a query of its own: the planner would weigh each of thousands of known values.
_FIND_SOME = _FIND.format(
    quotes="unnest(%(ids)s::bigint[]) AS wanted(thing) JOIN marketdata_quote q ON q.instrument_id = wanted.thing",
    at_a_price=_AT_A_PRICE,
    columns=_COLUMNS,
    among="AND w.instrument_id = ANY(ARRAY(SELECT unnest(%(ids)s::bigint[])))",
)

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
    """The orders worth a look at the stored quotes, by portfolio; ``None`` means every instrument. One statement."""
    if instrument_ids is None:
        return _found(_FIND_ALL, {"now": now})
    return _found(_FIND_SOME, {"ids": _array(instrument_ids), "now": now})


def trailing_instruments(*, instrument_ids: Sequence[int] | None) -> list[int]:
    """Those of the instruments (``None``: of all) for which trailing stops wait. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT instrument_id FROM trading_order WHERE watch = 'trail' "
            "AND (%(ids)s::bigint[] IS NULL OR instrument_id = ANY(%(ids)s::bigint[]))",
            {"ids": None if instrument_ids is None else _array(instrument_ids)},
        )
        return [row[0] for row in cursor.fetchall()]


def move_trailing_stops(*, instrument_ids: Sequence[int], now: datetime) -> list[Found]:
    """Let trailing stops follow better prices; only for instruments whose session runs on a fresh quote. Two statements.

    Returns those that somebody else had locked meanwhile: they are moved under the lock of their portfolio.
    """
    if not instrument_ids:
        return []
    values: dict[str, Any] = {"ids": _array(instrument_ids), "now": now}
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


def _array(ids: Sequence[int]) -> str:
    """The ids as PostgreSQL writes an array: thousands of them cost less as one text than one by one."""
    return "{" + ",".join(map(str, ids)) + "}"


def _tune() -> None:
    """The planner would scan: the index of each quote's few orders is what is wanted."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true), "
            "set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true)"
        )
