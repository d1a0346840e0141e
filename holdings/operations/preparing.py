"""From an entry as it was given to the row that the journal will hold: completed, checked, rounded.

What the journal needs to be replayed for ever is recorded here: the exchange rates of the day, and the day's price where
a value follows from it. Later changes to market data then change no cost and no gain that is in the books already.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from holdings.entries import DECIMAL_FIELDS, RULES, Entry, TypeRule
from holdings.models import Account, AccountKind, Transaction, TransactionType
from holdings.models.checks import BOUND
from holdings.operations.errors import EntryRefused
from holdings.operations.locking import LockedPortfolio
from holdings.operations.rates import Rates
from marketdata.models import Instrument
from marketdata.queries import close_on
from portfolio_site.kernel.money import is_currency, round_money
from portfolio_site.kernel.rows import new_row

_CONTEXT = Context(prec=60, rounding=ROUND_HALF_EVEN)
_TWELVE = Decimal(1).scaleb(-12)
_FARTHEST = timedelta(days=50 * 366)
_NAMES = {
    "account_id": "account",
    "to_account_id": "account it goes to",
    "cash_account_id": "cash account",
    "instrument_id": "instrument",
    "to_instrument_id": "new instrument",
    "fx_rate": "exchange rate",
    "instrument_rate": "instrument's exchange rate",
}
# Types whose value is the day's price times the quantity, unless something else is recorded.
_VALUED_AT_THE_DAYS_PRICE = frozenset({"delivery_in", "delivery_out"})
_IN_KIND = frozenset({"dividend", "distribution", "interest", "staking"})


@dataclass(frozen=True, slots=True)
class Prepared:
    """A row for the journal, and whether it waits for its day."""

    row: Transaction
    is_future: bool


class Preparer:
    """Prepares entries for one locked portfolio; loads the accounts and the instruments that they name once, unless the
    caller has just read them under the lock."""

    accounts: dict[int, Account]
    instruments: dict[int, Instrument]

    def __init__(
        self,
        locked: LockedPortfolio,
        *,
        entries: Iterable[Entry],
        owner: Any,
        now: datetime,
        rates: Rates | None = None,
        accounts: dict[int, Account] | None = None,
        instruments: dict[int, Instrument] | None = None,
    ) -> None:
        entries = list(entries)
        self.locked = locked
        self.now = now
        self.zone = ZoneInfo(locked.time_zone)
        self.today = now.astimezone(self.zone).date()
        self.rates = rates or Rates(locked.base_currency)
        if accounts is not None and instruments is not None:
            self.accounts, self.instruments = accounts, instruments
            return
        self.accounts = {a.id: a for a in Account.objects.filter(portfolio_id=locked.id).order_by("pk")}
        named = [pk for e in entries for pk in (e.instrument_id, e.to_instrument_id)]
        wanted = {pk for pk in named if pk is not None}
        self.instruments = {i.id: i for i in Instrument.objects.visible_to(owner).filter(pk__in=wanted)}

    def prepare(self, entry: Entry) -> Prepared:
        """Return the row (not saved, without its sequence). Raises `EntryRefused` with the field at fault."""
        rule = RULES.get(entry.type)
        if rule is None:
            raise EntryRefused(f"“{entry.type[:30]}” is not a type of entry.", field="type")
        occurred_at, day, is_date_only = self._moment(entry.occurred)
        row = new_row(
            Transaction,
            portfolio_id=self.locked.id,
            type=entry.type,
            occurred_at=occurred_at,
            occurred_date=day,
            is_date_only=is_date_only,
            note=_text(entry.note, 1000),
            tags=_tags(entry.tags),
            source=entry.source[:40],
            external_id=_text(entry.external_id, 200),
            lots=list(entry.lots) if "lots" in rule.fields else [],
        )
        for name in DECIMAL_FIELDS & (rule.fields | {"fees", "taxes"}):
            value = getattr(entry, name)
            setattr(row, name, None if value is None else _number(value, name, entry.type))
        self._place(row, entry, rule)
        self._require(row, entry, rule)
        self._currency(row, entry)
        self._ratio(row, entry, rule)
        self._amounts(row)
        is_future = day > self.today if is_date_only else occurred_at > self.now
        if not is_future:
            self._record_rates(row)
            self._record_price(row)
        return Prepared(row, is_future)

    def _moment(self, occurred: date | datetime) -> tuple[datetime, date, bool]:
        if isinstance(occurred, datetime):
            if occurred.tzinfo is None:
                raise EntryRefused("The time needs a time zone.", field="occurred")
            _check_year(occurred.year)
            occurred_at = occurred.astimezone(UTC)
            day = occurred.astimezone(self.zone).date()
        else:
            _check_year(occurred.year)
            occurred_at = datetime.combine(occurred, time(0), tzinfo=self.zone).astimezone(UTC)
            day = occurred
        if occurred_at > self.now + _FARTHEST:
            raise EntryRefused("The date is too far in the future.", field="occurred")
        return occurred_at, day, not isinstance(occurred, datetime)

    def _place(self, row: Transaction, entry: Entry, rule: TypeRule) -> None:
        """Accounts and instruments: ours, or a refusal; left out, the default ones."""
        row.account_id = self._account(entry.account_id, "account_id")
        holds = rule.holds
        if holds == "either":
            holds = "securities" if entry.instrument_id and entry.quantity is not None else "cash"
        if row.account_id is None and holds != "all":
            row.account_id = self._default_account(holds)
        if "to_account_id" in rule.fields:
            row.to_account_id = self._account(entry.to_account_id, "to_account_id")
            if row.to_account_id is not None and row.to_account_id == row.account_id:
                raise EntryRefused("A transfer goes to another account.", field="to_account_id")
        if "cash_account_id" in rule.fields:
            row.cash_account_id = self._account(entry.cash_account_id, "cash_account_id")
            if (
                row.account_id is None
                and row.cash_account_id is None
                and (entry.amount or entry.fees or entry.taxes)
            ):
                row.cash_account_id = self._default_account("cash")
        for name in ("instrument_id", "to_instrument_id"):
            pk = getattr(entry, name)
            if name not in rule.fields or pk is None:
                continue
            if pk not in self.instruments:
                raise EntryRefused("There is no such instrument.", code="unknown_instrument", field=name)
            setattr(row, name, pk)
        if row.to_instrument_id is not None and row.to_instrument_id == row.instrument_id:
            raise EntryRefused("The new instrument is the old one.", field="to_instrument_id")

    def _account(self, pk: int | None, field: str) -> int | None:
        if pk is None:
            return None
        if pk not in self.accounts:
            raise EntryRefused(
                "That account is not one of this portfolio.", code="unknown_account", field=field
            )
        return pk

    def _default_account(self, kind: str) -> int:
        for account in self.accounts.values():
            if account.kind == kind and account.closed_at is None:
                return account.id
        raise EntryRefused(f"This portfolio has no open {kind} account.", field="account_id")

    def cash_account_of(self, row: Transaction) -> int | None:
        """The account whose cash this entry moves."""
        if row.cash_account_id is not None:
            return row.cash_account_id
        if row.account_id is None:
            return None
        account = self.accounts[row.account_id]
        if account.kind == AccountKind.SECURITIES and account.cash_account_id is not None:
            return account.cash_account_id
        return row.account_id

    def _require(self, row: Transaction, entry: Entry, rule: TypeRule) -> None:
        label = TransactionType(entry.type).label.lower()
        for name in sorted(rule.needs):
            value = getattr(entry, name)
            if value is None or value == "":
                raise EntryRefused(f"A {label} needs the {_name(name)}.", code="missing", field=name)
        for group in rule.one_of:
            if all(getattr(entry, name) in (None, "") for name in group):
                field = "price" if "price" in group else "amount"
                either = " or the ".join(_name(name) for name in sorted(group, reverse=True))
                raise EntryRefused(f"A {label} needs the {either}.", code="missing", field=field)
        if "quantity" in rule.needs and not row.quantity:
            raise EntryRefused("The quantity must be more than 0.", field="quantity")
        if row.quantity and "quantity" in rule.fields and row.instrument_id is None:
            raise EntryRefused("A quantity needs an instrument.", code="missing", field="instrument_id")
        if "amount" in rule.needs and not row.amount:
            raise EntryRefused("The amount must not be 0.", field="amount")

    def _currency(self, row: Transaction, entry: Entry) -> None:
        code = entry.currency
        if not code and row.instrument_id is not None:
            code = self.instruments[row.instrument_id].currency
        if not code:
            cash = self.cash_account_of(row)
            code = self.accounts[cash].currency if cash is not None else self.locked.base_currency
        if not is_currency(code):
            raise EntryRefused(
                f"“{code[:12]}” is not a currency that the books know.",
                code="unknown_currency",
                field="currency",
            )
        row.currency = code

    def _ratio(self, row: Transaction, entry: Entry, rule: TypeRule) -> None:
        if "ratio" not in rule.fields or not entry.ratio:
            return
        row.ratio = canonical_ratio(entry.ratio)

    def _amounts(self, row: Transaction) -> None:
        """Round what is money to the minor unit; the cash of a trade is quantity × price × multiplier, rounded."""
        for name in ("amount", "fees", "taxes", "cost"):
            value = getattr(row, name)
            if value is not None:
                setattr(row, name, _money(value, row.currency, name))
        if row.type in ("buy", "sell") and row.amount is None and row.price is not None:
            unit = unit_of(self.instruments[row.instrument_id])  # type: ignore[index]
            row.amount = _money(
                _CONTEXT.multiply(_CONTEXT.multiply(row.quantity or Decimal(0), row.price), unit),
                row.currency,
                "price",
            )
        if row.type != "liability" and row.amount is not None and row.amount < 0:
            raise EntryRefused(
                "The amount must not be negative: the type says which way it goes.", field="amount"
            )

    def _record_rates(self, row: Transaction) -> None:
        if row.fx_rate is None and row.currency != self.locked.base_currency:
            row.fx_rate = self.rates.need(
                base=row.currency, quote=self.locked.base_currency, on=row.occurred_date, field="fx_rate"
            )
        if row.fx_rate is not None and row.currency == self.locked.base_currency:
            row.fx_rate = None
        if row.instrument_id is None:
            row.instrument_rate = None
            return
        currency = self.instruments[row.instrument_id].currency
        if currency == row.currency:
            row.instrument_rate = None
        elif row.instrument_rate is None:
            row.instrument_rate = self.rates.need(
                base=row.currency, quote=currency, on=row.occurred_date, field="instrument_rate"
            )

    def _record_price(self, row: Transaction) -> None:
        """Where the day's price decides a value, keep it in the row."""
        self._find_price(row)
        if row.type == "delivery_in" and row.cost is None and row.price is not None:
            worth = _CONTEXT.multiply(row.quantity or Decimal(0), row.price)
            unit = unit_of(self.instruments[row.instrument_id])  # type: ignore[index]
            row.cost = _money(_CONTEXT.multiply(worth, unit), row.currency, "price")

    def _find_price(self, row: Transaction) -> None:
        in_kind = row.type in _IN_KIND and bool(row.quantity)
        if not (row.type in _VALUED_AT_THE_DAYS_PRICE or in_kind) or row.price is not None:
            return
        priced = (row.to_instrument_id or row.instrument_id) if in_kind else row.instrument_id
        instrument = self.instruments[priced]  # type: ignore[index]
        dated = close_on(instrument.id, row.occurred_date)
        price = dated.price if dated else None
        if price is None:
            if row.cost is not None and row.quantity:
                return
            raise EntryRefused(
                f"No price of {instrument.symbol} is known on or before {row.occurred_date.isoformat()}. "
                "Enter the price of one unit.",
                code="missing_price",
                field="price",
            )
        if instrument.currency != row.currency:
            if row.instrument_rate is None:
                raise EntryRefused("The exchange rate is missing.", field="instrument_rate")
            price = _CONTEXT.divide(price, row.instrument_rate)
        row.price = price.quantize(_TWELVE, context=_CONTEXT)


