"""Reconciliation: what a crash, a lost message or a restarted broker may have left undone is done now.

Nothing here repairs money: order, fills and journal commit together, so they cannot disagree. What can be
left behind is work that nobody was told to do: a tick that was never matched, a session end that passed
while no worker ran.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db.models import Sum

from holdings import queries as books
from trading.models import Order
from trading.operations.expiring import expire_orders
from trading.operations.matching import match_resting_orders

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """What the pass did and what it found: ``faults`` are sentences, empty when all is well."""

    executions: int
    expired: int
    faults: tuple[str, ...]


def reconcile_orders(*, now: datetime) -> Reconciliation:
    """Expire what is due, match what the stored quotes trigger, and check that what is held is there."""
    expired = expire_orders(now=now)
    report = match_resting_orders(instrument_ids=None, now=now)
    faults = tuple(check_reservations())
    for fault in faults:
        log.error("reservation_fault", fault=fault)
    return Reconciliation(executions=report.executions, expired=expired, faults=faults)


def check_reservations() -> list[str]:
    """Compare what open orders hold with the books; returns a sentence for each promise that is not covered.

    Two statements per portfolio and currency or instrument with open orders.
    """
    faults = []
    held_cash = (
        Order.objects.open()
        .filter(reserved_cash__gt=0)
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
        .values_list("portfolio_id", "instrument_id")
        .annotate(held=Sum("reserved_quantity"))
    )
    for portfolio_id, instrument_id, held in held_units:
        position = books.position_quantity(portfolio_id, instrument_id)
        if position < held:
            faults.append(
                f"Portfolio {portfolio_id}: open sells hold {held} of instrument {instrument_id}, "
                f"the position is {position}."
            )
    return faults
