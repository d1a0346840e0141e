"""Closed parcels, and their sums by tax year and term."""

from __future__ import annotations

from decimal import Decimal
from functools import partial

from holdings.domain.definitions import DEFINITIONS
from holdings.domain.numbers import EXACT, exact
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
from holdings.queries.insights.realised import Parcel, parcel_named, realised_year, tax_year_named

#: What is shown of a parcel: (attribute, definition).
_OF_PARCEL = {
    "parcel_quantity": ("quantity", "parcel_quantity"),
    "parcel_proceeds": ("proceeds", "proceeds"),
    "parcel_cost": ("cost", "lot_cost_closed"),
    "parcel_fees": ("fees", "closing_fees"),
    "parcel_gain": ("gain", "realised_gain"),
    "parcel_gain_base": ("gain_base", "realised_gain"),
    "parcel_wash_sale_adjustment": ("wash_sale_adjustment", "wash_sale_adjustment"),
}
#: What is summed over a tax year: (attribute in base currency, definition).
_OF_YEAR = {
    "realised_proceeds": ("proceeds_base", "proceeds"),
    "realised_cost": ("cost_base", "lot_cost_closed"),
    "realised_fees": ("fees_base", "closing_fees"),
    "realised_year_gain": ("gain_base", "realised_gain"),
    "realised_wash_sales": ("wash_sale_adjustment_base", "wash_sale_adjustment"),
    "realised_counted": ("counted_base", "counted_gain"),
}


def _of_parcel(name: str, lens: Lens, asked: Asked) -> Working:
    if asked.entry is None:
        raise SubjectUnknown(asked.entry)
    found = parcel_named(lens.portfolio, asked.entry, asked.number)
    if found is None:
        raise SubjectUnknown(asked.entry)
    attribute, _ = _OF_PARCEL[name]
    is_base = attribute.endswith("_base")
    currency = lens.portfolio.base_currency if is_base else found.currency
    unit = "quantity" if attribute == "quantity" else "money"
    return computed(
        getattr(found, attribute),
        *(_facts_in_base(found, currency) if is_base else _facts(found)),
        unit=unit,
        currency=currency,
        subject=f"{found.symbol} · {found.closed.isoformat()}",
    )


def _facts(found: Parcel) -> list[Fact]:
    with exact():
        gross = found.proceeds + found.fees if found.direction == "long" else found.cost
    what = "Gross proceeds" if found.direction == "long" else "Paid to cover"
    facts = [
        Fact("Opened", "day", found.opened),
        Fact("Closed", "day", found.closed),
        Fact("Units closed", "quantity", found.quantity),
        Fact(what, "money", gross, currency=found.currency),
        Fact(DEFINITIONS["closing_fees"].label, "money", found.fees, currency=found.currency),
        Fact(DEFINITIONS["proceeds"].label, "money", found.proceeds, currency=found.currency),
        Fact(DEFINITIONS["lot_cost_closed"].label, "money", found.cost, currency=found.currency),
        Fact(DEFINITIONS["realised_gain"].label, "money", found.gain, currency=found.currency),
    ]
    if found.wash_sale_adjustment:
        label = DEFINITIONS["wash_sale_adjustment"].label
        facts.append(Fact(label, "money", found.wash_sale_adjustment, currency=found.currency))
    if found.match:
        facts.append(Fact("Matched by", "text", found.match))
    return facts


def _facts_in_base(found: Parcel, base: str) -> list[Fact]:
    facts = [
        Fact(f"Proceeds in {found.currency}", "money", found.proceeds, currency=found.currency),
        Fact(f"Proceeds in {base}", "money", found.proceeds_base, currency=base),
        Fact(f"Cost in {found.currency}", "money", found.cost, currency=found.currency),
        Fact(f"Cost in {base}", "money", found.cost_base, currency=base),
    ]
    if found.currency != base:
        for label, own, in_base in (
            ("Rate of the sale", found.proceeds, found.proceeds_base),
            ("Rate of the purchase", found.cost, found.cost_base),
        ):
            if own:
                facts.append(Fact(label, "number", round(in_base / own, 8)))
    return facts


def _of_year(name: str, lens: Lens, asked: Asked) -> Working:
    attribute, _ = _OF_YEAR[name]
    year = tax_year_named(asked.year, lens.portfolio, today=lens.today)
    rows = [
        MoneyRow(
            label=f"{parcel.symbol} · {parcel.account}" if parcel.account else parcel.symbol,
            amount=_amount(parcel, attribute),
            day=parcel.closed,
            transaction_id=parcel.transaction_id,
            instrument_id=parcel.instrument_id,
            quantity=parcel.quantity,
        )
        for parcel in realised_year(lens.portfolio, year).parcels
        if asked.term in ("", parcel.term)
    ]
    words = f"{asked.term} term, " if asked.term else ""
    return summed(
        (row for row in rows if row.amount),
        currency=lens.portfolio.base_currency,
        subject=f"{words}tax year {year.label}",
    )


def _amount(parcel: Parcel, attribute: str) -> Decimal:
    if attribute == "counted_base":
        return EXACT.add(parcel.gain_base, parcel.wash_sale_adjustment_base)
    found: Decimal = getattr(parcel, attribute)
    return found


FIGURES = {
    **{name: figure(definition, partial(_of_parcel, name)) for name, (_, definition) in _OF_PARCEL.items()},
    **{name: figure(definition, partial(_of_year, name)) for name, (_, definition) in _OF_YEAR.items()},
}
