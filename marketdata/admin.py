"""Market data: Django admin. Bars are too many to be listed by hand; they come in by `load_prices` and
providers."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.forms import ModelForm
from django.http import HttpRequest

from marketdata import admin_health
from marketdata.admin_forms import InstrumentAdminForm
from marketdata.admin_looking import ToLookAt
from marketdata.models import (
    CorporateAction,
    FxRate,
    HistoryGap,
    HistoryJob,
    Instrument,
    PriceSourceChange,
    Quote,
    Restatement,
)
from marketdata.operations.history import announce_actions

__all__ = ["InstrumentAdmin", "admin_health"]


@admin.register(Instrument)
class InstrumentAdmin(admin.ModelAdmin[Instrument]):
    """The list of instruments. A new one here is for everybody; people enter their own on the site."""

    form = InstrumentAdminForm
    list_display = ("symbol", "name", "asset_class", "currency", "exchange", "provider", "is_active", "owner")
    list_filter = ("asset_class", "provider", "is_active", "currency", ("owner", admin.EmptyFieldListFilter))
    search_fields = ("symbol_key__startswith", "name", "isin")
    list_select_related = ("owner",)
    raw_id_fields = ("owner",)
    readonly_fields = ("anchor_date", "anchor_price", "created_at")
    ordering = ("symbol_key", "pk")
    show_full_result_count = False

    def has_delete_permission(self, request: HttpRequest, obj: Instrument | None = None) -> bool:
        """Instruments are switched off, not deleted: books may refer to them."""
        return False


@admin.register(Quote)
class QuoteAdmin(admin.ModelAdmin[Quote]):
    """Latest quotes, to look at. They are set with `manage.py set_quote` and by providers."""

    list_display = (
        "instrument",
        "bid",
        "bid_size",
        "ask",
        "ask_size",
        "last",
        "quoted_at",
        "source",
        "is_simulated",
        "is_held",
    )
    list_filter = ("is_held", "is_simulated", "source")
    search_fields = ("instrument__symbol_key__startswith",)
    list_select_related = ("instrument",)
    ordering = ("instrument_id",)
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Not by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Quote | None = None) -> bool:
        """Not by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Quote | None = None) -> bool:
        """Not by hand."""
        return False


class _EnteredByHand(admin.ModelAdmin[Any]):
    """Facts an administrator may enter or mend; the source then says so."""

    readonly_fields = ("source",)
    show_full_result_count = False

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: bool) -> None:
        """Note that it was entered by hand."""
        obj.source = "entered by hand"
        super().save_model(request, obj, form, change)


@admin.register(FxRate)
class FxRateAdmin(_EnteredByHand):
    """Exchange rates by day."""

    list_display = ("base", "quote", "date", "rate", "source")
    list_filter = ("base", "quote")
    date_hierarchy = "date"
    ordering = ("-date", "base", "quote")


@admin.register(CorporateAction)
class CorporateActionAdmin(_EnteredByHand):
    """Splits and dividends."""

    list_display = ("instrument", "ex_date", "kind", "value", "source")
    list_filter = ("kind", "source")
    search_fields = ("instrument__symbol_key__startswith",)
    list_select_related = ("instrument",)
    raw_id_fields = ("instrument",)
    ordering = ("-ex_date", "pk")

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: bool) -> None:
        """Store it, and tell the books of those who hold the instrument."""
        with transaction.atomic():
            super().save_model(request, obj, form, change)
            announce_actions(obj.instrument_id, [obj.pk])


@admin.register(HistoryJob)
class HistoryJobAdmin(ToLookAt):
    """Histories that were fetched or are on their way."""

    list_display = (
        "instrument",
        "state",
        "progress",
        "stage",
        "source",
        "bars_added",
        "attempts",
        "requested_at",
        "error",
    )
    list_filter = ("state", "reason", "source")


@admin.register(Restatement)
class RestatementAdmin(ToLookAt):
    """Past prices that a source tells otherwise; decided about on the instrument's page."""

    list_display = ("instrument", "source", "state", "first_date", "last_date", "days", "factor", "found_at")
    list_filter = ("state", "source")


@admin.register(HistoryGap)
class HistoryGapAdmin(ToLookAt):
    """Trading days without a price."""

    list_display = ("instrument", "first_date", "last_date", "days", "found_at", "asked_at", "is_final")
    list_filter = ("is_final",)


@admin.register(PriceSourceChange)
class PriceSourceChangeAdmin(ToLookAt):
    """Which instruments went over from simulated to real prices, and when."""

    list_display = (
        "instrument",
        "changed_at",
        "from_provider",
        "to_provider",
        "history_source",
        "bars_removed",
        "bars_added",
    )
    list_filter = ("to_provider", "history_source")
