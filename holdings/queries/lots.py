"""Open lots and closed parcels of a holding."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from holdings.domain.ledger.state import anniversary
from holdings.domain.numbers import quotient
from holdings.models import Lot, RealisedTrade

MOST_REALISED = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class LotRow:
    """An open parcel; costs in the instrument's currency and (`_base`) in the portfolio's. A pool has no account."""

    id: int
    key: str
    account: str
    is_pool: bool
    opened: date
    quantity: Decimal
    cost: Decimal
    cost_base: Decimal

    @property
    def unit_cost(self) -> Decimal:
        """Cost per unit."""
        return quotient(self.cost, self.quantity)


@dataclass(frozen=True, slots=True, kw_only=True)
class RealisedRow:
    """A closed parcel, with its gain (before a wash-sale adjustment)."""

    transaction_id: int
    number: int
    account: str
    currency: str
    direction: str
    opened: date
    closed: date
    holding_days: int
    is_long_term: bool
    quantity: Decimal
    proceeds: Decimal
    cost: Decimal
    fees: Decimal
    gain: Decimal
    gain_base: Decimal
    match: str
    wash_sale_adjustment: Decimal


def open_lots(portfolio_id: int, instrument_id: int) -> list[LotRow]:
    """The open lots of an instrument, the oldest first. One statement."""
    rows = (
        Lot.objects.filter(portfolio_id=portfolio_id, instrument_id=instrument_id)
        .select_related("account")
        .order_by("opened_date", "position", "pk")
    )
    return [
        LotRow(
            id=row.pk,
            key=row.key,
            account=row.account.name if row.account else "",
            is_pool=row.is_pool,
            opened=row.opened_date,
            quantity=row.quantity,
            cost=row.cost,
            cost_base=row.cost_base,
        )
        for row in rows
    ]


def realised_trades(portfolio_id: int, instrument_id: int | None = None) -> list[RealisedRow]:
    """Closed parcels, the latest first; at most `MOST_REALISED`. One statement."""
    rows = RealisedTrade.objects.filter(portfolio_id=portfolio_id).select_related("account")
    if instrument_id is not None:
        rows = rows.filter(instrument_id=instrument_id)
    return [_row(row) for row in rows.order_by("-closed_date", "-transaction_id", "number")[:MOST_REALISED]]


def _row(row: RealisedTrade) -> RealisedRow:
    return RealisedRow(
        transaction_id=row.transaction_id,
        number=row.number,
        account=row.account.name if row.account else "",
        currency=row.currency,
        direction=row.direction,
        opened=row.opened_date,
        closed=row.closed_date,
        holding_days=max(0, (row.closed_date - row.held_since).days),
        is_long_term=row.direction == "long" and row.closed_date > anniversary(row.held_since),
        quantity=row.quantity,
        proceeds=row.proceeds,
        cost=row.cost,
        fees=row.fees,
        gain=row.proceeds - row.cost,
        gain_base=row.proceeds_base - row.cost_base,
        match=row.match.replace("_", " "),
        wash_sale_adjustment=row.wash_sale_adjustment,
    )
