"""The numbered log of an account's orders, read back: for programs that follow their account."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

from django.db.models import Max

from marketdata.models import Instrument
from portfolio_site.kernel.rows import instance_of, new_row
from portfolio_site.kernel.statements import Statement
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


@dataclass(frozen=True, slots=True)
class Follower:
    """Who follows an account's log: by which key, and the number of the last event they have heard of."""

    portfolio_id: int
    key_pk: int
    heard: int


_THING = ("id", "public_id", "symbol", "name", "asset_class", "exchange", "provider")

# A row for each follower whose key is live, without an event where there is none: no row at all is no key.
_NEWS = Statement(f"""
SELECT a.place, e.number, e.event, e.at, e.payload, {", ".join("i." + name for name in _THING)}
FROM unnest(%(portfolios)s::bigint[], %(keys)s::bigint[], %(heard)s::bigint[]) WITH ORDINALITY
     AS a(portfolio_id, key_id, heard, place)
JOIN trading_apikey k ON k.id = a.key_id AND k.portfolio_id = a.portfolio_id AND k.revoked_at IS NULL
JOIN holdings_portfolio p ON p.id = k.portfolio_id
JOIN accounts_user u ON u.id = p.owner_id AND u.is_active
LEFT JOIN LATERAL (
    SELECT number, event, at, payload::text AS payload, (payload->'order'->>'instrument_id')::bigint AS thing
    FROM trading_tradeevent
    WHERE portfolio_id = a.portfolio_id AND number > a.heard
    ORDER BY number LIMIT %(limit)s::bigint
) e ON true
LEFT JOIN marketdata_instrument i ON i.id = e.thing
ORDER BY a.place, e.number
""")  # noqa: S608 - names of columns, from above


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


def news_for(followers: Sequence[Follower], *, limit: int) -> list[list[LoggedEvent] | None]:
    """What each follower has not heard yet, in order, at most ``limit`` events; None for one whose key opens nothing any
    more. One statement for all of them."""
    found: list[list[LoggedEvent] | None] = [None] * len(followers)
    values = {
        "portfolios": [one.portfolio_id for one in followers],
        "keys": [one.key_pk for one in followers],
        "heard": [one.heard for one in followers],
        "limit": limit,
    }
    for place, number, event, at, payload, *thing in _NEWS.rows(values):
        events = found[place - 1]
        if events is None:
            events = found[place - 1] = []
        instrument = instance_of(Instrument, _THING, thing)
        if instrument is not None:
            events.append(_event(number, event, at, json.loads(payload), instrument))
    return found


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
    ids = {row.payload["order"]["instrument_id"] for row in found}
    things = Instrument.objects.in_bulk(ids) if ids else {}
    return [
        _event(row.number, row.event, row.at, row.payload, things[row.payload["order"]["instrument_id"]])
        for row in found
    ]


def _event(
    number: int, event: str, at: datetime, payload: dict[str, Any], instrument: Instrument
) -> LoggedEvent:
    return LoggedEvent(
        number=number,
        event=event,
        at=at,
        order=order_view(_order(payload["order"]), instrument=instrument, owner_id=0),
        execution=_execution(payload.get("execution")),
    )


def _order(columns: dict[str, Any]) -> Order:
    """The order as it was told; columns that were empty then, or did not exist yet, have their default."""
    read = _readers()
    return new_row(Order, **{name: read[name](value) for name, value in columns.items() if name in read})


@cache
def _readers() -> dict[str, Callable[[Any], Any]]:
    return {field.attname: field.to_python for field in Order._meta.concrete_fields}


def _execution(facts: dict[str, Any] | None) -> Execution | None:
    if facts is None:
        return None
    return Execution(
        id=UUID(facts["id"]),
        price=Decimal(facts["price"]),
        quantity=Decimal(facts["qty"]),
        position_quantity=Decimal(facts["position_qty"]),
    )
