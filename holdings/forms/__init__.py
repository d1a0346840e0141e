"""The forms of the books. They check shape; what an entry means is checked once, by the operations."""

from __future__ import annotations

from holdings.forms.entries import EntryFilterForm, HoldingForm, TransactionForm
from holdings.forms.fields import (
    SEARCH_URL,
    ExactDecimalField,
    InstrumentField,
    currency_choices,
    refuse,
    with_point,
)
from holdings.forms.imports import ImportForm, too_large_message
from holdings.forms.portfolios import AccountForm, NewPortfolioForm, PortfolioForm

__all__ = [
    "SEARCH_URL",
    "AccountForm",
    "EntryFilterForm",
    "ExactDecimalField",
    "HoldingForm",
    "ImportForm",
    "InstrumentField",
    "NewPortfolioForm",
    "PortfolioForm",
    "TransactionForm",
    "currency_choices",
    "refuse",
    "too_large_message",
    "with_point",
]
