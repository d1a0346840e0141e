"""Market data: forms."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms

from marketdata.models import AssetClass, Instrument
from portfolio_site.kernel.forms import FieldsetsMixin, OneTimeFormMixin

MOST_BYTES = 5_000_000
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


class OwnInstrumentEditForm(FieldsetsMixin):
    """What an instrument of one's own is called and is."""

    fieldsets = [
        ("What it is", ["name", "symbol", "asset_class", "currency", "isin"]),
        ("Where it belongs in the allocation", ["sector", "country"]),
        ("State", ["is_active"]),
    ]

    name = forms.CharField(max_length=200)
    symbol = forms.CharField(
        label="Short name", max_length=40, widget=forms.TextInput(attrs={"data-col": "6"})
    )
    asset_class = forms.ChoiceField(
        label="Kind",
        choices=[(kind.value, kind.label) for kind in OWN_CLASSES],
        widget=forms.Select(attrs={"data-col": "6"}),
    )
    currency = forms.CharField(
        min_length=3,
        max_length=8,
        help_text="Can change while there are no prices or entries.",
        widget=forms.TextInput(attrs={"data-col": "6", "autocapitalize": "characters"}),
    )
    isin = forms.CharField(
        label="ISIN", max_length=12, required=False, widget=forms.TextInput(attrs={"data-col": "6"})
    )
    sector = forms.CharField(max_length=60, required=False, widget=forms.TextInput(attrs={"data-col": "6"}))
    country = forms.CharField(
        max_length=2,
        required=False,
        help_text="Two letters, such as FR.",
        widget=forms.TextInput(attrs={"data-col": "6", "autocapitalize": "characters"}),
    )
    is_active = forms.BooleanField(
        label="Still around",
        required=False,
        help_text="Switched off, it leaves the lists; its history stays.",
    )

    def __init__(self, *args: Any, instrument: Instrument, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A kind that is not offered to new ones stays possible for one that has it.
        kinds = [(kind.value, kind.label) for kind in OWN_CLASSES]
        if instrument.asset_class not in {value for value, _ in kinds}:
            kinds.append((instrument.asset_class, instrument.get_asset_class_display()))
        self.fields["asset_class"].choices = kinds  # type: ignore[attr-defined]
        self.initial = {name: getattr(instrument, name) for name in self.fields}


class PriceFileForm(forms.Form):
    """A file of prices of one instrument."""

    file = forms.FileField(
        label="File",
        help_text="CSV with the columns date (2026-01-31) and close, or price.",
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,text/csv,text/plain"}),
    )

    def clean_file(self) -> Any:
        """Small enough to be prices of one thing."""
        upload = self.cleaned_data["file"]
        if upload.size > MOST_BYTES:
            raise forms.ValidationError("A file may have 5 MB at most.")
        return upload


class SourceForm(forms.Form):
    """Who gives the prices of an instrument of one's own."""

    provider = forms.ChoiceField(label="Where its prices come from")
    provider_symbol = forms.CharField(
        label="Its symbol there",
        required=False,
        max_length=60,
        help_text="As the source writes it, such as SAP.DE at Yahoo or bitcoin at CoinGecko. Empty: made of its symbol here.",
    )

    def __init__(self, *args: Any, choices: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["provider"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices
