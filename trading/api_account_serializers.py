"""What trading accounts look like on the wire of ``/api/v1/``. Decimals are strings, times ISO 8601 in UTC."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from typing import Any

from rest_framework import serializers

from portfolio_site.kernel.api import DecimalString
from portfolio_site.kernel.api.strict import StrictSerializer
from trading.api_serializers import OrderSerializer
from trading.engine.margin import AccountFigures
from trading.models.accounts import MULTIPLIERS
from trading.operations import call_due_at
from trading.operations.kill_switches import MAX_REASON
from trading.operations.reading import MAX_CLIENT_ORDER_ID
from trading.queries import AccountView, Paid

#: How many times its equity an account may hold.
MULTIPLIER_CHOICES = [(value, str(value)) for value in MULTIPLIERS]
#: Whose money an account moves.
MONEY_CHOICES = [("paper", "paper"), ("broker_paper", "broker_paper"), ("live_money", "live_money")]


class NewTradingAccountSerializer(StrictSerializer):
    """A paper account to open."""

    name = serializers.CharField(max_length=120)
    cash = DecimalString(positive=True, help_text="Play money to start with.")
    currency = serializers.CharField(max_length=8, default="USD")
    multiplier = serializers.ChoiceField(
        choices=MULTIPLIER_CHOICES,
        default=1,
        help_text="1: cash account; 2 or 4: may borrow so many times its equity.",
    )


class SettingsSerializer(StrictSerializer):
    """What the owner of an account may choose. Rates and shares are fractions."""

    max_margin_multiplier = serializers.ChoiceField(
        choices=MULTIPLIER_CHOICES, help_text="Borrow less than the account was opened for."
    )
    no_shorting = serializers.BooleanField()
    fractional_trading = serializers.BooleanField()
    suspend_trade = serializers.BooleanField(help_text="No new orders; cancels still work.")
    trade_confirm_email = serializers.ChoiceField(choices=[("all", "all"), ("none", "none")])
    slippage_bps = DecimalString(
        help_text="What a market order pays beyond the quote, in hundredths of a percent."
    )
    latency_ms = serializers.IntegerField(min_value=0, max_value=60_000)
    participation = DecimalString(
        allow_null=True,
        help_text="Share of a day's volume that an order takes at most; null: all that is quoted.",
    )
    price_improvement = DecimalString(
        help_text="How often a better price than the quote is got, as a fraction."
    )
    fee_schedule = serializers.CharField(
        max_length=120,
        allow_null=True,
        allow_blank=True,
        help_text="A tariff, several joined with +; null: the site's.",
    )
    margin_rate = DecimalString(help_text="Interest a year on borrowed cash.")
    borrow_rate = DecimalString(help_text="Fee a year on borrowed shares.")
    model_seed = serializers.IntegerField(
        min_value=0, max_value=2**31 - 1, help_text="Where the account's chance begins."
    )
    max_order_notional = DecimalString(allow_null=True)
    max_order_quantity = DecimalString(allow_null=True)
    max_position_notional = DecimalString(allow_null=True)
    max_open_orders = serializers.IntegerField(min_value=1, max_value=100_000, allow_null=True)
    price_collar = DecimalString(
        allow_null=True, help_text="A limit further than this beyond the market is refused; null: none is."
    )


class FiguresSerializer(serializers.Serializer[Any]):
    """The figures of an account, in its currency."""

    equity = DecimalString()
    last_equity = DecimalString(help_text="At the last close of a New York day.")
    cash = DecimalString()
    long_market_value = DecimalString()
    short_market_value = DecimalString()
    initial_margin = DecimalString()
    maintenance_margin = DecimalString()
    multiplier = serializers.IntegerField(help_text="In force: 1 below an equity of 2 000.")
    buying_power = DecimalString()
    regt_buying_power = DecimalString()
    non_marginable_buying_power = DecimalString()
    held = DecimalString(help_text="Of cash and buying power, by open orders.")
    can_short = serializers.BooleanField()


class MarginCallSerializer(serializers.Serializer[Any]):
    """A margin call: what is missing, and until when before positions are closed."""

    since = serializers.DateTimeField()
    amount = DecimalString()
    due_at = serializers.DateTimeField()


class PaidSerializer(serializers.Serializer[Any]):
    """What the account paid since it began (anew)."""

    fees = DecimalString(help_text="Commissions and regulatory fees of trades.")
    interest = DecimalString(help_text="On borrowed cash.")
    borrowing = DecimalString(help_text="On borrowed shares.")
    accrued = DecimalString(help_text="Owed and not booked yet.")


class TradingAccountSerializer(serializers.Serializer[Any]):
    """A trading account."""

    id = serializers.UUIDField()
    portfolio_id = serializers.IntegerField()
    name = serializers.CharField()
    account_number = serializers.CharField()
    currency = serializers.CharField()
    multiplier = serializers.IntegerField(help_text="What it was opened with.")
    money = serializers.ChoiceField(
        choices=MONEY_CHOICES,
        help_text="paper: the simulated exchange; broker_paper: play money at a broker; live_money: real money at a broker.",
    )
    is_paper = serializers.BooleanField(help_text="The exchange is simulated, the money is play money.")
    broker_connection_id = serializers.UUIDField(
        allow_null=True, help_text="The connection whose broker executes its orders."
    )
    is_closed = serializers.BooleanField()
    is_blocked = serializers.BooleanField(help_text="Its kill switch: no new orders.")
    blocked_reason = serializers.CharField()
    is_site_halted = serializers.BooleanField()
    figures = FiguresSerializer()
    margin_call = MarginCallSerializer(allow_null=True)
    paid = PaidSerializer(allow_null=True, help_text="Not in the list of accounts.")
    settings = SettingsSerializer()
    created_at = serializers.DateTimeField()
    reset_at = serializers.DateTimeField(allow_null=True)


class ResetSerializer(StrictSerializer):
    """Beginning anew."""

    confirm = serializers.CharField(max_length=20, help_text="The account's number.")
    cash = DecimalString(positive=True, required=False, allow_null=True, default=None)


class KillSwitchSerializer(StrictSerializer):
    """Stop new orders, or take them again."""

    on = serializers.BooleanField()
    reason = serializers.CharField(max_length=MAX_REASON, required=False, allow_blank=True, default="")


class EquityCurveSerializer(serializers.Serializer[Any]):
    """A point of the curve."""

    at = serializers.DateTimeField()
    equity = DecimalString()


class OpenPositionSerializer(serializers.Serializer[Any]):
    """A position in its instrument's currency."""

    instrument_id = serializers.IntegerField()
    symbol = serializers.CharField()
    name = serializers.CharField()
    currency = serializers.CharField()
    side = serializers.CharField(help_text="long or short")
    quantity = DecimalString()
    available = DecimalString(help_text="Units that no open order is going to close.")
    avg_entry_price = DecimalString()
    current_price = DecimalString()
    lastday_price = DecimalString()
    market_value = DecimalString()
    cost_basis = DecimalString()
    unrealized_pl = DecimalString()
    unrealized_plpc = DecimalString(allow_null=True)
    intraday_pl = DecimalString()
    intraday_plpc = DecimalString(allow_null=True)


