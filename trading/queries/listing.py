"""The orders of one account as programs list them: filters, paging by time or by id, groups nested or flat."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Coalesce

from trading.engine.states import OrderStatus
from trading.models import OPEN_STATUSES, TERMINAL_STATUSES, Order
from trading.queries.values import OrderView, order_view

MAX_ORDERS = 500
_STATUSES = {"open": OPEN_STATUSES, "closed": TERMINAL_STATUSES, "all": None}


def order_of_account(portfolio_id: int, order_id: UUID) -> OrderView | None:
    """An order of the account by its id, with the legs of its group when it heads one. Two statements."""
    return _one(Order.objects.filter(portfolio_id=portfolio_id, pk=order_id))


def order_by_client_id(portfolio_id: int, client_order_id: str) -> OrderView | None:
    """The same by the sender's own id."""
    return _one(Order.objects.filter(portfolio_id=portfolio_id, client_order_id=client_order_id))


def _one(rows: Iterable[Order]) -> OrderView | None:
    order = next(iter(rows.select_related("instrument", "portfolio")), None)  # type: ignore[attr-defined]
    return None if order is None else nested([order])[0]


def orders_of_account(
    portfolio_id: int,
    *,
    status: str = "open",
    limit: int = 50,
    after: datetime | None = None,
    until: datetime | None = None,
    ascending: bool = False,
    with_legs: bool = False,
    instrument_ids: Collection[int] | None = None,
    is_crypto: bool | None = None,
    side: str = "",
    before_order_id: UUID | None = None,
    after_order_id: UUID | None = None,
) -> list[OrderView]:
    """Orders of one account: filtered, sorted by submission, then cut at ``limit`` (at most 500).

    ``status`` is open, closed or all; ``after`` and ``until`` are exclusive. With ``with_legs`` members of groups stand under
    their head (``legs``) and nowhere else, so a group is listed when any of its members has that status and ``side``: the open
    exits of an entry that is filled are open orders. Without, each is a row of its own. ``before_order_id`` and
    ``after_order_id`` page by place in the list: what was submitted before or after that order. Two statements, one more per
    order named.
    """
    rows = Order.objects.filter(portfolio_id=portfolio_id)
    wanted = _wanted(status, side)
    if with_legs:
        rows = rows.filter(parent__isnull=True)
        if side or status == "open":
            # The head stands for whichever of its members is wanted; a replaced exit stands nowhere.
            members = Order.objects.filter(wanted, portfolio_id=portfolio_id)
            members = members.exclude(parent__isnull=False, status=OrderStatus.REPLACED)
            wanted = Q(pk__in=members.values(head=Coalesce("parent_id", "pk")))
    rows = rows.filter(wanted)
    if after is not None:
        rows = rows.filter(submitted_at__gt=after)
    if until is not None:
        rows = rows.filter(submitted_at__lt=until)
    if instrument_ids is not None:
        rows = rows.filter(instrument_id__in=instrument_ids)
    if is_crypto is not None:
        coins = Q(instrument__asset_class="crypto")
        rows = rows.filter(coins if is_crypto else ~coins)
    for other, later in ((before_order_id, False), (after_order_id, True)):
        if other is not None:
            rows = rows.filter(_beyond(portfolio_id, other, later=later))
    order_by = ("submitted_at", "id") if ascending else ("-submitted_at", "-id")
    found = rows.select_related("instrument", "portfolio").order_by(*order_by)[
        : max(1, min(limit, MAX_ORDERS))
    ]
    return nested(found) if with_legs else [order_view(row) for row in found]


def _wanted(status: str, side: str) -> Q:
    if status not in _STATUSES:
        raise ValueError("status is open, closed or all")
    known = _STATUSES[status]
    wanted = Q() if known is None else Q(status__in=known)
    return wanted & Q(side=side) if side else wanted


def _beyond(portfolio_id: int, order_id: UUID, *, later: bool) -> Q:
    """What was submitted after (or before) an order; equal instants by id. An unknown order has nothing beyond it."""
    at = (
        Order.objects.filter(portfolio_id=portfolio_id, pk=order_id)
        .values_list("submitted_at", flat=True)
        .first()
    )
    if at is None:
        return Q(pk__in=[])
    if later:
        return Q(submitted_at__gt=at) | Q(submitted_at=at, pk__gt=order_id)
    return Q(submitted_at__lt=at) | Q(submitted_at=at, pk__lt=order_id)


def nested(orders: Iterable[Order]) -> list[OrderView]:
    """Views of orders, each with the legs below it. One statement for all legs."""
    heads = list(orders)
    legs: dict[UUID, list[Order]] = defaultdict(list)
    groups = [order.pk for order in heads if order.order_class != "simple" and order.parent_id is None]
    if groups:
        below = Order.objects.filter(parent_id__in=groups).exclude(status="replaced")
        for leg in below.select_related("instrument", "portfolio").order_by("-role", "submitted_at"):
            assert leg.parent_id is not None
            legs[leg.parent_id].append(leg)
    return [order_view(order, legs=legs[order.pk]) for order in heads]
