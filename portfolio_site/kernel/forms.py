"""The ground floor: how forms are drawn and how a double click does a thing once."""

from __future__ import annotations

import secrets
from typing import Any

from django import forms
from django.forms.renderers import TemplatesSetting


class HoldfastFormRenderer(TemplatesSetting):
    """Draw forms and fields with the site's own templates (`templates/django/forms/`)."""

    form_template_name = "django/forms/form.html"
    field_template_name = "django/forms/field.html"


class OneTimeFormMixin(forms.Form):
    """A hidden token, new for each time the form is shown; the view hands it to `idempotency.once` as the key."""

    form_token = forms.CharField(widget=forms.HiddenInput, max_length=64)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["form_token"].initial = secrets.token_urlsafe(24)