class CloseAllSerializer(StrictSerializer):
    """Closing every position."""

    cancel_orders = serializers.BooleanField(default=False, help_text="Cancel open orders first.")


class ClosePositionSerializer(StrictSerializer):
    """How much of a position to close."""

    quantity = DecimalString(positive=True, required=False, allow_null=True, default=None)
    percentage = DecimalString(
        positive=True, max_value=Decimal(100), required=False, allow_null=True, default=None
    )
    client_order_id = serializers.CharField(
        max_length=MAX_CLIENT_ORDER_ID, required=False, allow_null=True, default=None
    )


class RefusedSerializer(serializers.Serializer[Any]):
    """Why something was not done."""

    code = serializers.CharField()
    message = serializers.CharField()


class ClosedSerializer(serializers.Serializer[Any]):
    """What became of one position when all were closed."""

    instrument_id = serializers.IntegerField()
    symbol = serializers.CharField()
    order = OrderSerializer(allow_null=True)
    error = RefusedSerializer(allow_null=True)


def account_body(
    account: AccountView, figures: AccountFigures, paid: Paid | None = None, *, money: str = "paper"
) -> dict[str, Any]:
    """A trading account as it is answered; ``money`` says whose it moves."""
    called = account.margin_call_at
    row = {
        "id": account.id,
        "portfolio_id": account.portfolio_id,
        "name": account.name,
        "account_number": account.account_number,
        "currency": account.currency,
        "multiplier": account.multiplier,
        "money": money,
        "is_paper": account.broker_connection_id is None,
        "broker_connection_id": account.broker_connection_id,
        "is_closed": account.is_closed,
        "is_blocked": account.is_blocked,
        "blocked_reason": account.blocked_reason,
        "is_site_halted": account.is_site_halted,
        "figures": {
            **asdict(figures),
            "last_equity": account.last_equity,
            "held": figures.reserved_margin + figures.reserved_cash,
        },
        "margin_call": None
        if called is None
        else {"since": called, "amount": account.margin_call_amount, "due_at": call_due_at(called)},
        "paid": paid,
        "settings": settings_of(account),
        "created_at": account.created_at,
        "reset_at": account.reset_at,
    }
    return dict(TradingAccountSerializer(row).data)


def settings_of(account: AccountView) -> dict[str, Any]:
    """Everything its owner may choose, as it stands."""
    configuration, model, limits = account.configuration, account.fill_model, account.limits
    return {
        "max_margin_multiplier": configuration.max_margin_multiplier,
        "no_shorting": configuration.no_shorting,
        "fractional_trading": configuration.fractional_trading,
        "suspend_trade": configuration.suspend_trade,
        "trade_confirm_email": configuration.trade_confirm_email,
        "slippage_bps": model.slippage_bps,
        "latency_ms": model.latency_ms,
        "participation": model.participation,
        "price_improvement": model.price_improvement,
        "fee_schedule": account.own_fee_schedule or None,
        "margin_rate": account.margin_rate,
        "borrow_rate": account.borrow_rate,
        "model_seed": model.seed,
        "max_order_notional": limits.max_order_notional,
        "max_order_quantity": limits.max_order_quantity,
        "max_position_notional": limits.max_position_notional,
        "max_open_orders": limits.max_open_orders,
        "price_collar": limits.price_collar,
    }
