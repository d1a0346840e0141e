"""The print shop: its form."""

from __future__ import annotations

from datetime import date
from typing import Any

from django import forms

from holdings.queries import PortfolioCard
from portfolio_site.kernel.forms import OneTimeFormMixin
from portfolio_site.kernel.money import ISO_CURRENCIES
from reports.periods import CUSTOM, PERIODS, settle
from reports.registry import FORMATS, KINDS, why_off


class DayInput(forms.DateInput):
    """The browser's own calendar."""

    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class ReportForm(OneTimeFormMixin, forms.Form):
    """What report is wanted. Formats that this machine cannot make are not offered."""

    portfolio = forms.TypedChoiceField(coerce=int)
    kind = forms.ChoiceField(
        label="Report", choices=[(kind.code, kind.title) for kind in KINDS.values()], widget=forms.RadioSelect
    )
    format = forms.ChoiceField(widget=forms.RadioSelect)
    period = forms.ChoiceField(choices=list(PERIODS.items()), initial="ytd")
    period_from = forms.DateField(
        label="From",
        required=False,
        widget=DayInput,
        help_text="Only for “From … to …”; empty: the beginning.",
    )
    period_to = forms.DateField(label="To", required=False, widget=DayInput, help_text="Empty: today.")
    currency = forms.ChoiceField(required=False, help_text="What totals are shown in.")

    def __init__(
        self, *args: Any, portfolios: list[PortfolioCard], own_currency: str, today: date, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._today = today
        self._choices("portfolio", [(card.id, card.name) for card in portfolios])
        offered = [(code, name) for code, name in FORMATS.items() if why_off(code) is None]
        self._choices("format", offered)
        self.initial.setdefault("kind", next(iter(KINDS)))
        self.initial.setdefault("format", offered[0][0])
        first = [own_currency] if own_currency in ISO_CURRENCIES else []
        others = sorted(ISO_CURRENCIES.difference(first))
        self._choices(
            "currency", [("", "The portfolio's own"), *((code, code) for code in [*first, *others])]
        )
        for name in ("period_from", "period_to"):
            self.fields[name].widget.attrs["max"] = today.isoformat()

    def clean(self) -> dict[str, Any]:
        """Settle a named period into its days."""
        cleaned = super().clean() or {}
        period = cleaned.get("period")
        if period and period != CUSTOM:
            cleaned["period_from"], cleaned["period_to"] = settle(period, today=self._today)
        return cleaned

    def _choices(self, name: str, choices: list[tuple[Any, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices
