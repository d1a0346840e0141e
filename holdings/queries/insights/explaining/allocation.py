"""What the portfolio is made of, how far that is from its targets, and the trades between the two."""

from __future__ import annotations

from collections.abc import Iterable

from holdings.queries.insights.allocation import (
    DIMENSIONS,
    Allocation,
    Member,
    Part,
    Suggested,
    allocation_of,
    rebalancing_of,
)
from holdings.queries.insights.explaining.held import base_of, member_of
from holdings.queries.insights.explaining.registry import figure
from holdings.queries.insights.explaining.working import (
    Asked,
    Fact,
    MoneyRow,
    SubjectUnknown,
    Working,
    computed,
    summed,
)
from holdings.queries.insights.lens import Lens


def _part_of(lens: Lens, asked: Asked) -> tuple[Allocation, Part]:
    if asked.by in DIMENSIONS:
        found = allocation_of(lens, asked.by)
        for part in found.parts:
            if part.key == asked.part:
                return found, part
    raise SubjectUnknown(asked.part)


def _value(lens: Lens, asked: Asked) -> Working:
    _, part = _part_of(lens, asked)
    members: Iterable[Member] = part.members
    subject = part.label
    if asked.instrument is not None or asked.account is not None:
        member = member_of(lens, asked)
        members, subject = [member], f"{part.label}: {member.label}"
    rows = {row.instrument_id: row for row in lens.snapshot.holdings}
    rates = {row.currency: row.rate for row in lens.snapshot.holdings}
    found = []
    for member in members:
        row = None if member.instrument_id is None else rows[member.instrument_id]
        price = None if row is None else row.price
        found.append(
            MoneyRow(
                label=member.label if row is not None else f"{member.label} · {member.name}",
                amount=member.value,
                instrument_id=member.instrument_id,
                quantity=member.quantity,
                price=None if price is None else price.price,
                price_day=None if price is None else price.day,
                currency=member.currency,
                rate=rates.get(member.currency),
            )
        )
    return summed(found, currency=base_of(lens), subject=subject)


def _drift(lens: Lens, asked: Asked) -> Working:
    _, part = _part_of(lens, asked)
    return computed(
        part.drift,
        Fact("Weight", "percent", part.weight, "weight", {"by": asked.by, "part": asked.part}),
        Fact("Target", "percent", part.target),
        subject=part.label,
    )


def _trade_of(lens: Lens, asked: Asked) -> tuple[Allocation, Part, Suggested]:
    found, part = _part_of(lens, asked)
    wanted = None if asked.instrument is None else asked.instrument.pk
    rebalancing = rebalancing_of(lens, found)
    for trade in () if rebalancing is None else rebalancing.trades:
        if trade.key == part.key and trade.instrument_id == wanted:
            return found, part, trade
    raise SubjectUnknown(asked.part)


def _trade(lens: Lens, asked: Asked, *, unit: str) -> Working:
    found, part, trade = _trade_of(lens, asked)
    base = base_of(lens)
    gap = None if part.target is None or found.total is None else part.target * found.total - part.value
    own = next((row for row in part.members if row.instrument_id == trade.instrument_id), None)
    of = {"by": asked.by, "part": asked.part}
    facts = [
        Fact("Target", "percent", part.target),
        Fact("Securities and cash", "money", found.total, "assets", currency=base),
        Fact("Value of the part", "money", part.value, "part_value", of, base),
        Fact("From there to the target", "money", gap, currency=base),
    ]
    if own is not None:
        held = {**of, "instrument": own.instrument_id}
        facts.append(Fact(f"{own.label} in it", "money", own.value, "part_value", held, base))
    if trade.quantity is not None:
        facts += [
            Fact("Units", "quantity", trade.quantity),
            Fact("Price", "price", trade.price, currency=trade.currency),
            Fact("Amount", "money", trade.amount, currency=base),
        ]
    value = trade.amount if unit == "money" else trade.quantity
    return computed(value, *facts, unit=unit, currency=base, subject=trade.symbol or part.label)


def _cash_after(lens: Lens, asked: Asked) -> Working:
    found = rebalancing_of(lens, allocation_of(lens, asked.by)) if asked.by in DIMENSIONS else None
    if found is None:
        raise SubjectUnknown(asked.by)
    rows = [MoneyRow(label="Cash now", amount=found.cash_before, figure="cash")]
    rows += [
        MoneyRow(
            label=f"{'Buy' if trade.amount > 0 else 'Sell'} {trade.symbol or trade.part}",
            amount=-trade.amount,
            instrument_id=trade.instrument_id if trade.currency else None,
            quantity=trade.quantity,
            price=trade.price,
            currency=trade.currency,
        )
        for trade in found.trades
    ]
    return summed(rows, currency=base_of(lens))


FIGURES = {
    "part_value": figure("part_value", _value),
    "drift": figure("drift", _drift),
    "rebalance_amount": figure("rebalance_amount", lambda lens, asked: _trade(lens, asked, unit="money")),
    "rebalance_quantity": figure(
        "rebalance_quantity", lambda lens, asked: _trade(lens, asked, unit="quantity")
    ),
    "rebalance_cash": figure("rebalance_cash", _cash_after),
}
