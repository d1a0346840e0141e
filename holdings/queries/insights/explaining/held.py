"""What is held now: quantities, the move of the day, gains in percent, weights, balances."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from holdings.domain.numbers import exact
from holdings.models import Account
from holdings.queries.insights.allocation import Member, allocation_of
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
from holdings.queries.valuing import HoldingRow

ZERO = Decimal(0)


def holding_of(lens: Lens, asked: Asked) -> HoldingRow:
    """The row of the holding that is asked for. Raises `SubjectUnknown`."""
    wanted = None if asked.instrument is None else asked.instrument.pk
    for row in lens.snapshot.holdings:
        if row.instrument_id == wanted:
            return row
    raise SubjectUnknown(wanted)


def base_of(lens: Lens) -> str:
    """What is held now is shown in the portfolio's own currency."""
    return lens.portfolio.base_currency


def _quantity(lens: Lens, asked: Asked) -> Working:
    row, analysis = holding_of(lens, asked), lens.analysis()
    names = {str(account.pk): account.name for account in Account.objects.filter(portfolio=lens.portfolio)}
    balance, found = ZERO, []
    for move in analysis.effects.quantities:
        if move.instrument == str(row.instrument_id):
            balance += move.change
            account = names.get(move.account, move.account)
            found.append((date.fromordinal(move.ordinal), account, move.change, balance))
    columns = (("Day", "day"), ("Account", "text"), ("Change", "quantity"), ("Held then", "quantity"))
    return Working(
        value=row.quantity,
        unit="quantity",
        subject=row.symbol,
        table=Table(columns, tuple(found[::-1][:MOST_ROWS])),
        left_out=max(0, len(found) - MOST_ROWS),
    )


def _average_cost(lens: Lens, asked: Asked) -> Working:
    row = holding_of(lens, asked)
    return computed(
        row.average_cost,
        Fact("Cost basis", "money", row.cost_basis, currency=row.currency),
        Fact("The same in the portfolio's currency", "money", row.cost_basis_base, "cost_basis", _of(row)),
        Fact("Quantity", "quantity", row.quantity, "quantity", _of(row)),
        unit="price",
        currency=row.currency,
        subject=row.symbol,
    )


def _of(row: HoldingRow) -> dict[str, int]:
    return {"instrument": row.instrument_id}


def _day_change(lens: Lens, asked: Asked) -> Working:
    """Of the whole, of a holding, or of what a part holds of it."""
    if asked.part is not None:
        member = member_of(lens, asked)
        rows = [row for row in lens.snapshot.holdings if row.instrument_id == member.instrument_id]
        changes = [_change(row, member.day_change, member.quantity) for row in rows]
    else:
        wanted = None if asked.instrument is None else holding_of(lens, asked).instrument_id
        changes = [
            _change(row, row.day_change_base, row.quantity)
            for row in lens.snapshot.holdings
            if row.quantity and wanted in (None, row.instrument_id)
        ]
    subject = asked.instrument.symbol if asked.instrument is not None else ""
    return summed((row for row in changes if row is not None), currency=base_of(lens), subject=subject)


def _change(row: HoldingRow, amount: Decimal | None, quantity: Decimal) -> MoneyRow | None:
    if amount is None or row.price is None or row.price.previous_close is None:
        return None
    return MoneyRow(
        label=f"{row.symbol} · since {row.price.previous_close.normalize():f}",
        amount=amount,
        day=row.price.day,
        instrument_id=row.instrument_id,
        quantity=quantity,
        price=row.price.price,
        price_day=row.price.day,
        currency=row.currency,
        rate=row.rate,
    )


def _day_change_fraction(lens: Lens, asked: Asked) -> Working:
    change, value = lens.snapshot.day_change, lens.snapshot.net_worth
    before = None if change is None or value is None else value - change
    return computed(
        change / before if change is not None and before is not None and before > 0 else None,
        Fact("Change today", "money", change, "day_change", currency=base_of(lens)),
        Fact("Net worth", "money", value, "net_worth", currency=base_of(lens)),
        Fact("Net worth before", "money", before, currency=base_of(lens)),
    )


def _price_change(lens: Lens, asked: Asked) -> Working:
    row = holding_of(lens, asked)
    price = row.price
    return computed(
        row.day_change_fraction,
        Fact("Last price", "price", price and price.price, currency=row.currency),
        Fact("From", "text", price and price.source),
        Fact("Day", "day", price and price.day),
        Fact("Previous close", "price", price and price.previous_close, currency=row.currency),
        subject=row.symbol,
    )


