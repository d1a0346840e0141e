"""The numbered log of an account's orders: written with what it tells of, announced once that has committed.

The single place that writes ``TradeEvent``. Everything runs inside the caller's transaction under the portfolio's
lock, which is what makes the numbers rise in commit order without gaps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import DecimalField

from portfolio_site.kernel.rows import columns_of
from portfolio_site.kernel.valkey import UNREACHABLE, Outage
from portfolio_site.kernel.whispering import whisper
from portfolio_site.kernel.writing import Writing
from trading.models import Fill, Order

_outage = Outage("trade log")

#: Redis channel on which the processes that hold programs' sockets hear in which account there is something new.
WAKE_CHANNEL = "hf:trade-log"

#: What of an order's row no program is told: wording and reservations of our own.
_UNTOLD = frozenset(
    {
        "trail",
        "reserved_cash",
        "reserved_quantity",
        "reserves_margin",
        "placed_by_id",
        "portfolio_id",
        "watch",
        "watch_price",
        "cap_price",
        "filled_amount",
        "eligible_at",
        "origin",
    }
)

# Numbers continue the account's own. The lock on the portfolio's row keeps everybody else from taking the same.
_APPEND = """
INSERT INTO trading_tradeevent (portfolio_id, number, event, order_id, payload, at)
SELECT n.portfolio, row_number() OVER (PARTITION BY n.portfolio ORDER BY n.place) + coalesce(
           (SELECT max(number) FROM trading_tradeevent e WHERE e.portfolio_id = n.portfolio), 0),
       n.item->>'event', (n.item->>'order_id')::uuid, n.item->'payload', (n.item->>'at')::timestamptz
FROM (SELECT item, place, (item->>'portfolio')::bigint AS portfolio
      FROM jsonb_array_elements(%(rows)s::jsonb) WITH ORDINALITY AS each(item, place)) n
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One thing that happened to an order: its name on the wire, and the order as it was right after."""

    event: str
    order_id: UUID
    order: dict[str, Any]
    execution: dict[str, Any] | None
    at: datetime


def log_entry(*, event: str, order: Order, at: datetime, fill: Fill | None = None) -> LogEntry:
    """Take down what just happened to ``order``; to be called right after the row was changed in memory."""
    execution = None
    if fill is not None:
        execution = {
            "id": fill.id,
            "price": fill.price,
            "qty": fill.quantity,
            "position_qty": fill.position_quantity,
        }
    return LogEntry(event=event, order_id=order.id, order=_columns(order), execution=execution, at=at)


def append_to_log(writing: Writing, *, portfolio_id: int, entries: Sequence[LogEntry]) -> None:
    """Write ``entries`` under the account's next numbers with the caller's own statement, and wake who follows it after the
    commit. Once for each account and statement."""
    if not entries:
        return
    if not connection.in_atomic_block:
        raise RuntimeError("append_to_log() belongs inside the transaction in which the things happened")
    writing.add(
        _APPEND,
        [
            {
                "portfolio": portfolio_id,
                "event": e.event,
                "order_id": e.order_id,
                "payload": _payload(e),
                "at": e.at,
            }
            for e in entries
        ],
    )
    transaction.on_commit(lambda: wake(portfolio_id))


def wake(portfolio_id: int) -> None:
    """Let the sockets that follow the account look for news now. Best effort: they look by themselves, too."""
    if _outage.is_on():
        return
    try:
        whisper(WAKE_CHANNEL, portfolio_id)
    except UNREACHABLE as error:
        _outage.note(error)
    else:
        _outage.over()


def _columns(order: Order) -> dict[str, Any]:
    """The columns that programs are told of and that hold something."""
    told = _told_columns()
    values = columns_of(order, tuple(told))
    # A zero that is a column's default is an int until the row is read back.
    return {
        name: str(value) if told[name] else value
        for name, value in values.items()
        if value is not None and value != ""
    }


@lru_cache(maxsize=1)
def _told_columns() -> dict[str, bool]:
    """Names of the columns that are told, and whether each is a decimal."""
    return {
        field.attname: isinstance(field, DecimalField)
        for field in Order._meta.concrete_fields
        if field.attname not in _UNTOLD
    }


def _payload(entry: LogEntry) -> dict[str, Any]:
    facts: dict[str, Any] = {"order": entry.order}
    if entry.execution is not None:
        facts["execution"] = entry.execution
    return facts
