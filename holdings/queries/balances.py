"""What a portfolio has right now, as the books say: cash and quantities. Exact, and cheap enough for the order path."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from decimal import Decimal

from django.db.models import Sum

from holdings.models import CashBalance, LedgerState, Position

ZERO = Decimal(0)


def cash_balance(portfolio_id: int, currency: str) -> Decimal:
    """Cash in one currency, over all accounts. One statement."""
    total: Decimal | None = CashBalance.objects.filter(
        portfolio_id=portfolio_id, currency=currency
    ).aggregate(total=Sum("balance"))["total"]
    return total or ZERO


def cash_balances(portfolio_id: int) -> dict[str, Decimal]:
    """Cash by currency, over all accounts. One statement."""
    rows = (
        CashBalance.objects.filter(portfolio_id=portfolio_id).values_list("currency").annotate(Sum("balance"))
    )
    return dict(rows)


def last_entry_at(portfolio_id: int) -> datetime | None:
    """The instant of the latest entry that counts; None while the journal is empty. One statement."""
    latest: datetime | None = (
        LedgerState.objects.filter(portfolio_id=portfolio_id)
        .values_list("last_occurred_at", flat=True)
        .first()
    )
    return latest


def position_quantity(portfolio_id: int, instrument_id: int) -> Decimal:
    """Units held of an instrument, over all accounts; negative when short. One statement."""
    total: Decimal | None = Position.objects.filter(
        portfolio_id=portfolio_id, instrument_id=instrument_id
    ).aggregate(total=Sum("quantity"))["total"]
    return total or ZERO


def position_quantities(portfolio_id: int) -> dict[int, Decimal]:
    """Units held by instrument, over all accounts; closed positions are left out. One statement."""
    rows = (
        Position.objects.filter(portfolio_id=portfolio_id)
        .values_list("instrument_id")
        .annotate(Sum("quantity"))
    )
    return {instrument_id: quantity for instrument_id, quantity in rows if quantity}


def cash_of_many(portfolio_ids: Collection[int]) -> dict[int, dict[str, Decimal]]:
    """Cash by portfolio and currency. One statement, however many portfolios."""
    found: dict[int, dict[str, Decimal]] = defaultdict(dict)
    rows = (
        CashBalance.objects.filter(portfolio_id__in=portfolio_ids)
        .values_list("portfolio_id", "currency")
        .annotate(Sum("balance"))
    )
    for portfolio_id, currency, balance in rows:
        found[portfolio_id][currency] = balance
    return found


def quantities_of_many(portfolio_ids: Collection[int]) -> dict[int, dict[int, Decimal]]:
    """Units held by portfolio and instrument, closed positions left out. One statement, however many portfolios."""
    found: dict[int, dict[int, Decimal]] = defaultdict(dict)
    rows = (
        Position.objects.filter(portfolio_id__in=portfolio_ids)
        .values_list("portfolio_id", "instrument_id")
        .annotate(Sum("quantity"))
    )
    for portfolio_id, instrument_id, quantity in rows:
        if quantity:
            found[portfolio_id][instrument_id] = quantity
    return found
