"""The bell: its form."""

from __future__ import annotations

from typing import Any

from django import forms

from notifications.messages import BY_CODE
from notifications.queries import preferences


class PreferencesForm(forms.Form):
    """A tick for each kind of notification."""

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for kind, wanted in preferences(user):
            self.fields[self.name_of(kind.code)] = forms.BooleanField(
                label=kind.label,
                required=False,
                initial=wanted,
                disabled=not kind.may_be_off,
                help_text="" if kind.may_be_off else "Always on, for your safety.",
            )

    @staticmethod
    def name_of(code: str) -> str:
        """The field of a kind."""
        return code.replace(".", "-")

    def groups(self) -> list[tuple[str, list[forms.BoundField]]]:
        """The fields under the headings they belong to."""
        found: dict[str, list[forms.BoundField]] = {}
        for kind in BY_CODE.values():
            found.setdefault(kind.group, []).append(self[self.name_of(kind.code)])
        return list(found.items())

    def wanted(self) -> dict[str, bool]:
        """Kind to choice, for the kinds that there is a choice about."""
        return {
            code: self.cleaned_data[self.name_of(code)] for code, kind in BY_CODE.items() if kind.may_be_off
        }
