"""The numbered log of an account's orders, read back: for programs that follow their account."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Max

from marketdata.models import Instrument
from trading.models import ApiKey, Order, TradeEvent
from trading.queries.values import OrderView, order_view


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """What was executed: units at a price each, and the position right after it (negative when short)."""

    id: UUID
    price: Decimal
    quantity: Decimal
    position_quantity: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedEvent:
    """One line of the log: what happened, and the order as it was right after."""

    number: int
    event: str
    at: datetime
    order: OrderView
    execution: Execution | None


def last_log_number(portfolio_id: int) -> int:
    """The number of the account's latest event; 0 when nothing has happened. One statement."""
    found: int | None = TradeEvent.objects.filter(portfolio_id=portfolio_id).aggregate(last=Max("number"))[
        "last"
    ]
    return found or 0


def log_number_at(portfolio_id: int, at: datetime) -> int:
    """The number of the account's last event before an instant; 0 when there is none. One statement."""
    found: int | None = TradeEvent.objects.filter(portfolio_id=portfolio_id, at__lt=at).aggregate(
        last=Max("number")
    )["last"]
    return found or 0


def log_after(portfolio_id: int, *, after: int, limit: int) -> list[LoggedEvent]:
    """The events of an account after a number, in order, at most ``limit``. Two statements."""
    rows = list(
        TradeEvent.objects.filter(portfolio_id=portfolio_id, number__gt=after).order_by("number")[:limit]
    )
    return _views(rows)


def log_before(
    portfolio_id: int,
    *,
    before: int | None = None,
    after: datetime | None = None,
    until: datetime | None = None,
    symbol: str = "",
    limit: int,
) -> list[LoggedEvent]:
    """The events of an account, the newest first, those right before a number where one is given; ``after`` and ``until`` are
    exclusive instants, ``symbol`` leaves those of instruments whose symbol begins so. Two statements."""
    rows = TradeEvent.objects.filter(portfolio_id=portfolio_id)
    if before is not None:
        rows = rows.filter(number__lt=before)
    if after is not None:
        rows = rows.filter(at__gt=after)
    if until is not None:
        rows = rows.filter(at__lt=until)
    if symbol:
        rows = rows.filter(order__instrument__symbol__istartswith=symbol)
    return _views(rows.order_by("-number")[:limit])


def is_key_live(key_pk: int) -> bool:
    """Whether a key still opens its account: not revoked, its person not kept out. One statement."""
    return ApiKey.objects.live().filter(pk=key_pk, portfolio__owner__is_active=True).exists()


def _views(rows: Iterable[TradeEvent]) -> list[LoggedEvent]:
    found = list(rows)
    orders = [_order(row.payload["order"]) for row in found]
    things = Instrument.objects.in_bulk({order.instrument_id for order in orders}) if orders else {}
    return [
        LoggedEvent(
            number=row.number,
            event=row.event,
            at=row.at,
            order=order_view(order, instrument=things[order.instrument_id], owner_id=0),
            execution=_execution(row.payload.get("execution")),
        )
        for row, order in zip(found, orders, strict=True)
    ]


def _order(columns: dict[str, Any]) -> Order:
    """The order as it was told; columns that were empty then, or did not exist yet, have their default."""
    known = {field.attname: field for field in Order._meta.concrete_fields}
    values = {name: known[name].to_python(value) for name, value in columns.items() if name in known}
    return Order(**values)


def _execution(facts: dict[str, Any] | None) -> Execution | None:
    if facts is None:
        return None
    return Execution(
        id=UUID(facts["id"]),
        price=Decimal(facts["price"]),
        quantity=Decimal(facts["qty"]),
        position_quantity=Decimal(facts["position_qty"]),
    )
