"""The counter's forms: key pairs for programs."""

from __future__ import annotations

from django import forms
from django.conf import settings

from portfolio_site.kernel.forms import OneTimeFormMixin

#: More than a person chooses on the page is given by the command line alone.
MOST_ON_PAGE = 1000


class ApiKeyForm(OneTimeFormMixin):
    """What a person says about a new key pair."""

    name = forms.CharField(
        max_length=80, help_text="Which program will use it, so that you can tell them apart."
    )
    rate_limit = forms.IntegerField(
        label="Requests a minute",
        min_value=1,
        max_value=MOST_ON_PAGE,
        help_text="What comes faster is refused until there is room again.",
    )

    field_order = ("name", "rate_limit", "form_token")

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.fields["rate_limit"].initial = min(settings.API_RATE_LIMIT, MOST_ON_PAGE)
