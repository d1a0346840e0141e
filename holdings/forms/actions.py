"""Booking a dividend or split otherwise than proposed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from django import forms

from holdings.forms.fields import ExactDecimalField
from holdings.operations.actions import Change
from holdings.queries.proposals import ProposalView
from portfolio_site.kernel.forms import OneTimeFormMixin


class DividendForm(OneTimeFormMixin):
    """When it was paid, how much, and what was withheld."""

    day = forms.DateField(label="Paid on", widget=forms.DateInput(attrs={"type": "date", "data-col": "6"}))
    amount = ExactDecimalField(label="Dividend", help_text="Before what was withheld.")
    taxes = ExactDecimalField(label="Withheld", required=False, help_text="Tax taken off at the source.")
    note = forms.CharField(max_length=1000, required=False)

    field_order = ["day", "amount", "taxes", "note"]

    def __init__(self, *args: Any, proposal: ProposalView, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.today = today
        self.fields["day"].initial = proposal.ex_date
        self.fields["amount"].initial, self.fields["taxes"].initial = proposal.amount, proposal.taxes
        for name in ("amount", "taxes"):
            self.fields[name].label = f"{self.fields[name].label} ({proposal.currency})"
        self.order_fields(self.field_order)

    def clean_day(self) -> date:
        """It has been paid."""
        day: date = self.cleaned_data["day"]
        if day > self.today:
            raise forms.ValidationError("It can be booked from the day on which it is paid.")
        return day

    def change(self) -> Change:
        """What the person says."""
        data = self.cleaned_data
        return Change(
            day=data["day"], amount=data["amount"], taxes=data["taxes"] or Decimal(0), note=data["note"]
        )


class SplitForm(OneTimeFormMixin):
    """What was paid for fractions, where the broker keeps none."""

    cash_quantity = ExactDecimalField(
        label="Fraction paid out",
        required=False,
        help_text="New units that were paid out in cash. Empty: none.",
    )
    cash = ExactDecimalField(label="Paid for it", required=False)
    note = forms.CharField(max_length=1000, required=False)

    field_order = ["cash_quantity", "cash", "note"]

    def __init__(self, *args: Any, proposal: ProposalView, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["cash"].label = f"Paid for it ({proposal.currency})"
        self.order_fields(self.field_order)

    def change(self) -> Change:
        """What the person says."""
        data = self.cleaned_data
        return Change(
            cash=data["cash"] or None, cash_quantity=data["cash_quantity"] or None, note=data["note"]
        )
