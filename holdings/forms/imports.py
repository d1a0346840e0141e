"""A file to bring in."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings

from portfolio_site.kernel.forms import OneTimeFormMixin


class ImportForm(OneTimeFormMixin):
    """A file to bring in."""

    file = forms.FileField(
        label="File",
        help_text="A Holdfast portfolio file or a Ghostfolio export (JSON).",
        error_messages={"required": "Choose a file.", "empty": "The file is empty."},
        widget=forms.FileInput(attrs={"accept": ".json,application/json"}),
    )

    def clean_file(self) -> Any:
        """Refuse what is too large before anybody reads it."""
        upload = self.cleaned_data["file"]
        if upload.size > settings.UPLOAD_MAX_BYTES:
            raise forms.ValidationError(too_large_message(upload.size), code="too_large")
        return upload


def too_large_message(size: int) -> str:
    """Why a file is refused unread."""
    most = settings.UPLOAD_MAX_BYTES // (1024 * 1024)
    return f"The file has {size / (1024 * 1024):.0f} MB; at most {most} MB can be imported. Split it, or leave prices out."
