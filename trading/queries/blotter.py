"""The blotter's reads: open orders in their groups, what has ended, how many there are of each; an order's family and chain."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Count, Q

from trading.engine.types import Role
from trading.models import OPEN_STATUSES, Order, OrderQuerySet
from trading.queries.orders import (
    MAX_LISTED,
    OpenOrder,
    orders_queryset,
    with_market,
)
from trading.queries.values import OrderView, order_view

#: What the blotter can be narrowed to: the name in the address, and the statuses it means.
STATES: dict[str, tuple[str, ...]] = {
    "open": tuple(OPEN_STATUSES),
    "filled": ("filled",),
    "ended": ("canceled", "expired", "replaced"),
    "rejected": ("rejected",),
}
_PLACES = {Role.ENTRY: 0, Role.NONE: 0, Role.TAKE_PROFIT: 1, Role.STOP_LOSS: 2}

_CHAIN = """
WITH RECURSIVE
earlier AS (
    SELECT id, replaces_id, 0 AS place FROM trading_order WHERE id = %(order)s
    UNION ALL
    SELECT o.id, o.replaces_id, e.place - 1 FROM trading_order o JOIN earlier e ON o.id = e.replaces_id WHERE e.place > -100
),
later AS (
    SELECT id, replaced_by_id, 0 AS place FROM trading_order WHERE id = %(order)s
    UNION ALL
    SELECT o.id, o.replaced_by_id, l.place + 1 FROM trading_order o JOIN later l ON o.id = l.replaced_by_id WHERE l.place < 100
)
SELECT id FROM (SELECT id, place FROM earlier UNION SELECT id, place FROM later) AS chain ORDER BY place
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowing:
    """What the blotter shows: of one account, of symbols that begin so, in one state; empty: everything."""

    portfolio_id: int | None = None
    symbol: str = ""
    state: str = ""

    def of(self, rows: OrderQuerySet) -> OrderQuerySet:
        """The rows that the account and the symbol leave."""
        if self.portfolio_id is not None:
            rows = rows.filter(portfolio_id=self.portfolio_id)
        if self.symbol:
            rows = rows.filter(instrument__symbol__istartswith=self.symbol)
        return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenGroup:
    """Open orders that stand or fall together: the head first, where it is still open."""

    members: tuple[OpenOrder, ...]

    @property
    def is_group(self) -> bool:
        """Whether it is more than a single order."""
        return self.members[0].order.order_class != "simple"


def counts_by_state(user: Any, narrowing: Narrowing) -> dict[str, int]:
    """How many orders there are in each state of ``STATES``. One statement."""
    rows = narrowing.of(Order.objects.visible_to(user))
    found: dict[str, int] = rows.aggregate(
        **{name: Count("pk", filter=Q(status__in=statuses)) for name, statuses in STATES.items()}
    )
    return found


def open_groups(user: Any, narrowing: Narrowing, *, now: datetime) -> list[OpenGroup]:
    """The open orders, the newest group first, exits right under their entry; at most ``MAX_LISTED`` orders. One statement
    plus the quotes."""
    rows = narrowing.of(orders_queryset(user).open()).order_by("-submitted_at", "id")[:MAX_LISTED]
    groups: dict[UUID, list[OpenOrder]] = {}
    for each in with_market(list(rows), now=now):
        groups.setdefault(each.order.parent_id or each.order.id, []).append(each)
    return [OpenGroup(members=tuple(sorted(group, key=_place))) for group in groups.values()]


def _place(each: OpenOrder) -> tuple[int, str]:
    order = each.order
    return (-1 if order.parent_id is None else _PLACES[Role(order.role)], str(order.id))


def ended_orders(user: Any, narrowing: Narrowing) -> OrderQuerySet:
    """The orders that have come to their end, the newest first; of one state where the blotter is narrowed to it."""
    rows = narrowing.of(orders_queryset(user).closed())
    if narrowing.state in STATES:
        rows = rows.filter(status__in=STATES[narrowing.state])
    return rows.order_by("-submitted_at", "id")


def family_of(user: Any, order: OrderView) -> list[OrderView]:
    """The other members of the order's group, the entry first. One statement; none for a single order."""
    if order.order_class == "simple":
        return []
    head = order.parent_id or order.id
    rows = orders_queryset(user).filter(Q(pk=head) | Q(parent_id=head)).exclude(pk=order.id)
    return sorted(map(order_view, rows), key=_family_place)


def _family_place(order: OrderView) -> tuple[int, datetime]:
    return (-1 if order.parent_id is None else _PLACES[Role(order.role)], order.submitted_at)


def chain_of(user: Any, order: OrderView) -> list[OrderView]:
    """The orders that replaced one another, the first one first, this one among them; empty for one that neither replaces
    another nor was replaced. Two statements."""
    if order.replaces_id is None and order.replaced_by_id is None:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_CHAIN, {"order": order.id})
        ids = [row[0] for row in cursor.fetchall()]
    return _in_order(orders_queryset(user).filter(pk__in=ids), ids)


def _in_order(rows: Iterable[Order], ids: list[UUID]) -> list[OrderView]:
    found = {row.pk: order_view(row) for row in rows}
    return [found[pk] for pk in ids if pk in found]
