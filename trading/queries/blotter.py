"""The blotter's reads: open orders in their groups, what has ended, how many there are of each; an order's family and chain."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db import connection
from django.db.models import Count, F, Max, Q, QuerySet, UUIDField
from django.db.models.expressions import Expression, OrderBy
from django.db.models.functions import Coalesce

from trading.engine.types import Role
from trading.models import OPEN_STATUSES, Fill, Order, OrderQuerySet
from trading.queries.orders import (
    OpenOrder,
    fills_queryset,
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
#: What the blotter can be sorted by, all its lists alike: a key of the tables below, with a minus for the largest first.
USUAL_SORT = "-placed"
_OPEN_KEYS: dict[str, Expression | F] = {
    "placed": F("submitted_at"),
    "symbol": F("instrument__symbol"),
    "quantity": F("quantity") - F("filled_quantity"),
    "price": Coalesce("limit_price", "stop_price"),
}
_ENDED_KEYS: dict[str, Expression | F] = {
    **_OPEN_KEYS,
    "quantity": F("quantity"),
    "price": F("filled_avg_price"),
}
_FILL_KEYS: dict[str, Expression | F] = {
    "placed": F("executed_at"),
    "symbol": F("order__instrument__symbol"),
    "quantity": F("quantity"),
    "price": F("price"),
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
    """What the blotter shows: of one account, of symbols that begin so, in one state, placed (or filled) from ``since`` on and
    before ``until``; empty: everything. ``sort`` is placed, symbol, quantity or price, with a minus for the largest first."""

    portfolio_id: int | None = None
    symbol: str = ""
    state: str = ""
    since: datetime | None = None
    until: datetime | None = None
    sort: str = USUAL_SORT

    def of(self, rows: OrderQuerySet) -> OrderQuerySet:
        """The orders that the account, the symbol and the days leave."""
        if self.portfolio_id is not None:
            rows = rows.filter(portfolio_id=self.portfolio_id)
        if self.symbol:
            rows = rows.filter(instrument__symbol__istartswith=self.symbol)
        if self.since is not None:
            rows = rows.filter(submitted_at__gte=self.since)
        if self.until is not None:
            rows = rows.filter(submitted_at__lt=self.until)
        return rows

    def of_fills(self, rows: QuerySet[Fill]) -> QuerySet[Fill]:
        """The fills that the account, the symbol and the days leave."""
        if self.portfolio_id is not None:
            rows = rows.filter(portfolio_id=self.portfolio_id)
        if self.symbol:
            rows = rows.filter(order__instrument__symbol__istartswith=self.symbol)
        if self.since is not None:
            rows = rows.filter(executed_at__gte=self.since)
        if self.until is not None:
            rows = rows.filter(executed_at__lt=self.until)
        return rows

    def key(self, keys: dict[str, Expression | F]) -> tuple[Expression | F, bool]:
        """What to sort by, of these, and whether the largest comes first."""
        return keys[self.sort.lstrip("-")], self.sort.startswith("-")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPage:
    """A page of open groups. ``page`` counts groups, not orders."""

    groups: list[OpenGroup]
    page: Page[Any]


def open_page(
    user: Any, narrowing: Narrowing, *, number: str | int | None = 1, per_page: int, now: datetime
) -> OpenPage:
    """The open orders in their groups, exits right under their entry, whole groups only: a group stands where its latest (or
    largest) member belongs. Three statements plus the quotes."""
    key, is_descending = narrowing.key(_OPEN_KEYS)
    groups = (
        narrowing.of(Order.objects.visible_to(user).open())
        .order_by()
        .values(head=Coalesce("parent_id", "id", output_field=UUIDField()))
        .annotate(key=Max(key), newest=Max("submitted_at"))
        .order_by(_by("key", is_descending), "-newest", "head")
    )
    page = Paginator(groups, per_page).get_page(number)
    members: dict[UUID, list[OpenOrder]] = {row["head"]: [] for row in page.object_list}
    rows = orders_queryset(user).open().filter(Q(pk__in=list(members)) | Q(parent_id__in=list(members)))
    for each in with_market(list(rows) if members else [], now=now):
        members[each.order.parent_id or each.order.id].append(each)
    return OpenPage(
        groups=[OpenGroup(members=tuple(sorted(group, key=_place))) for group in members.values() if group],
        page=page,
    )


def _by(name: str, is_descending: bool) -> OrderBy:
    """By this column; what has none comes last either way."""
    column = F(name)
    return column.desc(nulls_last=True) if is_descending else column.asc(nulls_last=True)


def _place(each: OpenOrder) -> tuple[int, str]:
    order = each.order
    return (-1 if order.parent_id is None else _PLACES[Role(order.role)], str(order.id))


def ended_orders(user: Any, narrowing: Narrowing) -> OrderQuerySet:
    """The orders that have come to their end, as the blotter is sorted; of one state where it is narrowed to it."""
    rows = narrowing.of(orders_queryset(user).closed())
    if narrowing.state in STATES:
        rows = rows.filter(status__in=STATES[narrowing.state])
    key, is_descending = narrowing.key(_ENDED_KEYS)
    return rows.order_by(_ordered(key, is_descending), "-submitted_at", "id")


def blotter_fills(user: Any, narrowing: Narrowing) -> QuerySet[Fill]:
    """The fills, as the blotter is sorted; ``fill_views`` makes views of a page."""
    key, is_descending = narrowing.key(_FILL_KEYS)
    return narrowing.of_fills(fills_queryset(user)).order_by(
        _ordered(key, is_descending), "-executed_at", "-number", "id"
    )


def _ordered(key: Expression | F, is_descending: bool) -> OrderBy:
    return OrderBy(key, descending=is_descending, nulls_last=True)


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
