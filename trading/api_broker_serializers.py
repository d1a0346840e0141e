"""What accounts at brokers look like on the wire of ``/api/v1/``. Keys are taken in and never told again."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from portfolio_site.kernel.api import DecimalString
from portfolio_site.kernel.api.strict import StrictSerializer
from trading.models import ConnectionState, Environment
from trading.models.brokers import MAX_CONNECTION_NAME
from trading.queries import ConnectionView

#: The longest key that is taken.
MAX_KEY = 200


class BrokerKeysSerializer(StrictSerializer):
    """A key pair."""

    key_id = serializers.CharField(max_length=MAX_KEY, write_only=True)
    secret = serializers.CharField(
        max_length=MAX_KEY, write_only=True, help_text="Kept sealed; no answer ever holds it."
    )


class NewBrokerConnectionSerializer(BrokerKeysSerializer):
    """An account at a broker to connect."""

    name = serializers.CharField(max_length=MAX_CONNECTION_NAME, help_text="To tell your accounts apart.")
    environment = serializers.ChoiceField(choices=Environment.choices, help_text="Whose money it is.")
    base_url = serializers.CharField(
        max_length=200,
        required=False,
        allow_blank=True,
        default="",
        help_text="Empty for the broker's own address; another one only where the site allows its host.",
    )


class BrokerFiguresSerializer(serializers.Serializer[Any]):
    """The broker's own figures of the account, as it last told them."""

    cash = DecimalString()
    equity = DecimalString()
    buying_power = DecimalString()
    currency = serializers.CharField()
    status = serializers.CharField(help_text="The broker's word, `ACTIVE` for one that may trade.")
    is_blocked = serializers.BooleanField(help_text="The broker takes no orders for it.")
    at = serializers.DateTimeField()


class BrokerDifferenceSerializer(serializers.Serializer[Any]):
    """What the broker has otherwise than the books."""

    kind = serializers.ChoiceField(choices=["cash", "position", "activity"])
    what = serializers.CharField(help_text="A currency, a symbol, or what the broker booked.")
    ours = DecimalString()
    theirs = DecimalString()
    since = serializers.DateTimeField()


class BrokerConnectionSerializer(serializers.Serializer[Any]):
    """A connection."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    broker = serializers.CharField()
    environment = serializers.ChoiceField(choices=Environment.choices)
    base_url = serializers.CharField(allow_blank=True)
    key_hint = serializers.CharField(help_text="The last four signs of the key id.")
    account_number = serializers.CharField(help_text="Its number at the broker.")
    state = serializers.ChoiceField(choices=ConnectionState.choices)
    failing_since = serializers.DateTimeField(allow_null=True)
    last_error = serializers.CharField(allow_blank=True)
    is_live_allowed = serializers.BooleanField(help_text="The site allows trading with real money.")
    live_enabled_at = serializers.DateTimeField(
        allow_null=True, help_text="Since when real money is traded; null: no live order leaves."
    )
    paused_at = serializers.DateTimeField(allow_null=True)
    last_sync_at = serializers.DateTimeField(allow_null=True)
    reconciled_at = serializers.DateTimeField(
        allow_null=True, help_text="When positions and cash were last compared."
    )
    figures = BrokerFiguresSerializer(allow_null=True)
    differences = BrokerDifferenceSerializer(many=True)
    portfolio_id = serializers.IntegerField(
        allow_null=True, help_text="The portfolio whose orders it executes; null until one is opened."
    )
    waiting = serializers.IntegerField(help_text="Instructions that are still to be sent.")
    created_at = serializers.DateTimeField()
    disconnected_at = serializers.DateTimeField(allow_null=True)


class LiveMoneySerializer(StrictSerializer):
    """Saying that real money may be traded."""

    account_number = serializers.CharField(
        max_length=64, help_text="The account's number, typed: it says which money is meant."
    )


class PauseSerializer(StrictSerializer):
    """Pause a connection, or let it go on."""

    on = serializers.BooleanField()


class OpenBrokerPortfolioSerializer(StrictSerializer):
    """The portfolio to open."""

    name = serializers.CharField(max_length=120)


class PositionBesideSerializer(serializers.Serializer[Any]):
    """A position in both books."""

    symbol = serializers.CharField(help_text="As the broker writes it.")
    instrument_id = serializers.IntegerField(allow_null=True)
    theirs = DecimalString(help_text="Units at the broker; negative: short.")
    ours = DecimalString()
    agrees = serializers.BooleanField()
    average_price = DecimalString(allow_null=True, help_text="What a unit cost there.")


class AccountBesideSerializer(serializers.Serializer[Any]):
    """An account at a broker, asked just now, beside the books."""

    at = serializers.DateTimeField()
    currency = serializers.CharField()
    portfolio_id = serializers.IntegerField(allow_null=True)
    cash = DecimalString()
    cash_ours = DecimalString(allow_null=True)
    positions = PositionBesideSerializer(many=True)


class CorrectedSerializer(serializers.Serializer[Any]):
    """What was booked."""

    booked = serializers.IntegerField(help_text="Entries, each named as a correction.")
    connection = BrokerConnectionSerializer()


class BroughtLineSerializer(serializers.Serializer[Any]):
    """A position, or cash, and what is booked for it."""

    key = serializers.CharField(help_text="Names the line when some of them are chosen.")
    symbol = serializers.CharField(help_text="As the broker writes it; of cash its currency.")
    is_cash = serializers.BooleanField()
    instrument_id = serializers.IntegerField(allow_null=True, help_text="null: one is made.")
    theirs = DecimalString()
    ours = DecimalString(help_text="In the portfolio's account of this broker.")
    elsewhere = DecimalString(help_text="In the portfolio's other accounts: is it the same, entered by hand?")
    change = DecimalString(help_text="What is booked; 0: nothing.")
    price = DecimalString(allow_null=True, help_text="What a unit cost at the broker.")
    problem = serializers.CharField(allow_blank=True, help_text="Why nothing can be booked.")


class BringingSerializer(serializers.Serializer[Any]):
    """What bringing positions over would book."""

    portfolio_id = serializers.IntegerField()
    account_name = serializers.CharField(
        allow_blank=True, help_text="Empty: it is opened with the first entry."
    )
    currency = serializers.CharField()
    at = serializers.DateTimeField()
    has_own_portfolio = serializers.BooleanField(
        help_text="The connection has a portfolio of its own: the positions would be seen in both."
    )
    token = serializers.CharField(help_text="Stands for exactly this; give it back to have it booked.")
    lines = BroughtLineSerializer(many=True)


class BringSerializer(StrictSerializer):
    """Booking what was shown."""

    portfolio_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    token = serializers.CharField(max_length=64)
    keys = serializers.ListField(
        child=serializers.CharField(max_length=100),
        required=False,
        allow_null=True,
        default=None,
        max_length=1000,
        help_text="Only these lines; null: every one.",
    )


class BroughtSerializer(serializers.Serializer[Any]):
    """What was booked."""

    booked = serializers.IntegerField()


def connection_body(found: ConnectionView) -> dict[str, Any]:
    """A connection as it is answered."""
    names: list[str] = list(BrokerConnectionSerializer().fields)
    row = {name: getattr(found, name) for name in names} | {"figures": found.figures or None}
    return dict(BrokerConnectionSerializer(row).data)
