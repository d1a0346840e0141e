"""An entry on its way into the journal: plain values, as a form, a file or a program gives them. No Django here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What happened. The meaning of each field is that of the portfolio file.

    `occurred` is a day, or an aware instant. Accounts that are left out are the portfolio's default ones; a currency
    that is left out is the instrument's, else the cash account's. `amount`, `fees` and `taxes` are not negative.
    """

    type: str
    occurred: date | datetime
    account_id: int | None = None
    to_account_id: int | None = None
    cash_account_id: int | None = None
    instrument_id: int | None = None
    to_instrument_id: int | None = None
    quantity: Decimal | None = None
    price: Decimal | None = None
    amount: Decimal | None = None
    fees: Decimal = ZERO
    taxes: Decimal = ZERO
    currency: str = ""
    fx_rate: Decimal | None = None
    instrument_rate: Decimal | None = None
    ratio: str = ""
    cost: Decimal | None = None
    lots: tuple[int, ...] = ()
    note: str = ""
    tags: tuple[str, ...] = ()
    source: str = "manual"
    external_id: str = ""

    def as_json(self) -> dict[str, Any]:
        """The entry as JSON-able values; what is left out is left out."""
        content: dict[str, Any] = {}
        for name, value in asdict(self).items():
            if value in (None, "", ()):
                continue
            if isinstance(value, Decimal):
                content[name] = format(value, "f")
            elif isinstance(value, date):
                content[name] = value.isoformat()
            elif isinstance(value, tuple):
                content[name] = list(value)
            else:
                content[name] = value
        return content

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Entry:
        """The entry that `as_json` wrote."""
        values: dict[str, Any] = {}
        for part in fields(cls):
            if part.name not in content:
                continue
            value = content[part.name]
            if part.name in DECIMAL_FIELDS:
                value = Decimal(value)
            elif part.name == "occurred":
                value = date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
            elif isinstance(value, list):
                value = tuple(value)
            values[part.name] = value
        return cls(**values)


DECIMAL_FIELDS = frozenset(
    {"quantity", "price", "amount", "fees", "taxes", "fx_rate", "instrument_rate", "cost"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeRule:
    """Which fields a type of entry has. Of each group in `one_of` at least one is given; `holds` says where it lies."""

    needs: frozenset[str] = frozenset()
    takes: frozenset[str] = frozenset()
    one_of: tuple[frozenset[str], ...] = ()
    holds: str = "securities"

    #: All fields that mean something for this type, beside date, account, currency, note and tags.
    fields: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "fields", self.needs | self.takes | frozenset().union(*self.one_of))


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_COSTS = "fees taxes cash_account_id fx_rate"
_TRADE = TypeRule(
    needs=_names("instrument_id quantity"),
    one_of=(_names("price amount"),),
    takes=_names(f"{_COSTS} instrument_rate lots"),
)
_CASH = TypeRule(needs=_names("amount"), takes=_names(_COSTS), holds="cash")
_CHARGE = TypeRule(needs=_names("amount"), takes=_names(f"instrument_id {_COSTS}"), holds="cash")
_DELIVERY = TypeRule(
    needs=_names("instrument_id quantity"), takes=_names(f"price cost {_COSTS} instrument_rate lots")
)

RULES: Mapping[str, TypeRule] = {
    "buy": _TRADE,
    "sell": _TRADE,
    "deposit": _CASH,
    "withdrawal": _CASH,
    "delivery_in": _DELIVERY,
    "delivery_out": _DELIVERY,
    "transfer": TypeRule(
        needs=_names("to_account_id"),
        one_of=(_names("amount quantity"),),
        takes=_names(f"instrument_id lots {_COSTS} instrument_rate"),
        holds="either",
    ),
    "dividend": TypeRule(
        needs=_names("instrument_id"),
        one_of=(_names("amount quantity"),),
        takes=_names(f"price to_instrument_id {_COSTS} instrument_rate"),
    ),
    "distribution": TypeRule(
        needs=_names("instrument_id"),
        one_of=(_names("amount quantity"),),
        takes=_names(f"price to_instrument_id {_COSTS} instrument_rate"),
    ),
    "interest": TypeRule(
        one_of=(_names("amount quantity"),),
        takes=_names(f"instrument_id to_instrument_id price {_COSTS} instrument_rate"),
        holds="either",
    ),
    "staking": TypeRule(
        one_of=(_names("amount quantity"),),
        takes=_names(f"instrument_id to_instrument_id price {_COSTS} instrument_rate"),
        holds="either",
    ),
    "interest_charge": _CHARGE,
    "fee": _CHARGE,
    "fee_refund": _CHARGE,
    "tax": _CHARGE,
    "tax_refund": _CHARGE,
    "split": TypeRule(
        needs=_names("instrument_id ratio"),
        takes=_names(f"amount quantity {_COSTS} instrument_rate"),
        holds="all",
    ),
    "spin_off": TypeRule(
        needs=_names("instrument_id to_instrument_id"),
        one_of=(_names("ratio quantity"),),
        takes=_names(f"amount {_COSTS} instrument_rate"),
        holds="all",
    ),
    "merger": TypeRule(
        needs=_names("instrument_id"),
        one_of=(_names("to_instrument_id amount"),),
        takes=_names(f"ratio quantity {_COSTS} instrument_rate"),
        holds="all",
    ),
    "symbol_change": TypeRule(
        needs=_names("instrument_id to_instrument_id"), takes=_names("ratio fx_rate"), holds="all"
    ),
    "return_of_capital": TypeRule(
        needs=_names("instrument_id amount"), takes=_names(f"{_COSTS} instrument_rate"), holds="all"
    ),
    "liability": TypeRule(needs=_names("amount"), takes=_names("fx_rate"), holds="cash"),
}
