"""Open lots: what is left of a purchase after what sales took from it."""

from __future__ import annotations

from decimal import Decimal

from holdings.domain.numbers import exact, quotient
from holdings.models import Lot, RealisedTrade
from holdings.queries.insights.explaining.naming import number_of
from holdings.queries.insights.explaining.registry import figure
from holdings.queries.insights.explaining.working import (
    MOST_ROWS,
    Asked,
    Fact,
    MoneyRow,
    SubjectUnknown,
    Table,
    Working,
    computed,
    summed,
)
from holdings.queries.insights.lens import Lens

ZERO = Decimal(0)


def _lot(lens: Lens, asked: Asked) -> Lot:
    if asked.lot is None:
        raise SubjectUnknown(asked.lot)
    found = (
        Lot.objects.filter(portfolio=lens.portfolio, pk=asked.lot)
        .select_related("instrument", "account")
        .first()
    )
    if found is None:
        raise SubjectUnknown(asked.lot)
    return found


def _taken(lot: Lot) -> list[RealisedTrade]:
    """What was closed of it so far: of the pool everything of the instrument, else what names the lot in its account."""
    rows = RealisedTrade.objects.filter(portfolio_id=lot.portfolio_id, instrument_id=lot.instrument_id)
    if not lot.is_pool:
        rows = rows.filter(lot_key=lot.key, account=lot.account)
    return list(rows.order_by("closed_date", "transaction_id", "number"))


def _siblings(lot: Lot) -> list[Lot]:
    """Other lots of the same purchase in the same account: a wash sale splits one."""
    if lot.is_pool:
        return []
    rows = Lot.objects.filter(
        portfolio_id=lot.portfolio_id, instrument_id=lot.instrument_id, key=lot.key, account=lot.account
    )
    return list(rows.exclude(pk=lot.pk).order_by("pk"))


def _subject(lot: Lot) -> str:
    where = "" if lot.account is None else f" · {lot.account.name}"
    return f"{lot.instrument.symbol}{where} · {lot.opened_date.isoformat()}"


def _cost(lens: Lens, asked: Asked, *, in_base: bool) -> Working:
    lot = _lot(lens, asked)
    taken, others = _taken(lot), _siblings(lot)
    base = lens.portfolio.base_currency
    sign = -1 if lot.quantity < 0 else 1
    name = "cost_base" if in_base else "cost"
    rows = [
        MoneyRow(
            label="In another lot of the same purchase",
            amount=-getattr(other, name),
            day=other.opened_date,
            quantity=-other.quantity,
        )
        for other in others
    ]
    rows += [
        MoneyRow(
            label="Taken by a sale" if sign > 0 else "Covered",
            amount=-sign * getattr(row, name),
            day=row.closed_date,
            transaction_id=row.transaction_id,
            quantity=-sign * row.quantity,
        )
        for row in taken
    ]
    with exact():
        opening = MoneyRow(
            label="Cost at the opening, with later adjustments",
            amount=getattr(lot, name) - sum((row.amount for row in rows), ZERO),
            day=lot.opened_date,
            transaction_id=number_of(lot.key),
            quantity=lot.quantity - sum((row.quantity or ZERO for row in rows), ZERO),
        )
    return summed(
        [opening, *rows], currency=base if in_base else lot.instrument.currency, subject=_subject(lot)
    )


def _unit_cost(lens: Lens, asked: Asked) -> Working:
    lot = _lot(lens, asked)
    currency = lot.instrument.currency
    return computed(
        quotient(lot.cost, lot.quantity),
        Fact("Cost", "money", lot.cost, "lot_cost", {"lot": lot.pk}, currency),
        Fact("Quantity", "quantity", lot.quantity, "lot_quantity", {"lot": lot.pk}),
        unit="price",
        currency=currency,
        subject=_subject(lot),
    )


def _quantity(lens: Lens, asked: Asked) -> Working:
    lot = _lot(lens, asked)
    taken, others = _taken(lot), _siblings(lot)
    sign = -1 if lot.quantity < 0 else 1
    later = [(other.opened_date, "In another lot of the same purchase", -other.quantity) for other in others]
    later += [
        (row.closed_date, "Taken by a sale" if sign > 0 else "Covered", -sign * row.quantity) for row in taken
    ]
    with exact():
        opened = lot.quantity - sum((quantity for _, _, quantity in later), ZERO)
    rows = [(lot.opened_date, "Opened, with later splits", opened), *later]
    columns = (("Day", "day"), ("What", "text"), ("Units", "quantity"))
    return Working(
        value=lot.quantity,
        unit="quantity",
        subject=_subject(lot),
        table=Table(columns, tuple(rows[:MOST_ROWS])),
        left_out=max(0, len(rows) - MOST_ROWS),
    )


FIGURES = {
    "lot_quantity": figure("lot_quantity", _quantity),
    "lot_unit_cost": figure("lot_unit_cost", _unit_cost),
    "lot_cost": figure("lot_cost", lambda lens, asked: _cost(lens, asked, in_base=False)),
    "lot_cost_base": figure("lot_cost", lambda lens, asked: _cost(lens, asked, in_base=True)),
}
