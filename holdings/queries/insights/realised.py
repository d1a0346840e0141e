"""Realised gains by tax year: every closed parcel, and the sums for short and long terms, in the portfolio's currency."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from holdings.domain.ledger.state import anniversary
from holdings.domain.numbers import exact, plain
from holdings.models import Portfolio, RealisedTrade

ZERO = Decimal(0)
UNITED_KINGDOM = "GB"
# A spreadsheet takes text that begins like this for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxYear:
    """A tax year by the calendar year it begins in; both days belong to it."""

    year: int
    label: str
    first: date
    last: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A closed parcel. Unsuffixed money is in the instrument's currency, `_base` in the portfolio's."""

    transaction_id: int
    number: int
    instrument_id: int
    symbol: str
    account: str
    currency: str
    direction: str
    opened: date
    closed: date
    quantity: Decimal
    proceeds: Decimal
    proceeds_base: Decimal
    cost: Decimal
    cost_base: Decimal
    fees: Decimal
    fees_base: Decimal
    holding_days: int
    term: str
    lot: str
    match: str
    wash_sale_adjustment: Decimal
    wash_sale_adjustment_base: Decimal

    @property
    def gain(self) -> Decimal:
        """Proceeds less cost, before a wash-sale adjustment."""
        return self.proceeds - self.cost

    @property
    def gain_base(self) -> Decimal:
        """The same in the portfolio's currency."""
        return self.proceeds_base - self.cost_base


@dataclass(slots=True, kw_only=True)
class TermSums:
    """Sums of parcels in the portfolio's currency; `counted` is the gain with losses that do not count added back."""

    parcels: int = 0
    proceeds: Decimal = ZERO
    cost: Decimal = ZERO
    fees: Decimal = ZERO
    gain: Decimal = ZERO
    wash_sale_adjustment: Decimal = ZERO

    @property
    def counted(self) -> Decimal:
        """Gain after wash-sale adjustments."""
        return self.gain + self.wash_sale_adjustment

    def add(self, parcel: Parcel) -> None:
        """Count a parcel in."""
        self.parcels += 1
        self.proceeds += parcel.proceeds_base
        self.cost += parcel.cost_base
        self.fees += parcel.fees_base
        self.gain += parcel.gain_base
        self.wash_sale_adjustment += parcel.wash_sale_adjustment_base


@dataclass(frozen=True, slots=True, kw_only=True)
class RealisedYear:
    """A tax year with its parcels and sums."""

    tax_year: TaxYear
    parcels: tuple[Parcel, ...]
    short: TermSums
    long: TermSums
    total: TermSums


def tax_year_of(day: date, country: str) -> TaxYear:
    """The tax year of a day: from 6 April in the United Kingdom, the calendar year elsewhere."""
    if country == UNITED_KINGDOM:
        year = day.year if day >= date(day.year, 4, 6) else day.year - 1
        return TaxYear(
            year=year,
            label=f"{year}/{(year + 1) % 100:02}",
            first=date(year, 4, 6),
            last=date(year + 1, 4, 5),
        )
    return TaxYear(
        year=day.year, label=str(day.year), first=date(day.year, 1, 1), last=date(day.year, 12, 31)
    )


def tax_years(portfolio: Portfolio, *, today: date) -> list[TaxYear]:
    """The tax years in which something was closed, and the present one; the latest first. One statement."""
    days = set(
        RealisedTrade.objects.filter(portfolio=portfolio).values_list("closed_date", flat=True).distinct()
    )
    found = {year.year: year for year in (tax_year_of(day, portfolio.tax_country) for day in {*days, today})}
    return [found[year] for year in sorted(found, reverse=True)]


def realised_year(portfolio: Portfolio, tax_year: TaxYear) -> RealisedYear:
    """What was closed in a tax year, in order of closing. One statement."""
    rows = (
        RealisedTrade.objects.filter(
            portfolio=portfolio, closed_date__gte=tax_year.first, closed_date__lte=tax_year.last
        )
        .select_related("instrument", "account")
        .order_by("closed_date", "transaction_id", "number")
    )
    short, long, total = TermSums(), TermSums(), TermSums()
    parcels = tuple(_parcel(row) for row in rows)
    with exact():
        for parcel in parcels:
            (long if parcel.term == "long" else short).add(parcel)
            total.add(parcel)
    return RealisedYear(tax_year=tax_year, parcels=parcels, short=short, long=long, total=total)


def parcel_named(portfolio: Portfolio, transaction_id: int, number: int) -> Parcel | None:
    """One closed parcel by the entry that closed it and its number there. One statement."""
    row = (
        RealisedTrade.objects.filter(portfolio=portfolio, transaction_id=transaction_id, number=number)
        .select_related("instrument", "account")
        .first()
    )
    return None if row is None else _parcel(row)


def tax_year_named(text: str, portfolio: Portfolio, *, today: date) -> TaxYear:
    """The tax year that an address names by its first calendar year, else the present one."""
    if text.isascii() and text.isdigit() and len(text) == 4 and 1900 <= int(text) <= 2199:
        return tax_year_of(date(int(text), 12, 31), portfolio.tax_country)
    return tax_year_of(today, portfolio.tax_country)


def as_csv(portfolio: Portfolio, parcels: Iterable[Parcel]) -> str:
    """The parcels as a table for a spreadsheet. Text that it would take for a formula is quoted with an apostrophe."""
    base = portfolio.base_currency
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(
        ["instrument", "account", "currency", "direction", "opened", "closed", "quantity", "proceeds", "cost", "fees",
         "gain", "holding_days", "term", "lot", "match", "wash_sale_adjustment", f"proceeds_{base}", f"cost_{base}",
         f"fees_{base}", f"gain_{base}", f"wash_sale_adjustment_{base}"]
    )  # fmt: skip
    for row in parcels:
        money = [row.proceeds, row.cost, row.fees, row.gain]
        in_base = [
            row.proceeds_base,
            row.cost_base,
            row.fees_base,
            row.gain_base,
            row.wash_sale_adjustment_base,
        ]
        writer.writerow(
            [
                *map(harmless, (row.symbol, row.account, row.currency, row.direction)),
                row.opened.isoformat(),
                row.closed.isoformat(),
                plain(row.quantity),
                *map(plain, money),
                row.holding_days,
                row.term,
                harmless(row.lot),
                row.match,
                plain(row.wash_sale_adjustment),
                *map(plain, in_base),
            ]
        )
    return out.getvalue()


def harmless(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _parcel(row: RealisedTrade) -> Parcel:
    is_long = row.direction == "long" and row.closed_date > anniversary(row.held_since)
    return Parcel(
        transaction_id=row.transaction_id,
        number=row.number,
        instrument_id=row.instrument_id,
        symbol=row.instrument.symbol,
        account=row.account.name if row.account else "",
        currency=row.currency,
        direction=row.direction,
        opened=row.opened_date,
        closed=row.closed_date,
        quantity=row.quantity,
        proceeds=row.proceeds,
        proceeds_base=row.proceeds_base,
        cost=row.cost,
        cost_base=row.cost_base,
        fees=row.fees,
        fees_base=row.fees_base,
        holding_days=max(timedelta(0), row.closed_date - row.held_since).days,
        term="long" if is_long else "short",
        lot=row.lot_key,
        match=row.match.replace("_", " "),
        wash_sale_adjustment=row.wash_sale_adjustment,
        wash_sale_adjustment_base=row.wash_sale_adjustment_base,
    )
