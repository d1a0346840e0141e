"""The counter's forms of an order: the ticket, and the change of an order that is open."""

from __future__ import annotations

import json
import uuid
from decimal import Decimal
from typing import Any

from django import forms
from django.urls import reverse_lazy
from django.utils.text import format_lazy

from holdings.forms import with_point
from marketdata.models import Instrument
from marketdata.queries import SeveralInstruments, the_instrument_called
from portfolio_site.kernel.forms import Chosen, ComboboxInput
from trading.engine.offer import Offer, offer_of
from trading.engine.terms import StopLoss, TakeProfit, Terms
from trading.engine.types import OrderClass, OrderType, Side, TimeInForce
from trading.models import SIDE_CHOICES, TIME_IN_FORCE_CHOICES, TYPE_CHOICES
from trading.operations.reading import MAX_CLIENT_ORDER_ID
from trading.queries import EXTENDED_EXCHANGES, OrderView, kind_of

#: Only what can be ordered is suggested.
SEARCH_URL = format_lazy("{}?tradable=1", reverse_lazy("marketdata:search"))
CLASS_CHOICES = [
    (OrderClass.SIMPLE.value, "Single order"),
    (OrderClass.BRACKET.value, "With take-profit and stop-loss (bracket)"),
    (OrderClass.OTO.value, "With one of the two, or both (OTO)"),
    (OrderClass.OCO.value, "Both exits for what I hold (OCO)"),
]
#: The counter's names of the fields of a group, and the page's.
_FIELDS = {
    "take_profit": "take_profit_limit_price",
    "take_profit.limit_price": "take_profit_limit_price",
    "stop_loss": "stop_loss_stop_price",
    "stop_loss.stop_price": "stop_loss_stop_price",
    "stop_loss.limit_price": "stop_loss_limit_price",
    "position_intent": "side",
}
#: What the counter says to programs, said to people.
_WORDS = {
    "take_profit_required": "At which price do you take the profit?",
    "stop_loss_required": "At which price do you stop the loss?",
    "oto_no_exit": "Give an exit: a take-profit, a stop-loss, or both.",
    "exits_not_allowed": "A single order has no exits. Choose the bracket, or empty the take-profit and stop-loss.",
}


class _NumberField(forms.DecimalField):
    """A number with a decimal point or comma."""

    def to_python(self, value: Any) -> Any:
        return super().to_python(with_point(value) if isinstance(value, str) else value)


def _number(*, label: str, required: bool = False, invalid: str, help_text: str = "") -> forms.DecimalField:
    return _NumberField(
        label=label,
        required=required,
        help_text=help_text,
        error_messages={"invalid": invalid},
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )


def _price(label: str, help_text: str = "") -> forms.DecimalField:
    return _number(label=label, invalid="Give a price, like 101.50.", help_text=help_text)