def _unrealised_fraction(lens: Lens, asked: Asked) -> Working:
    row = holding_of(lens, asked)
    return computed(
        row.unrealised_fraction,
        Fact(
            "Unrealised gain", "money", row.unrealised_gain_base, "unrealised_gain", _of(row), base_of(lens)
        ),
        Fact("Cost basis", "money", row.cost_basis_base, "cost_basis", _of(row), base_of(lens)),
        subject=row.symbol,
    )


def _total_gain_fraction(lens: Lens, asked: Asked) -> Working:
    shown = lens.snapshot
    return computed(
        shown.total_gain_fraction,
        Fact("Total gain", "money", shown.total_gain, "total_gain", currency=base_of(lens)),
        Fact(
            "Net contributions", "money", shown.net_contributions, "net_contributions", currency=base_of(lens)
        ),
    )


def _weight(lens: Lens, asked: Asked) -> Working:
    """Of a holding; of a part, or of one thing in it."""
    shown = lens.snapshot
    total = None
    if shown.market_value is not None and shown.cash_value is not None:
        total = shown.market_value + shown.cash_value
    whole = (
        Fact("Securities", "money", shown.market_value, "market_value", currency=base_of(lens)),
        Fact("Cash", "money", shown.cash_value, "cash", currency=base_of(lens)),
        Fact("Together", "money", total, "assets", currency=base_of(lens)),
    )
    if asked.part is None:
        row = holding_of(lens, asked)
        own = Fact("Market value", "money", row.market_value_base, "market_value", _of(row), base_of(lens))
        return computed(row.weight, own, *whole, subject=row.symbol)
    found = allocation_of(lens, asked.by)
    part = next((part for part in found.parts if part.key == asked.part), None)
    if part is None:
        raise SubjectUnknown(asked.part)
    of: dict[str, object] = {"by": asked.by, "part": asked.part}
    if asked.instrument is None and asked.account is None:
        own = Fact("Value of the part", "money", part.value, "part_value", of, base_of(lens))
        return computed(part.weight, own, *whole, subject=part.label)
    member = member_of(lens, asked)
    of |= {"instrument": member.instrument_id, "account": member.account_id, "held": member.currency}
    own = Fact("Value", "money", member.value, "part_value", of, base_of(lens))
    return computed(member.weight, own, *whole, subject=f"{part.label}: {member.label}")


def member_of(lens: Lens, asked: Asked) -> Member:
    """What a part holds of the thing, or of the cash, that is asked for. Raises `SubjectUnknown`."""
    wanted = None if asked.instrument is None else asked.instrument.pk
    for part in allocation_of(lens, asked.by).parts:
        if part.key != asked.part:
            continue
        for member in part.members:
            if member.instrument_id == wanted and (
                wanted is not None or (member.account_id == asked.account and member.currency == asked.held)
            ):
                return member
    raise SubjectUnknown(wanted)


def _cash_balance(lens: Lens, asked: Asked) -> Working:
    """In its own currency: every movement."""
    analysis = lens.analysis()
    moves = [
        MoneyRow(
            label=analysis_label(types.get(move.transaction, "")),
            amount=move.amount,
            day=date.fromordinal(move.ordinal),
            transaction_id=int(move.transaction),
            currency=asked.held,
        )
        for types in [{row.id: str(row.type) for row in analysis.journal}]
        for move in analysis.effects.cash
        if move.account == str(asked.account) and move.currency == asked.held
    ]
    return summed(moves[::-1], currency=asked.held)


def analysis_label(kind: str) -> str:
    """The type of an entry in words."""
    return kind.replace("_", " ").capitalize() or "Contribution"


def _liability_balance(lens: Lens, asked: Asked) -> Working:
    return summed(_debts(lens, asked), currency=asked.held)


def _debts(lens: Lens, asked: Asked) -> Iterable[MoneyRow]:
    with exact():
        for row in lens.whole.transactions:
            if row.type == "liability" and row.currency == asked.held and row.amount is not None:
                yield MoneyRow(
                    label="Borrowed" if row.amount > 0 else "Paid back",
                    amount=row.amount,
                    day=row.day,
                    transaction_id=int(row.id),
                    currency=row.currency,
                )


FIGURES = {
    "quantity": figure("quantity", _quantity),
    "average_cost": figure("average_cost", _average_cost),
    "day_change": figure("day_change", _day_change),
    "day_change_fraction": figure("day_change_fraction", _day_change_fraction),
    "price_change": figure("price_change", _price_change),
    "unrealised_fraction": figure("unrealised_fraction", _unrealised_fraction),
    "total_gain_fraction": figure("total_gain_fraction", _total_gain_fraction),
    "weight": figure("weight", _weight),
    "cash_balance": figure("cash_balance", _cash_balance),
    "liability_balance": figure("liability_balance", _liability_balance),
}
