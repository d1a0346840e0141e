"""Portfolios and their accounts."""

from __future__ import annotations

import zoneinfo
from decimal import Decimal
from typing import Any

from django import forms

from holdings.forms.fields import ExactDecimalField, currency_choices
from holdings.models import AccountKind, CostBasisMethod, Portfolio
from portfolio_site.kernel.forms import FieldsetsMixin, OneTimeFormMixin


class PortfolioForm(FieldsetsMixin, forms.Form):
    """Opening a portfolio, or changing its settings."""

    name = forms.CharField(max_length=120, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    base_currency = forms.ChoiceField(label="Currency", help_text="What its totals are shown in.")
    cost_basis_method = forms.ChoiceField(
        label="Cost basis",
        choices=CostBasisMethod.choices,
        initial=CostBasisMethod.FIFO,
        help_text="Which purchase a sale closes. You can change it later and see the effect before it counts.",
    )
    allow_short = forms.BooleanField(
        label="Short positions",
        required=False,
        help_text="Selling more than you hold opens a short position instead of being refused.",
    )
    tax_country = forms.ChoiceField(
        label="Tax rules",
        required=False,
        choices=[
            ("", "None in particular"),
            ("US", "United States (wash sales are marked)"),
            ("GB", "United Kingdom"),
        ],
    )
    time_zone = forms.ChoiceField(label="Time zone", help_text="Decides which day an instant belongs to.")
    automatic_actions = forms.BooleanField(
        label="Dividends and splits",
        required=False,
        help_text="Book them by themselves on their ex-date, as sources tell them, instead of asking.",
    )
    risk_free_rate = ExactDecimalField(
        label="Risk-free rate",
        suffix="% a year",
        required=False,
        help_text="What money earns without risk. Sharpe, Sortino and alpha are measured against it.",
    )

    fieldsets = [
        ("", ["name", "base_currency"]),
        ("How gains are worked out", ["cost_basis_method", "allow_short", "tax_country", "time_zone"]),
        ("What is booked without asking", ["automatic_actions"]),
        ("How risk is measured", ["risk_free_rate"]),
    ]

    def __init__(self, *args: Any, user: Any, portfolio: Portfolio | None = None, **kwargs: Any) -> None:
        if portfolio is not None:
            kwargs["initial"] = {
                **{name: getattr(portfolio, name) for name in self.base_fields},
                "risk_free_rate": portfolio.risk_free_rate * 100,
            }
        super().__init__(*args, **kwargs)
        current = portfolio.base_currency if portfolio else user.base_currency
        self.fields["base_currency"].choices = currency_choices(current)  # type: ignore[attr-defined]
        self.fields["time_zone"].choices = [  # type: ignore[attr-defined]
            (name, name.replace("_", " ")) for name in sorted(zoneinfo.available_timezones())
        ]
        if portfolio is None:
            self.fields["base_currency"].initial = user.base_currency
            self.fields["time_zone"].initial = user.time_zone
        else:
            # A switch of the method shows its effect before it is applied: it has a page of its own.
            del self.fields["cost_basis_method"]

    def clean_risk_free_rate(self) -> Decimal:
        """A fraction a year; nothing typed is no rate."""
        typed: Decimal | None = self.cleaned_data["risk_free_rate"]
        return (typed or Decimal(0)) / 100


class NewPortfolioForm(OneTimeFormMixin, PortfolioForm):
    """Opening one: a double click opens one, not two."""


class AccountForm(OneTimeFormMixin):
    """Opening another account in a portfolio."""

    name = forms.CharField(max_length=120)
    kind = forms.ChoiceField(choices=AccountKind.choices)
    currency = forms.ChoiceField()

    def __init__(self, *args: Any, portfolio: Portfolio, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["currency"].choices = currency_choices(portfolio.base_currency)  # type: ignore[attr-defined]
        self.fields["currency"].initial = portfolio.base_currency
