"""What orders look like on the wire of ``/api/v1/``. Decimals are strings, times ISO 8601 in UTC."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from portfolio_site.kernel.api import DecimalString
from portfolio_site.kernel.api.strict import StrictSerializer
from trading.models import (
    CLASS_CHOICES,
    INTENT_CHOICES,
    SIDE_CHOICES,
    STATUS_CHOICES,
    TIME_IN_FORCE_CHOICES,
    TYPE_CHOICES,
)


class TakeProfitSerializer(StrictSerializer):
    """The exit with a gain."""

    limit_price = DecimalString(positive=True)


class StopLossSerializer(StrictSerializer):
    """The exit with a loss: a stop, with a limit where one is given."""

    stop_price = DecimalString(positive=True)
    limit_price = DecimalString(positive=True, required=False, allow_null=True, default=None)


class NewOrderSerializer(StrictSerializer):
    """A new order. The instrument is named by ``instrument_id`` or by ``symbol``."""

    portfolio_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    instrument_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1, required=False)
    symbol = serializers.CharField(max_length=40, required=False)
    side = serializers.ChoiceField(choices=SIDE_CHOICES)
    type = serializers.ChoiceField(choices=TYPE_CHOICES)
    time_in_force = serializers.ChoiceField(choices=TIME_IN_FORCE_CHOICES, default="day")
    quantity = DecimalString(
        positive=True,
        required=False,
        allow_null=True,
        default=None,
        help_text="Units; a multiple of the instrument's step. Exactly one of quantity and notional.",
    )
    notional = DecimalString(
        positive=True, required=False, allow_null=True, default=None, help_text="An amount of money instead."
    )
    limit_price = DecimalString(
        positive=True,
        required=False,
        allow_null=True,
        default=None,
        help_text="Exactly for limit and stop-limit orders.",
    )
    stop_price = DecimalString(
        positive=True,
        required=False,
        allow_null=True,
        default=None,
        help_text="For stop and stop-limit orders.",
    )
    trail_price = DecimalString(
        positive=True,
        required=False,
        allow_null=True,
        default=None,
        help_text="Trailing stop: its distance in money. Exactly one of trail_price and trail_percent.",
    )
    trail_percent = DecimalString(
        positive=True,
        required=False,
        allow_null=True,
        default=None,
        help_text="Trailing stop: its distance in percent.",
    )
    extended_hours = serializers.BooleanField(default=False)
    order_class = serializers.ChoiceField(choices=CLASS_CHOICES, default="simple")
    take_profit = TakeProfitSerializer(required=False, allow_null=True, default=None)
    stop_loss = StopLossSerializer(required=False, allow_null=True, default=None)
    client_order_id = serializers.CharField(
        max_length=128,
        required=False,
        help_text=(
            "Your name for the order, unique in the portfolio for good. Sent again with the same order, "
            "the first answer comes back. Without it the `Idempotency-Key` header takes its place."
        ),
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Exactly one way to name the instrument."""
        if ("instrument_id" in attrs) == ("symbol" in attrs):
            raise serializers.ValidationError(
                {"instrument_id": ["Name the instrument by instrument_id or by symbol."]}, code="required"
            )
        return attrs


