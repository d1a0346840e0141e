"""The counter's forms: the order ticket and the opening of a paper account."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

from django import forms
from django.urls import reverse_lazy
from django.utils.text import format_lazy

from marketdata.models import Instrument
from marketdata.queries import SeveralInstruments, the_instrument_called
from portfolio_site.kernel.forms import ComboboxInput, OneTimeFormMixin
from trading.engine.terms import Terms
from trading.engine.types import OrderType, Side, TimeInForce
from trading.models import SIDE_CHOICES, TIME_IN_FORCE_CHOICES, TYPE_CHOICES
from trading.operations.reading import MAX_CLIENT_ORDER_ID

#: What the ticket offers; programs have them all.
TICKET_TYPES = [choice for choice in TYPE_CHOICES if choice[0] in (OrderType.MARKET, OrderType.LIMIT)]
TICKET_TIMES = [choice for choice in TIME_IN_FORCE_CHOICES if choice[0] in (TimeInForce.DAY, TimeInForce.GTC)]
#: Only what can be ordered is suggested.
SEARCH_URL = format_lazy("{}?tradable=1", reverse_lazy("marketdata:search"))


class OrderForm(forms.Form):
    """The ticket. ``client_order_id`` is made when the ticket is shown and goes with it through review and
    confirmation, so that however often it is sent, one order comes of it."""

    side = forms.ChoiceField(
        choices=SIDE_CHOICES, initial=Side.BUY, widget=forms.RadioSelect(attrs={"class": "hf-choices-inline"})
    )
    instrument = forms.CharField(
        label="Instrument",
        max_length=100,
        error_messages={"required": "Choose what to trade."},
        widget=ComboboxInput(src=SEARCH_URL, attrs={"placeholder": "Symbol, name or ISIN"}),
    )
    quantity = forms.DecimalField(
        error_messages={"required": "How many?", "invalid": "Give a number, like 10 or 2.5."},
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off", "data-col": "6"}),
    )
    type = forms.ChoiceField(
        label="Order type",
        choices=TICKET_TYPES,
        initial=OrderType.MARKET,
        help_text="Market: at the best price there is now. Limit: at your price or better, or not at all.",
        widget=forms.RadioSelect(attrs={"class": "hf-choices-inline"}),
    )
    limit_price = forms.DecimalField(
        required=False,
        help_text="For limit orders only.",
        error_messages={"invalid": "Give a price, like 101.50."},
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off", "data-col": "6"}),
    )
    time_in_force = forms.ChoiceField(
        label="Time in force",
        choices=TICKET_TIMES,
        initial=TimeInForce.DAY,
        widget=forms.Select(attrs={"data-col": "6"}),
    )
    client_order_id = forms.CharField(max_length=MAX_CLIENT_ORDER_ID, widget=forms.HiddenInput)

    field_order = ["side", "instrument", "type", "quantity", "limit_price", "time_in_force"]

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.fields["client_order_id"].initial = str(uuid.uuid4())
        self.fields["instrument"].widget.label_for = self._label_for
        self._known: dict[str, Instrument | None] = {}

    def clean_instrument(self) -> Instrument:
        """The instrument: by its id when it was chosen from the list, by its symbol when it was typed."""
        chosen = self.data.get(self.add_prefix("instrument"), "")
        text = self.cleaned_data["instrument"]
        try:
            found = (
                self._by_id(text)
                if chosen
                else the_instrument_called(user=self.user, text=text, tradable=True)
            )
        except SeveralInstruments as several:
            raise forms.ValidationError(several.message, code=several.code) from several
        if found is None:
            raise forms.ValidationError(
                "There is no such instrument. Choose one from the list, or type its exact symbol.",
                code="instrument_not_found",
            )
        return found

    def clean(self) -> dict[str, Any]:
        """A price left over from a limit order does not make a market order wrong."""
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("type") == OrderType.MARKET:
            cleaned["limit_price"] = None
        return cleaned

    def terms(self) -> Terms:
        """What the person asks for; call it when the form is valid."""
        data = self.cleaned_data
        limit_price: Decimal | None = data["limit_price"]
        return Terms(
            side=Side(data["side"]),
            type=OrderType(data["type"]),
            time_in_force=TimeInForce(data["time_in_force"]),
            quantity=data["quantity"],
            limit_price=limit_price,
        )

    def chosen_instrument(self) -> Instrument | None:
        """The instrument the ticket is about, also while other fields are still wrong."""
        if self.is_bound:
            self.is_valid()
            found = self.cleaned_data.get("instrument")
            return found if isinstance(found, Instrument) else None
        return self._by_id(str(self.initial.get("instrument") or ""))

    def refuse(self, *, message: str, code: str, field: str | None) -> None:
        """Show a refusal of the counter at the field it is about."""
        name = field if field in self.fields and field != "client_order_id" else None
        self.add_error(name, forms.ValidationError(message, code=code))

    def with_new_id(self) -> None:
        """Give the ticket another ``client_order_id``: the one it had belongs to an order already."""
        self.data = {**dict(self.data.items()), self.add_prefix("client_order_id"): str(uuid.uuid4())}

    def _by_id(self, text: str) -> Instrument | None:
        if text not in self._known:
            is_id = text.isascii() and text.isdigit() and len(text) <= 18
            self._known[text] = (
                Instrument.objects.visible_to(self.user).filter(pk=int(text)).first() if is_id else None
            )
        return self._known[text]

    def _label_for(self, text: str) -> str:
        found = self._by_id(text)
        return found.symbol if found else text


class PaperAccountForm(OneTimeFormMixin):
    """Opening a paper account: a name, play money, a currency."""

    name = forms.CharField(max_length=120, initial="Paper trading")
    cash = forms.DecimalField(
        label="Starting cash",
        initial=Decimal(100_000),
        error_messages={"invalid": "Give an amount, like 100000."},
        widget=forms.TextInput(attrs={"inputmode": "decimal", "data-col": "6"}),
    )
    currency = forms.ChoiceField(widget=forms.Select(attrs={"data-col": "6"}))

    def __init__(self, *args: Any, currencies: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["currency"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(code, code) for code in currencies]
        field.help_text = (
            "Orders are paid in the instrument's own currency: choose the one you want to trade in."
        )
