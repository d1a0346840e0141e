"""The counter's forms: accounts at brokers."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings

from portfolio_site.kernel.forms import OneTimeFormMixin

_SECRET = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "off"}


class KeysForm(forms.Form):
    """A key pair. What was typed is never shown again, also not beside an error."""

    key_id = forms.CharField(
        label="Key id", max_length=200, widget=forms.TextInput(attrs={**_SECRET, "class": "font-monospace"})
    )
    secret = forms.CharField(
        label="Secret key",
        max_length=200,
        widget=forms.PasswordInput(attrs=_SECRET, render_value=False),
        help_text="It is stored encrypted, and shown to nobody, not even to you.",
    )


class ConnectBrokerForm(OneTimeFormMixin, KeysForm):
    """What a person says about an account at a broker."""

    name = forms.CharField(max_length=80, help_text="For you to tell your accounts apart.", initial="Alpaca")
    environment = forms.ChoiceField(
        choices=[("paper", "Paper (play money)"), ("live", "Live (real money)")],
        help_text="No live order leaves before you have switched real money on, which is a step of its own.",
    )
    base_url = forms.CharField(
        label="Other address",
        required=False,
        max_length=200,
        help_text="Leave this empty for Alpaca itself.",
    )

    field_order = ("name", "environment", "key_id", "secret", "base_url", "form_token")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not settings.BROKER_LIVE_TRADING:
            choices: Any = self.fields["environment"]
            choices.choices = [("paper", "Paper (play money)")]
        if not settings.BROKER_ALLOWED_HOSTS:
            del self.fields["base_url"]


class OpenBrokerAccountForm(forms.Form):
    """The name of the portfolio that is opened for a connection."""

    name = forms.CharField(label="Name of the portfolio", max_length=120)


class RealMoneyForm(forms.Form):
    """The account's number, typed to say that real money may be traded."""

    typed = forms.CharField(
        label="Account number",
        max_length=64,
        widget=forms.TextInput(attrs={**_SECRET, "class": "font-monospace"}),
    )
