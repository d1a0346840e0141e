"""The forms of a trading account: opening one, its settings, its kill switch, beginning anew."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms

from holdings.forms import ExactDecimalField
from portfolio_site.kernel.forms import FieldsetsMixin, OneTimeFormMixin
from trading.operations.kill_switches import MAX_REASON
from trading.queries import AccountView

_HUNDRED = Decimal(100)
MULTIPLIER_CHOICES = [
    ("1", "Cash account: no borrowing, no short selling"),
    ("2", "Margin, twice the equity (Regulation T)"),
    ("4", "Margin, four times the equity"),
]
#: What is offered; a tariff of another kind that an account has is offered beside them.
FEE_CHOICES = [
    ("none", "No fees"),
    ("crypto_tiers", "Crypto maker and taker fees"),
    ("us_regulatory", "US regulatory fees (SEC, TAF)"),
    ("us_regulatory+crypto_tiers", "US regulatory and crypto fees"),
    (
        "per_share:0.005:1+us_regulatory+crypto_tiers",
        "0.005 a share, at least 1, with regulatory and crypto fees",
    ),
    ("percent:0.001+us_regulatory+crypto_tiers", "0.1 % of the amount, with regulatory and crypto fees"),
]
#: Settings that the form shows as percentages and the account keeps as fractions.
PERCENTAGES = frozenset({"participation", "price_improvement", "margin_rate", "borrow_rate", "price_collar"})
#: What only the simulated exchange asks for.
_OF_EXCHANGE = (
    "slippage_bps", "latency_ms", "participation", "price_improvement", "fee_schedule", "margin_rate", "borrow_rate",
)  # fmt: skip


class AccountSettingsForm(FieldsetsMixin, forms.Form):
    """Everything its owner may choose about an account. ``changes`` are its fields as ``change_settings`` takes them."""

    max_margin_multiplier = forms.TypedChoiceField(
        label="Borrow at most",
        coerce=int,
        help_text="Lower it to borrow less than the account was opened for.",
        widget=forms.Select(attrs={"data-col": "6"}),
    )
    no_shorting = forms.BooleanField(label="Never sell short", required=False)
    fractional_trading = forms.BooleanField(label="Trade parts of units", required=False)
    suspend_trade = forms.BooleanField(
        label="Suspend trading",
        required=False,
        help_text="No new orders until you take this away; programs may set it too. Cancels still work.",
    )
    slippage_bps = ExactDecimalField(
        label="Slippage",
        suffix="bp",
        help_text="Hundredths of a percent that a market order pays beyond the quote.",
    )
    latency_ms = forms.IntegerField(
        label="Latency",
        min_value=0,
        max_value=60_000,
        help_text="How long an order is on its way to the exchange.",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "data-col": "6", "data-suffix": "ms"}),
    )
    participation = ExactDecimalField(
        label="Share of the volume",
        suffix="%",
        required=False,
        help_text="An order takes at most this share of a day's volume. Empty: all that is quoted.",
    )
    price_improvement = ExactDecimalField(
        label="Price improvement",
        suffix="%",
        help_text="How often a marketable order gets a better price than the quote.",
    )
    fee_schedule = forms.ChoiceField(label="Fees", required=False)
    margin_rate = ExactDecimalField(label="Interest on borrowed cash", suffix="% a year")
    borrow_rate = ExactDecimalField(label="Fee on borrowed shares", suffix="% a year")
    max_order_notional = ExactDecimalField(label="Maximum order value", required=False)
    max_order_quantity = ExactDecimalField(label="Maximum order quantity", required=False)
    max_position_notional = ExactDecimalField(label="Maximum position value", required=False)
    max_open_orders = forms.IntegerField(
        label="Maximum open orders",
        required=False,
        min_value=1,
        max_value=100_000,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "data-col": "6"}),
    )
    price_collar = ExactDecimalField(
        label="Price collar",
        suffix="%",
        required=False,
        help_text="A limit further than this on the wrong side of the market is refused as a slip. Empty: none is.",
    )

    fieldsets = [
        ("Borrowing and trading", ["max_margin_multiplier", "no_shorting", "fractional_trading", "suspend_trade"]),
        ("Limits", ["max_order_notional", "max_order_quantity", "max_position_notional", "max_open_orders", "price_collar"]),
        ("Simulated exchange", ["slippage_bps", "latency_ms", "participation", "price_improvement", "fee_schedule"]),
        ("Rates", ["margin_rate", "borrow_rate"]),
    ]  # fmt: skip

    def __init__(self, *args: Any, account: AccountView, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial = _settings_of(account)
        self.account, own_schedule = account, account.own_fee_schedule
        multiplier = self.fields["max_margin_multiplier"]
        assert isinstance(multiplier, forms.TypedChoiceField)
        names = {1: "Nothing", 2: "Twice the equity", 4: "Four times the equity"}
        multiplier.choices = [(value, name) for value, name in names.items() if value <= account.multiplier]
        if account.multiplier == 1:
            multiplier.help_text = "It was opened as a cash account. To borrow, open another with margin."
        schedule = self.fields["fee_schedule"]
        assert isinstance(schedule, forms.ChoiceField)
        usual = [("", "The site's tariff"), *FEE_CHOICES]
        known = {code for code, _ in usual}
        schedule.choices = usual if own_schedule in known else [*usual, (own_schedule, own_schedule)]
        if account.broker_connection_id is not None:
            # Fills, fees and interest are the broker's.
            for name in _OF_EXCHANGE:
                del self.fields[name]
            multiplier.help_text = (
                "Lower it to borrow less than the broker allows." if account.multiplier > 1 else ""
            )
        for name in ("max_order_notional", "max_position_notional"):
            self.fields[name].widget.attrs["data-suffix"] = account.currency

    def changes(self) -> dict[str, Any]:
        """What ``change_settings`` is to be given; call it when the form is valid."""
        found = dict(self.cleaned_data)
        for name in PERCENTAGES:
            if found.get(name) is not None:
                found[name] /= _HUNDRED
        # An account may allow more than it was opened for; that is left alone unless something else is chosen.
        if found["max_margin_multiplier"] == self.account.effective_multiplier:
            del found["max_margin_multiplier"]
        return found


def _settings_of(account: AccountView) -> dict[str, Any]:
    configuration, model, limits = account.configuration, account.fill_model, account.limits
    found: dict[str, Any] = {
        "max_margin_multiplier": account.effective_multiplier,
        "no_shorting": configuration.no_shorting,
        "fractional_trading": configuration.fractional_trading,
        "suspend_trade": configuration.suspend_trade,
        "slippage_bps": model.slippage_bps,
        "latency_ms": model.latency_ms,
        "participation": model.participation,
        "price_improvement": model.price_improvement,
        "fee_schedule": account.own_fee_schedule,
        "margin_rate": account.margin_rate,
        "borrow_rate": account.borrow_rate,
        "max_order_notional": limits.max_order_notional,
        "max_order_quantity": limits.max_order_quantity,
        "max_position_notional": limits.max_position_notional,
        "max_open_orders": limits.max_open_orders,
        "price_collar": limits.price_collar,
    }
    for name in PERCENTAGES:
        if found[name] is not None:
            found[name] *= _HUNDRED
    return found


class KillSwitchForm(forms.Form):
    """Why no more orders are to be taken."""

    reason = forms.CharField(
        label="Why",
        max_length=MAX_REASON,
        required=False,
        help_text="It is shown with every order that is refused.",
    )


class ResetForm(OneTimeFormMixin):
    """Beginning anew: with how much, and the account's number to confirm."""

    cash = ExactDecimalField(label="Starting cash", error_messages={"required": "With how much?"})
    typed_number = forms.CharField(
        label="Account number",
        max_length=40,
        help_text="Type it to confirm.",
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}
        ),
    )
    field_order = ("cash", "typed_number", "form_token")

    def __init__(self, *args: Any, account: AccountView, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.account = account
        self.fields["cash"].widget.attrs["data-suffix"] = account.currency

    def clean_typed_number(self) -> str:
        """The number of this account and no other."""
        typed: str = self.cleaned_data["typed_number"].strip().upper()
        if typed != self.account.account_number.upper():
            raise forms.ValidationError(f"That is not {self.account.account_number}.", code="mismatch")
        return typed