class ReplaceOrderSerializer(StrictSerializer):
    """What changes of an order; what is left out stays."""

    quantity = DecimalString(
        positive=True, required=False, help_text="Of the whole order, what is filled already included."
    )
    limit_price = DecimalString(positive=True, required=False)
    stop_price = DecimalString(positive=True, required=False)
    trail = DecimalString(
        positive=True, required=False, help_text="A trailing stop's distance, in the unit that it has."
    )
    time_in_force = serializers.ChoiceField(choices=TIME_IN_FORCE_CHOICES, required=False)
    client_order_id = serializers.CharField(
        max_length=128, required=False, help_text="Your name for the new order; one is made up without."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Something has to change."""
        if not attrs.keys() - {"client_order_id"}:
            raise serializers.ValidationError("Say what should change.", code="required")
        return attrs


class TrailEntrySerializer(serializers.Serializer[Any]):
    """One sentence of an order's history."""

    at = serializers.DateTimeField()
    kind = serializers.CharField()
    text = serializers.CharField()


class FillSerializer(serializers.Serializer[Any]):
    """One execution. ``amount`` is without ``fees``."""

    id = serializers.UUIDField()
    order_id = serializers.UUIDField()
    portfolio_id = serializers.IntegerField()
    instrument_id = serializers.IntegerField()
    symbol = serializers.CharField()
    side = serializers.CharField()
    number = serializers.IntegerField(help_text="Counts the fills of the order from 1.")
    quantity = DecimalString()
    price = DecimalString()
    amount = DecimalString()
    fees = DecimalString()
    fee_quantity = DecimalString(help_text="Coins taken as a fee of what was bought.")
    liquidity = serializers.CharField(help_text="maker or taker")
    currency = serializers.CharField()
    position_quantity = DecimalString(help_text="The position right after the fill.")
    executed_at = serializers.DateTimeField()
    transaction_id = serializers.IntegerField(help_text="The journal entry it made.")
    is_simulated = serializers.BooleanField(
        help_text="Whether it was traded at a price of the simulated market."
    )


class OrderSerializer(serializers.Serializer[Any]):
    """An order. Prices and amounts are in ``currency``, the instrument's own."""

    id = serializers.UUIDField()
    client_order_id = serializers.CharField()
    portfolio_id = serializers.IntegerField()
    instrument_id = serializers.IntegerField()
    symbol = serializers.CharField()
    side = serializers.ChoiceField(choices=SIDE_CHOICES)
    type = serializers.ChoiceField(choices=TYPE_CHOICES)
    time_in_force = serializers.ChoiceField(choices=TIME_IN_FORCE_CHOICES)
    order_class = serializers.ChoiceField(choices=CLASS_CHOICES)
    role = serializers.CharField(
        help_text="entry, take_profit or stop_loss of a group; empty for a simple order."
    )
    position_intent = serializers.ChoiceField(choices=INTENT_CHOICES)
    quantity = DecimalString(help_text="Units; an estimate while an order by amount is open.")
    notional = DecimalString(allow_null=True)
    limit_price = DecimalString(allow_null=True)
    stop_price = DecimalString(allow_null=True, help_text="Of a trailing stop: where it stands now.")
    trail_price = DecimalString(allow_null=True)
    trail_percent = DecimalString(allow_null=True)
    hwm = DecimalString(allow_null=True, help_text="The best price a trailing stop has seen.")
    extended_hours = serializers.BooleanField()
    parent_id = serializers.UUIDField(allow_null=True, help_text="The order that heads its group.")
    replaces_id = serializers.UUIDField(allow_null=True)
    replaced_by_id = serializers.UUIDField(allow_null=True)
    currency = serializers.CharField()
    status = serializers.ChoiceField(choices=STATUS_CHOICES)
    filled_quantity = DecimalString()
    filled_avg_price = DecimalString(allow_null=True)
    reserved_cash = DecimalString(help_text="Cash the open part holds.")
    reserved_quantity = DecimalString(help_text="Units the open part holds.")
    reason_code = serializers.CharField(help_text="Why it ended by itself; empty otherwise.")
    reason = serializers.CharField()
    submitted_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    filled_at = serializers.DateTimeField(allow_null=True)
    canceled_at = serializers.DateTimeField(allow_null=True)
    expired_at = serializers.DateTimeField(allow_null=True)
    rejected_at = serializers.DateTimeField(allow_null=True)
    replaced_at = serializers.DateTimeField(allow_null=True)
    is_simulated = serializers.BooleanField(
        help_text="Whether its instrument is priced by the simulated market."
    )


class OrderDetailSerializer(OrderSerializer):
    """An order with its history and its fills."""

    trail = TrailEntrySerializer(many=True)
    fills = FillSerializer(many=True)


class BuyingPowerSerializer(serializers.Serializer[Any]):
    """What an account can spend in one currency."""

    currency = serializers.CharField()
    cash = DecimalString()
    reserved = DecimalString(help_text="Held by open buy orders.")
    available = DecimalString()
    open_orders = serializers.IntegerField()
