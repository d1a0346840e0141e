"""What an account can spend: cash less what open orders hold, currency by currency."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, Sum

from holdings import queries as books
from trading.models import Order

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuyingPower:
    """One currency of an account: the cash balance, what open buys hold of it, and what is left."""

    currency: str
    cash: Decimal
    reserved: Decimal
    available: Decimal
    open_orders: int


def buying_power(portfolio_id: int) -> list[BuyingPower]:
    """Every currency in which the portfolio has cash or open orders, sorted by code. Two statements."""
    balances: dict[str, Decimal] = dict(books.cash_balances(portfolio_id))
    held = {
        currency: (reserved or ZERO, count)
        for currency, reserved, count in Order.objects.open()
        .filter(portfolio_id=portfolio_id)
        .values_list("currency")
        .annotate(Sum("reserved_cash"), Count("id"))
    }
    rows = []
    for currency in sorted(balances.keys() | held.keys()):
        cash = balances.get(currency, ZERO)
        reserved, count = held.get(currency, (ZERO, 0))
        rows.append(
            BuyingPower(
                currency=currency, cash=cash, reserved=reserved, available=cash - reserved, open_orders=count
            )
        )
    return rows
