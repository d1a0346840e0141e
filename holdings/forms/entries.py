"""Entries of the journal: one of any type, the short form for a holding, and what of the journal to show."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django import forms

from holdings.entries import RULES, Entry
from holdings.forms.fields import ExactDecimalField, InstrumentField, currency_choices
from holdings.models import Account, AccountKind, Portfolio, Transaction, TransactionType
from holdings.queries import unit_of
from portfolio_site.kernel.forms import FieldGroup, OneTimeFormMixin
from portfolio_site.kernel.money import round_money


class HoldingForm(OneTimeFormMixin):
    """“I hold 10 AAPL at 150.”"""

    quantity = ExactDecimalField(label="I hold", error_messages={"required": "How many?"})
    unit_price = ExactDecimalField(label="Bought at", help_text="The price of one unit.")
    on = forms.DateField(label="Since", widget=forms.DateInput(attrs={"type": "date", "data-col": "6"}))
    note = forms.CharField(max_length=1000, required=False)

    field_order = ["instrument", "quantity", "unit_price", "on", "note"]

    def __init__(self, *args: Any, user: Any, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["instrument"] = InstrumentField(
            user=user, label="What", error_messages={"required": "Choose what you hold."}
        )
        self.order_fields(self.field_order)
        self.fields["on"].initial = today


_LABELS = {
    "instrument_id": "Instrument",
    "to_instrument_id": "New instrument",
    "account_id": "Account",
    "to_account_id": "To account",
    "cash_account_id": "Cash account",
    "fx_rate": "Exchange rate",
    "instrument_rate": "Rate to the instrument's currency",
    "lots": "Lots",
}
_HELP = {
    "fees": "Part of what a purchase costs, taken off what a sale brings.",
    "taxes": "Never part of the cost.",
    "fx_rate": "What one unit of the entry's currency was worth in the portfolio's currency. Empty: that day's rate.",
    "instrument_rate": "What one unit of the entry's currency was worth in the instrument's. Empty: that day's rate.",
    "ratio": "New units for each old one, like 4, 0.125 or 3:2.",
    "cost": "What it cost when it was bought. Empty: its value on the day.",
    "amount": "Instead of the price, or where no units move.",
    "lots": "The numbers of the purchases that this sale closes, separated by commas. Empty: by the portfolio's method.",
}
_FORM_ORDER = (
    "type",
    "date",
    "time",
    "instrument_id",
    "to_instrument_id",
    "account_id",
    "to_account_id",
    "quantity",
    "price",
    "ratio",
    "amount",
    "cost",
    "currency",
    "fees",
    "taxes",
    "cash_account_id",
    "fx_rate",
    "instrument_rate",
    "lots",
    "note",
    "tags",
)
_NUMBERS = ("quantity", "price", "amount", "cost", "fees", "taxes", "fx_rate", "instrument_rate")


class TransactionForm(OneTimeFormMixin):
    """One entry of the type that the page is for: only the fields that mean something for it."""

    def __init__(
        self,
        *args: Any,
        portfolio: Portfolio,
        type_: str,
        user: Any,
        today: date,
        row: Transaction | None = None,
        **kwargs: Any,
    ) -> None:
        self.portfolio, self.type, self.rule, self.row = portfolio, type_, RULES[type_], row
        if row is not None:
            kwargs["initial"] = {**_initial(row, portfolio), **kwargs.get("initial", {})}
        super().__init__(*args, **kwargs)
        self.accounts = list(Account.objects.filter(portfolio=portfolio).order_by("pk"))
        self._add_when(today)
        self._add_things(user)
        self._add_accounts()
        self._add_numbers()
        self.fields["note"] = forms.CharField(max_length=1000, required=False)
        self.fields["tags"] = forms.CharField(
            max_length=400, required=False, help_text="Separated by commas."
        )
        self.order_fields(_FORM_ORDER)

    def _add_when(self, today: date) -> None:
        self.fields["date"] = forms.DateField(
            initial=today, widget=forms.DateInput(attrs={"type": "date", "data-col": "6"})
        )
        self.fields["time"] = forms.TimeField(
            required=False,
            help_text=f"In {self.portfolio.time_zone}; only where the order within a day matters.",
            widget=forms.TimeInput(attrs={"type": "time", "step": "1", "data-col": "6"}),
        )

    def _add_things(self, user: Any) -> None:
        for name in ("instrument_id", "to_instrument_id"):
            if name in self.rule.fields:
                self.fields[name] = InstrumentField(
                    user=user, label=_LABELS[name], required=name in self.rule.needs
                )

    def _add_accounts(self) -> None:
        wanted = {"securities": (AccountKind.SECURITIES,), "cash": (AccountKind.CASH,)}.get(
            self.rule.holds, tuple(AccountKind)
        )
        fitting = [account for account in self.accounts if account.kind in wanted]
        if len(fitting) > 1:
            empty = [("", "Every account")] if self.rule.holds == "all" else []
            self.fields["account_id"] = _account_field("account_id", fitting, required=not empty, empty=empty)
        if "to_account_id" in self.rule.fields:
            self.fields["to_account_id"] = _account_field("to_account_id", self.accounts, required=True)
        cash = [account for account in self.accounts if account.kind == AccountKind.CASH]
        if "cash_account_id" in self.rule.fields and len(cash) > 1:
            self.fields["cash_account_id"] = _account_field(
                "cash_account_id", cash, required=False, empty=[("", "The account's own")]
            )

    def _add_numbers(self) -> None:
        for name in _NUMBERS:
            if name in self.rule.fields:
                self.fields[name] = ExactDecimalField(
                    label=_LABELS.get(name, name.capitalize()),
                    required=name in self.rule.needs,
                    help_text=_HELP.get(name, "")
                    if name != "amount" or "amount" not in self.rule.needs
                    else "",
                )
        if "ratio" in self.rule.fields:
            self.fields["ratio"] = forms.CharField(
                max_length=40, required="ratio" in self.rule.needs, help_text=_HELP["ratio"]
            )
        if "lots" in self.rule.fields and self.type in ("sell", "delivery_out"):
            self.fields["lots"] = forms.CharField(max_length=400, required=False, help_text=_HELP["lots"])
        used = [self.portfolio.base_currency, str(self.initial.get("currency", ""))]
        self.fields["currency"] = forms.ChoiceField(
            required=False,
            choices=[
                ("", "The instrument's" if "instrument_id" in self.fields else "The account's"),
                *currency_choices(*used),
            ],
            widget=forms.Select(attrs={"data-col": "6"}),
        )

    def fieldset_groups(self) -> list[FieldGroup]:
        """What happened, and the details."""
        shown = {field.name: field for field in self.visible_fields()}
        groups = [
            FieldGroup(legend, [shown[n] for n in names if n in shown]) for legend, names in self._groups()
        ]
        return [group for group in groups if group.fields]

    def _groups(self) -> list[tuple[str, list[str]]]:
        main = ["date", "time", "instrument_id", "to_instrument_id", "account_id", "to_account_id", "quantity",
                "price", "ratio", "amount", "cost", "currency"]  # fmt: skip
        details = ["fees", "taxes", "cash_account_id", "fx_rate", "instrument_rate", "lots", "note", "tags"]
        return [
            ("", [n for n in main if n in self.fields]),
            ("Details", [n for n in details if n in self.fields]),
        ]

    def clean_lots(self) -> tuple[int, ...]:
        """Numbers of entries."""
        parts = [part.strip().lstrip("#") for part in self.cleaned_data["lots"].split(",") if part.strip()]
        if not all(part.isascii() and part.isdigit() and len(part) <= 18 for part in parts):
            raise forms.ValidationError("Give the numbers of purchases, separated by commas.", code="invalid")
        return tuple(int(part) for part in parts)

    def entry(self) -> Entry:
        """The entry that the form describes; call it when the form is valid."""
        data = self.cleaned_data
        occurred: date | datetime = data["date"]
        if data.get("time") is not None:
            occurred = datetime.combine(data["date"], data["time"], tzinfo=ZoneInfo(self.portfolio.time_zone))
        values: dict[str, Any] = {}
        for name in ("account_id", "to_account_id", "cash_account_id"):
            if data.get(name):
                values[name] = int(data[name])
        for name in ("instrument_id", "to_instrument_id"):
            if data.get(name) is not None:
                values[name] = data[name].pk
        for name in _NUMBERS:
            if data.get(name) is not None:
                values[name] = data[name]
        if self.row is not None and (
            data["date"] != self.row.occurred_date or data["currency"] != self.row.currency
        ):
            # Rates that were recorded for another day or currency do not go with the new one.
            for name in ("fx_rate", "instrument_rate"):
                if values.get(name) == getattr(self.row, name):
                    values.pop(name, None)
        return Entry(
            type=self.type,
            occurred=occurred,
            currency=data.get("currency") or "",
            ratio=data.get("ratio") or "",
            lots=data.get("lots") or (),
            note=data.get("note") or "",
            tags=tuple(tag.strip() for tag in (data.get("tags") or "").split(",") if tag.strip()),
            **values,
        )


class EntryFilterForm(forms.Form):
    """What to show of the journal."""

    mark_optional = False
    q = forms.CharField(
        label="Search", required=False, max_length=100, widget=forms.TextInput(attrs={"type": "search"})
    )
    type = forms.ChoiceField(required=False, choices=[("", "All types"), *TransactionType.choices])
    account = forms.ChoiceField(required=False)
    tag = forms.ChoiceField(required=False)
    since = forms.DateField(label="From", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label="To", required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: Any, accounts: list[Account], tags: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["account"].choices = [("", "All accounts"), *((str(a.pk), a.name) for a in accounts)]  # type: ignore[attr-defined]
        self.fields["tag"].choices = [("", "All tags"), *((tag, tag) for tag in tags)]  # type: ignore[attr-defined]


def _account_field(
    name: str, accounts: list[Account], *, required: bool, empty: list[tuple[str, str]] | None = None
) -> forms.ChoiceField:
    return forms.ChoiceField(
        label=_LABELS[name],
        required=required,
        choices=[*(empty or []), *((str(account.pk), account.name) for account in accounts)],
    )


def _amount_follows_from_price(row: Transaction) -> bool:
    if row.type not in ("buy", "sell") or row.instrument is None or row.price is None or row.quantity is None:
        return False
    worth: Decimal = row.quantity * row.price * unit_of(row.instrument)
    return bool(row.amount == round_money(worth, row.currency))


def _initial(row: Transaction, portfolio: Portfolio) -> dict[str, Any]:
    at = row.occurred_at.astimezone(ZoneInfo(portfolio.time_zone))
    values: dict[str, Any] = {
        name: getattr(row, name)
        for name in ("account_id", "to_account_id", "cash_account_id", "instrument_id", "to_instrument_id", "currency",
                     "ratio", "note", *_NUMBERS)
    }  # fmt: skip
    if _amount_follows_from_price(row):
        values["amount"] = None  # a changed quantity would otherwise keep the old amount
    for name in ("fees", "taxes"):
        values[name] = values[name] or None
    values["date"] = row.occurred_date
    values["time"] = None if row.is_date_only else at.time().replace(microsecond=0)
    values["tags"] = ", ".join(row.tags)
    values["lots"] = ", ".join(str(lot) for lot in row.lots)
    return values
