"""The counter's form for opening a paper account. The order ticket has ``forms_orders``."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms

from portfolio_site.kernel.forms import OneTimeFormMixin
from trading.forms_account import MULTIPLIER_CHOICES


class PaperAccountForm(OneTimeFormMixin):
    """Opening a paper account: a name, play money, a currency."""

    mark_optional = False

    name = forms.CharField(max_length=120, initial="Paper trading")
    cash = forms.DecimalField(
        label="Starting cash",
        initial=Decimal(100_000),
        error_messages={"invalid": "Give an amount, like 100000."},
        widget=forms.TextInput(attrs={"inputmode": "decimal", "data-col": "6"}),
    )
    currency = forms.ChoiceField(widget=forms.Select(attrs={"data-col": "6"}))
    multiplier = forms.TypedChoiceField(
        label="Margin",
        coerce=int,
        choices=MULTIPLIER_CHOICES,
        initial="1",
        required=False,
        empty_value="1",
        widget=forms.RadioSelect,
    )

    def __init__(self, *args: Any, currencies: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["currency"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(code, code) for code in currencies]
        field.help_text = (
            "Orders are paid in the instrument's own currency: choose the one you want to trade in."
        )
