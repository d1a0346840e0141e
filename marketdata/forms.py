"""Market data: forms."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms

from marketdata.models import AssetClass
from portfolio_site.kernel.forms import FieldsetsMixin, OneTimeFormMixin

#: What people keep prices of by hand, the likeliest first.
OWN_CLASSES = [
    AssetClass.PRIVATE,
    AssetClass.REAL_ESTATE,
    AssetClass.EQUITY,
    AssetClass.FUND,
    AssetClass.ETF,
    AssetClass.BOND,
    AssetClass.CRYPTO,
    AssetClass.COMMODITY,
    AssetClass.OTHER,
]


def _day(**attrs: Any) -> forms.DateInput:
    return forms.DateInput(attrs={"type": "date", **attrs}, format="%Y-%m-%d")


class PriceForm(forms.Form):
    """What an instrument was worth at the end of a day."""

    date = forms.DateField(label="Day", widget=_day(**{"data-col": "6"}))
    price = forms.DecimalField(
        label="Price of one unit",
        min_value=0,
        max_digits=28,
        decimal_places=12,
        widget=forms.NumberInput(attrs={"step": "any", "data-col": "6"}),
    )

    def __init__(self, *args: Any, currency: str = "", today: dt.date | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if currency:
            self.fields["price"].widget.attrs["data-suffix"] = currency
        if today is not None:
            self.fields["date"].initial = today
            self.fields["date"].widget.attrs["max"] = today.isoformat()


class OwnInstrumentForm(OneTimeFormMixin, FieldsetsMixin):
    """Something of one's own that no provider quotes."""

    fieldsets = [
        ("What it is", ["name", "symbol", "asset_class", "currency", "isin"]),
        ("What it is worth", ["price", "date"]),
    ]

    name = forms.CharField(max_length=200, help_text="Such as “Flat in Lyon” or “Shares of Meyer Ltd”.")
    symbol = forms.CharField(
        label="Short name",
        max_length=40,
        help_text="Shown in tables.",
        widget=forms.TextInput(attrs={"data-col": "6"}),
    )
    asset_class = forms.ChoiceField(
        label="Kind",
        choices=[(kind.value, kind.label) for kind in OWN_CLASSES],
        widget=forms.Select(attrs={"data-col": "6"}),
    )
    currency = forms.CharField(
        min_length=3,
        max_length=8,
        widget=forms.TextInput(attrs={"data-col": "6", "autocapitalize": "characters"}),
    )
    isin = forms.CharField(
        label="ISIN", max_length=12, required=False, widget=forms.TextInput(attrs={"data-col": "6"})
    )
    price = forms.DecimalField(
        label="Price of one unit",
        required=False,
        min_value=0,
        max_digits=28,
        decimal_places=12,
        help_text="You can add prices later.",
        widget=forms.NumberInput(attrs={"step": "any", "data-col": "6"}),
    )
    date = forms.DateField(label="Day of that price", required=False, widget=_day(**{"data-col": "6"}))

    def __init__(self, *args: Any, today: dt.date | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if today is not None:
            self.fields["date"].initial = today
            self.fields["date"].widget.attrs["max"] = today.isoformat()
