"""The forms of rebalancing: target weights that are 100 % together, and placing a reviewed basket."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import forms

from holdings.forms import ExactDecimalField, InstrumentField
from trading.queries import RebalancePlan

_HUNDRED, _SIX = Decimal(100), Decimal("0.000001")


class TargetWeightsForm(forms.Form):
    """A percentage for everything that is held, for cash, and (by holding) for something that is not held yet."""

    mark_optional = False

    def __init__(
        self, *args: Any, plan: RebalancePlan, suggested: Mapping[str, Decimal], user: Any, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.keys: dict[str, str] = {}
        for number, part in enumerate(plan.parts):
            name = f"part{number}"
            self.keys[name] = part.key
            weight = suggested.get(part.key) if part.target is None else part.target
            self.fields[name] = ExactDecimalField(
                label=part.label,
                required=False,
                suffix="%",
                help_text=f"Now {part.weight * _HUNDRED:.2f} %" + (f" · {part.name}" if part.name else ""),
                initial=None if weight is None else weight * _HUNDRED,
            )
        if plan.dimension == "instrument":
            for place in (1, 2):
                self.fields[f"other{place}"] = InstrumentField(
                    user=user, label="Something not held yet", required=False
                )
                self.fields[f"other{place}_weight"] = ExactDecimalField(
                    label="Its target", required=False, suffix="%"
                )

    def clean(self) -> dict[str, Any]:
        """Everything has a target, none is beyond its bounds, and together they are 100 %."""
        cleaned = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        for name, value in cleaned.items():
            if not isinstance(value, Decimal):
                continue
            if not 0 <= value <= _HUNDRED:
                self.add_error(name, "A target lies between 0 and 100 %.")
            elif (value / _HUNDRED) != (value / _HUNDRED).quantize(_SIX):
                self.add_error(name, "A target has at most four digits after the point.")
        for place in (1, 2):
            if cleaned.get(f"other{place}") is not None and cleaned.get(f"other{place}_weight") is None:
                self.add_error(f"other{place}_weight", "What part should it be?")
        if not self.errors:
            together = sum(self.weights().values(), Decimal(0)) * _HUNDRED
            if together != _HUNDRED:
                way = "more" if together > _HUNDRED else "less"
                raise forms.ValidationError(
                    f"Together the targets are {together.normalize():f} %: "
                    f"{abs(_HUNDRED - together).normalize():f} % {way} than 100 %. Cash counts.",
                    code="sum",
                )
        return cleaned

    def weights(self) -> dict[str, Decimal]:
        """Parts of 1 by part; what was left empty is 0. Call it when the form is valid."""
        found = {
            key: (self.cleaned_data.get(name) or Decimal(0)) / _HUNDRED for name, key in self.keys.items()
        }
        for place in (1, 2):
            other, weight = (
                self.cleaned_data.get(f"other{place}"),
                self.cleaned_data.get(f"other{place}_weight"),
            )
            if other is not None and weight is not None:
                found[str(other.pk)] = weight / _HUNDRED
        return found


class BandForm(forms.Form):
    """How far a weight may be off, and the smallest order worth placing."""

    tolerance = ExactDecimalField(label="Tolerance", suffix="%", required=False, col="6")
    least = ExactDecimalField(label="Smallest order", required=False, col="6")

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["least"].widget.attrs["data-suffix"] = currency

    def clean_tolerance(self) -> Decimal | None:
        """At most half of everything."""
        value: Decimal | None = self.cleaned_data["tolerance"]
        if value is not None and not 0 <= value <= 50:
            raise forms.ValidationError("The tolerance lies between 0 and 50 %.", code="range")
        return value

    def clean_least(self) -> Decimal | None:
        """Not negative."""
        value: Decimal | None = self.cleaned_data["least"]
        if value is not None and not 0 <= value <= 10**9:
            raise forms.ValidationError("This is no amount for an order.", code="range")
        return value
