"""The counter as a Django app."""

from django.apps import AppConfig


class TradingConfig(AppConfig):
    """Orders and fills of paper portfolios."""

    name = "trading"
    verbose_name = "Trading"

    def ready(self) -> None:
        """Begin to listen: fresh prices match resting orders."""
        from trading import subscribers

        subscribers.register()
