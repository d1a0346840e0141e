"""Accounts: the forms of the settings pages."""

from __future__ import annotations

import re
import zoneinfo
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from accounts.models import ApiToken, Locale, Theme, User
from accounts.roles import Role
from portfolio_site.kernel.forms import OneTimeFormMixin
from portfolio_site.kernel.money import ISO_CURRENCIES, is_currency

#: Currencies that stand first in the list; the rest follows by code.
COMMON_CURRENCIES = ("USD", "EUR", "GBP", "CHF", "JPY", "CAD", "AUD", "SEK", "PLN", "BRL")

Choices = list[tuple[str, Any]]


@lru_cache(maxsize=1)
def time_zone_choices() -> Choices:
    """IANA zones by continent, UTC first; the aliases of old are left out."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for name in sorted(zoneinfo.available_timezones()):
        region, _, place = name.partition("/")
        if place and region not in {"Etc", "SystemV", "US", "Canada", "Brazil", "Chile", "Mexico"}:
            groups.setdefault(region, []).append((name, place.replace("_", " ")))
    return [("UTC", "UTC"), *sorted(groups.items())]


@lru_cache(maxsize=1)
def currency_choices() -> Choices:
    """Currencies by code, the common ones first."""
    rest = sorted(ISO_CURRENCIES - set(COMMON_CURRENCIES))
    return [
        ("Common", [(code, code) for code in COMMON_CURRENCIES]),
        ("All", [(code, code) for code in rest]),
    ]


def _with_current(choices: Choices, current: str) -> Choices:
    known = {value for value, label in choices if isinstance(label, str)}
    known |= {value for _, label in choices if not isinstance(label, str) for value, _ in label}
    return choices if not current or current in known else [(current, current), *choices]


class PreferencesForm(forms.ModelForm[User]):
    """How a person likes to be addressed and to see figures."""

    class Meta:
        model = User
        fields = ("name", "base_currency", "locale", "time_zone", "theme", "hide_amounts")
        widgets = {"theme": forms.RadioSelect}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        now = self.instance
        for name, choices in (
            ("time_zone", _with_current(time_zone_choices(), now.time_zone)),
            ("base_currency", _with_current(currency_choices(), now.base_currency)),
            ("locale", _with_current(list(Locale.choices), now.locale)),
        ):
            old = self.fields[name]
            self.fields[name] = forms.ChoiceField(choices=choices, label=old.label, help_text=old.help_text)
        self.fields["time_zone"].label = "Time zone"
        self.fields["time_zone"].help_text = "Every time you see here is in this zone."
        self.fields["name"].widget.attrs["autocomplete"] = "name"
        theme = self.fields["theme"]
        assert isinstance(theme, forms.ChoiceField)
        theme.choices = Theme.choices

    def clean_base_currency(self) -> str:
        """Take only currencies that the books can hold."""
        code = str(self.cleaned_data["base_currency"])
        if not is_currency(code):
            raise ValidationError("Choose a currency from the list.")
        return code

    def changes(self) -> dict[str, Any]:
        """What was chosen, for `operations.update_preferences`."""
        return {name: self.cleaned_data[name] for name in self.Meta.fields}


class TokenForm(OneTimeFormMixin):
    """What a person says about a new API token."""

    EXPIRIES = {"30": "In 30 days", "90": "In 90 days", "365": "In a year", "": "Never"}

    name = forms.CharField(max_length=80, help_text="What will use it, so that you can tell them apart.")
    access = forms.ChoiceField(choices=ApiToken.Access.choices, initial=ApiToken.Access.READ)
    expires = forms.ChoiceField(choices=list(EXPIRIES.items()), required=False, initial="90")

    allowed_networks = forms.CharField(
        required=False,
        max_length=1000,
        label="Only from these addresses",
        help_text="Addresses or networks such as 203.0.113.0/24, with commas between them. Empty: from anywhere.",
    )

    field_order = ("name", "access", "expires", "allowed_networks", "form_token")

    def networks(self) -> list[str]:
        """The addresses and networks that were typed."""
        return [part for part in re.split(r"[\s,;]+", self.cleaned_data["allowed_networks"]) if part]

    def expires_at(self, now: datetime) -> datetime | None:
        """When the token stops working; None for never."""
        days = self.cleaned_data["expires"]
        return now + timedelta(days=int(days)) if days else None


class CloseAccountForm(forms.Form):
    """The confirmation that closes an account."""

    HOW = (
        ("close", "Close it. An administrator can open it again for me."),
        ("erase", "Close it and erase my name, address and sign-in data. Nobody can undo this."),
    )

    how = forms.ChoiceField(choices=HOW, widget=forms.RadioSelect, initial="close", label="What shall happen")
    typed_email = forms.CharField(
        label="Your e-mail address",
        help_text="Type it to confirm.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "inputmode": "email"}),
    )


class RolesForm(forms.Form):
    """The roles of a person, for administrators."""

    roles = forms.MultipleChoiceField(
        choices=[(role.value, f"{role.value}: {role.meaning}") for role in Role],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )

    def chosen(self) -> frozenset[Role]:
        """The roles that were ticked."""
        return frozenset(Role(value) for value in self.cleaned_data["roles"])


class SuspendForm(forms.Form):
    """Why somebody is kept out, for administrators."""

    reason = forms.CharField(
        max_length=300,
        label="Reason",
        help_text="Kept in the audit log; the person may ask for it.",
        widget=forms.TextInput(attrs={"class": "vTextField"}),
    )


class InviteForm(forms.ModelForm[User]):
    """A new person, for administrators: they choose their own password by the mail they get."""

    class Meta:
        model = User
        fields = ("email", "name")
