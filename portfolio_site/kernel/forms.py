"""The ground floor: how forms are drawn and how a double click does a thing once."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms
from django.forms.renderers import TemplatesSetting

from portfolio_site.kernel.idempotency import KeyReused


class HoldfastFormRenderer(TemplatesSetting):
    """Draw forms and fields with the site's own templates (`templates/django/forms/`)."""

    form_template_name = "django/forms/form.html"
    field_template_name = "django/forms/field.html"


class OneTimeFormMixin(forms.Form):
    """A hidden token, new each time the form is shown: the key that a view hands to `idempotency.once`."""

    form_token = forms.CharField(widget=forms.HiddenInput, max_length=64)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["form_token"].initial = secrets.token_urlsafe(24)

    def refuse_reuse(self) -> None:
        """The form was sent before, with other content (Back in the browser): say so, and let it be sent as a new one.

        Without another token, what was meant as a second entry could never be sent from this page.
        """
        self.add_error(
            None,
            forms.ValidationError(
                "This form was sent before, with other content, and that was done. Look at it first; if you want this"
                " as well, send the form again.",
                code=KeyReused.code,
            ),
        )
        sent: Any = self.data
        fresh = sent.copy()
        fresh[self.add_prefix("form_token")] = secrets.token_urlsafe(24)
        self.data = fresh


@dataclass(frozen=True, slots=True)
class FieldGroup:
    """Fields that stand together under one legend."""

    legend: str
    fields: list[forms.BoundField]


class FieldsetsMixin(forms.Form):
    """Group visible fields: `fieldsets = [("Legend", ["field", …]), …]`. A field named in none comes last."""

    fieldsets: ClassVar[Sequence[tuple[str, list[str]]]] = ()

    def fieldset_groups(self) -> list[FieldGroup]:
        """Return the groups in order, for the form template."""
        if not self.fieldsets:
            return []
        shown = {field.name: field for field in self.visible_fields()}
        groups = [
            FieldGroup(legend, [shown.pop(name) for name in names if name in shown])
            for legend, names in self.fieldsets
        ]
        if shown:
            groups.append(FieldGroup("", list(shown.values())))
        return [group for group in groups if group.fields]


class Chosen(str):
    """What was chosen from a list, and not typed: an id."""

    __slots__ = ()


class ComboboxInput(forms.TextInput):
    """A search box that posts the id of what was chosen, or, without JavaScript, the text as typed. The field gets a `Chosen`
    for an id. Where a choice was shown and the text beside it was then changed without JavaScript, the text counts: nothing is
    done to another thing than the one that can be read on the page.

    `src` answers `?q=` with `{"results": [{"value", "label", "detail"}]}`; `label_for` turns a chosen value
    into the text to show when the form comes back.
    """

    template_name = "django/forms/widgets/combobox.html"

    def __init__(
        self,
        *,
        src: Any,
        label_for: Callable[[str], str] | None = None,
        attrs: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(attrs)
        self.src = src
        self.label_for = label_for

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Add the address to search at and the text to show."""
        context = super().get_context(name, value, attrs)
        shown = "" if value in {None, ""} else str(value)
        context["widget"]["src"] = str(self.src)
        text = self.label_for(shown) if shown and self.label_for else shown
        context["widget"]["text"] = text
        # What was typed and is no choice goes back as text only.
        is_choice = bool(shown) and (self.label_for is None or text != shown)
        context["widget"]["choice"] = shown if is_choice else ""
        return context

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Any:
        """Prefer what was chosen from the list to what was typed, unless that was changed after the choice was shown."""
        chosen, typed, shown = (data.get(key) for key in (name, f"{name}_text", f"{name}_shown"))
        is_other = typed is not None and shown is not None and typed.strip() != shown.strip()
        if chosen and not is_other:
            return Chosen(chosen)
        return typed

    def value_omitted_from_data(
        self,
        data: Mapping[str, Any],
        files: Any,
        name: str,
    ) -> bool:
        """Both inputs have to be missing."""
        return name not in data and f"{name}_text" not in data
