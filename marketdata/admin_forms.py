"""Market data: forms of the Django admin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms

from marketdata.domain.wording import provider_title
from marketdata.models import Instrument
from marketdata.providers import registry

#: They call everything as it is called here.
_WITHOUT_NAMES = frozenset({"manual", "simulated", "ecb"})
_LONGEST_SYMBOL = 60


class ProviderSymbolsWidget(forms.Widget):
    """A text box for each provider: how it calls the instrument. Names of providers that are gone are kept."""

    template_name = "django/forms/widgets/provider_symbols.html"

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Add a part for each provider."""
        context = super().get_context(name, value, attrs)
        known: Mapping[str, str] = value if isinstance(value, dict) else {}
        context["widget"]["parts"] = [
            {
                "name": f"{name}-{provider}",
                "id": f"{context['widget']['attrs'].get('id', name)}-{provider}",
                "title": provider_title(provider),
                "value": known.get(provider, ""),
            }
            for provider in _named_providers(known)
        ]
        return context

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> dict[str, str]:
        """What was typed, by provider; empty ones are none."""
        prefix = f"{name}-"
        typed = {key.removeprefix(prefix): str(data[key]).strip() for key in data if key.startswith(prefix)}
        return {provider: symbol for provider, symbol in typed.items() if symbol}

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        """Nothing typed anywhere is an answer too."""
        return not any(key.startswith(f"{name}-") for key in data)

    def id_for_label(self, id_: str) -> str:
        """The group; each box has a label of its own."""
        return ""


class ProviderSymbolsField(forms.Field):
    """How each provider calls an instrument: a dictionary."""

    widget = ProviderSymbolsWidget

    def clean(self, value: Any) -> dict[str, str]:
        """Short texts by the names of providers."""
        symbols: dict[str, str] = value or {}
        for provider, symbol in symbols.items():
            if len(symbol) > _LONGEST_SYMBOL or not symbol.isprintable():
                raise forms.ValidationError(f"That is no symbol at {provider_title(provider)}: {symbol[:80]}")
        return symbols


def _named_providers(known: Mapping[str, str]) -> list[str]:
    return list(dict.fromkeys([*(name for name in registry.names() if name not in _WITHOUT_NAMES), *known]))


class InstrumentAdminForm(forms.ModelForm[Instrument]):
    """An instrument, whose sources must exist."""

    provider_symbols = ProviderSymbolsField(
        label="Symbols at providers",
        required=False,
        help_text="How each calls it, such as SAP.DE at Yahoo or bitcoin at CoinGecko. Empty: made of symbol and exchange.",
    )

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
            if name == "simulated":
                raise forms.ValidationError("Prices that are made up never stand in for real ones.")
        first = self.cleaned_data.get("provider")
        return [name for name in dict.fromkeys(names) if name != first]


def _known() -> str:
    return f"There are: {', '.join(registry.names())}."
