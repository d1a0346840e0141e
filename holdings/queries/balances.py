"""What a portfolio has right now, as the books say: cash and quantities. Exact, and cheap enough for the order path."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal

from django.db.models import Sum

from holdings.models import Account, CashBalance, LedgerState, Position

ZERO = Decimal(0)
_PRICE_UNIT = Decimal("0.000000000001")
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideAccount:
    """What an account of a portfolio that is known outside by a name holds: units by instrument, closed positions left out, and
    the cash it settles in, by currency; ``unit_costs`` is what a unit cost on average. ``account_id`` is None where the
    portfolio has no such account (yet)."""

    account_id: int | None
    name: str
    quantities: dict[int, Decimal]
    unit_costs: dict[int, Decimal]
    cash: dict[str, Decimal]


def outside_account(portfolio_id: int, external_id: str) -> OutsideAccount:
    """What the securities account of that outside name holds. Three statements."""
    row = (
        Account.objects.filter(portfolio_id=portfolio_id, external_id=external_id)
        .select_related("cash_account")
        .first()
    )
    if row is None:
        return OutsideAccount(account_id=None, name="", quantities={}, unit_costs={}, cash={})
    held = list(Position.objects.filter(portfolio_id=portfolio_id, account=row).exclude(quantity=0))
    balances = CashBalance.objects.filter(portfolio_id=portfolio_id, account=row.cash_account)
    return OutsideAccount(
        account_id=row.pk,
        name=row.name,
        quantities={each.instrument_id: each.quantity for each in held},
        unit_costs={
            each.instrument_id: _EXACT.divide(each.cost_basis, each.quantity).quantize(_PRICE_UNIT)
            for each in held
        },
        cash=dict(balances.values_list("currency", "balance")),
    )


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