class OrderForm(forms.Form):
    """The ticket. ``client_order_id`` is made when the ticket is shown and goes with it through review and
    confirmation, so that however often it is sent, one order comes of it.

    Every field is there at any time, so that the form works without script; which of them a type takes is the counter's
    to say.
    """

    side = forms.ChoiceField(
        choices=SIDE_CHOICES,
        initial=Side.BUY,
        widget=forms.RadioSelect(attrs={"class": "hf-switch hf-switch-side"}),
    )
    instrument = forms.CharField(
        label="Instrument",
        max_length=100,
        error_messages={"required": "Choose what to trade."},
        widget=ComboboxInput(src=SEARCH_URL, attrs={"placeholder": "Symbol, name or ISIN"}),
    )
    type = forms.ChoiceField(
        label="Order type",
        choices=TYPE_CHOICES,
        initial=OrderType.MARKET,
        widget=forms.RadioSelect(attrs={"class": "hf-switch"}),
    )
    quantity = _number(label="Quantity", invalid="Give a number, like 10 or 2.5.")
    notional = _number(label="Amount of money", invalid="Give an amount, like 500 or 250.75.")
    limit_price = _price("Limit price")
    stop_price = _price("Stop price")
    trail_price = _number(label="Trail, as an amount", invalid="Give an amount, like 1.50.")
    trail_percent = _number(label="Trail, in percent", invalid="Give a percentage, like 2.5.")
    order_class = forms.ChoiceField(
        label="Exits",
        choices=CLASS_CHOICES,
        initial=OrderClass.SIMPLE,
        required=False,
    )
    take_profit_limit_price = _price("Take-profit at", "A limit order: at this price or better.")
    stop_loss_stop_price = _price("Stop-loss at", "When this price has traded, the position is closed.")
    stop_loss_limit_price = _price(
        "Stop-loss limit", "The worst price the stop-loss accepts. Empty: at the market, whatever it is then."
    )
    time_in_force = forms.ChoiceField(
        label="Time in force", choices=TIME_IN_FORCE_CHOICES, initial=TimeInForce.DAY
    )
    extended_hours = forms.BooleanField(label="Also before and after the session", required=False)
    client_order_id = forms.CharField(max_length=MAX_CLIENT_ORDER_ID, widget=forms.HiddenInput)

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.fields["client_order_id"].initial = str(uuid.uuid4())
        self.fields["instrument"].widget.label_for = self._label_for
        self._known: dict[str, Instrument | None] = {}

    def clean_instrument(self) -> Instrument:
        """The instrument: by its id when it was chosen from the list, by its symbol when it was typed."""
        widget = self.fields["instrument"].widget
        sent = widget.value_from_datadict(self.data, self.files, self.add_prefix("instrument"))
        text = self.cleaned_data["instrument"]
        try:
            found = (
                self._by_id(text)
                if isinstance(sent, Chosen)
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
        """A price left over from a limit order does not make a market order wrong; an OCO is a limit order at its
        take-profit whatever the type says; and something must say how much."""
        cleaned = super().clean() or self.cleaned_data
        cleaned["order_class"] = cleaned.get("order_class") or OrderClass.SIMPLE.value
        if cleaned["order_class"] == OrderClass.OCO and "type" in cleaned:
            cleaned["type"] = OrderType.LIMIT.value
        elif cleaned.get("type") == OrderType.MARKET:
            cleaned["limit_price"] = None
        sizes = [name for name in ("quantity", "notional") if name in cleaned]
        if len(sizes) == 2 and all(cleaned[name] is None for name in sizes):
            self.add_error("quantity", forms.ValidationError("How many?", code="required"))
        return cleaned

    def terms(self) -> Terms:
        """What the person asks for; call it when the form is valid."""
        data = self.cleaned_data
        take: Decimal | None = data["take_profit_limit_price"]
        stop: Decimal | None = data["stop_loss_stop_price"]
        stop_limit: Decimal | None = data["stop_loss_limit_price"]
        return Terms(
            side=Side(data["side"]),
            type=OrderType(data["type"]),
            time_in_force=TimeInForce(data["time_in_force"]),
            quantity=data["quantity"],
            notional=data["notional"],
            limit_price=data["limit_price"],
            stop_price=data["stop_price"],
            trail_price=data["trail_price"],
            trail_percent=data["trail_percent"],
            extended_hours=data["extended_hours"],
            order_class=OrderClass(data["order_class"]),
            take_profit=None if take is None else TakeProfit(limit_price=take),
            stop_loss=None
            if stop is None and stop_limit is None
            else StopLoss(stop_price=stop, limit_price=stop_limit),
        )

    def chosen_instrument(self) -> Instrument | None:
        """The instrument the ticket is about, also while other fields are still wrong."""
        if self.is_bound:
            self.is_valid()
            found = self.cleaned_data.get("instrument")
            return found if isinstance(found, Instrument) else None
        return self._by_id(str(self.initial.get("instrument") or ""))

    def as_sent(self) -> OrderForm:
        """This ticket as it would come back if it were sent as it stands."""
        values = {name: self[name].value() for name in self.fields}
        sent = OrderForm(
            {name: str(value) for name, value in values.items() if value not in (None, "", False)},
            user=self.user,
        )
        sent._known = self._known
        return sent

    def offer(self) -> Offer | None:
        """What orders of the chosen instrument may be; None while none is chosen."""
        instrument = self.chosen_instrument()
        return None if instrument is None else offer_for(instrument)

    def narrow(self) -> None:
        """Show only the choices that the chosen instrument has. What was sent stays to be seen, with what is wrong with it."""
        offer = self.offer()
        if offer is None:
            return
        if not self.is_bound:
            self.initial.setdefault("time_in_force", offer.usual_time.value)
        times = {time for each in offer.types for time in offer.times[each]}
        for name, choices, allowed in (
            ("type", TYPE_CHOICES, {each.value for each in offer.types}),
            ("order_class", CLASS_CHOICES, {each.value for each in offer.classes}),
            ("time_in_force", TIME_IN_FORCE_CHOICES, {each.value for each in times}),
        ):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            sent = self[name].value()
            field.widget.choices = [pair for pair in choices if pair[0] in allowed or pair[0] == sent]

    def refuse(self, *, message: str, code: str, field: str | None) -> None:
        """Show a refusal of the counter at the field it is about."""
        name = _FIELDS.get(field or "", field)
        if code == "oco_two_limits":
            name = "limit_price"
        if name == "quantity" and self.cleaned_data.get("notional") is not None:
            name = "notional"
        if name == "trail_price" and self.cleaned_data.get("trail_percent") is not None:
            name = "trail_percent"
        if name not in self.fields or name == "client_order_id":
            name = None
        self.add_error(name, forms.ValidationError(_WORDS.get(code, message), code=code))

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


def offer_for(instrument: Instrument) -> Offer:
    """What orders of an instrument may be."""
    return offer_of(
        kind_of(instrument.asset_class), has_extended_hours=instrument.exchange in EXTENDED_EXCHANGES
    )


def offer_json(instrument: Instrument) -> str:
    """The same for the script of the ticket, which shows the fields by it."""
    offer = offer_for(instrument)
    return json.dumps(
        {
            "types": offer.types,
            "times": offer.times,
            "partTypes": offer.part_types,
            "partTimes": offer.part_times,
            "classes": offer.classes,
            "groupTimes": offer.group_times,
            "usualTime": offer.usual_time,
            "extended": offer.has_extended_hours,
            "isWhole": kind_of(instrument.asset_class) == "stock",
            "symbol": instrument.symbol,
            "currency": instrument.currency,
        }
    )


class ReplaceForm(forms.Form):
    """Changing an open order: only the fields that its type has. ``client_order_id`` is the new order's: sent twice, the
    form leads to the same one."""

    quantity = _number(label="Quantity", required=True, invalid="Give a number, like 10.")
    limit_price = _number(label="Limit price", required=True, invalid="Give a price, like 101.50.")
    stop_price = _number(label="Stop price", required=True, invalid="Give a price, like 101.50.")
    trail = _number(label="Trail", required=True, invalid="Give a number, like 1.50.")
    time_in_force = forms.ChoiceField(label="Time in force", choices=TIME_IN_FORCE_CHOICES)
    client_order_id = forms.CharField(max_length=MAX_CLIENT_ORDER_ID, widget=forms.HiddenInput)

    def __init__(self, *args: Any, order: OrderView, **kwargs: Any) -> None:
        self.order = order
        is_trailing = order.type == OrderType.TRAILING_STOP
        trail = order.trail_price if order.trail_price is not None else order.trail_percent
        self.before: dict[str, Any] = {"quantity": order.quantity, "time_in_force": order.time_in_force}
        for name, value, is_there in (
            ("limit_price", order.limit_price, order.limit_price is not None),
            ("stop_price", order.stop_price, order.stop_price is not None and not is_trailing),
            ("trail", trail, is_trailing),
        ):
            if is_there:
                self.before[name] = value
        shown = {
            name: format(value.normalize(), "f") if isinstance(value, Decimal) else value
            for name, value in self.before.items()
        }
        super().__init__(*args, **{**kwargs, "initial": shown})
        self.fields["client_order_id"].initial = str(uuid.uuid4())
        for name in ("limit_price", "stop_price", "trail"):
            if name not in self.before:
                del self.fields[name]
        if "trail" in self.fields and order.trail_percent is not None:
            self.fields["trail"].label = "Trail, in percent"
        kind = offer_of(kind_of(order.asset_class))
        times = kind.times.get(OrderType(order.type), ())
        if order.order_class != OrderClass.SIMPLE:
            times = kind.group_times
        field = self.fields["time_in_force"]
        assert isinstance(field, forms.ChoiceField)
        field.widget.choices = [
            (value, label)
            for value, label in TIME_IN_FORCE_CHOICES
            if value in {str(time) for time in times} or value == order.time_in_force
        ]
        if order.filled_quantity:
            self.fields["quantity"].help_text = "Of the whole order, with what is filled already."

    def clean(self) -> dict[str, Any]:
        """Something must be different."""
        cleaned = super().clean() or self.cleaned_data
        if not self.errors and not self.changes():
            raise forms.ValidationError(
                "Nothing is different from the order as it is.", code="nothing_changed"
            )
        return cleaned

    def changes(self) -> dict[str, Any]:
        """The fields that differ from the order, as ``replace_order`` takes them."""
        return {
            name: self.cleaned_data[name]
            for name, value in self.before.items()
            if name in self.cleaned_data and self.cleaned_data[name] != value
        }

    def refuse(self, *, message: str, code: str, field: str | None) -> None:
        """Show a refusal of the counter at the field it is about."""
        name = "trail" if field in ("trail_price", "trail_percent") else field
        if name not in self.fields or name == "client_order_id":
            name = None
        self.add_error(name, forms.ValidationError(message, code=code))
