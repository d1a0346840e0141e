"""Market data: the application as Django knows it."""

from __future__ import annotations

from django.apps import AppConfig


class MarketdataConfig(AppConfig):
    """What it costs: instruments, prices, exchange rates."""

    name = "marketdata"
    verbose_name = "Market data"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Have old prices refreshed when somebody looks at them, and listen to what was asked for."""
        from marketdata import subscribers, tasks
        from marketdata.queries import attention
        from portfolio_site.kernel.jobs import enqueue

        attention.when_wanted(lambda: enqueue(tasks.refresh_wanted))
        subscribers.register()
