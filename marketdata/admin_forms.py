"""Market data: forms of the Django admin."""

from __future__ import annotations

from django import forms

from marketdata.models import Instrument
from marketdata.providers import registry


class InstrumentAdminForm(forms.ModelForm[Instrument]):
    """An instrument, whose sources must exist."""

    class Meta:
        model = Instrument
        exclude = ("public_id",)  # noqa: DJ006 - the admin shows every other field, as it does by itself

    def clean_provider(self) -> str:
        """Only a provider that there is."""
        name: str = self.cleaned_data["provider"]
        if name not in registry.names():
            raise forms.ValidationError(f"There is no provider “{name}”. {_known()}")
        return name

    def clean_fallback_providers(self) -> list[str]:
        """Only providers that there are, each once and none that is asked first anyway."""
        names: list[str] = self.cleaned_data["fallback_providers"]
        for name in names:
            if name not in registry.names():
                raise forms.ValidationError(f"There is no provider “{name}”. {_known()}")
        first = self.cleaned_data.get("provider")
        return [name for name in dict.fromkeys(names) if name != first]


def _known() -> str:
    return f"There are: {', '.join(registry.names())}."
