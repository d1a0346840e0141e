"""Market data: the application as Django knows it."""

from __future__ import annotations

from django.apps import AppConfig


class MarketdataConfig(AppConfig):
    """What it costs: instruments, prices, exchange rates."""

    name = "marketdata"
    verbose_name = "Market data"
    default_auto_field = "django.db.models.BigAutoField"
