"""Orders locked with the rest of their groups, under the lock of their portfolios."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Q

from trading.models import Order


def locked_with_groups(
    wanted: Q, *, within: Q, known: Iterable[UUID] = ()
) -> tuple[list[Order], list[Order]]:
    """Lock the orders that match, and the others of their groups that are not known yet."""
    found = list(_locked_orders(Q(wanted, within)))
    heads = {order.parent_id or order.id for order in found if order.order_class != "simple"}
    if not heads:
        return found, []
    theirs = Q(pk__in=heads) | Q(parent_id__in=heads)
    return found, list(
        _locked_orders(Q(theirs, within) & ~Q(pk__in=[*known, *(order.id for order in found)]))
    )


def _locked_orders(wanted: Q) -> Iterable[Order]:
    return (
        Order.objects.filter(wanted)
        .select_related("instrument", "placed_by")
        .select_for_update(of=("self",), no_key=True)
        .order_by("pk")
    )
