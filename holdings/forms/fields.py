"""What the forms are made of: exact numbers, things with a price, currencies, and refusals at their field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.urls import reverse_lazy

from marketdata.models import Instrument
from marketdata.queries import SeveralInstruments, the_instrument_called
from portfolio_site.kernel.errors import DomainError
from portfolio_site.kernel.forms import Chosen, ComboboxInput, OneTimeFormMixin
from portfolio_site.kernel.idempotency import KeyReused
from portfolio_site.kernel.money import ISO_CURRENCIES, is_currency

SEARCH_URL = reverse_lazy("marketdata:search")
_COMMON = (
    "EUR",
    "USD",
    "GBP",
    "CHF",
    "JPY",
    "CAD",
    "AUD",
    "SEK",
    "NOK",
    "DKK",
    "PLN",
    "BRL",
    "INR",
    "SGD",
    "HKD",
)
#: What stands between thousands and is never a decimal sign.
_BLANKS = re.compile(r"[\s\u202f\xa0'’]")
_IN_THOUSANDS = {
    ",": re.compile(r"[+-]?[1-9][0-9]{0,2}(,[0-9]{3})+"),
    ".": re.compile(r"[+-]?[1-9][0-9]{0,2}(\.[0-9]{3})+"),
}
_COINS = ("BTC", "ETH", "USDC", "USDT")


def currency_choices(*extra: str) -> list[tuple[str, str]]:
    """The currencies to choose from, the usual ones first; `extra` are there whatever they are."""
    rest = sorted(ISO_CURRENCIES - set(_COMMON))
    codes = dict.fromkeys([*(code for code in extra if code), *_COMMON, *rest, *_COINS])
    return [(code, code) for code in codes if is_currency(code) or code in extra]


def with_point(text: str, *, in_thousands: bool = True) -> str:
    """A number as it was typed, with a point for its decimals and without separators of thousands: `1,234.50`, `1.234,50` and
    `1 234,50` are all `1234.50`, `12,5` is `12.5`. What is no such number comes back with its commas.

    A lone comma before three digits (`1,000`) is refused: to one reader it is a thousand, to another one. Where nobody would
    mean thousands (``in_thousands``) it stands before decimals.
    """
    text = _BLANKS.sub("", text)
    commas, points = text.count(","), text.count(".")
    if commas and points:
        decimal = max(",.", key=text.rindex)
        whole, _, fraction = text.rpartition(decimal)
        grouped = _IN_THOUSANDS["." if decimal == "," else ","]
        return re.sub(r"[.,]", "", whole) + "." + fraction if grouped.fullmatch(whole) else text
    if commas + points > 1:
        mark = "," if commas else "."
        return text.replace(mark, "") if _IN_THOUSANDS[mark].fullmatch(text) else text
    if commas and in_thousands and _IN_THOUSANDS[","].fullmatch(text):
        raise forms.ValidationError(
            "This can be read in two ways: as %(thousands)s, or as %(small)s. Write one of them.",
            code="ambiguous",
            params={"thousands": text.replace(",", ""), "small": text.replace(",", ".")},
        )
    return text.replace(",", ".")


class ExactDecimalField(forms.Field):
    """A plain decimal number, exactly as typed (`with_point`). NaN and `1e400` are not numbers here.

    ``suffix`` stands behind it; of per cent nobody means thousands.
    """

    default_error_messages = {
        "invalid": "Give a number, like 12.5.",
        "too_large": "This number is too large.",
    }

    def __init__(self, *, suffix: str = "", col: str = "6", **kwargs: Any) -> None:
        attrs = {"inputmode": "decimal", "autocomplete": "off", "data-col": col}
        if suffix:
            attrs["data-suffix"] = suffix
        kwargs.setdefault("widget", forms.TextInput(attrs=attrs))
        self._in_thousands = not suffix.startswith("%")
        super().__init__(**kwargs)

    def to_python(self, value: Any) -> Decimal | None:
        """The Decimal, None for nothing, or an error at the field."""
        if value in self.empty_values:
            return None
        text = with_point(str(value), in_thousands=self._in_thousands)
        if len(text) > 60 or not text.lstrip("+-").replace(".", "", 1).isdigit() or not text.isascii():
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        try:
            number = Decimal(text)
        except InvalidOperation as error:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid") from error
        if abs(number) >= Decimal(10) ** 16:
            raise forms.ValidationError(self.error_messages["too_large"], code="too_large")
        return number

    def prepare_value(self, value: Any) -> Any:
        """Without the zeros that the column adds."""
        if isinstance(value, Decimal):
            text = format(value, "f")
            return text.rstrip("0").rstrip(".") if "." in text else text
        return value


class InstrumentField(forms.CharField):
    """Something that has a price: chosen from the list, or typed as its exact symbol."""

    def __init__(self, *, user: Any, **kwargs: Any) -> None:
        self.user = user
        kwargs.setdefault("max_length", 100)
        kwargs["widget"] = ComboboxInput(
            src=SEARCH_URL, label_for=self._label, attrs={"placeholder": "Symbol, name or ISIN"}
        )
        super().__init__(**kwargs)

    def clean(self, value: Any) -> Any:
        """The instrument, or None."""
        text = super().clean(value)
        is_chosen = isinstance(value, Chosen)
        if not text:
            return None
        try:
            # A symbol may be all digits: only what was chosen is an id.
            found = self._by_id(text) if is_chosen else the_instrument_called(user=self.user, text=text)
        except SeveralInstruments as several:
            raise forms.ValidationError(several.message, code=several.code) from several
        if found is None:
            raise forms.ValidationError(
                f"“{text[:40]}” is not known. Choose one from the list, or type its exact symbol.",
                code="unknown_instrument",
            )
        return found

    def _by_id(self, text: str) -> Instrument | None:
        if not (text.isascii() and text.isdigit() and len(text) <= 18):
            return None
        found: Instrument | None = Instrument.objects.visible_to(self.user).filter(pk=int(text)).first()
        return found

    def _label(self, text: str) -> str:
        found = self._by_id(text)
        return found.symbol if found else text


def refuse(form: forms.Form, refusal: DomainError, *, names: Mapping[str, str] | None = None) -> None:
    """Show a refusal of the books at the field it is about, or above the form."""
    if isinstance(refusal, KeyReused) and isinstance(form, OneTimeFormMixin):
        form.refuse_reuse()
        return
    field = refusal.field or ""
    field = {"occurred": "date", **(names or {})}.get(field, field)
    form.add_error(
        field if field in form.fields else None, forms.ValidationError(refusal.message, code=refusal.code)
    )