def unit_of(instrument: Instrument) -> Decimal:
    """Money per unit of quantity and price: the multiplier, divided by 100 where prices are percent of nominal."""
    multiplier: Decimal = instrument.multiplier
    return multiplier.scaleb(-2) if instrument.quote_unit == "percent" else multiplier


def canonical_ratio(text: str) -> str:
    """`4`, `0.125`, `3:2` or `3/2` as `new:old` in lowest terms. Raises `EntryRefused`."""
    problem = EntryRefused(
        "Write the ratio as new shares per old share, like 4, 0.125 or 3:2.", field="ratio"
    )
    if len(text) > 40:
        raise problem
    parts = text.replace("/", ":").split(":")
    try:
        numbers = [Decimal(part.strip()) for part in parts]
        if len(numbers) > 2 or not all(n.is_finite() and Decimal("1e-12") <= n <= 10**12 for n in numbers):
            raise problem
        fraction = Fraction(numbers[0]) / (Fraction(numbers[1]) if len(numbers) == 2 else 1)
    except (ArithmeticError, ValueError) as error:
        raise problem from error
    return (
        str(fraction.numerator)
        if fraction.denominator == 1
        else f"{fraction.numerator}:{fraction.denominator}"
    )


def _number(value: object, field: str, kind: str) -> Decimal:
    if not isinstance(value, Decimal):
        raise TypeError(f"{field} takes Decimal, not {type(value).__name__}")
    if not value.is_finite():
        raise EntryRefused(f"The {_name(field)} is not a number.", code="not_a_number", field=field)
    if abs(value) >= BOUND:
        raise EntryRefused(f"The {_name(field)} is too large.", code="too_large", field=field)
    if value < 0 and not (field == "amount" and kind == "liability"):
        raise EntryRefused(f"The {_name(field)} must not be negative.", code="negative", field=field)
    if field in ("fx_rate", "instrument_rate") and value == 0:
        raise EntryRefused(f"The {_name(field)} must be more than 0.", field=field)
    if field in ("amount", "fees", "taxes", "cost"):
        return value
    rounded = value.quantize(_TWELVE, context=_CONTEXT)
    if value and not rounded:
        raise EntryRefused(
            f"The {_name(field)} has more than 12 decimal places.", code="too_small", field=field
        )
    return rounded


def _money(value: Decimal, currency: str, field: str) -> Decimal:
    rounded = round_money(value, currency)
    if abs(rounded) >= BOUND:
        raise EntryRefused("The amount is too large.", code="too_large", field=field)
    return rounded


def _check_year(year: int) -> None:
    if year < 1900:
        raise EntryRefused("The date is before 1900.", field="occurred")
    if year >= 2200:
        raise EntryRefused("The date is too far in the future.", field="occurred")


def _name(field: str) -> str:
    return _NAMES.get(field, field)


def _text(value: str, longest: int) -> str:
    clean = value.replace("\x00", "").strip()
    if len(clean) > longest:
        raise EntryRefused(f"A note has at most {longest} characters.", field="note")
    return clean


def _tags(tags: Iterable[str]) -> list[str]:
    clean = list(dict.fromkeys(" ".join(tag.replace("\x00", "").split()) for tag in tags))
    found = [tag for tag in clean if tag]
    if len(found) > 20 or any(len(tag) > 60 for tag in found):
        raise EntryRefused("An entry has at most 20 tags of at most 60 characters.", field="tags")
    return found
